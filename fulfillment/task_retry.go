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

// RetryTask runs a task that failed or was revoked once more, as a new task. It fails with order.ErrNotFound, and with
// order.Faults where the task has not ended, did what it should, or has nothing left to do, and where the same work waits
// or runs.
func (s *Service) RetryTask(ctx context.Context, who account.Principal, taskID uuid.UUID) (*task.Task, error) {
	var again *task.Task
	var committed Committed
	err := s.store.Write(ctx, func(tx *store.Tx) error {
		r, err := s.openRetries(ctx, tx, who, []uuid.UUID{taskID})
		if err != nil {
			return err
		}
		again, err = r.retry(ctx, taskID)
		if err != nil {
			return err
		}
		committed.Tasks = []task.Task{*again}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("retry task: %w", err)
	}
	s.announce(committed)
	return again, nil
}

// retries is one transaction that runs tasks once more.
type retries struct {
	*work

	who    account.Principal
	failed map[uuid.UUID]*task.Task
}

// openRetries reads the records of tasks and locks their orders.
func (s *Service) openRetries(ctx context.Context, tx *store.Tx, who account.Principal, taskIDs []uuid.UUID) (*retries, error) {
	ended, err := tx.TaskFinished(ctx, who.AccountID, taskIDs)
	if err != nil {
		return nil, err
	}
	var orderIDs []uuid.UUID
	for _, t := range ended {
		if t.OrderID != nil {
			orderIDs = append(orderIDs, *t.OrderID)
		}
	}
	w, err := s.open(ctx, tx, orderIDs, who.Actor)
	return &retries{work: w, who: who, failed: ended}, err
}

// retry inserts a task like one that has ended.
func (r *retries) retry(ctx context.Context, taskID uuid.UUID) (*task.Task, error) {
	old := r.failed[taskID]
	if old == nil {
		waits, err := r.tx.TaskWaits(ctx, r.who.AccountID, taskID)
		switch {
		case err != nil:
			return nil, err
		case waits:
			return nil, conflict("id", "has not ended: it waits or runs")
		}
		return nil, fmt.Errorf("task %s: %w", taskID, order.ErrNotFound)
	}
	if old.State == task.Success {
		return nil, conflict("id", "did what it should: only what failed or was revoked is run once more")
	}
	if err := r.may(old); err != nil {
		return nil, err
	}
	again := task.Task{
		AccountID: old.AccountID, Kind: old.Kind, Name: old.Name, Queue: old.Queue, Priority: old.Priority,
		Arguments: old.Arguments, OrderID: old.OrderID, FulfillmentID: old.FulfillmentID, ProviderID: old.ProviderID,
		ScheduleID: old.ScheduleID, MaxAttempts: old.MaxAttempts, UniqueKey: "retry:" + old.ID.String(),
	}
	if err := r.prepare(ctx, &again); err != nil {
		return nil, err
	}
	inserted, err := r.tx.TaskInsert(ctx, []task.Task{again})
	if err != nil {
		return nil, err
	}
	if len(inserted) == 0 {
		return nil, conflict("id", sameWork)
	}
	return &inserted[0], auditTask(ctx, r.tx, r.who.AccountID, r.who.Actor, account.ActionTaskRetry, taskID)
}

const sameWork = "is done already: the same work waits or runs"

// may fails where a test-mode key would change what is meant in earnest.
func (r *retries) may(old *task.Task) error {
	if !r.who.TestMode {
		return nil
	}
	if old.OrderID != nil && r.cases[*old.OrderID] != nil && r.cases[*old.OrderID].Order.TestMode {
		return nil
	}
	return testModeFault()
}

// prepare gives a new task the key of its work, and fails with order.Faults where there is nothing left to do.
func (r *retries) prepare(ctx context.Context, again *task.Task) error {
	switch again.Kind {
	case task.KindDispatch, task.KindCancel:
		return r.prepareCall(ctx, again)
	case task.KindBulk:
		return r.prepareBulk(ctx, again)
	case task.KindSyncOffers:
		sync, err := syncOf(ctx, r.tx, again)
		if errors.Is(err, order.ErrNotFound) {
			return nil // a schedule's run
		}
		if err != nil {
			return err
		}
		if sync.State != order.SyncRunning {
			return conflict("id", "was about a synchronization that has ended: begin another one with syncOffers")
		}
		again.UniqueKey = syncKey(sync.ID)
	case task.KindPollProvider:
		if again.ProviderID != nil {
			again.UniqueKey = pollKey(*again.ProviderID)
		}
	case task.KindCheckProvider:
		if again.ProviderID != nil {
			again.UniqueKey = checkKey(*again.ProviderID)
		}
	case task.KindRetention, task.KindProcessOrder, task.KindCreateOrder, task.KindEnforceDeadlines, task.KindExport,
		task.KindWebhookPing:
	}
	return nil
}

// prepareCall is of what calls a provider for a fulfillment, whose order is locked.
func (r *retries) prepareCall(ctx context.Context, again *task.Task) error {
	c, f := r.find(again)
	switch {
	case f == nil:
		return conflict("id", "was about a fulfillment that is gone")
	case f.Status.Final():
		return conflict("id", "was about a fulfillment that has ended")
	case again.Kind == task.KindCancel && f.Status != order.FulfillmentCancelRequested:
		return conflict("id", "was about a fulfillment that nobody asks to cancel")
	case again.Kind == task.KindCancel:
		again.UniqueKey, again.ProviderID = cancelTask(c.Order, f).UniqueKey, f.ProviderID
		return nil
	case f.Status.AtProvider():
		return conflict("id", "was about a fulfillment that is at its provider already")
	}
	waits, err := r.tx.TaskDispatches(ctx, f.ID)
	if waits {
		return conflict("id", sameWork)
	}
	again.UniqueKey, again.ProviderID, again.Priority = "", f.ProviderID, c.Order.Priority
	return err
}

func (r *retries) prepareBulk(ctx context.Context, again *task.Task) error {
	var arguments bulkArguments
	if err := json.Unmarshal(again.Arguments, &arguments); err != nil {
		return conflict("id", "was about no bulk operation")
	}
	b, err := r.tx.Bulk(ctx, again.AccountID, arguments.OperationID)
	switch {
	case errors.Is(err, order.ErrNotFound):
		return conflict("id", "was about a bulk operation that is gone")
	case err != nil:
		return err
	case b.State.Final():
		return conflict("id", "was about a bulk operation that has ended")
	}
	again.UniqueKey = bulkKey(b.ID)
	return mayBulk(r.who, b)
}

// retryTasks runs the tasks of rows once more, each on its own merits.
func retryTasks(
	ctx context.Context, s *Service, tx *store.Tx, b *order.BulkOperation, rows []order.BulkRow,
) (committed Committed, err error) {
	r, err := s.openRetries(ctx, tx, bulkPrincipal(b), targetsOf(rows))
	if err != nil {
		return committed, err
	}
	for i := range rows {
		again, err := r.retry(ctx, rows[i].TargetID)
		faults, known := order.FaultsOf(err, "id")
		switch {
		case !known:
			return committed, fmt.Errorf("target %s: %w", rows[i].TargetID, err)
		case len(faults) > 0:
			rows[i].Settle(&faults[0])
		default:
			rows[i].Settle(nil)
			committed.Tasks = append(committed.Tasks, *again)
		}
	}
	return committed, nil
}
