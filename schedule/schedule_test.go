package schedule_test

import (
	"errors"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/boostress/boostress/schedule"
)

func TestNext(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		rule  schedule.Rule
		after string
		want  string // "": never
	}{
		"interval from 1970":         {interval(time.Hour, "", ""), "2026-03-01T10:20:00Z", "2026-03-01T11:00:00Z"},
		"interval at a slot":         {interval(time.Hour, "", ""), "2026-03-01T10:00:00Z", "2026-03-01T11:00:00Z"},
		"interval from its start":    {interval(time.Hour, "2026-03-01T10:05:00Z", ""), "2026-03-01T10:20:00Z", "2026-03-01T11:05:00Z"},
		"interval before its start":  {interval(time.Hour, "2026-03-01T10:05:00Z", ""), "2026-01-01T00:00:00Z", "2026-03-01T10:05:00Z"},
		"interval at its end":        {interval(time.Hour, "", "2026-03-01T11:00:00Z"), "2026-03-01T10:20:00Z", ""},
		"interval before its end":    {interval(time.Hour, "", "2026-03-01T11:00:01Z"), "2026-03-01T10:20:00Z", "2026-03-01T11:00:00Z"},
		"cron in UTC":                {daily("30 2 * * *", ""), "2026-03-01T10:20:00Z", "2026-03-02T02:30:00Z"},
		"cron in a zone":             {daily("30 2 * * *", "Asia/Tokyo"), "2026-03-01T10:20:00Z", "2026-03-01T17:30:00Z"},
		"cron by name":               {daily("@daily", ""), "2026-03-01T10:20:00Z", "2026-03-02T00:00:00Z"},
		"cron, time that is skipped": {daily("30 2 * * *", "Europe/Berlin"), "2026-03-28T12:00:00Z", "2026-03-29T01:30:00Z"},
		"cron, time that comes twice": {
			daily("30 2 * * *", "Europe/Berlin"), "2026-10-24T12:00:00Z", "2026-10-25T00:30:00Z",
		},
		"cron, after the first of two": {
			daily("30 2 * * *", "Europe/Berlin"), "2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z",
		},
		"cron, every hour, of two": {
			daily("30 * * * *", "Europe/Berlin"), "2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z",
		},
		"cron, leap day":     {daily("0 0 29 2 *", ""), "2026-03-01T00:00:00Z", "2028-02-29T00:00:00Z"},
		"once before":        {once("2026-03-01T10:00:00Z"), "2026-03-01T09:59:59Z", "2026-03-01T10:00:00Z"},
		"once, and no more":  {once("2026-03-01T10:00:00Z"), "2026-03-01T10:00:00Z", ""},
		"cron, never at all": {daily("0 0 31 2 *", ""), "2026-03-01T00:00:00Z", ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			next, ok, err := test.rule.Next(moment(test.after))
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			if ok {
				got = next.Format(time.RFC3339)
			}
			if got != test.want {
				t.Errorf("next is %q, want %q", got, test.want)
			}
		})
	}
}

func TestValidateRefuses(t *testing.T) {
	t.Parallel()
	tests := map[string]schedule.Rule{
		"unknown kind":        {Kind: "HOURLY"},
		"too short":           interval(time.Millisecond, "", ""),
		"bad expression":      daily("61 * * * *", ""),
		"seconds":             daily("0 0 0 * * *", ""),
		"unknown zone":        daily("0 0 * * *", "Mars/Base"),
		"once without start":  {Kind: schedule.Once},
		"ends before it goes": interval(time.Hour, "2026-03-02T00:00:00Z", "2026-03-01T00:00:00Z"),
	}
	for name, rule := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if err := rule.Validate(); !errors.Is(err, schedule.ErrRule) {
				t.Errorf("got %v, want ErrRule", err)
			}
		})
	}
}

func TestSlotsOfAnIntervalAreEvenlySpaced(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		start := time.Unix(rapid.Int64Range(0, 4e9).Draw(t, "start"), 0)
		rule := schedule.Rule{
			Kind: schedule.Interval, StartsAt: &start, Every: time.Duration(rapid.Int64Range(1, 1e6).Draw(t, "every")) * time.Second,
		}
		after := start.Add(time.Duration(rapid.Int64Range(0, 1e15).Draw(t, "after")))
		next, ok, err := rule.Next(after)
		if err != nil || !ok {
			t.Fatal(ok, err)
		}
		if wait := next.Sub(after); wait <= 0 || wait > rule.Every || next.Sub(start)%rule.Every != 0 {
			t.Errorf("after %v comes %v", after, next)
		}
	})
}

func TestBackoff(t *testing.T) {
	t.Parallel()
	wait := schedule.Backoff{Base: time.Second, Cap: 10 * time.Minute}
	for failures, want := range map[int]time.Duration{
		1: time.Second, 2: 2 * time.Second, 5: 16 * time.Second, 10: 512 * time.Second, 11: 10 * time.Minute, 1000: 10 * time.Minute,
	} {
		if got := wait.Ceiling(failures); got != want {
			t.Errorf("ceiling after %d failures is %v, want %v", failures, got, want)
		}
		if got := wait.Wait(failures, 0.5); got != want/2 {
			t.Errorf("middle wait after %d failures is %v, want %v", failures, got, want/2)
		}
	}
}

func interval(every time.Duration, start, end string) schedule.Rule {
	rule := schedule.Rule{Kind: schedule.Interval, Every: every}
	if start != "" {
		rule.StartsAt = new(moment(start))
	}
	if end != "" {
		rule.EndsAt = new(moment(end))
	}
	return rule
}

func daily(expression, zone string) schedule.Rule {
	return schedule.Rule{Kind: schedule.Cron, Cron: expression, TimeZone: zone}
}

func once(at string) schedule.Rule {
	return schedule.Rule{Kind: schedule.Once, StartsAt: new(moment(at))}
}

func moment(text string) time.Time {
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		panic(err)
	}
	return at
}
