package fulfillment

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/google/uuid"

	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/store"
	"github.com/boostress/boostress/task"
)

// The most calls under one key.
const (
	mostCalls   = 8   // to create, before the quantity goes elsewhere or, with an open outcome, a person is told
	mostRepeats = 100 // to create, before an open outcome is no longer found out by asking for the same again
	mostCancels = 25  // to cancel, before the provider's silence counts as a refusal
)

// Record writes what came of steps in one transaction: attempts, fulfillments, orders, ledger, events, and the ends
// of the tasks. The first result has, by place, ErrStale for a report whose claim is no longer held: nothing of it
// is written. The second error means that nothing at all was.
func (s *Service) Record(ctx context.Context, reports []Report) ([]error, error) {
	var committed Committed
	results := make([]error, len(reports))
	err := s.store.Write(ctx, func(tx *store.Tx) (err error) {
		w, held, err := s.openReports(ctx, tx, reports)
		if err != nil {
			return err
		}
		for i := range reports {
			results[i] = nil
			if !held[reports[i].Step.Task.ID] {
				results[i] = ErrStale
				continue
			}
			if err := w.record(ctx, &reports[i]); err != nil {
				return fmt.Errorf("task %s: %w", reports[i].Step.Task.ID, err)
			}
		}
		committed, err = w.save(ctx)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("record: %w", err)
	}
	s.announce(committed)
	return results, nil
}

func (s *Service) openReports(ctx context.Context, tx *store.Tx, reports []Report) (*work, map[uuid.UUID]bool, error) {
	tasks := make([]task.Task, len(reports))
	for i := range reports {
		tasks[i] = reports[i].Step.Task
	}
	held, err := tx.TaskLock(ctx, tasks)
	if err != nil {
		return nil, nil, fmt.Errorf("lock tasks: %w", err)
	}
	var orderIDs []uuid.UUID
	for i := range tasks {
		if held[tasks[i].ID] {
			orderIDs = append(orderIDs, *tasks[i].OrderID)
		}
	}
	w, err := s.open(ctx, tx, orderIDs, actorSystem)
	if err != nil {
		return nil, nil, err
	}
	// A first call has no history but itself; only others need it read.
	var history []uuid.UUID
	for i := range tasks {
		_, f := w.find(&tasks[i])
		if f != nil && (f.Status == order.FulfillmentUnknown || reports[i].Step.Attempt.CallNumber > 1) {
			history = append(history, f.ID)
		}
	}
	if err := w.readAttempts(ctx, history); err != nil {
		return nil, nil, err
	}
	return w, held, nil
}

// record applies one report to its fulfillment.
func (w *work) record(ctx context.Context, report *Report) error {
	t, outcome := &report.Step.Task, &report.Outcome
	c, f := w.find(t)
	if f == nil {
		return fmt.Errorf("%w: fulfillment of task %s", order.ErrNotFound, t.ID)
	}
	c.Actor = "provider:" + report.Step.Provider.Name
	a := w.attemptOf(f, &report.Step)
	if report.Step.Kind != StepFind {
		a.Class, a.Message, a.Latency = outcome.Class, outcome.Message, outcome.Latency
		a.Request, a.Response = outcome.Request, outcome.Response
	}
	switch report.Step.Kind {
	case StepCreate:
		return w.recordCreate(ctx, report, c, f, a)
	case StepFind:
		return w.recordFind(ctx, report, c, f, a)
	case StepCancel:
		return w.recordCancel(ctx, report, c, f, a)
	case StepNone:
	}
	return fmt.Errorf("%w: report of a step without a call", order.ErrTransition)
}

// attemptOf returns the step's attempt: the stored one where the history was read, else the step's own.
func (w *work) attemptOf(f *order.Fulfillment, step *Step) *order.Attempt {
	for _, a := range w.attempts[f.ID] {
		if a.ID == step.Attempt.ID {
			return a
		}
	}
	a := step.Attempt
	w.attempts[f.ID] = append(w.attempts[f.ID], &a)
	return &a
}

func (w *work) recordCreate(
	ctx context.Context, report *Report, c *order.Case, f *order.Fulfillment, a *order.Attempt,
) error {
	t, outcome := &report.Step.Task, &report.Outcome
	switch outcome.Class {
	case order.ClassAccepted, order.ClassDuplicate:
		if outcome.Order == nil {
			return w.recordUnknown(t, c, f, a, "the provider holds an order under this key already")
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
	return w.recordUnknown(t, c, f, a, outcome.Message)
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

// observe takes in what a provider says, plans the next poll, and asks for the cancellation that was waiting for it.
func (w *work) observe(
	ctx context.Context, provider *order.Provider, c *order.Case, f *order.Fulfillment, seen order.ExternalOrder,
) error {
	askCancel, err := c.Observe(f, seen)
	if err != nil {
		return fmt.Errorf("observe: %w", err)
	}
	if askCancel {
		if err := c.RequestCancel(f); err != nil {
			return fmt.Errorf("request cancel: %w", err)
		}
		w.tasks = append(w.tasks, cancelTask(c.Order, f))
	}
	w.planPoll(ctx, provider, c, f)
	return nil
}

func (w *work) planPoll(ctx context.Context, provider *order.Provider, c *order.Case, f *order.Fulfillment) {
	if !f.Status.AtProvider() && !f.AwaitsCharge() && f.NextPollAt == nil {
		return
	}
	can, err := w.capabilities(ctx, provider)
	if err != nil {
		// What was seen must be kept, whatever is wrong with the adapter: without its bounds the usual ones hold.
		can = order.Capabilities{}
	}
	c.PlanPoll(f, can)
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
	w.later(t, max(outcome.RetryAfter, backoff(a.CallNumber)), outcome.Message)
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
		w.later(t, backoff(a.CallNumber), outcome.Message)
		return nil
	}
	if err := c.Retry(f, outcome.Message, true); err != nil {
		return fmt.Errorf("retry: %w", err)
	}
	if f.Status.Final() {
		return w.finish(t, f)
	}
	w.later(t, 0, outcome.Message)
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
		w.later(t, backoff(a.CallNumber), outcome.Message)
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
func (w *work) recordUnknown(t *task.Task, c *order.Case, f *order.Fulfillment, a *order.Attempt, reason string) error {
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
	w.later(t, doubtWait(a.CallNumber), reason)
	return nil
}

func (w *work) recordFind(
	ctx context.Context, report *Report, c *order.Case, f *order.Fulfillment, a *order.Attempt,
) error {
	t, provider := &report.Step.Task, &report.Step.Provider
	if report.Outcome.Class == order.ClassAccepted && report.Outcome.Order != nil && !report.Absent {
		return w.recordAccepted(ctx, report, c, f, a)
	}
	can, err := w.capabilities(ctx, provider)
	if !report.Absent || err != nil {
		w.later(t, max(report.Outcome.RetryAfter, w.lookupWait(a)), cmp.Or(report.Outcome.Message, "its provider can't be asked"))
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
	w.later(t, max(outcome.RetryAfter, backoff(a.CallNumber)), outcome.Message)
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

// The bounds of the wait before a call is made again.
const (
	firstWait   = time.Second
	longestWait = 5 * time.Minute
	// An outcome that is not known holds up its quantity: it is asked after more often than a refusal is.
	longestDoubt = 15 * time.Second
)

// doubtWait is the wait before an outcome that is not known is asked after: short, unless that was of no use for long.
func doubtWait(calls int) time.Duration {
	const patience = 20
	if calls > patience {
		return backoff(calls)
	}
	return min(backoff(calls), longestDoubt)
}

// backoff is exponential with full jitter, so that calls that failed together don't come back together.
func backoff(calls int) time.Duration {
	const mostDoublings = 20
	ceiling := min(longestWait, firstWait<<min(max(calls-1, 0), mostDoublings))
	return jitter(ceiling)
}

// jitter is a random part of most, above zero.
func jitter(most time.Duration) time.Duration {
	return time.Duration(rand.Int64N(int64(most)) + 1) //nolint:gosec // jitter is no secret
}
