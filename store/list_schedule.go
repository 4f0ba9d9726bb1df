package store

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/boostress/boostress/internal/id"
	"github.com/boostress/boostress/schedule"
	"github.com/boostress/boostress/store/internal/db"
	"github.com/boostress/boostress/task"
)

// ByNext sorts schedules by when they fire next; those that do not are left out.
const ByNext SortField = "NEXT_AT"

// ScheduleFilter selects schedules; zero fields select nothing.
type ScheduleFilter struct {
	Enabled  *bool
	System   *bool
	Statuses []schedule.Status // one of these; nil: any, empty: none
	Actions  []task.Kind       // one of these; nil: any, empty: none
	// OrderID also selects the order's own schedules, which are no rows.
	OrderID    *uuid.UUID
	ProviderID *uuid.UUID
}

// scheduleStatus is schedule.Schedule.Status in SQL.
const scheduleStatus = `CASE WHEN NOT t.enabled THEN 'PAUSED'
    WHEN t.next_at IS NULL AND t.awaits IS NULL AND t.queued_slot IS NULL THEN 'ENDED' ELSE 'ACTIVE' END`

func (f *ScheduleFilter) where(accountID uuid.UUID) *where {
	w := of(accountID)
	if f.Enabled != nil {
		w.add("t.enabled = ?", *f.Enabled)
	}
	if f.System != nil {
		w.add("t.system = ?", *f.System)
	}
	if f.Statuses != nil {
		w.add(scheduleStatus+" = ANY(?)", f.Statuses)
	}
	if f.Actions != nil {
		w.add("t.task_kind = ANY(?)", f.Actions)
	}
	if f.OrderID != nil {
		w.add("t.order_id = ?", *f.OrderID)
	}
	if f.ProviderID != nil {
		w.add("t.provider_id = ?", *f.ProviderID)
	}
	return w
}

func schedules(from string) table[db.Schedule, *schedule.Schedule] {
	name := term[*schedule.Schedule]{sql: "t.name", kind: keyText, of: func(s *schedule.Schedule) string { return s.Name }}
	return table[db.Schedule, *schedule.Schedule]{
		name: "schedules", from: from, one: pointed(scheduleOf),
		id: idTerm(func(s *schedule.Schedule) uuid.UUID { return s.ID }),
		sort: map[SortField][]term[*schedule.Schedule]{
			"": {name}, ByName: {name},
			ByCreated: {createdTerm(func(s *schedule.Schedule) time.Time { return s.CreatedAt })},
			ByNext: {{sql: "t.next_at", kind: keyTime, of: func(s *schedule.Schedule) string {
				return keyOfTime(value(s.NextAt))
			}}},
		},
	}
}

const storedSchedules = "schedules"

// ScheduleList reads a page of an account's schedules, usually by name. It fails with ErrKey.
func (s *Store) ScheduleList(
	ctx context.Context, accountID uuid.UUID, filter ScheduleFilter, sort Sort, page Page,
) (Slice[*schedule.Schedule], error) {
	w := filter.where(accountID)
	if sort.Field == ByNext {
		w.add("t.next_at IS NOT NULL")
	}
	from := storedSchedules
	if filter.OrderID != nil {
		from = fmt.Sprintf("(SELECT %s FROM schedules s UNION ALL %s)", columnsOf[db.Schedule]("s"), ownSchedules())
	}
	return list(ctx, s, schedules(from), w, sort, page)
}

// Schedules reads an account's schedules by id, orders' own among them; unknown ones are missing from the answer.
func (s *Store) Schedules(
	ctx context.Context, accountID uuid.UUID, ids []uuid.UUID,
) (map[uuid.UUID]*schedule.Schedule, error) {
	var stored, orders []uuid.UUID
	for _, scheduleID := range ids {
		if kind := id.KindOf(scheduleID); kind == id.OrderPacing || kind == id.OrderPolling {
			orders = append(orders, id.Of(scheduleID, id.Order))
		} else {
			stored = append(stored, scheduleID)
		}
	}
	found := make(map[uuid.UUID]*schedule.Schedule, len(ids))
	if len(stored) > 0 {
		var err error
		if found, err = load(ctx, s, schedules(storedSchedules), accountID, stored); err != nil {
			return nil, err
		}
	}
	if len(orders) == 0 {
		return found, nil
	}
	own, err := s.OwnSchedules(ctx, accountID, orders)
	if err != nil {
		return nil, err
	}
	wanted := setOf(ids)
	for _, list := range own {
		for _, one := range list {
			if wanted[one.ID] {
				found[one.ID] = one
			}
		}
	}
	return found, nil
}

func runs() table[db.ScheduleSlot, *schedule.Run] {
	return table[db.ScheduleSlot, *schedule.Run]{
		name: "runs", from: "schedule_slots", one: pointed(runOf),
		id:   term[*schedule.Run]{sql: "t.slot", kind: keyTime, of: func(r *schedule.Run) string { return keyOfTime(r.Slot) }},
		sort: map[SortField][]term[*schedule.Run]{"": nil},
	}
}

// RunsOf reads, for each of an account's schedules, a page of its runs, the latest slot first. It fails with ErrKey.
func (s *Store) RunsOf(
	ctx context.Context, accountID uuid.UUID, scheduleIDs []uuid.UUID, page Page,
) (map[uuid.UUID]Slice[*schedule.Run], error) {
	by := child[*schedule.Run]{"schedule_id", func(r *schedule.Run) uuid.UUID { return r.ScheduleID }}
	w := new(where)
	w.add("EXISTS (SELECT FROM schedules s WHERE s.id = t.schedule_id AND s.account_id = ?)", accountID)
	return children(ctx, s, runs(), by, scheduleIDs, w, Sort{Desc: true}, page)
}

// LatestRuns reads the run with the latest slot of each of an account's schedules; those that never ran are missing from
// the answer.
func (s *Store) LatestRuns(
	ctx context.Context, accountID uuid.UUID, scheduleIDs []uuid.UUID,
) (map[uuid.UUID]*schedule.Run, error) {
	list, err := s.queries.ScheduleRunLatest(ctx, accountID, scheduleIDs)
	if err != nil {
		return nil, domainError("read latest runs", err)
	}
	found := make(map[uuid.UUID]*schedule.Run, len(list))
	for _, row := range list {
		run := runOf(row)
		found[run.ScheduleID] = &run
	}
	return found, nil
}

// RunCount tells how many runs one of an account's schedules had. It fails with order.ErrNotFound.
func (s *Store) RunCount(ctx context.Context, accountID, scheduleID uuid.UUID) (int64, error) {
	count, err := s.queries.ScheduleRunCount(ctx, accountID, scheduleID)
	return count, domainError("count runs", err)
}

// RunsSince reads the runs of a schedule with numbers above one of them up to another, by their numbers. Those that
// were dropped meanwhile are left out.
func (s *Store) RunsSince(ctx context.Context, scheduleID uuid.UUID, above, upTo int64) ([]schedule.Run, error) {
	// Numbers rise as runs begin, and so nearly as slots do: what is looked for is among the latest slots, further back
	// only where many late ones were made up for after a run by hand.
	for most := upTo - above + 1; ; most *= 8 {
		list, err := s.queries.ScheduleRunsSince(ctx, scheduleID, int32(min(most, mostRunsRead)), above) //nolint:gosec // bounded
		if err != nil {
			return nil, domainError("read runs", err)
		}
		if int64(len(list)) >= upTo-above || most >= mostRunsRead {
			return column(list, runOf), nil
		}
	}
}

const mostRunsRead = 10_000
