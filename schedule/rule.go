package schedule

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/netresearch/go-cron"
)

// ErrRule is returned for a rule that has no due times to compute.
var ErrRule = errors.New("bad schedule rule")

// Kind is how a rule's due times are given.
type Kind string

// The kinds of rules.
const (
	Interval Kind = "INTERVAL" // every so long, counted from the start
	Cron     Kind = "CRON"     // by a cron expression in a time zone
	Once     Kind = "ONCE"     // at the start, and never again
)

// MinInterval is the shortest interval of a rule.
const MinInterval = time.Second

// Rule says when something is due.
type Rule struct {
	Kind     Kind
	Every    time.Duration // of INTERVAL, at least MinInterval
	Cron     string        // of CRON: five fields (minute, hour, day, month, weekday), or @daily and the like
	TimeZone string        // of CRON: an IANA name; "": UTC
	StartsAt *time.Time    // nothing is due before; INTERVAL counts from it (nil: from 1970), ONCE is due at it
	EndsAt   *time.Time    // nothing is due at it or later; nil: no end
}

// Validate fails with ErrRule where Next could not work.
func (r Rule) Validate() error {
	_, _, err := r.Next(time.Unix(0, 0))
	if err == nil && r.StartsAt != nil && r.EndsAt != nil && !r.StartsAt.Before(*r.EndsAt) {
		return fmt.Errorf("%w: it ends before it starts", ErrRule)
	}
	return err
}

// Next returns the first due time after a moment, in UTC; ok is false where there is none. It fails with ErrRule.
//
// In a time zone with daylight saving, a time of day that a switch skips is due later by the gap (02:30 at 03:30), and
// one that a switch repeats is due at its first coming, unless the expression names every hour.
func (r Rule) Next(after time.Time) (next time.Time, ok bool, err error) {
	// What is due at the start itself counts.
	if r.StartsAt != nil && after.Before(*r.StartsAt) {
		after = r.StartsAt.Add(-time.Nanosecond)
	}
	switch r.Kind {
	case Interval:
		next, err = r.nextInterval(after)
	case Cron:
		next, err = r.nextCron(after)
	case Once:
		next, err = r.nextOnce(after)
	default:
		err = fmt.Errorf("%w: unknown kind %q", ErrRule, r.Kind)
	}
	if err != nil || next.IsZero() || r.EndsAt != nil && !next.Before(*r.EndsAt) {
		return time.Time{}, false, err
	}
	return next.UTC(), true, nil
}

func (r Rule) nextInterval(after time.Time) (time.Time, error) {
	if r.Every < MinInterval {
		return time.Time{}, fmt.Errorf("%w: the interval is shorter than %v", ErrRule, MinInterval)
	}
	start := time.Unix(0, 0)
	if r.StartsAt != nil {
		start = *r.StartsAt
	}
	if after.Before(start) {
		return start, nil
	}
	return after.Add(r.Every - after.Sub(start)%r.Every), nil
}

func (r Rule) nextCron(after time.Time) (time.Time, error) {
	zone, err := time.LoadLocation(r.TimeZone)
	if err != nil {
		return time.Time{}, fmt.Errorf("%w: %w", ErrRule, err)
	}
	parser, err := cron.TryNewParser(cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow | cron.Descriptor)
	if err != nil {
		return time.Time{}, fmt.Errorf("make cron parser: %w", err)
	}
	due, err := parser.Parse(r.Cron)
	if err != nil {
		return time.Time{}, fmt.Errorf("%w: %w", ErrRule, err)
	}
	next := due.Next(after.In(zone))
	if comesAgain(next) && !everyHour(r.Cron) {
		next = due.Next(next)
	}
	return next, nil
}

// longestSwitch bounds how far clocks are ever set back.
const longestSwitch = 3 * time.Hour

// comesAgain reports whether the clock in t's time zone showed the same time of day shortly before, too.
func comesAgain(t time.Time) bool {
	_, now := t.Zone()
	_, before := t.Add(-longestSwitch).Zone()
	if before <= now {
		return false
	}
	_, earlier := t.Add(-time.Duration(before-now) * time.Second).Zone()
	return earlier == before
}

func everyHour(expression string) bool {
	fields := strings.Fields(expression)
	return len(fields) < 2 && expression == "@hourly" || len(fields) > 1 && strings.HasPrefix(fields[1], "*")
}

func (r Rule) nextOnce(after time.Time) (time.Time, error) {
	if r.StartsAt == nil {
		return time.Time{}, fmt.Errorf("%w: it has no start", ErrRule)
	}
	if after.Before(*r.StartsAt) {
		return *r.StartsAt, nil
	}
	return time.Time{}, nil
}
