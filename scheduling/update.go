package scheduling

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/boostress/boostress/account"
	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/schedule"
	"github.com/boostress/boostress/store"
)

// Change is what changes of a schedule; nil leaves things as they are.
type Change struct {
	Name         *string
	Rule         *schedule.Kind
	Every        *time.Duration
	Cron         *string
	TimeZone     *string    // "": UTC
	StartsAt     *time.Time // zero: no such bound
	EndsAt       *time.Time // zero: no such bound
	MaxRuns      *int
	Endless      bool           // takes MaxRuns away
	Jitter       *time.Duration // 0: at once
	Arguments    json.RawMessage
	Queue        *string
	Priority     *int
	Overlap      *schedule.Overlap
	Misfire      *schedule.Misfire
	MisfireLimit *int
}

// Update changes a schedule. Where its rule does, it fires next by the new one, counted from now, and what waited by the
// old one is dropped. It fails with order.ErrNotFound and order.Faults.
func (s *Service) Update(
	ctx context.Context, who account.Principal, scheduleID uuid.UUID, change Change,
) (*schedule.Schedule, error) {
	var changed *schedule.Schedule
	err := s.store.Write(ctx, func(tx *store.Tx) error {
		found, err := s.lock(ctx, tx, who, scheduleID)
		if err != nil {
			return err
		}
		if found.System {
			if faults := change.forSystem(); len(faults) > 0 {
				return faults
			}
		}
		if err := s.apply(ctx, tx, who, found, &change); err != nil {
			return err
		}
		found.UpdatedAt = tx.Now
		if err := tx.UpdateSchedule(ctx, found); err != nil {
			return err
		}
		changed = found
		return record(ctx, tx, who, account.ActionScheduleUpdate, found)
	})
	if err != nil {
		return nil, fmt.Errorf("update schedule: %w", taken(err))
	}
	return changed, nil
}

// forSystem lists what of a system schedule may not be changed.
func (c *Change) forSystem() (faults order.Faults) {
	for _, part := range []struct {
		field string
		given bool
	}{
		{fieldName, c.Name != nil},
		{fieldStartsAt, c.StartsAt != nil},
		{fieldEndsAt, c.EndsAt != nil},
		{fieldMaxRuns, c.MaxRuns != nil || c.Endless},
		{fieldJitter, c.Jitter != nil},
		{"queue", c.Queue != nil},
		{"priority", c.Priority != nil},
		{"overlap", c.Overlap != nil},
		{"misfire", c.Misfire != nil},
		{"misfireLimit", c.MisfireLimit != nil},
	} {
		if part.given {
			faults = append(faults, forbidden(part.field,
				"can't be changed of a system schedule: only rule, every, cron, timeZone and arguments can")...)
		}
	}
	return faults
}

// apply sets what the change names and checks what that touches. It fails with order.Faults.
func (s *Service) apply(ctx context.Context, tx *store.Tx, who account.Principal, to *schedule.Schedule, c *Change) error {
	before := *to
	set(&to.Name, c.Name)
	set(&to.Jitter, c.Jitter)
	set(&to.Queue, c.Queue)
	set(&to.Priority, c.Priority)
	set(&to.Overlap, c.Overlap)
	set(&to.Misfire, c.Misfire)
	set(&to.MisfireLimit, c.MisfireLimit)
	faults := c.limit(to)
	first, wrong := c.changeRule(to, tx.Now)
	faults = append(faults, wrong...)
	changed := !sameRule(before.Rule, to.Rule)
	arguments := c.Arguments
	if arguments == nil && (changed || before.MaxRuns != to.MaxRuns) && len(faults) == 0 {
		arguments = to.Arguments // what they may be depends on when it fires
	}
	if arguments != nil {
		checked, err := s.setArguments(ctx, tx, who, to, first, arguments)
		if err != nil {
			return err
		}
		faults = append(faults, checked...)
	}
	faults = append(faults, checkSettings(to, tx.Now)...)
	if len(faults) > 0 {
		return faults
	}
	if to.Enabled && (changed || before.MaxRuns != to.MaxRuns && before.Status() == schedule.Ended) {
		return plan(ctx, tx, to)
	}
	return nil
}

// limit sets after how many runs it ends.
func (c *Change) limit(to *schedule.Schedule) order.Faults {
	switch {
	case c.Endless:
		to.MaxRuns = 0
	case c.MaxRuns == nil:
	case *c.MaxRuns < 1:
		return fault(order.CodeOutOfRange, "must be at least 1; null takes the limit away", fieldMaxRuns)
	case int64(*c.MaxRuns) <= to.Runs:
		return fault(order.CodeOutOfRange, fmt.Sprintf("must be more than the %d runs that there were: or pause it", to.Runs), fieldMaxRuns)
	default:
		to.MaxRuns = int64(*c.MaxRuns)
	}
	return nil
}

// changeRule sets the rule, what is left out taken from the rule as it is where the kind has such a thing. first is when
// it fires next.
func (c *Change) changeRule(to *schedule.Schedule, now time.Time) (first time.Time, faults order.Faults) {
	in := RuleInput{
		Kind: to.Rule.Kind, Every: c.Every, Cron: c.Cron, TimeZone: c.TimeZone,
		StartsAt: kept(c.StartsAt, to.Rule.StartsAt), EndsAt: kept(c.EndsAt, to.Rule.EndsAt),
	}
	set(&in.Kind, c.Rule)
	if in.Every == nil && repeats(in.Kind) && to.Rule.Every > 0 {
		in.Every = &to.Rule.Every
	}
	if in.Cron == nil && in.Kind == schedule.Cron && to.Rule.Cron != "" {
		in.Cron = &to.Rule.Cron
	}
	if in.TimeZone == nil && in.Kind == schedule.Cron {
		in.TimeZone = &to.Rule.TimeZone
	}
	if c.Rule == nil && c.Every == nil && c.Cron == nil && c.TimeZone == nil && c.StartsAt == nil && c.EndsAt == nil {
		first = now
		if to.NextAt != nil {
			first = *to.NextAt
		}
		return first, nil
	}
	rule, first, faults := in.rule(now)
	if len(faults) == 0 {
		to.Rule = rule
	}
	return first, faults
}

// kept is a bound as it is, unless another is given; a zero one takes it away.
func kept(given, before *time.Time) *time.Time {
	switch {
	case given == nil:
		return before
	case given.IsZero():
		return nil
	default:
		return given
	}
}

func sameRule(a, b schedule.Rule) bool {
	return a.Kind == b.Kind && a.Every == b.Every && a.Cron == b.Cron && zoneName(a) == zoneName(b) &&
		sameMoment(a.StartsAt, b.StartsAt) && sameMoment(a.EndsAt, b.EndsAt)
}

func zoneName(r schedule.Rule) string {
	if r.TimeZone == "" || r.Kind != schedule.Cron {
		return "UTC"
	}
	return r.TimeZone
}

func sameMoment(a, b *time.Time) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Equal(*b)
}
