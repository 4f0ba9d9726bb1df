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
		return err
	}
	last := w.lastOpen(f)
	switch {
	case last == nil:
		return w.manual(t, c, f)
	case canRepeat(can, w.attempts[f.ID], w.tx.Now) && w.chosen[*f.OfferID] != nil:
		w.call(t, c, f, w.chosen[*f.OfferID], step)
		return nil
	case can.Lookup:
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
	for _, a := range w.attempts[f.ID] {
		if a.Operation == order.OperationCreate && a.State == order.AttemptInFlight {
			a.Class, a.Message = order.ClassUnknown, reason
			if err := w.settle(a, order.AttemptUnknown); err != nil {
				return err
			}
		}
	}
	if f.Status == order.FulfillmentSubmitting {
		return c.Lost(f, reason)
	}
	return nil
}

// lastOpen returns the latest creation whose outcome is open.
func (w *work) lastOpen(f *order.Fulfillment) *order.Attempt {
	var last *order.Attempt
	for _, a := range w.attempts[f.ID] {
		if a.Operation == order.OperationCreate && a.State.Unsettled() {
			last = a
		}
	}
	return last
}

func reconciling(a *order.Attempt) order.AttemptState {
	if a.State == order.AttemptUnknown {
		return order.AttemptReconciling
	}
	return a.State
}

// canRepeat reports whether the same key may be sent again: the provider then answers with the first order, if there
// is one. A repetition that was refused proves nothing about the first call and is not tried twice.
func canRepeat(can order.Capabilities, attempts []*order.Attempt, now time.Time) bool {
	if can.Idempotency != order.IdempotencyNative || can.ReplaysErrors {
		return false
	}
	for _, a := range attempts {
		tooOld := can.KeyLifetime > 0 && now.Sub(a.StartedAt) > can.KeyLifetime
		if a.Operation == order.OperationCreate && (a.State == order.AttemptRejected || tooOld && a.State.Unsettled()) {
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

// absentAfter is when a provider's "no such order" proves that an attempt left none: its lookup window, the longest
// the call may have been on its way and the longest a frozen worker may have held it back have passed.
func (w *work) absentAfter(a *order.Attempt, provider *order.Provider, can order.Capabilities) time.Time {
	return a.StartedAt.Add(can.LookupWindow + provider.Timeout + w.service.options.Term)
}
