package schedule_test

import (
	"testing"
	"time"

	"github.com/boostress/boostress/schedule"
)

// Beyond 2037 package time knows switches only by the zone's rule, and is wrong about the ends of leap years.
func TestCronBeyondTheTableOfSwitches(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"Europe/Berlin", "America/New_York", "Australia/Sydney", "Asia/Tokyo", "UTC"} {
		zone, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		times, err := schedule.Rule{Kind: schedule.Cron, Cron: "0 9 * * *", TimeZone: name}.Times()
		if err != nil {
			t.Fatal(err)
		}
		got := time.Date(2036, 1, 1, 9, 0, 0, 0, zone)
		for day := 2; got.Year() < 2050; day++ {
			want := time.Date(2036, 1, day, 9, 0, 0, 0, zone)
			if got, _ = times.Next(got); !got.Equal(want) {
				t.Fatalf("%s: %v, want %v", name, got, want.UTC())
			}
		}
	}
}
