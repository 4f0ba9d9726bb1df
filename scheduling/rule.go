package scheduling

import (
	"fmt"
	"time"

	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/schedule"
)

// RuleInput is a rule as asked for.
type RuleInput struct {
	Kind     schedule.Kind
	Every    *time.Duration
	Cron     *string
	TimeZone *string
	StartsAt *time.Time
	EndsAt   *time.Time
	MaxRuns  *int
}

// The fields of inputs that faults are about.
const (
	fieldName      = "name"
	fieldRule      = "rule"
	fieldEvery     = "every"
	fieldCron      = "cron"
	fieldTimeZone  = "timeZone"
	fieldStartsAt  = "startsAt"
	fieldEndsAt    = "endsAt"
	fieldMaxRuns   = "maxRuns"
	fieldJitter    = "jitter"
	fieldArguments = "arguments"
)

// repeats tells of a kind that has every.
func repeats(kind schedule.Kind) bool {
	return kind == schedule.Interval || kind == schedule.AfterCompletion
}

// rule checks the input's fields one by one, and then whether anything is ever due after now. first is the first slot.
func (in *RuleInput) rule(now time.Time) (rule schedule.Rule, first time.Time, faults order.Faults) {
	switch in.Kind {
	case schedule.Interval, schedule.Cron, schedule.Once, schedule.AfterCompletion:
	case schedule.Pacing, schedule.Polling:
		return rule, first, fault(order.CodeInvalid,
			"is of orders' own schedules: use INTERVAL, CRON, ONCE or AFTER_COMPLETION", fieldRule)
	default:
		return rule, first, fault(order.CodeInvalid, "must be INTERVAL, CRON, ONCE or AFTER_COMPLETION", fieldRule)
	}
	faults = append(append(in.checkEvery(), in.checkCron()...), in.checkBounds()...)
	if len(faults) > 0 {
		return rule, first, faults
	}
	rule = schedule.Rule{Kind: in.Kind, StartsAt: moment(in.StartsAt), EndsAt: moment(in.EndsAt)}
	set(&rule.Every, in.Every)
	set(&rule.Cron, in.Cron)
	set(&rule.TimeZone, in.TimeZone)
	first, faults = firstSlot(rule, now)
	return rule, first, faults
}

// moment is to the microsecond, as the record keeps it.
func moment(at *time.Time) *time.Time {
	if at == nil {
		return nil
	}
	kept := at.UTC().Truncate(time.Microsecond)
	return &kept
}

func set[T any](to, value *T) {
	if value != nil {
		*to = *value
	}
}

func (in *RuleInput) checkEvery() order.Faults {
	switch {
	case !repeats(in.Kind) && in.Every != nil:
		return fault(order.CodeInvalid, fmt.Sprintf("is of INTERVAL and AFTER_COMPLETION: leave it out for %s", in.Kind), fieldEvery)
	case !repeats(in.Kind):
		return nil
	case in.Every == nil:
		return fault(order.CodeRequired, fmt.Sprintf(`must be given for %s, e.g. "PT15M"`, in.Kind), fieldEvery)
	case *in.Every < schedule.MinInterval:
		return fault(order.CodeOutOfRange, "must be at least PT1S", fieldEvery)
	case *in.Every%time.Millisecond != 0:
		return fault(order.CodeInvalid, "must be whole milliseconds", fieldEvery)
	}
	return nil
}

func (in *RuleInput) checkCron() (faults order.Faults) {
	if in.Kind != schedule.Cron {
		if in.Cron != nil {
			faults = append(faults, fault(order.CodeInvalid, fmt.Sprintf("is of CRON: leave it out for %s", in.Kind), fieldCron)...)
		}
		if in.TimeZone != nil && *in.TimeZone != "" {
			faults = append(faults, fault(order.CodeInvalid,
				fmt.Sprintf("is of CRON: leave it out for %s, which runs by UTC", in.Kind), fieldTimeZone)...)
		}
		return faults
	}
	zone := ""
	set(&zone, in.TimeZone)
	if _, err := (schedule.Rule{Kind: schedule.Cron, Cron: "@daily", TimeZone: zone}).Times(); err != nil {
		faults = fault(order.CodeInvalid, `must be an IANA name like "Europe/Berlin", or left out for UTC`, fieldTimeZone)
	}
	if in.Cron == nil || *in.Cron == "" {
		return append(faults, fault(order.CodeRequired, `must be given for CRON, e.g. "0 9 * * MON-FRI" or "@daily"`, fieldCron)...)
	}
	if _, err := (schedule.Rule{Kind: schedule.Cron, Cron: *in.Cron}).Times(); err != nil {
		faults = append(faults, fault(order.CodeInvalid, fmt.Sprintf("can't be read (%v): give minute, hour, day of month, month and "+
			`day of week, e.g. "0 9 * * MON-FRI", or @hourly, @daily, @weekly, @monthly, @yearly`, err), fieldCron)...)
	}
	return faults
}

