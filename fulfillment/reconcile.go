package fulfillment

import (
	"context"
	"time"

	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/task"
)

// reconcile finds out, as far as the provider's capabilities allow, what became of a creation whose outcome is not
// known. Until then the fulfillment goes to no other provider.
func (w *work) reconcile(ctx context.Context, t *task.Task, c *order.Case, f *order.Fulfillment, step *Step) error {
	if err := w.loseInFlight(c, f, "the worker that called the provider is gone"); err != nil {
		return err
	}
	provider := w.providers[*f.ProviderID]
	can, err := w.capabilities(ctx, provider)
	if err != nil {
		w.later(t, unroutableWait, err.Error())
		return nil
	}
	last, offer := lastOpen(w.attempts[f.ID]), w.chosen[*f.OfferID]
	unwanted := c.Order.CancelAsked || c.Order.Expired || f.CancelAsked || c.Order.Held
	switch reconciliationOf(can, w.attempts[f.ID], unwanted, offer != nil, w.tx.Now) {
	case order.ReconcileSameKey:
		w.call(t, c, f, offer, step)
		return nil
	case order.ReconcileLookup:
		if err := w.settle(last, reconciling(last)); err != nil {
			return err
		}
		*step = Step{Kind: StepFind, Task: *t, Attempt: *last, Provider: *provider}
		return nil
	default:
		return w.manual(t, c, f)
	}
}

// loseInFlight turns creations whose caller is gone into UNKNOWN ones.
func (w *work) loseInFlight(c *order.Case, f *order.Fulfillment, reason string) error {
	lost := false
	for _, a := range w.attempts[f.ID] {
		if a.Operation == order.OperationCreate && a.State == order.AttemptInFlight {
			lost = true
			a.Class, a.Message = order.ClassUnknown, reason
			if err := w.settle(a, order.AttemptUnknown); err != nil {
				return err
			}
		}
	}
	if f.Status == order.FulfillmentSubmitting || lost {
		return c.Lost(f, reason)
	}
	return nil
}

func reconciling(a *order.Attempt) order.AttemptState {
	if a.State == order.AttemptUnknown {
		return order.AttemptReconciling
	}
	return a.State
}

// canRepeat reports whether the same key may be sent again: the provider then answers with the first order, if there
// is one. A repetition that was refused proves nothing about the first call and is not tried twice.
func canRepeat(can order.Capabilities, attempts []*order.Attempt, key string, now time.Time) bool {
	if can.Idempotency != order.IdempotencyNative || can.ReplaysErrors {
		return false
	}
	for _, a := range attempts {
		if a.Key != key {
			continue
		}
		forgotten := can.KeyLifetime > 0 && now.Sub(a.StartedAt) > can.KeyLifetime
		if a.State == order.AttemptRejected || forgotten && a.State.Unsettled() || a.CallNumber >= mostRepeats {
			return false
		}
	}
	return true
}

// manual leaves the fulfillment to a person: nothing that the provider offers tells what became of it.
func (w *work) manual(t *task.Task, c *order.Case, f *order.Fulfillment) error {
	if err := w.settleAll(f, order.AttemptManual); err != nil {
		return err
	}
	if err := c.NeedPerson(f, "the provider was called and can't be asked what came of it: look there"); err != nil {
		return err
	}
	return w.finish(t, f)
}

// absentAfter is from when on a provider's "no such order" proves that no open call left one: when its lookup window,
// the longest a call may have been on its way and the longest a frozen worker may have held it back have passed; in
// any case not before the window and a call's time after the last outcome was lost.
func (w *work) absentAfter(f *order.Fulfillment, provider *order.Provider, can order.Capabilities) time.Time {
	proven := f.UpdatedAt.Add(can.LookupWindow + provider.Timeout)
	for _, a := range w.attempts[f.ID] {
		if a.Operation != order.OperationCreate || !a.State.Unsettled() {
			continue
		}
		if after := a.StartedAt.Add(can.LookupWindow + provider.Timeout + w.service.options.Term); after.After(proven) {
			proven = after
		}
	}
	return proven
}

// askedAt is when, at the earliest, the provider was asked: the answer may be as old. A task without a start proves
// nothing.
func askedAt(t *task.Task) time.Time {
	if t.StartedAt == nil {
		return time.Time{}
	}
	return *t.StartedAt
}

// lookupWait grows with the age of the call that is looked for, so that a provider that can't be asked for long is
// asked ever more seldom.
func (w *work) lookupWait(a *order.Attempt) time.Duration {
	ceiling := min(max(w.tx.Now.Sub(a.StartedAt)/2, firstWait), longestWait)
	return ceiling/2 + jitter(ceiling/2)
}
