package fulfillment

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"github.com/boostress/boostress/account"
	"github.com/boostress/boostress/order"
)

// UpdateOrder changes what may change of an order while it runs. A budget that allows more has what found no offer
// looked at again, and a priority moves what waits. It fails with order.Faults and order.ErrNotFound.
func (s *Service) UpdateOrder(
	ctx context.Context, who account.Principal, orderID uuid.UUID, revision order.Revision,
) (*order.Order, error) {
	return s.change(ctx, who, orderID, func(w *work, c *order.Case) error {
		budget, priority := c.Order.Budget, c.Order.Priority
		if err := c.Revise(revision); err != nil {
			return err
		}
		if order.MoreBudget(budget, c.Order.Budget) {
			err := w.hurry(ctx, c, func(f *order.Fulfillment) bool { return f.Status == order.FulfillmentUnroutable })
			if err != nil {
				return err
			}
		}
		return w.prioritize(ctx, c, priority)
	})
}

// ExpediteOrder gives an order the highest priority, has what is scheduled sent now and ends its waits. It fails with
// order.Faults and order.ErrNotFound.
func (s *Service) ExpediteOrder(ctx context.Context, who account.Principal, orderID uuid.UUID) (*order.Order, error) {
	return s.change(ctx, who, orderID, func(w *work, c *order.Case) error {
		before := c.Order.Priority
		if err := c.Expedite(); err != nil {
			return err
		}
		if err := w.prioritize(ctx, c, before); err != nil || c.Order.Held {
			return err
		}
		return w.hurry(ctx, c, waits)
	})
}

// AddOrderNote puts a remark on an order's timeline. It fails with order.Faults and order.ErrNotFound.
func (s *Service) AddOrderNote(
	ctx context.Context, who account.Principal, orderID uuid.UUID, text string,
) (*order.Order, error) {
	return s.change(ctx, who, orderID, func(_ *work, c *order.Case) error { return c.Note(text) })
}

// prioritize moves the waiting tasks of an order whose priority was another one before.
func (w *work) prioritize(ctx context.Context, c *order.Case, before int) error {
	if c.Order.Priority == before {
		return nil
	}
	moved, err := w.tx.TaskPrioritize(ctx, openOf(c, anyOf), c.Order.Priority)
	if err != nil {
		return fmt.Errorf("prioritize: %w", err)
	}
	w.moved = append(w.moved, moved...)
	return nil
}
