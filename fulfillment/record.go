package fulfillment

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"github.com/boostress/boostress/internal/request"
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
	ctx = request.WithTrace(ctx, "") // it is one task's, and the others have their own
	var committed Committed
	results := make([]error, len(reports))
	err := s.store.Write(ctx, func(tx *store.Tx) (err error) {
		w, held, err := s.openReports(ctx, tx, reports)
		if err != nil {
			return err
		}
		for i := range reports {
			results[i] = nil
			claim := reports[i].Step.Task.Token
			if !held[claim] {
				results[i] = ErrStale
				continue
			}
			held[claim] = false // what comes twice is recorded once
			w.follow(&reports[i].Step.Task)
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
		if held[tasks[i].Token] {
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
	if report.Unsent {
		return w.recordUnsent(report, c, f)
	}
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

// observe takes in what a provider says, plans the next poll, and asks for the cancellation that was waiting for it.
func (w *work) observe(
	ctx context.Context, provider *order.Provider, c *order.Case, f *order.Fulfillment, seen order.ExternalOrder,
) error {
	if f.TakesResults(seen) {
		w.handed = append(w.handed, handed{c, f, seen.Results})
	}
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
