package fulfillment

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"github.com/boostress/boostress/account"
	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/store"
)

// CancelOrder stops whatever of the order has not reached a provider and asks the providers to stop the rest; what
// was delivered stays delivered and paid. Canceling a canceled order changes nothing. Once everything was delivered
// it fails with order.ErrFulfilled; for an order that the principal's account does not have, with order.ErrNotFound;
// and with order.Faults where a test-mode key would reach a real provider.
func (s *Service) CancelOrder(ctx context.Context, who account.Principal, orderID uuid.UUID) (*order.Order, error) {
	return s.change(ctx, who, orderID, cancelOrder)
}

func cancelOrder(w *work, c *order.Case) error {
	toAsk, err := c.AskCancel()
	if err != nil {
		return err
	}
	w.askCancel(c, toAsk)
	return nil
}

// askCancel has providers asked to cancel.
func (w *work) askCancel(c *order.Case, fulfillments []*order.Fulfillment) {
	for _, f := range fulfillments {
		w.tasks = append(w.tasks, cancelTask(c.Order, f))
	}
}

// change runs one change of one order in a transaction of its own. It fails with order.ErrNotFound for an order that the
// principal's account does not have, and with order.Faults where a test-mode key would change what is meant in earnest.
func (s *Service) change(
	ctx context.Context, who account.Principal, orderID uuid.UUID, do func(*work, *order.Case) error,
) (*order.Order, error) {
	var changed *order.Order
	var committed Committed
	err := s.store.Write(ctx, func(tx *store.Tx) error {
		w, err := s.open(ctx, tx, []uuid.UUID{orderID}, who.Actor)
		if err != nil {
			return err
		}
		c := w.cases[orderID]
		if err := mayChange(who, c); err != nil {
			return fmt.Errorf("order %s: %w", orderID, err)
		}
		if err := do(w, c); err != nil {
			return err
		}
		changed = c.Order
		committed, err = w.save(ctx)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("change order: %w", err)
	}
	s.announce(committed)
	return changed, nil
}

// mayChange fails where a principal may not change an order, or there is none.
func mayChange(who account.Principal, c *order.Case) error {
	switch {
	case c == nil || c.Order.AccountID != who.AccountID:
		return order.ErrNotFound
	case who.TestMode && !c.Order.TestMode:
		return order.Faults{{
			Field: []string{"id"}, Code: order.CodeForbidden,
			Message: "was not placed in test mode: a test-mode key can't change it",
		}}
	default:
		return nil
	}
}

// ApplyDeadlines ends orders whose deadline has passed, at most limit at a time, and returns how many it looked at. A
// watermark remembers how far it came, so that none is missed however long nobody called it.
func (s *Service) ApplyDeadlines(ctx context.Context, limit int) (int, error) {
	var committed Committed
	count := 0
	err := s.store.Write(ctx, func(tx *store.Tx) error {
		passed, err := tx.PassedDeadlines(ctx, limit)
		if err != nil || len(passed) == 0 {
			return err
		}
		count = len(passed)
		w, err := s.open(ctx, tx, passed, actorSystem)
		if err != nil {
			return err
		}
		for _, orderID := range passed {
			toAsk, err := w.cases[orderID].Expire()
			if err != nil {
				return fmt.Errorf("order %s: %w", orderID, err)
			}
			w.askCancel(w.cases[orderID], toAsk)
		}
		committed, err = w.save(ctx)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("apply deadlines: %w", err)
	}
	s.announce(committed)
	return count, nil
}
