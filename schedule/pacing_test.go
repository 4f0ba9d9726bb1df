package schedule_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/boostress/boostress/schedule"
)

func zone(t testing.TB, name string) *time.Location {
	t.Helper()
	found, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestQuantitiesOfSlices(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		pace     schedule.Pace
		quantity int
		bounds   schedule.Bounds
		want     []int
	}{
		"even":                      {schedule.Pace{Slices: 4}, 10, schedule.Bounds{}, []int{3, 3, 2, 2}},
		"fewer than slices":         {schedule.Pace{Slices: 4}, 3, schedule.Bounds{}, []int{1, 1, 1}},
		"even, not too small":       {schedule.Pace{Slices: 10}, 100, schedule.Bounds{Least: 30}, []int{34, 33, 33}},
		"even, too small at all":    {schedule.Pace{Slices: 10}, 20, schedule.Bounds{Least: 30}, []int{20}},
		"even, too large":           {schedule.Pace{Slices: 2}, 100, schedule.Bounds{Least: 1, Most: 10}, []int{50, 50}},
		"weights":                   {schedule.Pace{Weights: []int{1, 2, 1}}, 100, schedule.Bounds{}, []int{25, 50, 25}},
		"largest remainder":         {schedule.Pace{Weights: []int{1, 1, 1}}, 11, schedule.Bounds{}, []int{4, 4, 3}},
		"remainder by size":         {schedule.Pace{Weights: []int{10, 25, 65}}, 10, schedule.Bounds{}, []int{1, 3, 6}},
		"none of a weight of 0":     {schedule.Pace{Weights: []int{1, 0, 1}}, 10, schedule.Bounds{}, []int{5, 5}},
		"a small one is left out":   {schedule.Pace{Weights: []int{1, 1, 98}}, 100, schedule.Bounds{Least: 10}, []int{100}},
		"it stays where it must":    {schedule.Pace{Weights: []int{1, 1, 98}}, 100, schedule.Bounds{Least: 10, Most: 50}, []int{50, 50}},
		"not above the most":        {schedule.Pace{Weights: []int{1, 2, 7}}, 100, schedule.Bounds{Least: 1, Most: 40}, []int{20, 40, 40}},
		"above where it can't be":   {schedule.Pace{Weights: []int{1, 9}}, 100, schedule.Bounds{Least: 1, Most: 40}, []int{50, 50}},
		"at once":                   {schedule.Pace{}, 7, schedule.Bounds{Least: 10, Most: 3}, []int{7}},
		"the least before the most": {schedule.Pace{Weights: []int{1, 1}}, 15, schedule.Bounds{Least: 10, Most: 12}, []int{15}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			until := moment("2026-03-02T00:00:00Z")
			table, err := test.pace.Timetable(moment("2026-03-01T00:00:00Z"), &until)
			if err != nil {
				t.Fatal(err)
			}
			var got []int
			for _, slice := range table.Slices(test.quantity, test.bounds) {
				got = append(got, slice.Quantity)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("quantities (-want +got):\n%s", diff)
			}
		})
	}
}

