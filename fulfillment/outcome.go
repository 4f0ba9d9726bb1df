package fulfillment

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/task"
)

func (w *work) recordCreate(
	ctx context.Context, report *Report, c *order.Case, f *order.Fulfillment, a *order.Attempt,
) error {
	outcome := &report.Outcome
	switch outcome.Class {
	case order.ClassAccepted, order.ClassDuplicate:
		if outcome.Order == nil {
			return w.recordUnknown(report, c, f, a, "the provider holds an order under this key already")
		}
		return w.recordAccepted(ctx, report, c, f, a)
	case order.ClassRetryable, order.ClassRateLimited:
		return w.recordWait(report, c, f, a)
	case order.ClassNeedsAction, order.ClassAuth:
		return w.recordRefusal(report, c, f, a)
	case order.ClassRejected, order.ClassUnsupported:
		return w.recordRejected(report, c, f, a)
	case order.ClassUnknown:
	}
	return w.recordUnknown(report, c, f, a, outcome.Message)
}

// recordAccepted takes in the provider's order and settles every call that was made for it.
func (w *work) recordAccepted(
	ctx context.Context, report *Report, c *order.Case, f *order.Fulfillment, a *order.Attempt,
) error {
	if err := w.settle(a, order.AttemptAccepted); err != nil {
		return err
	}
	if err := w.settleAll(f, order.AttemptAccepted); err != nil {
		return err
	}
	if err := w.observe(ctx, &report.Step.Provider, c, f, *report.Outcome.Order); err != nil {
		return err
	}
	return w.finish(&report.Step.Task, f)
}

// recordWait has the call made again later; the provider surely took nothing of this one.
func (w *work) recordWait(report *Report, c *order.Case, f *order.Fulfillment, a *order.Attempt) error {
	t, outcome := &report.Step.Task, &report.Outcome
	limited := outcome.Class == order.ClassRateLimited
	next := order.AttemptRetryable
	if limited {
		next = order.AttemptRateLimited
	}
	if err := w.settle(a, next); err != nil {
		return err
	}
	if f.Status == order.FulfillmentSubmitting {
		if !limited && a.CallNumber >= mostCalls {
			return w.reject(t, c, f, outcome.Message, true)
		}
		if err := c.Retry(f, outcome.Message, false); err != nil {
			return fmt.Errorf("retry: %w", err)
		}
	}
	if f.Status.Final() {
		return w.finish(t, f)
	}
	w.failed(report, max(outcome.RetryAfter, backoff(a.CallNumber)), outcome.Message)
	return nil
}

// recordUnsent takes an intent back whose call was not made: the attempt is dropped, for there was none, and does not count.
// What the fulfillment was before it, it is again.
func (w *work) recordUnsent(report *Report, c *order.Case, f *order.Fulfillment) error {
	t, outcome := &report.Step.Task, &report.Outcome
	if report.Step.Kind != StepFind { // which asks about an earlier attempt
		w.unsent = append(w.unsent, report.Step.Attempt.ID)
	}
	if report.Step.Kind == StepCreate && f.Status == order.FulfillmentSubmitting {
		if err := c.Retry(f, outcome.Message, false); err != nil {
			return fmt.Errorf("retry: %w", err)
		}
	}
	if f.Status.Final() {
		return w.finish(t, f)
	}
	w.later(t, outcome.RetryAfter, outcome.Message)
	return nil
}

// recordRefusal is for a provider that takes nothing from us until a person has acted. It is passed over until then;
// the quantity goes elsewhere, or waits.
func (w *work) recordRefusal(report *Report, c *order.Case, f *order.Fulfillment, a *order.Attempt) error {
	t, outcome := &report.Step.Task, &report.Outcome
	if err := w.settle(a, order.AttemptRetryable); err != nil {
		return err
	}
	if w.attention == nil {
		w.attention = make(map[uuid.UUID]string, 1)
	}
	w.attention[report.Step.Provider.ID] = cmp.Or(outcome.Message, "it wants a person: "+string(outcome.Class))
	if f.Status == order.FulfillmentUnknown {
		w.failed(report, backoff(a.CallNumber), outcome.Message)
		return nil
	}
	if err := c.Retry(f, outcome.Message, true); err != nil {
		return fmt.Errorf("retry: %w", err)
	}
	if f.Status.Final() {
		return w.finish(t, f)
	}
	w.failed(report, 0, outcome.Message)
	return nil
}

