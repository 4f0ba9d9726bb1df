package store

import (
	"context"
	"encoding/json"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/boostress/boostress/task"
)

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

// Waiting and running tasks, and finished ones, in the same terms. Once one has begun to wait again, its latest run's due
// time is no longer known.
const (
	liveTasks = `SELECT id, account_id, kind, name, queue, priority, state, false AS dead, arguments, NULL::jsonb AS result,
        last_error AS error, error_class, error_stack, order_id, fulfillment_id, provider_id, schedule_id, worker_id,
        trace_id, due_at, attempt, max_attempts, enqueued_at, started_at, NULL::timestamptz AS finished_at,
        claim_token IS NOT NULL AND EXISTS (SELECT FROM task_revocations r WHERE r.task_id = tasks.id
            AND (r.claim_token = tasks.claim_token OR kind NOT IN ('DISPATCH', 'CANCEL', 'BULK'))) AS revoke_asked,
        CASE WHEN state = 'STARTED' THEN (extract(epoch FROM started_at - due_at) * 1000000)::bigint END AS waiting_us,
        NULL::bigint AS running_us
    FROM tasks`
	finishedTasks = `SELECT id, account_id, kind, name, queue, priority, state, dead, arguments, result,
        error, error_class, error_stack, order_id, fulfillment_id, provider_id, schedule_id, worker_id,
        trace_id, due_at, attempt, max_attempts, enqueued_at, started_at, finished_at, false AS revoke_asked,
        waiting_us, running_us
    FROM task_results`
)

func (s scope) from() string {
	switch s {
	case scopeLive:
		return "(" + liveTasks + ")"
	case scopeFinished:
		return "(" + finishedTasks + ")"
	case scopeAll:
	}
	return "(" + liveTasks + "\n    UNION ALL\n    " + finishedTasks + ")"
}

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

// What tasks can be sorted by. Those that have no such value are left out.
const (
	ByEnqueued    SortField = "ENQUEUED_AT" // by id, which is close to it and has an index in both tables
	ByStarted     SortField = "STARTED_AT"
	ByFinished    SortField = "FINISHED_AT"
	ByDuration    SortField = "DURATION"
	ByWaitingTime SortField = "WAITING_TIME"
)

func tasks(s scope) table[taskRow, *task.Task] {
	type sorted = []term[*task.Task]
	return table[taskRow, *task.Task]{
		name: "tasks", from: s.from(), one: always(listedTaskOf), planned: true,
		id: idTerm(func(t *task.Task) uuid.UUID { return t.ID }),
		sort: map[SortField]sorted{
			"": nil, ByCreated: nil, ByEnqueued: nil,
			ByStarted:  {timeTerm("t.started_at", func(t *task.Task) *time.Time { return t.StartedAt })},
			ByFinished: {timeTerm("t.finished_at", func(t *task.Task) *time.Time { return t.FinishedAt })},
			ByDuration: {microsecondsTerm("t.running_us", func(t *task.Task) *time.Time { return t.StartedAt },
				func(t *task.Task) *time.Time { return t.FinishedAt })},
			ByWaitingTime: {microsecondsTerm("t.waiting_us", func(t *task.Task) *time.Time { return &t.DueAt },
				func(t *task.Task) *time.Time { return t.StartedAt })},
		},
	}
}

func timeTerm(column string, of func(*task.Task) *time.Time) term[*task.Task] {
	return term[*task.Task]{sql: column, kind: keyTime, of: func(t *task.Task) string { return keyOfTime(value(of(t))) }}
}

// microsecondsTerm is the time between two others.
func microsecondsTerm(column string, from, to func(*task.Task) *time.Time) term[*task.Task] {
	return term[*task.Task]{sql: column, kind: keyNumber, of: func(t *task.Task) string {
		return strconv.FormatInt(value(to(t)).Sub(value(from(t))).Microseconds(), 10)
	}}
}

// TaskList reads a page of an account's tasks, waiting, running and finished, usually by the time of their making. It
// fails with ErrKey.
func (s *Store) TaskList(
	ctx context.Context, accountID uuid.UUID, filter TaskFilter, sort Sort, page Page,
) (Slice[*task.Task], error) {
	tab, w := tasks(filter.scope(sort.Field)), filter.where(accountID)
	if terms := tab.sort[sort.Field]; len(terms) > 0 {
		w.add(terms[0].sql + " IS NOT NULL")
	}
	return list(ctx, s, tab, w, sort, page)
}

// Tasks reads an account's tasks by id; unknown ones are missing from the answer.
func (s *Store) Tasks(ctx context.Context, accountID uuid.UUID, ids []uuid.UUID) (map[uuid.UUID]*task.Task, error) {
	return load(ctx, s, tasks(scopeAll), accountID, ids)
}