func TestTimesOfSlices(t *testing.T) {
	t.Parallel()
	berlin := zone(t, "Europe/Berlin")
	four := schedule.Pace{Slices: 4}
	windowed := func(slices, from, to int, days ...time.Weekday) schedule.Pace {
		return schedule.Pace{Slices: slices, Window: &schedule.Window{Zone: berlin, Days: days, From: from, To: to}}
	}
	for name, test := range map[string]struct {
		pace       schedule.Pace
		now, until string
		want       []string
	}{
		"evenly": {
			four, "2026-03-01T00:00:00Z", "2026-03-01T08:00:00Z",
			[]string{"2026-03-01T00:00:00Z", "2026-03-01T02:00:00Z", "2026-03-01T04:00:00Z", "2026-03-01T06:00:00Z"},
		},
		"within hours": {
			windowed(4, 9, 17), "2026-03-02T11:00:00Z", "2026-03-04T00:00:00Z", // 5 hours on Monday, 8 on Tuesday
			[]string{"2026-03-02T11:00:00Z", "2026-03-02T14:15:00Z", "2026-03-03T09:30:00Z", "2026-03-03T12:45:00Z"},
		},
		"on weekdays": {
			windowed(2, 9, 11, time.Monday, time.Friday), "2026-02-28T00:00:00Z", "2026-03-08T00:00:00Z",
			[]string{"2026-03-02T08:00:00Z", "2026-03-06T08:00:00Z"},
		},
		"over midnight": {
			windowed(2, 22, 2, time.Sunday), "2026-03-01T23:00:00Z", "2026-03-08T20:00:00Z", // open since 21:00 UTC, until 01:00
			[]string{"2026-03-01T23:00:00Z", "2026-03-02T00:00:00Z"},
		},
		"in the hour that is skipped": {
			windowed(2, 2, 4), "2026-03-28T22:00:00Z", "2026-03-29T22:00:00Z", // 02:00 is 03:00: one hour is left
			[]string{"2026-03-29T01:00:00Z", "2026-03-29T01:30:00Z"},
		},
		"in the hour that comes twice": {
			windowed(3, 2, 3), "2026-10-24T12:00:00Z", "2026-10-25T12:00:00Z", // two hours
			[]string{"2026-10-25T00:00:00Z", "2026-10-25T00:40:00Z", "2026-10-25T01:20:00Z"},
		},
		"at once":           {windowed(0, 9, 17), "2026-03-02T10:00:00Z", "", []string{"2026-03-02T10:00:00Z"}},
		"at the next hours": {windowed(0, 9, 17), "2026-03-02T17:00:00Z", "", []string{"2026-03-03T08:00:00Z"}},
		"at the next day":   {windowed(0, 0, 24, time.Monday), "2026-03-03T17:00:00Z", "", []string{"2026-03-08T23:00:00Z"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var deadline *time.Time
			if test.until != "" {
				deadline = new(moment(test.until))
			}
			table, err := test.pace.Timetable(moment(test.now), deadline)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, slice := range table.Slices(1000, schedule.Bounds{}) {
				got = append(got, slice.At.Format(time.RFC3339))
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("times (-want +got):\n%s", diff)
			}
		})
	}
}

func TestWindowThatStaysClosed(t *testing.T) {
	t.Parallel()
	window := &schedule.Window{Zone: time.UTC, Days: []time.Weekday{time.Monday}, From: 9, To: 17}
	sunday := moment("2026-03-01T12:00:00Z")
	for _, pace := range []schedule.Pace{{Window: window}, {Window: window, Slices: 2}} {
		if _, err := pace.Timetable(sunday, new(sunday.Add(time.Hour))); !errors.Is(err, schedule.ErrClosed) {
			t.Errorf("got %v, want ErrClosed", err)
		}
	}
}

// TestSlicesOfAnything: slices add up, keep the bounds wherever that is possible, and come in order within the window,
// before the deadline; the same again is the same.
func TestSlicesOfAnything(t *testing.T) {
	t.Parallel()
	zones := []*time.Location{
		time.UTC, zone(t, "Europe/Berlin"), zone(t, "America/New_York"), zone(t, "Australia/Lord_Howe"),
		zone(t, "Pacific/Apia"), zone(t, "Asia/Kathmandu"),
	}
	rapid.Check(t, func(t *rapid.T) {
		pace := paces(zones).Draw(t, "pace")
		quantity := rapid.IntRange(1, 2000).Draw(t, "quantity")
		bounds := schedule.Bounds{Least: rapid.IntRange(1, 60).Draw(t, "least")}
		if rapid.Bool().Draw(t, "limited") {
			bounds.Most = bounds.Least + rapid.IntRange(0, 200).Draw(t, "most")
		}
		now := time.UnixMicro(rapid.Int64Range(1_300_000_000_000_000, 1_900_000_000_000_000).Draw(t, "now"))
		until := now.Add(time.Duration(rapid.Int64Range(int64(time.Minute), int64(400*24*time.Hour)).Draw(t, "until")))
		table, err := pace.Timetable(now, &until)
		if err != nil {
			if errors.Is(err, schedule.ErrClosed) && pace.Window != nil {
				return
			}
			t.Fatal(err)
		}
		parts := table.Slices(quantity, bounds)
		checkQuantities(t, pace, quantity, bounds, parts)
		checkTimes(t, pace, now, until, parts)
		table, err = pace.Timetable(now, &until)
		if err != nil || cmp.Diff(parts, table.Slices(quantity, bounds)) != "" {
			t.Fatalf("the same again is %v, %v", table.Slices(quantity, bounds), err)
		}
	})
}

