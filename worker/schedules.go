package worker

import (
	"context"
	"fmt"
	"time"

	"github.com/boostress/boostress/fulfillment"
	"github.com/boostress/boostress/internal/failpoint"
	"github.com/boostress/boostress/internal/id"
	"github.com/boostress/boostress/schedule"
	"github.com/boostress/boostress/store"
	"github.com/boostress/boostress/task"
)

// fire runs the schedules that are due, each in a transaction of its own that takes the slot, inserts the task and moves
// the schedule on, and returns how many it looked at.
//
// Slots that were missed, while nobody swept, fire once, as the oldest of them. A slot of a schedule whose last task
// still waits or runs is skipped.
func (s *Sweeper) fire(ctx context.Context) (int, error) {
	looked := 0
	for looked < sweepLimit {
		var tasks []task.Task
		found := false
		err := s.Store.Write(ctx, func(tx *store.Tx) error {
			due, err := tx.ScheduleDue(ctx, 1)
			if err != nil || len(due) == 0 {
				return err
			}
			found = true
			tasks, err = s.fireOne(ctx, tx, &due[0])
			failpoint.Hit(failpoint.SlotBeforeCommit)
			return err
		})
		if err != nil || !found {
			return looked, err
		}
		failpoint.Hit(failpoint.SlotAfterCommit)
		looked++
		if len(tasks) > 0 {
			s.AfterCommit(fulfillment.Committed{Tasks: tasks})
		}
	}
	return looked, nil
}

func (s *Sweeper) fireOne(ctx context.Context, tx *store.Tx, due *schedule.Schedule) ([]task.Task, error) {
	next, err := nextAfter(due.Rule, tx.Now)
	if err != nil {
		s.Log.WarnContext(ctx, "schedule has a bad rule and stops", "schedule", due.ID, "error", err)
	}
	slot := *due.NextAt
	if err != nil || due.Rule.EndsAt != nil && !slot.Before(*due.Rule.EndsAt) {
		return nil, tx.ScheduleAdvance(ctx, due.ID, nil, nil)
	}
	scheduleID := due.ID
	run := task.Task{
		ID: id.New(id.Task), AccountID: due.AccountID, Kind: task.Kind(due.TaskKind), Queue: task.QueueSystem,
		Arguments: due.Arguments, ScheduleID: &scheduleID, UniqueKey: "schedule:" + scheduleID.String(),
	}
	free, err := tx.ScheduleSlot(ctx, slot, &run)
	if err != nil {
		return nil, err
	}
	if !free {
		return nil, tx.ScheduleAdvance(ctx, scheduleID, next, nil)
	}
	tasks, err := tx.TaskInsert(ctx, []task.Task{run})
	if err != nil {
		return nil, err
	}
	return tasks, tx.ScheduleAdvance(ctx, scheduleID, next, &slot)
}

// nextAfter returns nil where the rule has no further due time.
func nextAfter(rule schedule.Rule, after time.Time) (*time.Time, error) {
	next, ok, err := rule.Next(after)
	if err != nil || !ok {
		return nil, err
	}
	return &next, nil
}

// seed gives Boostress its own schedules, as soon as there is an account to have them.
func (s *Sweeper) seed(ctx context.Context) error {
	rule := schedule.Rule{Kind: schedule.Interval, Every: time.Hour}
	next, err := nextAfter(rule, failpoint.Now())
	if err != nil {
		return fmt.Errorf("plan retention: %w", err)
	}
	return s.Store.ScheduleSeed(ctx, schedule.Schedule{
		ID: id.New(id.Schedule), Name: "retention", Rule: rule, TaskKind: string(task.KindRetention), NextAt: next,
	})
}
