package schedule

import (
	"errors"
	"fmt"
	"time"
)

// ErrRule is returned for a rule that has no due times to compute.
var ErrRule = errors.New("bad schedule rule")

// Kind is how a rule's due times are given.
type Kind string

// The kinds of rules. Those of orders' own schedules have no due times to compute.
const (
	Interval        Kind = "INTERVAL"         // every so long, counted from the start
	Cron            Kind = "CRON"             // by a cron expression in a time zone
	Once            Kind = "ONCE"             // at the start, and never again
	AfterCompletion Kind = "AFTER_COMPLETION" // so long after the run before has ended
	Pacing          Kind = "PACING"           // of an order's own schedule: as its quantities are released over time
	Polling         Kind = "POLLING"          // of an order's own schedule: as its providers are asked how it stands
)

// MinInterval is the shortest interval of a rule.
const MinInterval = time.Second

// Rule says when something is due.
type Rule struct {
	Kind     Kind
	Every    time.Duration // of INTERVAL and AFTER_COMPLETION, at least MinInterval
	Cron     string        // of CRON: five fields (minute, hour, day, month, weekday), or @daily and the like
	TimeZone string        // of CRON: an IANA name; "": UTC
	StartsAt *time.Time    // nothing is due before; INTERVAL counts from it (nil: from 1970), ONCE is due at it
	EndsAt   *time.Time    // nothing is due at it or later; nil: no end
}

// Validate fails with ErrRule where Next could not work.
func (r Rule) Validate() error {
	_, err := r.Times()
	if err == nil && r.StartsAt != nil && r.EndsAt != nil && !r.StartsAt.Before(*r.EndsAt) {
		return fmt.Errorf("%w: it ends before it starts", ErrRule)
	}
	return err
}

// Next is Times.Next. It fails with ErrRule.
func (r Rule) Next(after time.Time) (next time.Time, ok bool, err error) {
	times, err := r.Times()
	if err != nil {
		return time.Time{}, false, err
	}
	next, ok = times.Next(after)
	return next, ok, nil
}