func paces(zones []*time.Location) *rapid.Generator[schedule.Pace] {
	return rapid.Custom(func(t *rapid.T) schedule.Pace {
		var pace schedule.Pace
		switch rapid.IntRange(0, 2).Draw(t, "mode") {
		case 0:
			pace.Slices = rapid.IntRange(2, 100).Draw(t, "slices")
		case 1:
			pace.Weights = append(rapid.SliceOfN(rapid.IntRange(0, 9), 1, 99).Draw(t, "weights"), rapid.IntRange(1, 1_000_000).Draw(t, "last"))
		}
		if rapid.Bool().Draw(t, "with a window") {
			from := rapid.IntRange(0, 23).Draw(t, "from")
			pace.Window = &schedule.Window{
				Zone: rapid.SampledFrom(zones).Draw(t, "zone"), From: from,
				To: rapid.IntRange(1, 24).Filter(func(to int) bool { return to != from }).Draw(t, "to"),
			}
			for day := range time.Weekday(7) {
				if rapid.Bool().Draw(t, day.String()) {
					pace.Window.Days = append(pace.Window.Days, day)
				}
			}
		}
		return pace
	})
}

func checkQuantities(t *rapid.T, pace schedule.Pace, quantity int, bounds schedule.Bounds, parts []schedule.Slice) {
	sum := 0
	for _, slice := range parts {
		sum += slice.Quantity
		if slice.Quantity < min(bounds.Least, quantity) {
			t.Fatalf("a slice of %d is below %d: %v", slice.Quantity, bounds.Least, parts)
		}
		// The most is kept wherever as many slices can hold the quantity.
		if bounds.Most > 0 && slice.Quantity > max(bounds.Most, (quantity+len(parts)-1)/len(parts)) {
			t.Fatalf("a slice of %d is above %d: %v", slice.Quantity, bounds.Most, parts)
		}
	}
	if sum != quantity {
		t.Fatalf("slices of %d add up to %d: %v", quantity, sum, parts)
	}
	most := max(pace.Slices, 1)
	if len(pace.Weights) > 0 {
		most = len(pace.Weights) - count(pace.Weights, 0)
	}
	if len(parts) > most {
		t.Fatalf("%d slices, at most %d were wanted", len(parts), most)
	}
	// Fewer slices than were wanted are fewer only for the least's sake: where the most is exceeded, no more were possible.
	for _, slice := range parts {
		if bounds.Most > 0 && slice.Quantity > bounds.Most && len(parts) < most && (len(parts)+1)*bounds.Least <= quantity {
			t.Fatalf("a slice of %d is above %d, and there could be another one: %v", slice.Quantity, bounds.Most, parts)
		}
	}
}

func count(list []int, value int) (times int) {
	for _, one := range list {
		if one == value {
			times++
		}
	}
	return times
}

func checkTimes(t *rapid.T, pace schedule.Pace, now, until time.Time, parts []schedule.Slice) {
	before := now
	for i, slice := range parts {
		if slice.At.Before(before) || !slice.At.Before(until) {
			t.Fatalf("slice %d is released at %s, after %s and before %s is wanted", i, slice.At, before, until)
		}
		before = slice.At
		w := pace.Window
		if w == nil {
			continue
		}
		local := slice.At.In(w.Zone)
		opened, hour := local, local.Hour()
		inside := hour >= w.From && hour < w.To
		if w.To <= w.From {
			inside = hour >= w.From || hour < w.To
			if hour < w.To {
				year, month, day := local.Date()
				opened = time.Date(year, month, day-1, 12, 0, 0, 0, time.UTC)
			}
		}
		if !inside || len(w.Days) > 0 && !slices.Contains(w.Days, opened.Weekday()) {
			t.Fatalf("slice %d is released at %s, outside of %+v", i, local, w)
		}
	}
}
