package fulfillment

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/store"
)

// Observation is what a provider said of one fulfillment when it was read. Order is nil where the provider did not
// know it.
type Observation struct {
	OrderID       uuid.UUID
	FulfillmentID uuid.UUID
	Order         *order.ExternalOrder
}

// DuePolls lists fulfillments at a provider whose status is to be read now, the most overdue first, with the
// provider.
func (s *Service) DuePolls(
	ctx context.Context, providerID uuid.UUID, limit int,
) (order.Provider, []*order.Fulfillment, error) {
	provider, err := s.store.Provider(ctx, providerID)
	if err != nil {
		return order.Provider{}, nil, err
	}
	due, err := s.store.DuePolls(ctx, providerID, limit)
	return *provider, due, err
}

// Observe takes in what a provider said, in one transaction, and plans when each is read again.
func (s *Service) Observe(ctx context.Context, provider order.Provider, seen []Observation) error {
	var committed Committed
	err := s.store.Write(ctx, func(tx *store.Tx) error {
		orderIDs := make([]uuid.UUID, len(seen))
		for i := range seen {
			orderIDs[i] = seen[i].OrderID
		}
		w, err := s.open(ctx, tx, orderIDs, "provider:"+provider.Name)
		if err != nil {
			return err
		}
		for i := range seen {
			if err := w.observeOne(ctx, &provider, &seen[i]); err != nil {
				return fmt.Errorf("fulfillment %s: %w", seen[i].FulfillmentID, err)
			}
		}
		committed, err = w.save(ctx)
		return err
	})
	if err != nil {
		return fmt.Errorf("observe: %w", err)
	}
	s.announce(committed)
	return nil
}

func (w *work) observeOne(ctx context.Context, provider *order.Provider, seen *Observation) error {
	c := w.cases[seen.OrderID]
	if c == nil {
		return nil
	}
	f := c.Find(seen.FulfillmentID)
	if f == nil || f.ProviderID == nil || *f.ProviderID != provider.ID {
		return nil
	}
	if f.ChargeOverdue(w.tx.Now) {
		if err := c.AssumeCharge(f); err != nil {
			return fmt.Errorf("assume charge: %w", err)
		}
	}
	if seen.Order == nil || seen.Order.ExternalID != f.ExternalID {
		return w.planPoll(ctx, provider, c, f)
	}
	return w.observe(ctx, provider, c, f, *seen.Order)
}

// EnsurePolls makes sure that a task waits or runs for every provider of which something is due to be read.
func (s *Service) EnsurePolls(ctx context.Context) error {
	due, err := s.store.PollProviders(ctx)
	if err != nil || len(due) == 0 {
		return err
	}
	var committed Committed
	err = s.store.Write(ctx, func(tx *store.Tx) error {
		w := &work{service: s, tx: tx}
		for _, one := range due {
			w.tasks = append(w.tasks, pollTask(one.AccountID, one.ProviderID))
		}
		committed, err = w.save(ctx)
		return err
	})
	if err != nil {
		return fmt.Errorf("ensure polls: %w", err)
	}
	s.announce(committed)
	return nil
}

// Hint takes a verified webhook as what it is: a hint to read these orders again soon. A delivery that came before
// changes nothing.
func (s *Service) Hint(ctx context.Context, provider order.Provider, deliveryID string, externalIDs, keys []string) error {
	var fulfillmentIDs []uuid.UUID
	for _, key := range keys {
		if fulfillmentID, ours := order.KeyFulfillment(key); ours {
			fulfillmentIDs = append(fulfillmentIDs, fulfillmentID)
		}
	}
	var committed Committed
	err := s.store.Write(ctx, func(tx *store.Tx) error {
		fresh, err := tx.TakeWebhook(ctx, provider.ID, deliveryID)
		if err != nil || !fresh {
			return err
		}
		hinted, err := tx.HintPolls(ctx, provider.ID, externalIDs, fulfillmentIDs)
		if err != nil || hinted == 0 {
			return err
		}
		w := &work{service: s, tx: tx}
		w.tasks = append(w.tasks, pollTask(provider.AccountID, provider.ID))
		committed, err = w.save(ctx)
		return err
	})
	if err != nil {
		return fmt.Errorf("take webhook: %w", err)
	}
	s.announce(committed)
	return nil
}

// Provider reads a provider of any account, for the engine and for webhooks. It fails with order.ErrNotFound.
func (s *Service) Provider(ctx context.Context, providerID uuid.UUID) (order.Provider, error) {
	provider, err := s.store.Provider(ctx, providerID)
	if err != nil {
		return order.Provider{}, err
	}
	return *provider, nil
}
