package fulfillment

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"github.com/boostress/boostress/account"
	"github.com/boostress/boostress/order"
)

// HoldOrder keeps an order from being dispatched until its last hold is released: no call to a provider begins once this
// has returned, but to find out what became of one that began before. Another reason under the name of an open hold
// takes the place of the old one. It fails with order.Faults and order.ErrNotFound.
func (s *Service) HoldOrder(
	ctx context.Context, who account.Principal, orderID uuid.UUID, name, reason string,
) (*order.Order, error) {
	return s.change(ctx, who, orderID, func(w *work, c *order.Case) error { return holdOrder(ctx, w, c, name, reason) })
}

func holdOrder(ctx context.Context, w *work, c *order.Case, name, reason string) error {
	if err := w.tx.ReadHolds(ctx, c); err != nil {
		return err
	}
	return c.Hold(name, reason)
}

// ReleaseOrder ends the hold of this name, or with nil every one. With the last, what waited goes on at once.
// Releasing what is not held changes nothing. It fails with order.Faults and order.ErrNotFound.
func (s *Service) ReleaseOrder(
	ctx context.Context, who account.Principal, orderID uuid.UUID, name *string,
) (*order.Order, error) {
	return s.change(ctx, who, orderID, func(w *work, c *order.Case) error { return releaseOrder(ctx, w, c, name) })
}

func releaseOrder(ctx context.Context, w *work, c *order.Case, name *string) error {
	if err := w.tx.ReadHolds(ctx, c); err != nil {
		return err
	}
	held := c.Order.Held
	if err := c.Release(name); err != nil || !held || c.Order.Held {
		return err
	}
	return w.hurry(ctx, c, waits)
}

// hurry has the tasks of some of an order's open fulfillments run now.
func (w *work) hurry(ctx context.Context, c *order.Case, which func(*order.Fulfillment) bool) error {
	hurried, err := w.tx.TaskHurry(ctx, openOf(c, which))
	if err != nil {
		return fmt.Errorf("hurry: %w", err)
	}
	w.moved = append(w.moved, hurried...)
	return nil
}

// openOf lists the ids of those of an order's fulfillments that have not ended.
func openOf(c *order.Case, which func(*order.Fulfillment) bool) []uuid.UUID {
	var open []uuid.UUID
	for _, f := range c.Fulfillments {
		if !f.Status.Final() && which(f) {
			open = append(open, f.ID)
		}
	}
	return open
}

func anyOf(*order.Fulfillment) bool { return true }

// waits reports whether a fulfillment could be sent now, but for what a person or a provider may change.
func waits(f *order.Fulfillment) bool {
	return f.Status.Untouched() && f.Status != order.FulfillmentScheduled || f.Status == order.FulfillmentRetryWait
}
