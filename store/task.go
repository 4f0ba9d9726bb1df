package store

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/boostress/boostress/internal/id"
	"github.com/boostress/boostress/internal/request"
	"github.com/boostress/boostress/store/internal/db"
	"github.com/boostress/boostress/task"
)

const defaultMaxAttempts = 25

// TaskEnd says how a run ended for good.
type TaskEnd struct {
	Task   task.Task
	State  task.State // SUCCESS, FAILURE or REVOKED
	Dead   bool       // of FAILURE: no attempt is left
	Result json.RawMessage
	Error  string
	Class  task.ErrorClass // of Error
	Stack  string          // of a panic
}

// TaskRetry says when a task runs again.
type TaskRetry struct {
	Task   task.Task
	DueAt  time.Time
	Error  string
	Class  task.ErrorClass // of Error
	Stack  string          // of a panic
	Refund bool            // the run does not count as an attempt: it waited, or never started
}

// TaskInsert adds tasks and returns them as stored. The transaction's time takes the place of a zero DueAt, 25 that of
// a zero MaxAttempts, the trace that ctx carries that of an empty TraceID, a fresh id that of none. Tasks whose unique key another one holds are
// left out of the answer. Only those with AnnouncedAt are to be announced after the commit: the sweeper sees to the
// others.
func (t *Tx) TaskInsert(ctx context.Context, tasks []task.Task) ([]task.Task, error) {
	if len(tasks) == 0 {
		return nil, nil
	}
	fresh := slices.Clone(tasks)
	for i := range fresh {
		one := &fresh[i]
		one.State, one.EnqueuedAt, one.Attempt = task.Pending, t.Now, 0
		if one.ID == uuid.Nil {
			one.ID = id.At(id.Task, t.Now) // not by this process's clock: lists and sums look for ids by the time they tell
		}
		if one.TraceID == "" {
			one.TraceID = request.TraceID(ctx)
		}
		if one.DueAt.IsZero() {
			one.DueAt = t.Now
		}
		if one.MaxAttempts == 0 {
			one.MaxAttempts = defaultMaxAttempts
		}
	}
	stored, err := t.queries.TaskInsert(ctx, taskColumns(fresh, t.Now))
	if err != nil {
		return nil, domainError("insert tasks", err)
	}
	rows := make(map[uuid.UUID]db.TaskInsertRow, len(stored))
	for _, row := range stored {
		rows[row.ID] = row
	}
	inserted := make([]task.Task, 0, len(stored))
	for _, one := range fresh {
		if row, ok := rows[one.ID]; ok {
			one.DueAt, one.AnnouncedAt = row.DueAt.UTC(), utc(row.AnnouncedAt)
			inserted = append(inserted, one)
		}
	}
	return inserted, nil
}

func taskColumns(tasks []task.Task, now time.Time) db.TaskInsertParams {
	return db.TaskInsertParams{
		Now:            now,
		Ids:            column(tasks, func(one task.Task) uuid.UUID { return one.ID }),
		AccountIds:     column(tasks, func(one task.Task) uuid.UUID { return one.AccountID }),
		Kinds:          column(tasks, func(one task.Task) string { return string(one.Kind) }),
		Names:          column(tasks, func(one task.Task) string { return one.Name }),
		Queues:         column(tasks, func(one task.Task) string { return string(one.Queue) }),
		Priorities:     column(tasks, func(one task.Task) int16 { return int16(one.Priority) }), //nolint:gosec // 0 to 9
		Arguments:      column(tasks, func(one task.Task) string { return textOfJSON(one.Arguments) }),
		OrderIds:       column(tasks, func(one task.Task) string { return textOfID(one.OrderID) }),
		FulfillmentIds: column(tasks, func(one task.Task) string { return textOfID(one.FulfillmentID) }),
		ProviderIds:    column(tasks, func(one task.Task) string { return textOfID(one.ProviderID) }),
		ScheduleIds:    column(tasks, func(one task.Task) string { return textOfID(one.ScheduleID) }),
		UniqueKeys:     column(tasks, func(one task.Task) string { return one.UniqueKey }),
		TraceIds:       column(tasks, func(one task.Task) string { return one.TraceID }),
		DueAts:         column(tasks, func(one task.Task) time.Time { return one.DueAt }),
		MaxAttempts:    column(tasks, func(one task.Task) int32 { return int32(one.MaxAttempts) }), //nolint:gosec // small
	}
}

