package fulfillment

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/google/uuid"

	"github.com/boostress/boostress/account"
	"github.com/boostress/boostress/internal/id"
	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/store"
	"github.com/boostress/boostress/task"
)

// BulkInput is a mass change as asked for.
type BulkInput struct {
	Kind           order.BulkKind
	Targets        store.BulkTargets
	Arguments      json.RawMessage // the input as it was given, without its idempotency key: an object
	IdempotencyKey string
}

// StartBulk begins a mass change. Its targets are found and kept at once, in the database; they are worked off by a BULK
// task or, where the kind allows it and they are few, at once, too. It fails with order.Faults, naming each id that the
// account does not have.
func (s *Service) StartBulk(ctx context.Context, who account.Principal, input BulkInput) (*order.BulkOperation, error) {
	kind, known := bulkKinds()[input.Kind]
	if !known {
		return nil, fmt.Errorf("start bulk operation: no kind %q", input.Kind)
	}
	if err := input.validate(kind); err != nil {
		return nil, err
	}
	var started *order.BulkOperation
	var committed Committed
	err := s.store.Write(ctx, func(tx *store.Tx) error {
		made, err := Once(ctx, tx, who, kind.mutation, input.IdempotencyKey, input.Arguments, func() (uuid.UUID, error) {
			b := &order.BulkOperation{
				ID: id.New(id.BulkOperation), AccountID: who.AccountID, Kind: input.Kind, State: order.BulkPending,
				Arguments: input.Arguments, CreatedBy: who.Actor, Role: string(who.Role), TestMode: who.TestMode,
			}
			var err error
			committed, err = s.makeBulk(ctx, tx, kind, b, input.Targets)
			return b.ID, err
		})
		if err != nil {
			return err
		}
		started, err = tx.LockBulk(ctx, who.AccountID, made)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("start bulk operation: %w", err)
	}
	s.announce(committed)
	return started, nil
}

func (input *BulkInput) validate(kind bulkKind) error {
	faults := order.CheckArguments(input.Arguments)
	if len(input.Targets.IDs) > order.MaxBulkIDs {
		faults = append(faults, order.Fault{
			Field: []string{"ids"}, Code: order.CodeOutOfRange,
			Message: fmt.Sprintf("must be at most %d: give a filter for more", order.MaxBulkIDs),
		})
	}
	if kind.check != nil {
		var given bulkInputs
		if err := json.Unmarshal(input.Arguments, &given); err != nil {
			return fmt.Errorf("start bulk operation: read arguments: %w", err)
		}
		faults = append(faults, kind.check(given)...)
	}
	return faults.Err()
}

// makeBulk writes an operation with its rows, and its task unless it is worked off at once.
func (s *Service) makeBulk(
	ctx context.Context, tx *store.Tx, kind bulkKind, b *order.BulkOperation, targets store.BulkTargets,
) (committed Committed, err error) {
	if targets.IDs != nil {
		if targets.IDs, err = knownTargets(ctx, tx, b.AccountID, targets); err != nil {
			return committed, err
		}
	}
	if b.Total, err = tx.InsertBulkRows(ctx, b.AccountID, b.ID, targets, order.MaxBulkRows+1); err != nil {
		return committed, err
	}
	if b.Total > order.MaxBulkRows {
		return committed, order.Faults{{
			Field: []string{"filter"}, Code: order.CodeOutOfRange,
			Message: fmt.Sprintf("matches more than %d: narrow it down", order.MaxBulkRows),
		}}
	}
	if err := tx.InsertBulk(ctx, b); err != nil {
		return committed, err
	}
	if b.Total <= kind.atOnce {
		return s.workRows(ctx, tx, kind.apply, b, kind.atOnce)
	}
	committed.Tasks, err = tx.TaskInsert(ctx, []task.Task{bulkTask(b)})
	return committed, err
}

// knownTargets returns the ids without repetitions. It fails with order.Faults for those that the account does not have.
func knownTargets(
	ctx context.Context, tx *store.Tx, accountID uuid.UUID, targets store.BulkTargets,
) ([]uuid.UUID, error) {
	known, err := tx.Known(ctx, accountID, targets)
	if err != nil {
		return nil, err
	}
	var faults order.Faults
	ids := make([]uuid.UUID, 0, len(targets.IDs))
	seen := make(map[uuid.UUID]bool, len(targets.IDs))
	for i, target := range targets.IDs {
		switch {
		case !known[target]:
			faults = append(faults, order.Fault{
				Field: []string{"ids", strconv.Itoa(i)}, Code: order.CodeNotFound, Message: "there is no such thing",
			})
		case !seen[target]:
			seen[target] = true
			ids = append(ids, target)
		}
	}
	return ids, faults.Err()
}

// CancelBulkOperation stops an operation: at once where nothing works on it, else before its next rows. What is worked
// off stays so. Canceling one that has ended changes nothing. It fails with order.ErrNotFound, and with order.Faults
// where the principal may not have begun it.
func (s *Service) CancelBulkOperation(
	ctx context.Context, who account.Principal, operationID uuid.UUID,
) (*order.BulkOperation, error) {
	var canceled *order.BulkOperation
	var committed Committed
	err := s.store.Write(ctx, func(tx *store.Tx) error {
		// Tasks are locked before what they are about. Where the operation is another's, all of this is undone.
		revoked, err := tx.TaskRevokeUnique(ctx, bulkKey(operationID))
		if err != nil {
			return err
		}
		b, err := tx.LockBulk(ctx, who.AccountID, operationID)
		if err != nil {
			return err
		}
		if err := mayBulk(who, b); err != nil {
			return err
		}
		canceled = b
		if b.State.Final() || b.CancelAsked && len(revoked) == 0 {
			return nil
		}
		b.CancelAsked = true
		if len(revoked) > 0 {
			if err := b.Become(order.BulkCanceled, tx.Now); err != nil {
				return err
			}
		}
		committed = Committed{Results: revoked, Operations: []uuid.UUID{b.ID}}
		err = tx.Audit(ctx, account.AuditEntry{
			AccountID: who.AccountID, Actor: who.Actor, Action: account.ActionBulkCancel, TargetID: &b.ID,
		})
		return errors.Join(err, tx.UpdateBulk(ctx, b))
	})
	if err != nil {
		return nil, fmt.Errorf("cancel bulk operation: %w", err)
	}
	s.announce(committed)
	return canceled, nil
}

// mayBulk fails with order.Faults where a principal may not have begun an operation.
func mayBulk(who account.Principal, b *order.BulkOperation) error {
	switch {
	case !slices.Contains(bulkKinds()[b.Kind].roles, who.Role):
		return order.Faults{{
			Field: []string{"id"}, Code: order.CodeForbidden, Message: "is of a kind that the role may not begin or cancel",
		}}
	case who.TestMode && !b.TestMode:
		return order.Faults{{
			Field: []string{"id"}, Code: order.CodeForbidden,
			Message: "was not begun in test mode: a test-mode key can't cancel it",
		}}
	}
	return nil
}

// bulkArguments are those of a BULK task.
type bulkArguments struct {
	OperationID uuid.UUID `json:"operationId"`
}

// bulkTask works off an operation. There is one until the operation has ended.
func bulkTask(b *order.BulkOperation) task.Task {
	arguments, err := json.Marshal(bulkArguments{b.ID})
	if err != nil {
		panic(err) // an id can always be written
	}
	return task.Task{
		AccountID: b.AccountID, Kind: task.KindBulk, Queue: task.QueueSystem, Arguments: arguments,
		UniqueKey: bulkKey(b.ID), MaxAttempts: mostRuns,
	}
}

func bulkKey(operationID uuid.UUID) string { return "bulk:" + operationID.String() }