func (in *RuleInput) checkBounds() (faults order.Faults) {
	if in.Kind == schedule.Once && in.StartsAt == nil {
		faults = fault(order.CodeRequired, "must be given for ONCE: it is when it fires", fieldStartsAt)
	}
	if in.StartsAt != nil && in.EndsAt != nil && !in.StartsAt.Before(*in.EndsAt) {
		faults = append(faults, fault(order.CodeOutOfRange, "must be after startsAt", fieldEndsAt)...)
	}
	if in.MaxRuns != nil && *in.MaxRuns < 1 {
		faults = append(faults, fault(order.CodeOutOfRange, "must be at least 1; leave it out for no limit", fieldMaxRuns)...)
	}
	return faults
}

// firstSlot returns when a rule that is made now fires first.
func firstSlot(rule schedule.Rule, now time.Time) (first time.Time, faults order.Faults) {
	if first, ok := next(rule, now); ok {
		return first, nil
	}
	endless := rule
	endless.EndsAt = nil
	late, due := next(endless, now)
	switch {
	case due:
		return first, fault(order.CodeOutOfRange,
			fmt.Sprintf("is before the first slot, %s: it would never fire", late.Format(time.RFC3339)), fieldEndsAt)
	case rule.Kind == schedule.Once:
		return first, fault(order.CodeOutOfRange, "is in the past: give a later time", fieldStartsAt)
	default:
		return first, fault(order.CodeInvalid, "is never due: there is no such day", fieldCron)
	}
}

// next is when a rule fires first after now. The first run of what runs after its completion waits for none.
func next(rule schedule.Rule, now time.Time) (time.Time, bool) {
	if rule.Kind == schedule.AfterCompletion {
		first := now
		if rule.StartsAt != nil && first.Before(*rule.StartsAt) {
			first = *rule.StartsAt
		}
		return first.UTC(), rule.EndsAt == nil || first.Before(*rule.EndsAt)
	}
	found, ok, err := rule.Next(now)
	return found, ok && err == nil
}

// Preview lists the first slots of a rule, at most count, as if it were made at now; of AFTER_COMPLETION only the first.
// It fails with order.Faults.
func Preview(in RuleInput, now time.Time, count int) ([]time.Time, error) {
	rule, first, faults := in.rule(now)
	if len(faults) > 0 {
		return nil, faults
	}
	if in.MaxRuns != nil {
		count = min(count, *in.MaxRuns)
	}
	return slotsFrom(rule, first, count), nil
}

// lastYear is the last one that can be written as RFC 3339.
const lastYear = 9999

// slotsFrom lists slots from one of them on, as far as they can be told.
func slotsFrom(rule schedule.Rule, first time.Time, count int) []time.Time {
	if count <= 0 {
		return []time.Time{}
	}
	slots := []time.Time{first}
	times, err := rule.Times()
	if err != nil || rule.Kind == schedule.AfterCompletion {
		return slots
	}
	for len(slots) < count {
		following, ok := times.Next(slots[len(slots)-1])
		if !ok || following.Year() > lastYear {
			break
		}
		slots = append(slots, following)
	}
	return slots
}

// NextRuns lists the slots of a schedule to come, at most count, as far as they can be told.
func NextRuns(s *schedule.Schedule, count int) []time.Time {
	if s.NextAt == nil || !s.Enabled {
		return []time.Time{}
	}
	if s.MaxRuns > 0 {
		count = int(min(int64(count), s.MaxRuns-s.Runs))
	}
	return slotsFrom(s.Rule, *s.NextAt, count)
}
