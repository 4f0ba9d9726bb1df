package scheduling

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/boostress/boostress/account"
	"github.com/boostress/boostress/fulfillment"
	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/schedule"
	"github.com/boostress/boostress/store"
	"github.com/boostress/boostress/task"
)

// Run runs a schedule now, besides its slots; a paused one, too. Where an earlier run is not over, the overlap policy
// decides. A run counts as every other: of a schedule that ends after so many, it may be the last. It fails with
// order.ErrNotFound and order.Faults.
func (s *Service) Run(ctx context.Context, who account.Principal, scheduleID uuid.UUID, key string) (*schedule.Run, error) {
	var run *schedule.Run
	var committed fulfillment.Committed
	err := s.store.Write(ctx, func(tx *store.Tx) error {
		found, err := s.lock(ctx, tx, who, scheduleID)
		if err != nil {
			return err
		}
		made, err := fulfillment.Once(ctx, tx, who, "runSchedule", key, scheduleID, func() (uuid.UUID, error) {
			run, committed, err = begin(ctx, tx, who, found)
			if err != nil {
				return uuid.Nil, err
			}
			return run.TaskID, record(ctx, tx, who, account.ActionScheduleRun, found)
		})
		if err != nil || run != nil {
			return err
		}
		run, err = tx.RunByHand(ctx, scheduleID, made)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("run schedule: %w", err)
	}
	s.options.AfterCommit(committed)
	return run, nil
}

// begin makes the run and its task.
func begin(
	ctx context.Context, tx *store.Tx, who account.Principal, s *schedule.Schedule,
) (*schedule.Run, fulfillment.Committed, error) {
	var committed fulfillment.Committed
	if s.MaxRuns > 0 && s.Runs >= s.MaxRuns {
		return nil, committed, fault(order.CodeConflict, fmt.Sprintf("has had all of its %d runs: raise maxRuns first", s.MaxRuns), "id")
	}
	all, err := tx.ScheduleLive(ctx, []uuid.UUID{s.ID})
	if err != nil {
		return nil, committed, err
	}
	live := all[s.ID]
	if len(live) > 0 && (s.Overlap == schedule.OverlapSkip || s.Overlap == schedule.OverlapQueue) {
		return nil, committed, fault(order.CodeConflict, "an earlier run is not over, and its runs may not overlap: wait for its end", "id")
	}
	if len(live) > 0 && s.Overlap == schedule.OverlapCancel {
		var left map[uuid.UUID]bool
		committed.Results, left, err = tx.TaskRevokeSchedule(ctx, []uuid.UUID{s.ID}, who.Actor)
		if err != nil {
			return nil, committed, err
		}
		if left[s.ID] {
			return nil, committed, fault(order.CodeConflict, "an earlier run is just beginning: try again", "id")
		}
	}
	made, run := RunTask(s, tx.Now, s.Runs+1, tx.Now)
	made.DueAt, run.ByHand = time.Time{}, true
	if err := tx.InsertRun(ctx, &run); err != nil {
		return nil, committed, err
	}
	if committed.Tasks, err = tx.TaskInsert(ctx, []task.Task{made}); err != nil {
		return nil, committed, err
	}
	s.Runs++
	if s.MaxRuns > 0 && s.Runs >= s.MaxRuns {
		stop(s)
	}
	committed.Fired = []uuid.UUID{s.ID}
	return &run, committed, tx.UpdateSchedule(ctx, s)
}
