package scheduling

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"github.com/boostress/boostress/account"
	"github.com/boostress/boostress/fulfillment"
	"github.com/boostress/boostress/schedule"
	"github.com/boostress/boostress/store"
)

// Pause keeps a schedule from firing; what of it waits or runs goes on. Pausing a paused one changes nothing. It fails
// with order.ErrNotFound and order.Faults.
func (s *Service) Pause(ctx context.Context, who account.Principal, scheduleID uuid.UUID) (*schedule.Schedule, error) {
	return s.change(ctx, who, scheduleID, account.ActionSchedulePause, func(_ *store.Tx, found *schedule.Schedule) (bool, error) {
		if !found.Enabled {
			return false, nil
		}
		found.Enabled = false
		stop(found)
		return true, nil
	})
}

// Resume lets a paused schedule fire again, from its next slot on. Resuming one that is not paused changes nothing. It
// fails with order.ErrNotFound and order.Faults.
func (s *Service) Resume(ctx context.Context, who account.Principal, scheduleID uuid.UUID) (*schedule.Schedule, error) {
	return s.change(ctx, who, scheduleID, account.ActionScheduleResume, func(tx *store.Tx, found *schedule.Schedule) (bool, error) {
		if found.Enabled {
			return false, nil
		}
		found.Enabled = true
		return true, plan(ctx, tx, found)
	})
}

// change runs one change of a schedule, which tells whether it changed anything.
func (s *Service) change(
	ctx context.Context, who account.Principal, scheduleID uuid.UUID, action account.Action,
	do func(*store.Tx, *schedule.Schedule) (bool, error),
) (*schedule.Schedule, error) {
	var changed *schedule.Schedule
	err := s.store.Write(ctx, func(tx *store.Tx) (err error) {
		if changed, err = s.lock(ctx, tx, who, scheduleID); err != nil {
			return err
		}
		differs, err := do(tx, changed)
		if err != nil || !differs {
			return err
		}
		changed.UpdatedAt = tx.Now
		if err := tx.UpdateSchedule(ctx, changed); err != nil {
			return err
		}
		return record(ctx, tx, who, action, changed)
	})
	if err != nil {
		return nil, fmt.Errorf("change schedule: %w", err)
	}
	return changed, nil
}

// stop forgets when a schedule fires next, and what waited.
func stop(s *schedule.Schedule) {
	s.NextAt, s.QueuedSlot, s.Backlog, s.Awaits = nil, nil, false, nil
}

// plan sets when a schedule fires next, counted from now, and forgets what waited. One that begins after the end of its
// runs waits for the run that is not over, if there is one.
func plan(ctx context.Context, tx *store.Tx, s *schedule.Schedule) error {
	stop(s)
	if s.MaxRuns > 0 && s.Runs >= s.MaxRuns {
		return nil
	}
	first, ok := next(s.Rule, tx.Now)
	if s.Rule.Kind == schedule.AfterCompletion && s.Runs > 0 {
		live, err := tx.ScheduleLive(ctx, []uuid.UUID{s.ID})
		if err != nil {
			return err
		}
		if len(live[s.ID]) > 0 {
			s.Awaits = &live[s.ID][0]
			return nil
		}
		if first, ok, err = s.Rule.Next(tx.Now); err != nil {
			return fmt.Errorf("plan: %w", err)
		}
	}
	if ok {
		s.NextAt = &first
	}
	return nil
}

// Delete deletes a schedule and gives up what of it waits; what runs goes on, and the records of runs stay. It fails with
// order.ErrNotFound and order.Faults.
func (s *Service) Delete(ctx context.Context, who account.Principal, scheduleID uuid.UUID) (*schedule.Schedule, error) {
	var deleted *schedule.Schedule
	var committed fulfillment.Committed
	err := s.store.Write(ctx, func(tx *store.Tx) (err error) {
		if deleted, err = s.lock(ctx, tx, who, scheduleID); err != nil {
			return err
		}
		if deleted.System {
			return forbidden("id", "belongs to the product: pause it instead")
		}
		if committed.Results, err = tx.TaskRevokeWaiting(ctx, scheduleID); err != nil {
			return err
		}
		if err := tx.DeleteSchedule(ctx, scheduleID); err != nil {
			return err
		}
		return record(ctx, tx, who, account.ActionScheduleDelete, deleted)
	})
	if err != nil {
		return nil, fmt.Errorf("delete schedule: %w", err)
	}
	s.options.AfterCommit(committed)
	return deleted, nil
}
