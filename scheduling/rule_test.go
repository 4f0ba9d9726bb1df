package scheduling_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/schedule"
	"github.com/boostress/boostress/scheduling"
)

// noon is when rules of tests are made.
func noon() time.Time { return time.Date(2030, 6, 1, 12, 0, 0, 0, time.UTC) }

func at(text string) time.Time {
	moment, err := time.Parse("2006-01-02 15:04:05", text)
	if err != nil {
		panic(err)
	}
	return moment
}

func interval(every time.Duration) scheduling.RuleInput {
	return scheduling.RuleInput{Kind: schedule.Interval, Every: &every}
}

func cron(expression, zone string) scheduling.RuleInput {
	in := scheduling.RuleInput{Kind: schedule.Cron, Cron: &expression}
	if zone != "" {
		in.TimeZone = &zone
	}
	return in
}

func with(in scheduling.RuleInput, change func(*scheduling.RuleInput)) scheduling.RuleInput {
	change(&in)
	return in
}

func TestRuleFaults(t *testing.T) {
	t.Parallel()
	once := scheduling.RuleInput{Kind: schedule.Once, StartsAt: new(noon().Add(time.Hour))}
	for name, tt := range map[string]struct {
		rule  scheduling.RuleInput
		field string // "": it is fine
		code  order.Code
	}{
		"interval":               {interval(time.Second), "", ""},
		"cron":                   {cron("0 9 * * MON-FRI", "Europe/Berlin"), "", ""},
		"cron word":              {cron("@daily", ""), "", ""},
		"once":                   {once, "", ""},
		"after completion":       {with(interval(time.Minute), func(r *scheduling.RuleInput) { r.Kind = schedule.AfterCompletion }), "", ""},
		"no kind":                {scheduling.RuleInput{}, "rule", order.CodeInvalid},
		"an order's kind":        {scheduling.RuleInput{Kind: schedule.Pacing}, "rule", order.CodeInvalid},
		"interval without every": {scheduling.RuleInput{Kind: schedule.Interval}, "every", order.CodeRequired},
		"too short":              {interval(time.Second - 1), "every", order.CodeOutOfRange},
		"too exact":              {interval(time.Second + 1), "every", order.CodeInvalid},
		"interval with cron":     {with(interval(time.Hour), func(r *scheduling.RuleInput) { r.Cron = new("@daily") }), "cron", order.CodeInvalid},
		"interval with zone": {
			with(interval(time.Hour), func(r *scheduling.RuleInput) { r.TimeZone = new("UTC") }),
			"timeZone", order.CodeInvalid,
		},
		"cron without":            {scheduling.RuleInput{Kind: schedule.Cron}, "cron", order.CodeRequired},
		"cron with every":         {with(cron("@daily", ""), func(r *scheduling.RuleInput) { r.Every = new(time.Hour) }), "every", order.CodeInvalid},
		"cron of four fields":     {cron("* * * *", ""), "cron", order.CodeInvalid},
		"cron of six fields":      {cron("0 * * * * *", ""), "cron", order.CodeInvalid},
		"cron with an interval":   {cron("@every 5s", ""), "cron", order.CodeInvalid},
		"cron with a zone inside": {cron("TZ=Asia/Tokyo 0 9 * * *", ""), "cron", order.CodeInvalid},
		"cron beyond the clock":   {cron("0 25 * * *", ""), "cron", order.CodeInvalid},
		"never due":               {cron("0 0 30 2 *", ""), "cron", order.CodeInvalid},
		"no such zone":            {cron("@daily", "Europe/Nowhere"), "timeZone", order.CodeInvalid},
		"the machine's zone":      {cron("@daily", "Local"), "timeZone", order.CodeInvalid},
		"once without":            {scheduling.RuleInput{Kind: schedule.Once}, "startsAt", order.CodeRequired},
		"once in the past":        {with(once, func(r *scheduling.RuleInput) { r.StartsAt = new(noon()) }), "startsAt", order.CodeOutOfRange},
		"once with every":         {with(once, func(r *scheduling.RuleInput) { r.Every = new(time.Hour) }), "every", order.CodeInvalid},
		"ends before it starts":   {with(once, func(r *scheduling.RuleInput) { r.EndsAt = r.StartsAt }), "endsAt", order.CodeOutOfRange},
		"ends before the first": {
			with(interval(24*time.Hour), func(r *scheduling.RuleInput) { r.EndsAt = new(noon().Add(time.Hour)) }),
			"endsAt", order.CodeOutOfRange,
		},
		"has ended": {
			with(interval(time.Hour), func(r *scheduling.RuleInput) { r.EndsAt = new(noon().Add(-time.Hour)) }),
			"endsAt", order.CodeOutOfRange,
		},
		"no run":          {with(interval(time.Hour), func(r *scheduling.RuleInput) { r.MaxRuns = new(int) }), "maxRuns", order.CodeOutOfRange},
		"starts long ago": {with(interval(time.Hour), func(r *scheduling.RuleInput) { r.StartsAt = new(noon().AddDate(-1, 0, 0)) }), "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			slots, err := scheduling.Preview(tt.rule, noon(), 3)
			wantFault(t, err, tt.code, tt.field)
			if tt.field == "" && len(slots) == 0 {
				t.Error("no slot")
			}
		})
	}
}

