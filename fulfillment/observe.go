package fulfillment

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/store"
)

// Observation is what a provider said of one fulfillment when it was read. Order is nil where the provider did not
// know it.
type Observation struct {
	OrderID       uuid.UUID
	FulfillmentID uuid.UUID
	DueAt         *time.Time // when it was due as DuePolls listed it; a hint that came since is not lost then
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

// Observe takes in what a provider said, in one transaction, and plans when each is read again. Where something can't
// be taken in, the rest is, and a person is told of it: it must not stand in the others' way for ever.
func (s *Service) Observe(ctx context.Context, provider order.Provider, seen []Observation) error {
	err := s.observeTogether(ctx, provider, seen, (*work).observeOne)
	if err == nil || store.Transient(err) || ctx.Err() != nil {
		return err
	}
	for i := range seen {
		one := seen[i : i+1]
		err := s.observeTogether(ctx, provider, one, (*work).observeOne)
		if err == nil {
			continue
		}
		if store.Transient(err) || ctx.Err() != nil {
			return err
		}
		s.options.Log.ErrorContext(ctx, "what a provider said can't be taken in",
			"provider", provider.ID, "fulfillment", one[0].FulfillmentID, "error", err)
		if err := s.observeTogether(ctx, provider, one, (*work).skipOne); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) observeTogether(
	ctx context.Context, provider order.Provider, seen []Observation,
	take func(*work, context.Context, *order.Provider, *order.Case, *order.Fulfillment, *Observation) error,
) error {
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
			c := w.cases[seen[i].OrderID]
			if c == nil {
				continue
			}
			f := c.Find(seen[i].FulfillmentID)
			if f == nil || f.ProviderID == nil || *f.ProviderID != provider.ID {
				continue
			}
			if err := take(w, ctx, &provider, c, f, &seen[i]); err != nil {
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

func (w *work) observeOne(
	ctx context.Context, provider *order.Provider, c *order.Case, f *order.Fulfillment, seen *Observation,
) error {
	hinted := seen.DueAt != nil && f.NextPollAt != nil && f.NextPollAt.After(*seen.DueAt) && !f.NextPollAt.After(w.tx.Now)
	if f.ChargeOverdue(w.tx.Now) {
		if err := c.AssumeCharge(f); err != nil {
			return fmt.Errorf("assume charge: %w", err)
		}
	}
	if seen.Order == nil || seen.Order.ExternalID != f.ExternalID {
		if err := w.miss(c, f); err != nil {
			return err
		}
		w.planPoll(ctx, provider, c, f)
	} else if err := w.observe(ctx, provider, c, f, *seen.Order); err != nil {
		return err
	}
	if hinted && f.NextPollAt != nil {
		f.NextPollAt = &w.tx.Now
	}
	return nil
}

// unknownFor is how long a provider may not know what it accepted: its lists may lag behind.
const unknownFor = time.Hour

// miss tells a person of what its provider accepted long ago and does not know.
func (w *work) miss(c *order.Case, f *order.Fulfillment) error {
	if !f.Status.AtProvider() || f.SubmittedAt == nil || w.tx.Now.Sub(*f.SubmittedAt) < unknownFor {
		return nil
	}
	if err := c.Missed(f); err != nil {
		return fmt.Errorf("miss: %w", err)
	}
	return nil
}

// skipOne leaves what a provider said to a person and plans the next reading.
func (w *work) skipOne(
	ctx context.Context, provider *order.Provider, c *order.Case, f *order.Fulfillment, _ *Observation,
) error {
	if err := c.NeedPerson(f, "what its provider says can't be taken in: see the log"); err != nil {
		return fmt.Errorf("need person: %w", err)
	}
	w.planPoll(ctx, provider, c, f)
	return nil
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
