package schedule

import (
	"fmt"
	"time"
)

// Times computes the due times of one rule.
type Times struct {
	rule Rule
	zone *time.Location
	cron expression
}

// Times reads the rule. It fails with ErrRule.
func (r Rule) Times() (*Times, error) {
	t := &Times{rule: r}
	switch r.Kind {
	case Interval, AfterCompletion:
		if r.Every < MinInterval {
			return nil, fmt.Errorf("%w: the interval is shorter than %v", ErrRule, MinInterval)
		}
	case Cron:
		if err := t.readCron(); err != nil {
			return nil, err
		}
	case Once:
		if r.StartsAt == nil {
			return nil, fmt.Errorf("%w: it has no start", ErrRule)
		}
	default:
		return nil, fmt.Errorf("%w: unknown kind %q", ErrRule, r.Kind)
	}
	return t, nil
}

func (t *Times) readCron() (err error) {
	if t.zone, err = zoneOf(t.rule.TimeZone); err != nil {
		return err
	}
	if t.cron, err = readCron(t.rule.Cron); err != nil {
		return fmt.Errorf("%w: cron expression: %w", ErrRule, err)
	}
	return nil
}

// Next returns the first due time after a moment, in UTC; ok is false where there is none. After the end of a run, the
// next one is due once the delay has passed since after.
//
// In a time zone with daylight saving, a time of day that a switch skips is due later by the gap (02:30 at 03:30), and
// one that a switch repeats is due at its first coming. Where the hours of the expression begin with a star, each time at
// which the clock shows what the expression names is due instead.
func (t *Times) Next(after time.Time) (next time.Time, ok bool) {
	r := t.rule
	if r.Kind == AfterCompletion {
		next = after.Add(r.Every)
		if r.StartsAt != nil && next.Before(*r.StartsAt) {
			next = *r.StartsAt
		}
		return r.within(next)
	}
	// What is due at the start itself counts.
	if r.StartsAt != nil && after.Before(*r.StartsAt) {
		after = r.StartsAt.Add(-time.Nanosecond)
	}
	switch r.Kind {
	case Interval:
		next = r.nextInterval(after)
	case Cron:
		next = t.cron.next(after, t.zone)
	case Once:
		if after.Before(*r.StartsAt) {
			next = *r.StartsAt
		}
	case AfterCompletion, Pacing, Polling:
	}
	return r.within(next)
}

func (r Rule) within(next time.Time) (time.Time, bool) {
	if next.IsZero() || r.EndsAt != nil && !next.Before(*r.EndsAt) {
		return time.Time{}, false
	}
	return next.UTC(), true
}

// following is Next for where nil says that there is none.
func (t *Times) following(after time.Time) *time.Time {
	if next, ok := t.Next(after); ok {
		return &next
	}
	return nil
}

// slots are due ones: the latest of them, and how many there are before.
type slots struct {
	latest []time.Time
	before int64
}

// between finds the due times from one of them until a moment, at most keep of them, the latest.
func (t *Times) between(first, until time.Time, keep int) (found slots) {
	if t.rule.EndsAt != nil {
		until = earliest(until, t.rule.EndsAt.Add(-time.Nanosecond))
	}
	if t.rule.Kind == Interval {
		if past := int64(until.Sub(first)/t.rule.Every) - int64(keep); past > 0 {
			found.before, first = past, first.Add(time.Duration(past)*t.rule.Every)
		}
	}
	for at := &first; at != nil && !at.After(until); at = t.following(*at) {
		found.latest = append(found.latest, *at)
		if len(found.latest) == 2*keep {
			found.trim(keep)
		}
		if t.rule.Kind == AfterCompletion {
			break
		}
	}
	found.trim(keep)
	return found
}

// trim keeps the latest.
func (s *slots) trim(keep int) {
	drop := max(0, len(s.latest)-keep)
	s.latest = append(s.latest[:0], s.latest[drop:]...)
	s.before += int64(drop)
}

func (r Rule) nextInterval(after time.Time) time.Time {
	start := time.Unix(0, 0)
	if r.StartsAt != nil {
		start = *r.StartsAt
	}
	if after.Before(start) {
		return start
	}
	return after.Add(r.Every - after.Sub(start)%r.Every)
}