// wantFault checks that an error is one fault, or none where the field is "".
func wantFault(t *testing.T, err error, code order.Code, field ...string) {
	t.Helper()
	var faults order.Faults
	switch {
	case field[0] == "" && err != nil:
		t.Errorf("failed with %v", err)
	case field[0] == "":
	case !errors.As(err, &faults) || len(faults) != 1:
		t.Errorf("failed with %v, want one fault at %v", err, field)
	case faults[0].Code != code || !cmp.Equal(faults[0].Field, field):
		t.Errorf("fault %v %s (%s), want %v %s", faults[0].Field, faults[0].Code, faults[0].Message, field, code)
	}
}

func TestPreviewTellsTheSlots(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		rule scheduling.RuleInput
		want []string
	}{
		"interval": {interval(5 * time.Minute), []string{"2030-06-01 12:05:00", "2030-06-01 12:10:00", "2030-06-01 12:15:00"}},
		"from its start": {
			with(interval(time.Hour), func(r *scheduling.RuleInput) { r.StartsAt = new(at("2030-06-01 12:20:00")) }),
			[]string{"2030-06-01 12:20:00", "2030-06-01 13:20:00", "2030-06-01 14:20:00"},
		},
		"cron in its zone": {
			cron("30 9 * * *", "Europe/Berlin"), []string{"2030-06-02 07:30:00", "2030-06-03 07:30:00", "2030-06-04 07:30:00"},
		},
		"until its end": {
			with(interval(time.Hour), func(r *scheduling.RuleInput) { r.EndsAt = new(at("2030-06-01 14:00:00")) }),
			[]string{"2030-06-01 13:00:00"},
		},
		"at most so many": {
			with(interval(time.Hour), func(r *scheduling.RuleInput) { r.MaxRuns = new(2) }),
			[]string{"2030-06-01 13:00:00", "2030-06-01 14:00:00"},
		},
		"once": {
			scheduling.RuleInput{Kind: schedule.Once, StartsAt: new(at("2030-06-05 00:00:01"))}, []string{"2030-06-05 00:00:01"},
		},
		"after completion, at once": {
			with(interval(time.Hour), func(r *scheduling.RuleInput) { r.Kind = schedule.AfterCompletion }), []string{"2030-06-01 12:00:00"},
		},
		"after completion, later": {
			with(interval(time.Hour), func(r *scheduling.RuleInput) {
				r.Kind, r.StartsAt = schedule.AfterCompletion, new(at("2030-06-01 12:30:00"))
			}), []string{"2030-06-01 12:30:00"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			slots, err := scheduling.Preview(tt.rule, noon(), 3)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, slot := range slots {
				got = append(got, slot.Format("2006-01-02 15:04:05"))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("slots (-want +got):\n%s", diff)
			}
		})
	}
}

func TestNextRunsEndWithTheLastRun(t *testing.T) {
	t.Parallel()
	next := at("2030-06-01 13:00:00")
	s := schedule.Schedule{Rule: schedule.Rule{Kind: schedule.Interval, Every: time.Hour}, Enabled: true, NextAt: &next, MaxRuns: 9, Runs: 7}
	if got := scheduling.NextRuns(&s, 5); len(got) != 2 || !got[0].Equal(next) {
		t.Errorf("two runs are left, got %v", got)
	}
	s.Enabled = false
	if got := scheduling.NextRuns(&s, 5); len(got) != 0 {
		t.Errorf("it is paused, got %v", got)
	}
}
