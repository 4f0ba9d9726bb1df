package store

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/boostress/boostress/schedule"
	"github.com/boostress/boostress/store/internal/db"
)

// ScheduleFilter selects schedules; zero fields select nothing.
type ScheduleFilter struct{ Enabled *bool }

func schedules() table[db.Schedule, *schedule.Schedule] {
	name := term[*schedule.Schedule]{sql: "t.name", kind: keyText, of: func(s *schedule.Schedule) string { return s.Name }}
	return table[db.Schedule, *schedule.Schedule]{
		name: "schedules", from: "schedules", one: pointed(scheduleOf),
		id: idTerm(func(s *schedule.Schedule) uuid.UUID { return s.ID }),
		sort: map[SortField][]term[*schedule.Schedule]{
			"": {name}, ByName: {name},
			ByCreated: {createdTerm(func(s *schedule.Schedule) time.Time { return s.CreatedAt })},
		},
	}
}

// ScheduleList reads a page of an account's schedules, usually by name. It fails with ErrKey.
func (s *Store) ScheduleList(
	ctx context.Context, accountID uuid.UUID, filter ScheduleFilter, sort Sort, page Page,
) (Slice[*schedule.Schedule], error) {
	w := of(accountID)
	if filter.Enabled != nil {
		w.add("t.enabled = ?", *filter.Enabled)
	}
	return list(ctx, s, schedules(), w, sort, page)
}

// Schedules reads an account's schedules by id; unknown ones are missing from the answer.
func (s *Store) Schedules(
	ctx context.Context, accountID uuid.UUID, ids []uuid.UUID,
) (map[uuid.UUID]*schedule.Schedule, error) {
	return load(ctx, s, schedules(), accountID, ids)
}
