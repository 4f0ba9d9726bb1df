package fulfillment

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"github.com/boostress/boostress/account"
	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/store"
	"github.com/boostress/boostress/task"
)

// RevokeTask ends a task that waits, at once, and has the worker that runs one end it. The run of a task that is owed is
// only interrupted; one that waits is refused, with order.Faults, like one that has ended. It fails with
// order.ErrNotFound.
func (s *Service) RevokeTask(ctx context.Context, who account.Principal, taskID uuid.UUID) (*task.Task, error) {
	var revoked *task.Task
	var committed Committed
	err := s.store.Write(ctx, func(tx *store.Tx) error {
		live, err := tx.TaskLive(ctx, who.AccountID, taskID)
		if errors.Is(err, order.ErrNotFound) {
			return notLive(ctx, tx, who, taskID)
		}
		if err != nil {
			return err
		}
		if err := mayTouch(ctx, tx, who, &live); err != nil {
			return err
		}
		switch running := live.WorkerID != nil; {
		case running:
			live.RevokeAsked, revoked = true, &live
			err = tx.TaskAskEnd(ctx, &live, who.Actor)
		case live.Kind.Owed():
			return conflict("id", owedFault(live.Kind))
		default:
			committed.Results, err = endWaiting(ctx, tx, []task.Task{live})
			if len(committed.Results) == 1 {
				revoked = &committed.Results[0]
			}
		}
		if err != nil {
			return err
		}
		return auditTask(ctx, tx, who.AccountID, who.Actor, account.ActionTaskRevoke, taskID)
	})
	if err != nil {
		return nil, fmt.Errorf("revoke task: %w", err)
	}
	s.announce(committed)
	return revoked, nil
}

// notLive tells why a task that neither waits nor runs can't be ended.
func notLive(ctx context.Context, tx *store.Tx, who account.Principal, taskID uuid.UUID) error {
	ended, err := tx.TaskFinished(ctx, who.AccountID, []uuid.UUID{taskID})
	if err != nil {
		return err
	}
	if ended[taskID] == nil {
		return fmt.Errorf("task %s: %w", taskID, order.ErrNotFound)
	}
	return conflict("id", "has ended already")
}

func owedFault(kind task.Kind) string {
	switch kind {
	case task.KindBulk:
		return "works off a bulk operation: cancel that with cancelBulkOperation"
	case task.KindCancel:
		return "asks a provider to cancel a fulfillment, which was promised: it can't be taken back"
	default:
		return "brings a fulfillment to a provider: cancel that with cancelFulfillment, or hold its order with holdOrder"
	}
}

// mayTouch fails where a test-mode key would change a task that is not about an order in test mode.
func mayTouch(ctx context.Context, tx *store.Tx, who account.Principal, t *task.Task) error {
	if !who.TestMode {
		return nil
	}
	if t.OrderID != nil {
		cases, err := tx.Cases(ctx, []uuid.UUID{*t.OrderID}, who.Actor)
		if err != nil {
			return err
		}
		if c := cases[*t.OrderID]; c != nil && c.Order.TestMode {
			return nil
		}
	}
	return testModeFault()
}

func testModeFault() order.Faults {
	return order.Faults{{
		Field: []string{"id"}, Code: order.CodeForbidden, Message: "is about no order in test mode: a test-mode key can't change it",
	}}
}

// endWaiting ends tasks that nobody runs, and what has nothing left to wait for without them.
func endWaiting(ctx context.Context, tx *store.Tx, waiting []task.Task) ([]task.Task, error) {
	ids := make([]uuid.UUID, len(waiting))
	for i := range waiting {
		ids[i] = waiting[i].ID
	}
	ended, err := tx.TaskEndWaiting(ctx, ids)
	if err != nil {
		return nil, err
	}
	for i := range ended {
		if err := endSync(ctx, tx, &ended[i]); err != nil {
			return nil, err
		}
	}
	return ended, nil
}

// endSync ends the synchronization that a task would have made.
func endSync(ctx context.Context, tx *store.Tx, t *task.Task) error {
	sync, err := syncOf(ctx, tx, t)
	if errors.Is(err, order.ErrNotFound) {
		return nil
	}
	if err != nil || sync.State != order.SyncRunning {
		return err
	}
	sync.State, sync.Error = order.SyncFailed, task.RevokedMessage
	return tx.UpdateSync(ctx, sync)
}

// syncOf locks the synchronization that a task is about. It fails with order.ErrNotFound where it is about none.
func syncOf(ctx context.Context, tx *store.Tx, t *task.Task) (*order.OfferSync, error) {
	var arguments SyncArguments
	if t.Kind != task.KindSyncOffers || json.Unmarshal(t.Arguments, &arguments) != nil {
		return nil, order.ErrNotFound
	}
	return tx.LockSync(ctx, arguments.SyncID)
}

func auditTask(
	ctx context.Context, tx *store.Tx, accountID uuid.UUID, actor string, action account.Action, taskID uuid.UUID,
) error {
	return tx.Audit(ctx, account.AuditEntry{AccountID: accountID, Actor: actor, Action: action, TargetID: &taskID})
}

// endRevoked ends tasks whose end was asked for while they ran and that nobody runs any more, at most limit: their worker
// fell silent, say.
func endRevoked(ctx context.Context, tx *store.Tx, limit int) ([]task.Task, error) {
	due, err := tx.TaskRevocationsDue(ctx, limit)
	if err != nil {
		return nil, err
	}
	waiting := make([]task.Task, len(due))
	for i := range due {
		waiting[i].ID = due[i]
	}
	return endWaiting(ctx, tx, waiting)
}