// recordRejected sends the quantity elsewhere where that is allowed. While an earlier call's outcome is open, a
// refusal proves nothing about it: the fulfillment stays UNKNOWN.
func (w *work) recordRejected(report *Report, c *order.Case, f *order.Fulfillment, a *order.Attempt) error {
	t, outcome := &report.Step.Task, &report.Outcome
	if err := w.settle(a, order.AttemptRejected); err != nil {
		return err
	}
	if f.Status == order.FulfillmentUnknown {
		w.failed(report, backoff(a.CallNumber), outcome.Message)
		return nil
	}
	return w.reject(t, c, f, outcome.Message, outcome.Class == order.ClassUnsupported || outcome.Reroutable)
}

func (w *work) reject(t *task.Task, c *order.Case, f *order.Fulfillment, reason string, reroute bool) error {
	if _, err := c.Reject(f, reason, reroute); err != nil {
		return fmt.Errorf("reject: %w", err)
	}
	return w.finish(t, f)
}

// recordUnknown leaves the outcome open, to be reconciled soon.
func (w *work) recordUnknown(report *Report, c *order.Case, f *order.Fulfillment, a *order.Attempt, reason string) error {
	if err := w.settle(a, order.AttemptUnknown); err != nil {
		return err
	}
	if err := c.Lost(f, reason); err != nil {
		return fmt.Errorf("lose: %w", err)
	}
	if a.CallNumber >= mostCalls {
		if err := c.NeedPerson(f, "its provider never says what came of it: "+reason); err != nil {
			return fmt.Errorf("need person: %w", err)
		}
	}
	w.failed(report, doubtWait(a.CallNumber), reason)
	return nil
}

func (w *work) recordFind(
	ctx context.Context, report *Report, c *order.Case, f *order.Fulfillment, a *order.Attempt,
) error {
	t, provider := &report.Step.Task, &report.Step.Provider
	if report.Outcome.Class == order.ClassAccepted && report.Outcome.Order != nil && !report.Absent {
		return w.recordAccepted(ctx, report, c, f, a)
	}
	if !report.Absent {
		w.failed(report, max(report.Outcome.RetryAfter, w.lookupWait(a)), report.Outcome.Message)
		return nil
	}
	can, err := w.capabilities(ctx, provider)
	if err != nil {
		w.later(t, w.lookupWait(a), err.Error())
		return nil
	}
	if asked, proven := askedAt(t), w.absentAfter(f, provider, can); asked.Before(proven) {
		w.later(t, min(max(proven.Sub(w.tx.Now), 0), can.LookupWindow/2)+time.Second, "not found yet, which proves nothing")
		return nil
	}
	if err := w.settleAll(f, order.AttemptAbsent); err != nil {
		return err
	}
	if err := c.Retry(f, "the provider never got it", true); err != nil {
		return fmt.Errorf("retry: %w", err)
	}
	if f.Status.Final() {
		return w.finish(t, f)
	}
	w.later(t, 0, f.Failure)
	return nil
}

func (w *work) recordCancel(
	ctx context.Context, report *Report, c *order.Case, f *order.Fulfillment, a *order.Attempt,
) error {
	t, outcome := &report.Step.Task, &report.Outcome
	switch outcome.Class {
	case order.ClassAccepted, order.ClassDuplicate:
		if err := w.settle(a, order.AttemptAccepted); err != nil {
			return err
		}
		if outcome.Order != nil {
			if err := w.observe(ctx, &report.Step.Provider, c, f, *outcome.Order); err != nil {
				return err
			}
		}
		return w.finish(t, f)
	case order.ClassRejected, order.ClassUnsupported:
		return w.refuseCancel(t, c, f, a, outcome.Message)
	case order.ClassRetryable, order.ClassRateLimited, order.ClassUnknown, order.ClassAuth, order.ClassNeedsAction:
	}
	if a.CallNumber >= mostCancels {
		return w.refuseCancel(t, c, f, a, "the provider never answered: "+outcome.Message)
	}
	// Asking once more does no harm, so that even an open outcome is simply asked again.
	if err := w.settle(a, order.AttemptRetryable); err != nil {
		return err
	}
	w.failed(report, max(outcome.RetryAfter, backoff(a.CallNumber)), outcome.Message)
	return nil
}

func (w *work) refuseCancel(t *task.Task, c *order.Case, f *order.Fulfillment, a *order.Attempt, reason string) error {
	if err := w.settle(a, order.AttemptRejected); err != nil {
		return err
	}
	if f.Status == order.FulfillmentCancelRequested {
		if err := c.RefuseCancel(f, reason); err != nil {
			return fmt.Errorf("refuse cancel: %w", err)
		}
	}
	return w.finish(t, f)
}
