package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/boostress/boostress/schedule"
	"github.com/boostress/boostress/store/internal/db"
	"github.com/boostress/boostress/task"
)

// InsertSchedule adds a schedule that is not the product's own. It fails with order.ErrNameTaken.
func (t *Tx) InsertSchedule(ctx context.Context, s *schedule.Schedule) error {
	return domainError("insert schedule", t.queries.ScheduleInsert(ctx, db.ScheduleInsertParams{
		ID: s.ID, AccountID: s.AccountID, Name: s.Name, Rule: string(s.Rule.Kind), EveryMs: s.Rule.Every.Milliseconds(),
		Cron: s.Rule.Cron, TimeZone: s.Rule.TimeZone, TaskKind: s.TaskKind, Arguments: s.Arguments, Enabled: s.Enabled,
		StartsAt: s.Rule.StartsAt, EndsAt: s.Rule.EndsAt, NextAt: s.NextAt, Queue: s.Queue, Priority: int16(s.Priority), //nolint:gosec // 0 to 9
		MaxRuns: s.MaxRuns, JitterMs: s.Jitter.Milliseconds(), Overlap: string(s.Overlap), Misfire: string(s.Misfire),
		MisfireLimit: int32(s.MisfireLimit), OrderID: s.OrderID, ProviderID: s.ProviderID, CreatedBy: s.CreatedBy, //nolint:gosec // at most 1,000
		TestMode: s.TestMode, Now: t.Now,
	}))
}

// LockSchedule locks one of an account's schedules, so that nobody fires it meanwhile. It fails with order.ErrNotFound.
func (t *Tx) LockSchedule(ctx context.Context, accountID, scheduleID uuid.UUID) (*schedule.Schedule, error) {
	row, err := t.queries.ScheduleLock(ctx, accountID, scheduleID)
	if err != nil {
		return nil, domainError("lock schedule", err)
	}
	found := scheduleOf(row)
	return &found, nil
}

// UpdateSchedule writes a locked schedule. It fails with order.ErrNameTaken.
func (t *Tx) UpdateSchedule(ctx context.Context, s *schedule.Schedule) error {
	return domainError("update schedule", t.queries.ScheduleUpdate(ctx, db.ScheduleUpdateParams{
		ID: s.ID, Name: s.Name, Rule: string(s.Rule.Kind), EveryMs: s.Rule.Every.Milliseconds(), Cron: s.Rule.Cron,
		TimeZone: s.Rule.TimeZone, Arguments: s.Arguments, Enabled: s.Enabled, StartsAt: s.Rule.StartsAt, EndsAt: s.Rule.EndsAt,
		NextAt: s.NextAt, QueuedSlot: s.QueuedSlot, Backlog: s.Backlog, Awaits: s.Awaits, Runs: s.Runs, Queue: s.Queue,
		Priority: int16(s.Priority), MaxRuns: s.MaxRuns, JitterMs: s.Jitter.Milliseconds(), Overlap: string(s.Overlap), //nolint:gosec // 0 to 9
		Misfire: string(s.Misfire), MisfireLimit: int32(s.MisfireLimit), OrderID: s.OrderID, ProviderID: s.ProviderID, //nolint:gosec // at most 1,000
		UpdatedAt: s.UpdatedAt,
	}))
}

// DeleteSchedule deletes a locked schedule. Its slots stay, as the records of its runs do.
func (t *Tx) DeleteSchedule(ctx context.Context, scheduleID uuid.UUID) error {
	return domainError("delete schedule", t.queries.ScheduleDelete(ctx, scheduleID))
}

// TaskRevokeWaiting revokes the tasks of a schedule that wait, and returns their records.
func (t *Tx) TaskRevokeWaiting(ctx context.Context, scheduleID uuid.UUID) ([]task.Task, error) {
	list, err := t.queries.ScheduleRevoke(ctx, t.Now, []uuid.UUID{scheduleID})
	return column(list, taskResultOf), domainError("revoke tasks of schedule", err)
}

// InsertRun keeps a run of a locked schedule.
func (t *Tx) InsertRun(ctx context.Context, run *schedule.Run) error {
	return domainError("insert run", t.queries.ScheduleRunInsert(ctx, db.ScheduleRunInsertParams{
		ScheduleID: run.ScheduleID, Slot: run.Slot, TaskID: run.TaskID, FiredAt: run.FiredAt, Number: run.Number, ByHand: run.ByHand,
	}))
}

// RunByHand reads a run by hand of the last days by its task. It fails with order.ErrNotFound.
func (t *Tx) RunByHand(ctx context.Context, scheduleID, taskID uuid.UUID) (*schedule.Run, error) {
	const days = 8 * 24 * time.Hour // longer than its idempotency key is kept
	row, err := t.queries.ScheduleRunByHand(ctx, scheduleID, taskID, t.Now.Add(-days))
	if err != nil {
		return nil, domainError("read run", err)
	}
	run := runOf(row)
	return &run, nil
}

func runOf(row db.ScheduleSlot) schedule.Run {
	return schedule.Run{
		ScheduleID: row.ScheduleID, Slot: row.Slot.UTC(), Number: row.Number, TaskID: row.TaskID, FiredAt: row.FiredAt.UTC(),
		ByHand: row.ByHand,
	}
}

// TaskAdopt gives a running task a unique key and more arguments, which it keeps should it run again. held is false where
// its claim no longer holds.
func (t *Tx) TaskAdopt(ctx context.Context, one task.Task, key string, more map[string]any) (held bool, err error) {
	text, err := json.Marshal(more)
	if err != nil {
		return false, fmt.Errorf("write arguments: %w", err)
	}
	count, err := t.queries.ScheduleTaskAdopt(ctx, key, text, one.ID, one.Token)
	return count == 1, domainError("adopt task", err)
}
