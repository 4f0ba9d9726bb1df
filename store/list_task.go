package store

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/boostress/boostress/task"
)

// TaskFilter selects tasks; zero fields select nothing.
type TaskFilter struct {
	Kinds         []task.Kind  // one of these; nil: any, empty: none
	States        []task.State // one of these; nil: any, empty: none
	Queue         task.Queue
	OrderID       *uuid.UUID
	FulfillmentID *uuid.UUID
	ProviderID    *uuid.UUID
	Dead          *bool
}

func (f *TaskFilter) where(accountID uuid.UUID) *where {
	w := of(accountID)
	if f.Kinds != nil {
		w.add("t.kind = ANY(?)", f.Kinds)
	}
	if f.States != nil {
		w.add("t.state = ANY(?)", f.States)
	}
	if f.Queue != "" {
		w.add("t.queue = ?", f.Queue)
	}
	for _, reference := range []struct {
		column string
		id     *uuid.UUID
	}{{ofOrder, f.OrderID}, {"fulfillment_id", f.FulfillmentID}, {"provider_id", f.ProviderID}} {
		if reference.id != nil {
			w.add("t."+reference.column+" = ?", *reference.id)
		}
	}
	if f.Dead != nil {
		w.add("t.dead = ?", *f.Dead)
	}
	return w
}

// Match tells the same of a task as the list does.
func (f *TaskFilter) Match(t *task.Task) bool {
	return in(f.Kinds, t.Kind) && in(f.States, t.State) && (f.Queue == "" || f.Queue == t.Queue) &&
		same(f.OrderID, t.OrderID) && same(f.FulfillmentID, t.FulfillmentID) && same(f.ProviderID, t.ProviderID) &&
		(f.Dead == nil || *f.Dead == t.Dead)
}

// taskRow is a waiting, running or finished task.
type taskRow struct {
	ID            uuid.UUID
	AccountID     uuid.UUID
	Kind          string
	Name          string
	Queue         string
	Priority      int16
	State         string
	Dead          bool
	Arguments     json.RawMessage
	Result        json.RawMessage
	Error         string
	ErrorClass    string
	ErrorStack    string
	OrderID       *uuid.UUID
	FulfillmentID *uuid.UUID
	ProviderID    *uuid.UUID
	ScheduleID    *uuid.UUID
	WorkerID      *uuid.UUID
	TraceID       string
	DueAt         time.Time
	Attempt       int32
	MaxAttempts   int32
	EnqueuedAt    time.Time
	StartedAt     *time.Time
	FinishedAt    *time.Time
	RevokeAsked   bool
}

const allTasks = `(
    SELECT id, account_id, kind, name, queue, priority, state, false AS dead, arguments, NULL::jsonb AS result,
        last_error AS error, error_class, error_stack, order_id, fulfillment_id, provider_id, schedule_id, worker_id,
        trace_id, due_at, attempt, max_attempts, enqueued_at, started_at, NULL::timestamptz AS finished_at,
        EXISTS (SELECT FROM task_revocations r WHERE r.task_id = tasks.id) AS revoke_asked
    FROM tasks
    UNION ALL
    SELECT id, account_id, kind, name, queue, priority, state, dead, arguments, result,
        error, error_class, error_stack, order_id, fulfillment_id, provider_id, schedule_id, worker_id,
        trace_id, due_at, attempt, max_attempts, enqueued_at, started_at, finished_at, false
    FROM task_results)`

func listedTaskOf(row taskRow) *task.Task {
	return &task.Task{
		ID: row.ID, AccountID: row.AccountID, Kind: task.Kind(row.Kind), Name: row.Name, Queue: task.Queue(row.Queue),
		ErrorClass: task.ErrorClass(row.ErrorClass), ErrorStack: row.ErrorStack, TraceID: row.TraceID,
		Priority: int(row.Priority), State: task.State(row.State), Dead: row.Dead, Arguments: row.Arguments,
		Result: row.Result, Error: row.Error, OrderID: row.OrderID, FulfillmentID: row.FulfillmentID,
		ProviderID: row.ProviderID, ScheduleID: row.ScheduleID, WorkerID: row.WorkerID, DueAt: row.DueAt.UTC(),
		Attempt: int(row.Attempt), MaxAttempts: int(row.MaxAttempts), EnqueuedAt: row.EnqueuedAt.UTC(),
		StartedAt: utc(row.StartedAt), FinishedAt: utc(row.FinishedAt), RevokeAsked: row.RevokeAsked,
	}
}

// tasks are listed by id, which is close to the order in which they were enqueued and has an index in both tables.
func tasks() table[taskRow, *task.Task] {
	return table[taskRow, *task.Task]{
		name: "tasks", from: allTasks, one: always(listedTaskOf),
		id:   idTerm(func(t *task.Task) uuid.UUID { return t.ID }),
		sort: map[SortField][]term[*task.Task]{"": nil, ByCreated: nil},
	}
}

// TaskList reads a page of an account's tasks, waiting, running and finished, by the time of their making. It fails with
// ErrKey.
func (s *Store) TaskList(
	ctx context.Context, accountID uuid.UUID, filter TaskFilter, sort Sort, page Page,
) (Slice[*task.Task], error) {
	return list(ctx, s, tasks(), filter.where(accountID), sort, page)
}

// Tasks reads an account's tasks by id; unknown ones are missing from the answer.
func (s *Store) Tasks(ctx context.Context, accountID uuid.UUID, ids []uuid.UUID) (map[uuid.UUID]*task.Task, error) {
	return load(ctx, s, tasks(), accountID, ids)
}

// in reports whether a filter's list, nil for any, has a value.
func in[T comparable](list []T, value T) bool {
	return list == nil || slices.Contains(list, value)
}

func same(wanted, got *uuid.UUID) bool { return wanted == nil || got != nil && *wanted == *got }