// TaskLock locks the tasks whose claim still holds, in id order, until the transaction ends, and tells the tokens of
// these claims. By token and not by task: one group may hold what an old and a new claim of a task came to.
func (t *Tx) TaskLock(ctx context.Context, tasks []task.Task) (map[uuid.UUID]bool, error) {
	held := make(map[uuid.UUID]bool, len(tasks))
	if len(tasks) == 0 {
		return held, nil
	}
	tokens, err := t.queries.TaskLock(ctx, taskIDs(tasks), taskTokens(tasks))
	if err != nil {
		return nil, domainError("lock tasks", err)
	}
	for _, token := range tokens {
		held[token] = true
	}
	return held, nil
}

func taskIDs(tasks []task.Task) []uuid.UUID {
	return column(tasks, func(one task.Task) uuid.UUID { return one.ID })
}

func taskTokens(tasks []task.Task) []uuid.UUID {
	return column(tasks, func(one task.Task) uuid.UUID { return one.Token })
}

// TaskFinish moves tasks to the results and returns those it moved: a task whose claim no longer holds stays as it is.
func (t *Tx) TaskFinish(ctx context.Context, ends []TaskEnd) ([]task.Task, error) {
	if len(ends) == 0 {
		return nil, nil
	}
	ids, err := t.queries.TaskFinish(ctx, db.TaskFinishParams{
		Now:     t.Now,
		Ids:     column(ends, func(e TaskEnd) uuid.UUID { return e.Task.ID }),
		Tokens:  column(ends, func(e TaskEnd) uuid.UUID { return e.Task.Token }),
		States:  column(ends, func(e TaskEnd) string { return string(e.State) }),
		Deads:   column(ends, func(e TaskEnd) bool { return e.Dead }),
		Results: column(ends, func(e TaskEnd) string { return textOfJSON(e.Result) }),
		Errors:  column(ends, func(e TaskEnd) string { return e.Error }),
		Classes: column(ends, func(e TaskEnd) string { return string(e.Class) }),
		Stacks:  column(ends, func(e TaskEnd) string { return e.Stack }),
	})
	if err != nil {
		return nil, domainError("finish tasks", err)
	}
	moved := setOf(ids)
	results := make([]task.Task, 0, len(ids))
	for _, end := range ends {
		if !moved[end.Task.ID] {
			continue
		}
		result, now := end.Task, t.Now
		result.State, result.Dead, result.Result = end.State, end.Dead, end.Result
		result.Error, result.ErrorClass, result.ErrorStack = end.Error, end.Class, end.Stack
		result.FinishedAt = &now
		results = append(results, result)
	}
	return results, nil
}

func setOf(ids []uuid.UUID) map[uuid.UUID]bool {
	set := make(map[uuid.UUID]bool, len(ids))
	for _, id := range ids {
		set[id] = true
	}
	return set
}

// TaskReschedule gives claimed tasks back until they are due again and tells which it gave back: a task whose claim no
// longer holds stays as it is. The sweeper announces them.
func (t *Tx) TaskReschedule(ctx context.Context, retries []TaskRetry) (map[uuid.UUID]bool, error) {
	if len(retries) == 0 {
		return map[uuid.UUID]bool{}, nil
	}
	ids, err := t.queries.TaskReschedule(ctx, db.TaskRescheduleParams{
		Ids:     column(retries, func(r TaskRetry) uuid.UUID { return r.Task.ID }),
		Tokens:  column(retries, func(r TaskRetry) uuid.UUID { return r.Task.Token }),
		DueAts:  column(retries, func(r TaskRetry) time.Time { return r.DueAt }),
		Errors:  column(retries, func(r TaskRetry) string { return r.Error }),
		Classes: column(retries, func(r TaskRetry) string { return string(r.Class) }),
		Stacks:  column(retries, func(r TaskRetry) string { return r.Stack }),
		Refunds: column(retries, func(r TaskRetry) bool { return r.Refund }),
	})
	if err != nil {
		return nil, domainError("reschedule tasks", err)
	}
	return setOf(ids), nil
}

