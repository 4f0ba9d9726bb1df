package store

import (
	"context"

	"github.com/boostress/boostress/schedule"
	"github.com/boostress/boostress/store/internal/db"
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
		Enabled: row.Enabled, System: row.System, NextAt: utc(row.NextAt), QueuedSlot: utc(row.QueuedSlot),
		Backlog: row.Backlog, Awaits: row.Awaits,
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
		StartsAt: seed.Rule.StartsAt, EndsAt: seed.Rule.EndsAt, NextAt: seed.NextAt, Queue: seed.Queue,
		Overlap: string(seed.Overlap), Misfire: string(seed.Misfire), MisfireLimit: int32(seed.MisfireLimit), //nolint:gosec // small
		CreatedBy: seed.CreatedBy,
	}))
}
