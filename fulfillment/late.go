package fulfillment

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/routing"
	"github.com/boostress/boostress/store"
)

// ApplySLAs tells, once, of each fulfillment whose provider made no progress within the time that its offer promises, at
// most limit at a time, and returns how many it looked at. Where the policy of its order says so, the provider is asked to
// cancel it, and once that is confirmed, the rest goes to another one.
func (s *Service) ApplySLAs(ctx context.Context, limit int) (int, error) {
	var committed Committed
	count := 0
	err := s.store.Write(ctx, func(tx *store.Tx) error {
		late, err := tx.Late(ctx, limit)
		if err != nil || len(late) == 0 {
			return err
		}
		count = len(late)
		w, err := s.open(ctx, tx, late, actorSystem)
		if err != nil {
			return err
		}
		if err := w.readBooks(ctx); err != nil {
			return err
		}
		if err := w.readProviders(ctx); err != nil {
			return err
		}
		for _, c := range w.cases {
			if err := w.late(ctx, c); err != nil {
				return fmt.Errorf("order %s: %w", c.Order.ID, err)
			}
		}
		committed, err = w.save(ctx)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("apply promised times: %w", err)
	}
	s.announce(committed)
	return count, nil
}

// late looks at all fulfillments of one order.
func (w *work) late(ctx context.Context, c *order.Case) error {
	policy := w.books[c.Order.AccountID].For(c.Order.RoutingPolicyID, c.Order.Category)
	reroute := policy != nil && policy.LateAction == routing.LateReroute
	for _, f := range c.Fulfillments {
		ask, err := c.Late(f, reroute && w.canCancel(ctx, f))
		if err != nil {
			return fmt.Errorf("fulfillment %s: %w", f.ID, err)
		}
		if ask {
			w.tasks = append(w.tasks, cancelTask(c.Order, f))
		}
	}
	return nil
}

// canCancel reports whether f's provider, if it is among those that were read, cancels anything.
func (w *work) canCancel(ctx context.Context, f *order.Fulfillment) bool {
	if f.ProviderID == nil || w.providers[*f.ProviderID] == nil {
		return false
	}
	can, err := w.capabilities(ctx, w.providers[*f.ProviderID])
	return err == nil && can.Cancel
}

// readProviders reads the providers of what is late, all at once: they are locked in one order everywhere.
func (w *work) readProviders(ctx context.Context) (err error) {
	var ids []uuid.UUID
	for _, c := range w.cases {
		for _, f := range c.Fulfillments {
			if f.ProviderID != nil && f.SLAAt != nil && !f.SLAAt.After(w.tx.Now) {
				ids = append(ids, *f.ProviderID)
			}
		}
	}
	w.providers, err = w.tx.Providers(ctx, ids)
	return err
}

// readBooks reads the policies of the accounts whose orders are open.
func (w *work) readBooks(ctx context.Context) error {
	accounts := make(map[uuid.UUID]bool)
	var ids []uuid.UUID
	for _, c := range w.cases {
		if !accounts[c.Order.AccountID] {
			accounts[c.Order.AccountID] = true
			ids = append(ids, c.Order.AccountID)
		}
	}
	found, err := w.tx.Books(ctx, ids)
	if err != nil {
		return err
	}
	w.books = make(map[uuid.UUID]*routing.Book, len(found))
	for id, book := range found {
		w.books[id] = book.Book
	}
	return nil
}
