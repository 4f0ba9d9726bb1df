package worker

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/boostress/boostress/account"
	"github.com/boostress/boostress/fulfillment"
	"github.com/boostress/boostress/internal/failpoint"
	"github.com/boostress/boostress/schedule"
	"github.com/boostress/boostress/scheduling"
	"github.com/boostress/boostress/store"
	"github.com/boostress/boostress/task"
)

// mostSlots bounds the slots that fire in one transaction: the group ends with the schedule that reaches it.
const mostSlots = 2000

// firing is a group of schedules on their way through one transaction.
type firing struct {
	*Scheduler

	tx  ScheduleTx
	now time.Time

	due       []schedule.Schedule
	decisions []schedule.Firing // of each of due
	taken     map[slotID]uuid.UUID

	steps     []store.ScheduleStep
	runs      []schedule.Run
	tasks     []task.Task
	committed fulfillment.Committed
	lateness  []time.Duration // of slots that waited for nothing but us
}

type slotID struct {
	schedule uuid.UUID
	slot     int64 // in microseconds
}

func slotIDOf(scheduleID uuid.UUID, slot time.Time) slotID {
	return slotID{scheduleID, slot.UnixMicro()}
}

// schedules returns how many are looked at.
func (f *firing) schedules() int { return len(f.due) }

// group fires schedules that are due, at most limit, in one transaction.
func (s *Scheduler) group(ctx context.Context, limit int) (*firing, error) {
	begun := time.Now()
	f, err := s.attempt(ctx, limit, false)
	if errors.Is(err, store.ErrSlotTaken) { // e.g. a run by hand in the same instant
		f, err = s.attempt(ctx, limit, true)
	}
	if err != nil {
		return f, err
	}
	for range f.runs {
		failpoint.Hit(failpoint.SlotAfterCommit)
	}
	s.Metrics.scheduled(f, time.Since(begun))
	if len(f.committed.Tasks)+len(f.committed.Results)+len(f.committed.Fired) > 0 {
		s.AfterCommit(f.committed)
	}
	return f, nil
}

// attempt is one transaction. careful has it look first which slots have fired before.
func (s *Scheduler) attempt(ctx context.Context, limit int, careful bool) (*firing, error) {
	f := &firing{Scheduler: s}
	err := s.Store.Fire(ctx, func(tx ScheduleTx, now time.Time) error {
		*f = firing{Scheduler: s, tx: tx, now: now}
		return guard(func() error { return f.run(ctx, limit, careful) })
	})
	return f, err
}

// run has a fixed number of statements, however many schedules there are.
func (f *firing) run(ctx context.Context, limit int, careful bool) (err error) {
	if f.due, err = f.tx.ScheduleDue(ctx, limit, f.passed()); err != nil || len(f.due) == 0 {
		return err
	}
	if err := f.decide(ctx); err != nil {
		return err
	}
	if err := f.revoke(ctx); err != nil {
		return err
	}
	if careful {
		if err := f.look(ctx); err != nil {
			return err
		}
	}
	for i := range f.due {
		f.build(&f.due[i], f.decisions[i])
	}
	if err := f.tx.ScheduleFire(ctx, f.runs); err != nil {
		return err
	}
	if f.committed.Tasks, err = f.tx.TaskInsert(ctx, f.tasks); err != nil {
		return err
	}
	for range f.runs {
		failpoint.Hit(failpoint.SlotBeforeCommit)
	}
	return f.tx.ScheduleAdvance(ctx, f.steps)
}

// decide asks each schedule what becomes of it. One with a bad rule stops.
func (f *firing) decide(ctx context.Context) error {
	var overlapping []uuid.UUID // that need to know what runs
	for _, s := range f.due {
		if s.Overlap != schedule.OverlapAllow || s.Awaits != nil {
			overlapping = append(overlapping, s.ID)
		}
	}
	live, err := f.tx.ScheduleLive(ctx, overlapping)
	if err != nil {
		return err
	}
	slots := 0
	for i := range f.due {
		decision, err := f.due[i].Fire(f.now, live[f.due[i].ID])
		if err != nil {
			f.Log.WarnContext(ctx, "schedule has a bad rule and stops", "schedule", f.due[i].ID, "error", err)
		}
		f.decisions = append(f.decisions, decision)
		if slots += len(decision.Slots); slots >= mostSlots {
			f.due = f.due[:i+1]
			break
		}
	}
	return nil
}

// revoke ends what runs of the schedules that want it. One of which a task can't be revoked now, because it is just being
// claimed, is left for the next look.
func (f *firing) revoke(ctx context.Context) error {
	var canceling []uuid.UUID
	for i := range f.due {
		if f.decisions[i].Cancel {
			canceling = append(canceling, f.due[i].ID)
		}
	}
	if len(canceling) == 0 {
		return nil
	}
	revoked, left, err := f.tx.TaskRevokeSchedule(ctx, canceling, account.ActorSystem)
	if err != nil {
		return err
	}
	f.committed.Results = revoked
	var due []schedule.Schedule
	var decisions []schedule.Firing
	for i := range f.due {
		if !left[f.due[i].ID] {
			due, decisions = append(due, f.due[i]), append(decisions, f.decisions[i])
		}
	}
	f.due, f.decisions = due, decisions
	return nil
}

// look finds which slots have fired before.
func (f *firing) look(ctx context.Context) error {
	var slots []schedule.Run
	for i := range f.due {
		for _, slot := range f.decisions[i].Slots {
			slots = append(slots, schedule.Run{ScheduleID: f.due[i].ID, Slot: slot})
		}
	}
	taken, err := f.tx.ScheduleTaken(ctx, slots)
	f.taken = make(map[slotID]uuid.UUID, len(taken))
	for _, run := range taken {
		f.taken[slotIDOf(run.ScheduleID, run.Slot)] = run.TaskID
	}
	return err
}

// build makes the tasks of one schedule's slots, and its step. A slot that has fired before keeps the task that it became.
func (f *firing) build(s *schedule.Schedule, decision schedule.Firing) {
	step := store.ScheduleStep{Firing: decision, ID: s.ID}
	for _, slot := range decision.Slots {
		taskID, isTaken := f.taken[slotIDOf(s.ID, slot)]
		if !isTaken {
			step.Fired++
			made, run := scheduling.RunTask(s, slot, s.Runs+step.Fired, f.now)
			f.tasks, f.runs = append(f.tasks, made), append(f.runs, run)
			step.LastSlot, taskID = &run.Slot, made.ID
			if s.QueuedSlot == nil {
				f.lateness = append(f.lateness, f.now.Sub(slot))
			}
		}
		if decision.Await {
			step.Awaits = &taskID
		}
	}
	if step.Fired > 0 {
		f.committed.Fired = append(f.committed.Fired, s.ID)
	}
	f.steps = append(f.steps, step)
}
