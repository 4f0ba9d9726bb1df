package fulfillment

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/boostress/boostress/account"
	"github.com/boostress/boostress/order"
)

// What people do with single fulfillments. Each of these fails with order.ErrNotFound for what the principal's account
// does not have, and with order.ErrFulfilled or order.Faults where its state does not allow it; then nothing was
// changed. What waits is looked at again as soon as the change is committed.

// RetryFulfillment tries a fulfillment again now: what waits for a provider is sent, what is UNKNOWN is asked after, and
// what has failed or was canceled is replaced by a new fulfillment of the part that never arrived, which is returned.
func (s *Service) RetryFulfillment(ctx context.Context, who account.Principal, id uuid.UUID) (*order.Fulfillment, error) {
	var replacement *order.Fulfillment
	changed, err := s.changeOne(ctx, who, id, func(w *work, c *order.Case, f *order.Fulfillment) (err error) {
		replacement, err = w.retry(c, f)
		return err
	})
	if replacement != nil {
		changed = replacement
	}
	return changed, err
}

func (w *work) retry(c *order.Case, f *order.Fulfillment) (replacement *order.Fulfillment, err error) {
	replacement, err = c.RetryNow(f)
	if err == nil && replacement == nil {
		w.dispatchAt(f, w.tx.Now)
	}
	return replacement, err
}

// RerouteFulfillment has another provider, or with exclude false whichever is best, do what a fulfillment has not
// delivered yet. Where a provider has it, that is asked to cancel first, and only its confirmation moves the rest on.
func (s *Service) RerouteFulfillment(
	ctx context.Context, who account.Principal, id uuid.UUID, exclude bool,
) (*order.Fulfillment, error) {
	return s.changeOne(ctx, who, id, func(w *work, c *order.Case, f *order.Fulfillment) error {
		if err := w.mayCancel(ctx, f); err != nil {
			return err
		}
		ask, err := c.Reroute(f, exclude)
		switch {
		case err != nil:
			return fmt.Errorf("reroute: %w", err)
		case ask:
			w.tasks = append(w.tasks, cancelTask(c.Order, f))
		case f.Status.Untouched():
			w.dispatchAt(f, w.tx.Now)
		}
		return nil
	})
}

// CancelFulfillment cancels a fulfillment, at once where no provider has it, else by asking its provider. Canceling a
// canceled one changes nothing.
func (s *Service) CancelFulfillment(ctx context.Context, who account.Principal, id uuid.UUID) (*order.Fulfillment, error) {
	return s.changeOne(ctx, who, id, func(w *work, c *order.Case, f *order.Fulfillment) error {
		if err := w.mayCancel(ctx, f); err != nil {
			return err
		}
		ask, err := c.Cancel(f)
		switch {
		case err != nil:
			return fmt.Errorf("cancel: %w", err)
		case ask:
			w.tasks = append(w.tasks, cancelTask(c.Order, f))
		}
		return nil
	})
}

// SplitFulfillment gives what no provider has yet to several fulfillments of these quantities; the first of those that
// it returns is the old one.
func (s *Service) SplitFulfillment(
	ctx context.Context, who account.Principal, id uuid.UUID, quantities []int,
) (parts []*order.Fulfillment, err error) {
	_, err = s.changeOne(ctx, who, id, func(w *work, c *order.Case, f *order.Fulfillment) (err error) {
		if parts, err = c.SplitInto(f, quantities); err != nil {
			return fmt.Errorf("split: %w", err)
		}
		if f.Status != order.FulfillmentScheduled {
			w.dispatchAt(f, w.tx.Now)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return parts, nil
}

// RescheduleFulfillment has what no provider has yet sent at a time; nil is now.
func (s *Service) RescheduleFulfillment(
	ctx context.Context, who account.Principal, id uuid.UUID, at *time.Time,
) (*order.Fulfillment, error) {
	return s.changeOne(ctx, who, id, func(w *work, c *order.Case, f *order.Fulfillment) error {
		if err := c.Reschedule(f, at); err != nil {
			return fmt.Errorf("reschedule: %w", err)
		}
		due := w.tx.Now
		if f.ScheduledAt != nil {
			due = *f.ScheduledAt
		}
		w.dispatchAt(f, due)
		return nil
	})
}

// changeOne runs one change of one fulfillment in a transaction of its own.
func (s *Service) changeOne(
	ctx context.Context, who account.Principal, id uuid.UUID, do func(*work, *order.Case, *order.Fulfillment) error,
) (*order.Fulfillment, error) {
	found, err := s.store.Fulfillments(ctx, who.AccountID, []uuid.UUID{id})
	if err != nil {
		return nil, fmt.Errorf("find fulfillment: %w", err)
	}
	if found[id] == nil {
		return nil, fmt.Errorf("fulfillment %s: %w", id, order.ErrNotFound)
	}
	var changed *order.Fulfillment
	_, err = s.change(ctx, who, found[id].OrderID, func(w *work, c *order.Case) error {
		if who.TestMode && !c.Order.TestMode {
			return order.Faults{{
				Field: []string{"id"}, Code: order.CodeForbidden,
				Message: "belongs to an order that was not placed in test mode: a test-mode key can't change it",
			}}
		}
		changed = c.Find(id)
		return do(w, c, changed)
	})
	if err != nil {
		return nil, err
	}
	return changed, nil
}

// mayCancel refuses what would ask a provider to cancel that never does.
func (w *work) mayCancel(ctx context.Context, f *order.Fulfillment) error {
	if !f.Status.AtProvider() || f.Status == order.FulfillmentCancelRequested {
		return nil
	}
	providers, err := w.tx.Providers(ctx, []uuid.UUID{*f.ProviderID})
	if err != nil {
		return err
	}
	if can, err := w.capabilities(ctx, providers[*f.ProviderID]); err == nil && !can.Cancel {
		return order.Faults{{
			Field: []string{"id"}, Code: order.CodeUnsupported, Message: "is at a provider that can't cancel: let it finish",
		}}
	}
	return nil
}

// dispatchAt has a waiting fulfillment looked at again at a time. There is one task that does so, unless it ended.
func (w *work) dispatchAt(f *order.Fulfillment, at time.Time) {
	if w.due == nil {
		w.due = make(map[uuid.UUID]time.Time, 1)
	}
	w.due[f.ID] = at
}

// moveTasks has the tasks of fulfillments run when people want them to. Whose task is claimed already is found by its
// worker as it is then: it waits for the order's lock, which this transaction has.
func (w *work) moveTasks(ctx context.Context) error {
	if len(w.due) == 0 {
		return nil
	}
	without, err := w.tx.TaskMove(ctx, w.due)
	if err != nil {
		return fmt.Errorf("move tasks: %w", err)
	}
	for _, c := range w.cases {
		for _, f := range c.Fulfillments {
			if without[f.ID] {
				t := dispatchTask(c.Order, f)
				t.DueAt = w.due[f.ID]
				w.tasks = append(w.tasks, t)
			}
		}
	}
	return nil
}
