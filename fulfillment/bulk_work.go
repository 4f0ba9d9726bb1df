package fulfillment

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"

	"github.com/google/uuid"

	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/store"
	"github.com/boostress/boostress/task"
)

// bulkChunk is how many rows are worked off in one transaction.
const bulkChunk = 100

var errNoRows = errors.New("rows are missing")

// WorkBulk works off the next rows of the operation that a claimed BULK task is about, and reports whether there are
// more. Whatever ends the process, each row is worked off once: what became of it is written with the change itself,
// under the claim's token. It fails with ErrStale where the claim is no longer held.
func (s *Service) WorkBulk(ctx context.Context, t task.Task) (more bool, err error) {
	more, err = s.workChunk(ctx, &t, bulkChunk, nil)
	if !rowsFault(ctx, err) {
		return more, err
	}
	// One of the rows is bad in a way that nobody foresaw. It must not sink its neighbors: each on its own.
	s.options.Log.WarnContext(ctx, "bulk rows are worked off one by one", slog.Any("task", t.ID), slog.Any("error", err))
	for range bulkChunk {
		if more, err = s.workChunk(ctx, &t, 1, nil); rowsFault(ctx, err) {
			s.options.Log.ErrorContext(ctx, "bulk row failed", slog.Any("task", t.ID), slog.Any("error", err))
			more, err = s.workChunk(ctx, &t, 1, giveUp)
		}
		if !more || err != nil {
			break
		}
	}
	return more, err
}

// rowsFault reports whether an error is due to the rows themselves.
func rowsFault(ctx context.Context, err error) bool {
	return err != nil && ctx.Err() == nil && !errors.Is(err, ErrStale) && !errors.Is(err, errNoRows) && !store.Transient(err)
}

// giveUp settles rows that can't be changed, for a reason that is in the log.
func giveUp(_ context.Context, _ *Service, _ *store.Tx, _ *order.BulkOperation, rows []order.BulkRow) (Committed, error) {
	for i := range rows {
		rows[i].Settle(&order.Fault{Code: order.CodeInternal, Message: "could not be changed: the log tells why"})
	}
	return Committed{}, nil
}

// workChunk works off up to limit rows in one transaction, as the operation's kind does it unless apply is given.
func (s *Service) workChunk(ctx context.Context, t *task.Task, limit int, apply bulkApply) (more bool, err error) {
	var committed Committed
	err = s.store.Write(ctx, func(tx *store.Tx) error {
		b, err := openBulk(ctx, tx, t)
		if err != nil {
			return err
		}
		switch {
		case b.State.Final():
		case b.CancelAsked:
			if err := b.Become(order.BulkCanceled, tx.Now); err != nil {
				return err
			}
			if err := tx.UpdateBulk(ctx, b); err != nil {
				return err
			}
		default:
			if apply == nil {
				apply = bulkKinds()[b.Kind].apply
			}
			if committed, err = s.workRows(ctx, tx, apply, b, limit); err != nil {
				return err
			}
		}
		committed.Operations = []uuid.UUID{b.ID}
		if more = !b.State.Final(); more {
			return progressed(ctx, tx, t)
		}
		ended, err := endBulkTask(ctx, tx, t, b, task.Breakdown{})
		committed.Results = append(committed.Results, ended...)
		return err
	})
	if err != nil {
		return false, fmt.Errorf("work off bulk operation: %w", err)
	}
	s.announce(committed)
	return more, nil
}

// openBulk locks a task that is still claimed, and its operation.
func openBulk(ctx context.Context, tx *store.Tx, t *task.Task) (*order.BulkOperation, error) {
	held, err := tx.TaskLock(ctx, []task.Task{*t})
	if err != nil {
		return nil, err
	}
	if !held[t.Token] {
		return nil, ErrStale
	}
	var arguments bulkArguments
	if err := json.Unmarshal(t.Arguments, &arguments); err != nil {
		return nil, fmt.Errorf("read arguments: %w", err)
	}
	return tx.LockBulk(ctx, t.AccountID, arguments.OperationID)
}

// workRows works off up to limit rows of an operation that is locked, or new.
func (s *Service) workRows(
	ctx context.Context, tx *store.Tx, apply bulkApply, b *order.BulkOperation, limit int,
) (Committed, error) {
	rows, err := tx.NextBulkRows(ctx, b, limit)
	if err != nil {
		return Committed{}, err
	}
	if len(rows) == 0 && b.Next() < b.Total {
		return Committed{}, fmt.Errorf("bulk operation %s: %w", b.ID, errNoRows)
	}
	committed, err := apply(ctx, s, tx, b, rows)
	if err != nil {
		return Committed{}, err
	}
	if err := tx.SettleBulkRows(ctx, b.ID, rows); err != nil {
		return Committed{}, err
	}
	if err := b.Work(rows, tx.Now); err != nil {
		return Committed{}, err
	}
	return committed, tx.UpdateBulk(ctx, b)
}

// progressed has a task's breakdowns counted anew, once it got further.
func progressed(ctx context.Context, tx *store.Tx, t *task.Task) error {
	if t.Attempt <= 1 {
		return nil
	}
	t.Attempt = 1
	return tx.TaskProgressed(ctx, *t)
}

func endBulkTask(
	ctx context.Context, tx *store.Tx, t *task.Task, b *order.BulkOperation, broke task.Breakdown,
) ([]task.Task, error) {
	result, err := json.Marshal(map[string]int{"done": b.Done, "failed": b.Failed})
	if err != nil {
		return nil, fmt.Errorf("write task result: %w", err)
	}
	end := store.TaskEnd{Task: *t, State: task.Success, Result: result}
	if b.State == order.BulkFailed {
		end = store.TaskEnd{Task: *t, State: task.Failure, Dead: true, Error: b.Error, Class: broke.Class, Stack: broke.Stack}
	}
	return tx.TaskFinish(ctx, []store.TaskEnd{end})
}

// FailBulk ends the operation that a claimed BULK task is about, and the task, because it broke down again and again.
// What is worked off stays so. It fails with ErrStale.
func (s *Service) FailBulk(ctx context.Context, t task.Task, broke task.Breakdown) error {
	var committed Committed
	err := s.store.Write(ctx, func(tx *store.Tx) error {
		b, err := openBulk(ctx, tx, &t)
		if err != nil {
			return err
		}
		if !b.State.Final() {
			b.Error = broke.Message
			if err := b.Become(order.BulkFailed, tx.Now); err != nil {
				return err
			}
			if err := tx.UpdateBulk(ctx, b); err != nil {
				return err
			}
		}
		committed.Operations = []uuid.UUID{b.ID}
		committed.Results, err = endBulkTask(ctx, tx, &t, b, broke)
		return err
	})
	if err != nil {
		return fmt.Errorf("give up bulk operation: %w", err)
	}
	s.announce(committed)
	return nil
}