// TaskTakeBack takes at most limit tasks from workers that were silent for term or longer, or that are not known at
// all: they are due at once. It returns them with the claim they had.
func (t *Tx) TaskTakeBack(ctx context.Context, term time.Duration, limit int) ([]task.Task, error) {
	rows, err := t.queries.TaskTakeBack(ctx, queueNames(task.Queues()), term.Seconds(), int32(limit)) //nolint:gosec // a page
	if err != nil {
		return nil, domainError("take back tasks", err)
	}
	return column(rows, func(row db.TaskTakeBackRow) task.Task {
		taken := taskOf(db.Task{
			ID: row.ID, AccountID: row.AccountID, Kind: row.Kind, Queue: row.Queue, Priority: row.Priority,
			State: row.State, Arguments: row.Arguments, OrderID: row.OrderID, FulfillmentID: row.FulfillmentID,
			ProviderID: row.ProviderID, ScheduleID: row.ScheduleID, UniqueKey: row.UniqueKey, DueAt: row.DueAt,
			Attempt: row.Attempt, MaxAttempts: row.MaxAttempts, LastError: row.LastError, EnqueuedAt: row.EnqueuedAt,
			StartedAt: row.StartedAt, Name: row.Name, TraceID: row.TraceID, ErrorClass: row.ErrorClass,
		})
		taken.WorkerID, taken.Token = row.OldWorkerID, value(row.OldToken)
		return taken
	}), nil
}

// TaskRevoke ends the unclaimed tasks of a kind of these fulfillments as REVOKED and returns their results. What is being
// claimed is passed over: its worker finds nothing to do.
func (t *Tx) TaskRevoke(ctx context.Context, fulfillmentIDs []uuid.UUID, kind task.Kind) ([]task.Task, error) {
	if len(fulfillmentIDs) == 0 {
		return nil, nil
	}
	rows, err := t.queries.TaskRevoke(ctx, t.Now, fulfillmentIDs, string(kind))
	if err != nil {
		return nil, domainError("revoke tasks", err)
	}
	return column(rows, taskResultOf), nil
}

// TaskHurry has the waiting tasks of these fulfillments, whose orders are locked, run now and returns them, to be
// announced after the commit.
func (t *Tx) TaskHurry(ctx context.Context, fulfillmentIDs []uuid.UUID) ([]task.Task, error) {
	if len(fulfillmentIDs) == 0 {
		return nil, nil
	}
	hurried, err := t.queries.TaskHurry(ctx, t.Now, fulfillmentIDs)
	if err != nil {
		return nil, domainError("hurry tasks", err)
	}
	return column(hurried, taskOf), nil
}

// TaskPrioritize gives the waiting tasks of these fulfillments, whose orders are locked, another priority and returns
// those that changed; some are to be announced after the commit.
func (t *Tx) TaskPrioritize(ctx context.Context, fulfillmentIDs []uuid.UUID, priority int) ([]task.Task, error) {
	if len(fulfillmentIDs) == 0 {
		return nil, nil
	}
	moved, err := t.queries.TaskPrioritize(ctx, int16(priority), t.Now, fulfillmentIDs) //nolint:gosec // 0 to 9
	if err != nil {
		return nil, domainError("prioritize tasks", err)
	}
	return column(moved, taskOf), nil
}

// TaskMove has the DISPATCH tasks of fulfillments run at a time, and tells which fulfillments have none. What is being
// claimed is passed over.
func (t *Tx) TaskMove(ctx context.Context, due map[uuid.UUID]time.Time) (without map[uuid.UUID]bool, err error) {
	fulfillmentIDs, dueAts := make([]uuid.UUID, 0, len(due)), make([]time.Time, 0, len(due))
	without = make(map[uuid.UUID]bool, len(due))
	for id, at := range due {
		fulfillmentIDs, dueAts, without[id] = append(fulfillmentIDs, id), append(dueAts, at), true
	}
	dispatching, err := t.queries.TaskDispatching(ctx, fulfillmentIDs)
	if err != nil {
		return nil, domainError("read tasks", err)
	}
	for _, row := range dispatching {
		delete(without, row.FulfillmentID)
	}
	return without, domainError("move tasks", t.queries.TaskMove(ctx, fulfillmentIDs, dueAts))
}

// TaskDispatching tells whether somebody has claimed a fulfillment's DISPATCH task. Its order must be locked: who claims
// the task later waits for that.
func (t *Tx) TaskDispatching(ctx context.Context, fulfillmentID uuid.UUID) (bool, error) {
	dispatching, err := t.queries.TaskDispatching(ctx, []uuid.UUID{fulfillmentID})
	return len(dispatching) > 0 && dispatching[0].Claimed, domainError("read tasks", err)
}

// TaskByKey returns the task that waits or runs under a unique key. It fails with order.ErrNotFound.
func (t *Tx) TaskByKey(ctx context.Context, key string) (task.Task, error) {
	row, err := t.queries.TaskByUniqueKey(ctx, &key)
	if err != nil {
		return task.Task{}, domainError("read task", err)
	}
	return taskOf(row), nil
}
