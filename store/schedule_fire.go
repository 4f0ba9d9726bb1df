package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/boostress/boostress/schedule"
	"github.com/boostress/boostress/store/internal/db"
	"github.com/boostress/boostress/task"
)

// ErrSlotTaken is returned where a slot has fired before.
var ErrSlotTaken = errors.New("the slot has fired")

// ScheduleStep moves a schedule on. Of its Firing only the counts and what the schedule has from then on are read.
type ScheduleStep struct {
	schedule.Firing

	ID       uuid.UUID
	Fired    int64
	LastSlot *time.Time // the latest slot that fired; nil: none did
}

// WriteBrief is Write for what others wait for: a process that is frozen, or cut off, in the middle of it loses its
// transaction after three seconds, and with it its locks.
func (s *Store) WriteBrief(ctx context.Context, do func(*Tx) error) error {
	return s.write(ctx,
		"SELECT now() FROM (SELECT set_config('idle_in_transaction_session_timeout', '3000', true)) brief", do)
}

// ScheduleWait tells how long it is until a schedule is due, or one's awaited task has ended; ok is false where that is
// not known of any. Schedules that are put aside don't count.
func (s *Store) ScheduleWait(ctx context.Context, aside []uuid.UUID) (until time.Duration, ok bool, err error) {
	seconds, err := s.queries.ScheduleWait(ctx, given(aside))
	if err != nil {
		return 0, false, domainError("look for due schedules", err)
	}
	const most = 365 * 24 * 3600
	return time.Duration(min(seconds, most) * float64(time.Second)), seconds >= 0, nil
}

// ScheduleDue locks schedules that are due, or whose awaited task has ended, at most limit, and leaves out those that
// somebody else has locked or that are put aside.
func (t *Tx) ScheduleDue(ctx context.Context, limit int, aside []uuid.UUID) ([]schedule.Schedule, error) {
	rows, err := t.queries.ScheduleDue(ctx, int32(limit), given(aside)) //nolint:gosec // a page
	return column(rows, scheduleOf), domainError("read due schedules", err)
}

// ScheduleLive lists the tasks of schedules that wait or run, the oldest first.
func (t *Tx) ScheduleLive(ctx context.Context, scheduleIDs []uuid.UUID) (map[uuid.UUID][]uuid.UUID, error) {
	live := make(map[uuid.UUID][]uuid.UUID)
	if len(scheduleIDs) == 0 {
		return live, nil
	}
	rows, err := t.queries.ScheduleLive(ctx, scheduleIDs)
	for _, row := range rows {
		live[row.ScheduleID] = append(live[row.ScheduleID], row.ID)
	}
	return live, domainError("read tasks of schedules", err)
}

// ScheduleTaken finds those of some slots that have fired, and the tasks that they became.
func (t *Tx) ScheduleTaken(ctx context.Context, slots []schedule.Run) ([]schedule.Run, error) {
	if len(slots) == 0 {
		return nil, nil
	}
	rows, err := t.queries.ScheduleTaken(ctx, runSchedules(slots), runSlots(slots))
	return column(rows, func(row db.ScheduleTakenRow) schedule.Run {
		return schedule.Run{ScheduleID: row.ScheduleID, Slot: row.Slot.UTC(), TaskID: row.TaskID}
	}), domainError("read slots", err)
}

func runSchedules(runs []schedule.Run) []uuid.UUID {
	return column(runs, func(r schedule.Run) uuid.UUID { return r.ScheduleID })
}

func runSlots(runs []schedule.Run) []time.Time {
	return column(runs, func(r schedule.Run) time.Time { return r.Slot })
}

// ScheduleFire takes the slots of runs. It fails with ErrSlotTaken where one of them has fired before.
func (t *Tx) ScheduleFire(ctx context.Context, runs []schedule.Run) error {
	if len(runs) == 0 {
		return nil
	}
	taken, err := t.queries.ScheduleFire(ctx, db.ScheduleFireParams{
		ScheduleIds: runSchedules(runs), Slots: runSlots(runs), Now: t.Now,
		TaskIds: column(runs, func(r schedule.Run) uuid.UUID { return r.TaskID }),
		Numbers: column(runs, func(r schedule.Run) int64 { return r.Number }),
	})
	if err == nil && taken != int64(len(runs)) {
		err = ErrSlotTaken
	}
	return domainError("take slots", err)
}

// ScheduleAdvance moves schedules on, which are locked.
func (t *Tx) ScheduleAdvance(ctx context.Context, steps []ScheduleStep) error {
	return domainError("advance schedules", t.queries.ScheduleAdvance(ctx, db.ScheduleAdvanceParams{
		Ids:         column(steps, func(s ScheduleStep) uuid.UUID { return s.ID }),
		NextAts:     column(steps, func(s ScheduleStep) string { return textOfTime(s.NextAt) }),
		QueuedSlots: column(steps, func(s ScheduleStep) string { return textOfTime(s.QueuedSlot) }),
		Backlogs:    column(steps, func(s ScheduleStep) bool { return s.Backlog }),
		Awaits:      column(steps, func(s ScheduleStep) string { return textOfID(s.Awaits) }),
		LastSlots:   column(steps, func(s ScheduleStep) string { return textOfTime(s.LastSlot) }),
		Fired:       column(steps, func(s ScheduleStep) int64 { return s.Fired }),
		Skipped:     column(steps, func(s ScheduleStep) int64 { return s.Skipped }),
		Missed:      column(steps, func(s ScheduleStep) int64 { return s.Missed }),
	}))
}

// TaskRevokeSchedule ends the waiting tasks of schedules as REVOKED, returns their results, and asks for the end of those
// that run. It waits for nobody: of the schedules in left a task was just being claimed, which neither could be done with.
func (t *Tx) TaskRevokeSchedule(
	ctx context.Context, scheduleIDs []uuid.UUID, actor string,
) (revoked []task.Task, left map[uuid.UUID]bool, err error) {
	if len(scheduleIDs) == 0 {
		return nil, nil, nil
	}
	rows, err := t.queries.ScheduleRevoke(ctx, t.Now, scheduleIDs)
	if err == nil {
		err = t.queries.ScheduleInterrupt(ctx, actor, t.Now, scheduleIDs)
	}
	var unrevoked []uuid.UUID
	if err == nil {
		unrevoked, err = t.queries.ScheduleUnrevoked(ctx, scheduleIDs)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("revoke tasks of schedules: %w", err)
	}
	return column(rows, taskResultOf), setOf(unrevoked), nil
}

// SlotBefore returns the slot of a schedule that fired before another one. It fails with order.ErrNotFound.
func (s *Store) SlotBefore(ctx context.Context, scheduleID uuid.UUID, slot time.Time) (time.Time, error) {
	before, err := s.queries.SlotBefore(ctx, scheduleID, slot)
	return before.UTC(), domainError("find slot", err)
}
