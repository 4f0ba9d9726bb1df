package store

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/boostress/boostress/schedule"
	"github.com/boostress/boostress/store/internal/db"
	"github.com/boostress/boostress/task"
)

func scheduleOf(row db.Schedule) schedule.Schedule {
	return schedule.Schedule{
		ID: row.ID, AccountID: row.AccountID, Name: row.Name,
		Rule: schedule.Rule{
			Kind: schedule.Kind(row.Rule), Every: milliseconds(row.EveryMs), Cron: row.Cron, TimeZone: row.TimeZone,
			StartsAt: utc(row.StartsAt), EndsAt: utc(row.EndsAt),
		},
		MaxRuns: row.MaxRuns, Jitter: milliseconds(row.JitterMs), Overlap: schedule.Overlap(row.Overlap),
		Misfire: schedule.Misfire(row.Misfire), MisfireLimit: int(row.MisfireLimit),
		TaskKind: row.TaskKind, Arguments: row.Arguments, Queue: row.Queue, Priority: int(row.Priority),
		Enabled: row.Enabled, System: row.System, NextAt: utc(row.NextAt), QueuedSlot: utc(row.QueuedSlot), Awaits: row.Awaits,
		LastSlot: utc(row.LastSlot), Runs: row.Runs, Skipped: row.Skipped, Missed: row.Missed, OrderID: row.OrderID,
		ProviderID: row.ProviderID, CreatedBy: row.CreatedBy, TestMode: row.TestMode, CreatedAt: row.CreatedAt.UTC(),
		UpdatedAt: row.UpdatedAt.UTC(),
	}
}

// ScheduleSeed gives the oldest account one of Boostress's own schedules, unless it has one by that name. While there is
// no account, it does nothing.
func (s *Store) ScheduleSeed(ctx context.Context, seed schedule.Schedule) error {
	return domainError("seed schedule", s.queries.ScheduleSeed(ctx, db.ScheduleSeedParams{
		ID: seed.ID, Name: seed.Name, Rule: string(seed.Rule.Kind), EveryMs: seed.Rule.Every.Milliseconds(),
		Cron: seed.Rule.Cron, TimeZone: seed.Rule.TimeZone, TaskKind: seed.TaskKind,
		StartsAt: seed.Rule.StartsAt, EndsAt: seed.Rule.EndsAt, NextAt: seed.NextAt,
	}))
}

// ScheduleDue locks schedules that are due, at most limit, and leaves out those that somebody else has locked.
func (t *Tx) ScheduleDue(ctx context.Context, limit int) ([]schedule.Schedule, error) {
	rows, err := t.queries.ScheduleDue(ctx, int32(limit)) //nolint:gosec // a page
	return column(rows, scheduleOf), domainError("read due schedules", err)
}

// ScheduleSlot takes a slot for a task and reports whether it was still free: a slot fires once, and not while another
// task with the same unique key, that of an earlier slot, waits or runs.
func (t *Tx) ScheduleSlot(ctx context.Context, slot time.Time, made *task.Task) (bool, error) {
	taken, err := t.queries.ScheduleSlot(ctx, db.ScheduleSlotParams{
		ScheduleID: *made.ScheduleID, Slot: slot, TaskID: made.ID, Now: t.Now, UniqueKey: made.UniqueKey,
	})
	return taken == 1, domainError("take slot", err)
}

// ScheduleAdvance moves a schedule to its next slot (nil: there is none), past one that fired (nil: it did not).
func (t *Tx) ScheduleAdvance(ctx context.Context, scheduleID uuid.UUID, next, fired *time.Time) error {
	return domainError("advance schedule", t.queries.ScheduleAdvance(ctx, next, fired, scheduleID))
}
