package store

import (
	"context"

	"github.com/google/uuid"

	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/task"
)

// owed lists the kinds that are not given up.
func owed() []string {
	var kinds []string
	for _, kind := range task.Kinds() {
		if kind.Owed() {
			kinds = append(kinds, string(kind))
		}
	}
	return kinds
}

// TaskLive reads a task of an account that waits or runs, and locks it. It fails with order.ErrNotFound.
func (t *Tx) TaskLive(ctx context.Context, accountID, taskID uuid.UUID) (task.Task, error) {
	row, err := t.queries.TaskLive(ctx, accountID, taskID)
	if err != nil {
		return task.Task{}, domainError("lock task", err)
	}
	return taskOf(row), nil
}

// TaskFinished reads tasks of an account that have ended; others are missing from the answer.
func (t *Tx) TaskFinished(ctx context.Context, accountID uuid.UUID, taskIDs []uuid.UUID) (map[uuid.UUID]*task.Task, error) {
	list, err := t.queries.TaskFinished(ctx, accountID, taskIDs)
	if err != nil {
		return nil, domainError("read task results", err)
	}
	found := make(map[uuid.UUID]*task.Task, len(list))
	for _, row := range list {
		one := taskResultOf(row)
		found[one.ID] = &one
	}
	return found, nil
}

// TaskEndWaiting ends tasks that nobody runs, and that are locked, as REVOKED, and returns their results.
func (t *Tx) TaskEndWaiting(ctx context.Context, taskIDs []uuid.UUID) ([]task.Task, error) {
	if len(taskIDs) == 0 {
		return nil, nil
	}
	list, err := t.queries.TaskEndWaiting(ctx, task.RevokedMessage, t.Now, taskIDs)
	return column(list, taskResultOf), domainError("revoke tasks", err)
}

// TaskAskEnd has the worker that runs a task end the run. See TaskRevocationsDue for what becomes of it otherwise.
func (t *Tx) TaskAskEnd(ctx context.Context, running *task.Task, actor string) error {
	err := t.queries.TaskRevocationInsert(ctx, running.ID, running.Token, actor, t.Now)
	return domainError("ask for the end of a task", err)
}

// TaskRevocations reads which tasks are to end, with the claims that were meant.
func (s *Store) TaskRevocations(ctx context.Context) (map[uuid.UUID]uuid.UUID, error) {
	list, err := s.queries.TaskRevocations(ctx)
	if err != nil {
		return nil, domainError("read revocations", err)
	}
	asked := make(map[uuid.UUID]uuid.UUID, len(list))
	for _, row := range list {
		asked[row.TaskID] = row.ClaimToken
	}
	return asked, nil
}

// TaskRevocationsDue locks tasks that are to end and that nobody runs, at most limit, and drops what was asked of others
// that need it no more.
func (t *Tx) TaskRevocationsDue(ctx context.Context, limit int) ([]uuid.UUID, error) {
	if err := t.queries.TaskRevocationsDrop(ctx, owed()); err != nil {
		return nil, domainError("drop revocations", err)
	}
	ids, err := t.queries.TaskRevocationsDue(ctx, owed(), small(limit))
	return ids, domainError("find tasks to revoke", err)
}

// TaskWaits tells whether a task of an account waits or runs.
func (t *Tx) TaskWaits(ctx context.Context, accountID, taskID uuid.UUID) (bool, error) {
	waits, err := t.queries.TaskWaits(ctx, accountID, taskID)
	return waits, domainError("look for task", err)
}

// TaskDispatches tells whether a DISPATCH task of a fulfillment, whose order is locked, waits or runs.
func (t *Tx) TaskDispatches(ctx context.Context, fulfillmentID uuid.UUID) (bool, error) {
	dispatching, err := t.queries.TaskDispatching(ctx, []uuid.UUID{fulfillmentID})
	return len(dispatching) > 0, domainError("read tasks", err)
}

// Bulk reads an account's operation. It fails with order.ErrNotFound.
func (t *Tx) Bulk(ctx context.Context, accountID, operationID uuid.UUID) (*order.BulkOperation, error) {
	row, err := t.queries.BulkRead(ctx, accountID, operationID)
	if err != nil {
		return nil, domainError("read bulk operation", err)
	}
	return bulkOf(row), nil
}
