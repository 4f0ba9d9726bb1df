package fulfillment

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/boostress/boostress/account"
	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/store"
	"github.com/boostress/boostress/task"
)

// mostReason is how long the reason of a pause may be, in characters.
const mostReason = 500

// PauseQueue keeps a queue from being worked off, for all accounts: what runs goes on, and nothing more is claimed from
// the commit on. Pausing a paused one changes the reason. It fails with order.Faults.
func (s *Service) PauseQueue(ctx context.Context, who account.Principal, queue task.Queue, reason string) error {
	faults := checkQueue(queue)
	if utf8.RuneCountInString(reason) > mostReason {
		faults = append(faults, order.Fault{
			Field: []string{"reason"}, Code: order.CodeTooLong, Message: fmt.Sprintf("must be at most %d characters", mostReason),
		})
	}
	if strings.ContainsRune(reason, 0) {
		faults = append(faults, order.Fault{
			Field: []string{"reason"}, Code: order.CodeInvalid, Message: "must not contain the character U+0000",
		})
	}
	if len(faults) > 0 {
		return faults
	}
	return s.forAll(ctx, who, func(tx *store.Tx) error {
		if err := tx.PauseQueue(ctx, queue, reason, who.Actor); err != nil {
			return err
		}
		return auditQueue(ctx, tx, who, account.ActionQueuePause, queueDetails{queue, reason})
	})
}

// ResumeQueue lets a paused queue be worked off again; one that isn't paused stays as it is. It fails with order.Faults.
func (s *Service) ResumeQueue(ctx context.Context, who account.Principal, queue task.Queue) error {
	if faults := checkQueue(queue); len(faults) > 0 {
		return faults
	}
	return s.forAll(ctx, who, func(tx *store.Tx) error {
		if paused, err := tx.ResumeQueue(ctx, queue); err != nil || !paused {
			return err
		}
		return auditQueue(ctx, tx, who, account.ActionQueueResume, queueDetails{Queue: queue})
	})
}

// DrainWorker has the process of a worker take no more tasks, until it is restarted. What it runs goes on. It fails with
// order.Faults and order.ErrNotFound.
func (s *Service) DrainWorker(ctx context.Context, who account.Principal, workerID uuid.UUID) error {
	return s.forAll(ctx, who, func(tx *store.Tx) error {
		if err := tx.DrainWorker(ctx, workerID); err != nil {
			return err
		}
		return tx.Audit(ctx, account.AuditEntry{
			AccountID: who.AccountID, Actor: who.Actor, Action: account.ActionWorkerDrain, TargetID: &workerID,
		})
	})
}

// forAll changes what all accounts share, which only the first one's admins may.
func (s *Service) forAll(ctx context.Context, who account.Principal, change func(*store.Tx) error) error {
	return s.store.Write(ctx, func(tx *store.Tx) error {
		first, err := tx.FirstAccount(ctx)
		if err != nil {
			return err
		}
		if who.AccountID != first || who.Role != account.Admin || who.TestMode {
			return order.Faults{{
				Code:    order.CodeForbidden,
				Message: "queues and workers are shared by all accounts: only admins of the first account may do this, and not in test mode",
			}}
		}
		return change(tx)
	})
}

func checkQueue(queue task.Queue) order.Faults {
	known := task.Queues()
	if slices.Contains(known, queue) {
		return nil
	}
	names := make([]string, len(known))
	for i, name := range known {
		names[i] = string(name)
	}
	return order.Faults{{
		Field: []string{"queue"}, Code: order.CodeNotFound, Message: "there is no such queue: use one of " + strings.Join(names, ", "),
	}}
}

type queueDetails struct {
	Queue  task.Queue `json:"queue"`
	Reason string     `json:"reason,omitempty"`
}

func auditQueue(ctx context.Context, tx *store.Tx, who account.Principal, action account.Action, about queueDetails) error {
	details, err := json.Marshal(about)
	if err != nil {
		return fmt.Errorf("write details: %w", err)
	}
	return tx.Audit(ctx, account.AuditEntry{AccountID: who.AccountID, Actor: who.Actor, Action: action, Details: details})
}
