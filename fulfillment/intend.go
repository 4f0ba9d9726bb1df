package fulfillment

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/boostress/boostress/internal/request"
	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/routing"
	"github.com/boostress/boostress/store"
	"github.com/boostress/boostress/task"
)

// Waits of tasks that can't go on right now.
const (
	heldWait       = time.Hour   // the release of the last hold ends it
	unroutableWait = time.Minute // the catalog's next change, or more budget, ends it sooner
)

// Admit tells how long a task has to wait before its provider may be called to create an order; zero: it may be now. It
// must not wait itself, and may be asked for the same task again.
type Admit func(taskID uuid.UUID, provider *order.Provider) time.Duration

// notNow is why a task waits whose provider is left alone for a moment.
const notNow = "its provider is not called now: its rate, its concurrency or its breaker does not allow it"

// Intend prepares claimed DISPATCH and CANCEL tasks in one transaction: fulfillments are routed, money is reserved,
// and the intent of each call is written. The calls that it returns, steps[i] for tasks[i], may be made once.
func (s *Service) Intend(ctx context.Context, tasks []task.Task) ([]Step, error) {
	return s.IntendIf(ctx, tasks, func(uuid.UUID, *order.Provider) time.Duration { return 0 })
}

// IntendIf is Intend for what is admitted. What is not waits as it is: nothing is reserved, and no attempt is written.
func (s *Service) IntendIf(ctx context.Context, tasks []task.Task, admit Admit) ([]Step, error) {
	ctx = request.WithTrace(ctx, "") // it is one task's, and the others have their own
	var steps []Step
	var committed Committed
	err := s.store.Write(ctx, func(tx *store.Tx) (err error) {
		steps = make([]Step, len(tasks))
		held, err := tx.TaskLock(ctx, tasks)
		if err != nil {
			return fmt.Errorf("lock tasks: %w", err)
		}
		w, err := s.openTasks(ctx, tx, tasks, held)
		if err != nil {
			return err
		}
		w.admit = admit
		for i := range tasks {
			steps[i] = Step{Kind: StepNone, Task: tasks[i]}
			if held[tasks[i].Token] {
				held[tasks[i].Token] = false // a task that comes twice is intended once
				w.follow(&tasks[i])
				if err := w.intend(ctx, &tasks[i], &steps[i]); err != nil {
					return fmt.Errorf("task %s: %w", tasks[i].ID, err)
				}
			}
		}
		committed, err = w.save(ctx)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("intend: %w", err)
	}
	s.announce(committed)
	return steps, nil
}

// openTasks opens the orders of the held tasks and reads all that routing and reconciling need.
func (s *Service) openTasks(
	ctx context.Context, tx *store.Tx, tasks []task.Task, held map[uuid.UUID]bool,
) (*work, error) {
	var orderIDs []uuid.UUID
	for _, t := range tasks {
		if held[t.Token] && t.OrderID != nil {
			orderIDs = append(orderIDs, *t.OrderID)
		}
	}
	w, err := s.open(ctx, tx, orderIDs, actorSystem)
	if err != nil {
		return nil, err
	}
	var used need
	for i := range tasks {
		if c, f := w.find(&tasks[i]); f != nil && held[tasks[i].Token] {
			used.add(c, f)
		}
	}
	if err := w.read(ctx, &used); err != nil {
		return nil, err
	}
	return w, nil
}

// need collects what has to be read for a group of fulfillments.
type need struct {
	history, lines, offers, providers []uuid.UUID
	fulfillments                      []*order.Fulfillment
	cases                             []*order.Case
}

func (n *need) add(c *order.Case, f *order.Fulfillment) {
	n.cases, n.fulfillments = append(n.cases, c), append(n.fulfillments, f)
	n.lines = append(n.lines, f.LineID)
	if f.ProviderID != nil {
		n.history = append(n.history, f.ID)
		n.providers = append(n.providers, *f.ProviderID)
		n.offers = append(n.offers, *f.OfferID)
	}
}

func (w *work) read(ctx context.Context, n *need) (err error) {
	if len(n.fulfillments) == 0 {
		return nil
	}
	if err := w.readAttempts(ctx, n.history); err != nil {
		return err
	}
	if w.lines, err = w.tx.Lines(ctx, n.lines); err != nil {
		return err
	}
	if len(n.offers) > 0 {
		if w.chosen, err = w.tx.OffersByID(ctx, n.offers); err != nil {
			return err
		}
	}
	wanted := make(map[store.Want]bool)
	for i, f := range n.fulfillments {
		wanted[w.want(n.cases[i], f)] = true
	}
	wants := make([]store.Want, 0, len(wanted))
	for want := range wanted {
		wants = append(wants, want)
	}
	var versions map[uuid.UUID]int64
	if w.offers, versions, err = w.tx.Offers(ctx, wants); err != nil {
		return err
	}
	if w.books, err = w.service.books.read(ctx, w.tx, versions); err != nil {
		return err
	}
	for _, offers := range w.offers {
		for i := range offers {
			n.providers = append(n.providers, offers[i].ProviderID)
		}
	}
	w.providers, err = w.tx.Providers(ctx, n.providers)
	return err
}

func (w *work) want(c *order.Case, f *order.Fulfillment) store.Want {
	want := store.Want{AccountID: f.AccountID, Category: c.Order.Category}
	if line := w.lines[f.LineID]; line != nil {
		want.ServiceType = line.ServiceType
	}
	return want
}

// intend decides what is to be done for one task, by its fulfillment's state.
func (w *work) intend(ctx context.Context, t *task.Task, step *Step) error {
	c, f := w.find(t)
	switch {
	case f == nil:
		w.ends = append(w.ends, store.TaskEnd{Task: *t, State: task.Failure, Dead: true, Error: "its fulfillment is gone", Class: task.ErrorNotFound})
		return nil
	case t.Kind == task.KindCancel:
		return w.intendCancel(t, f, step)
	case f.Status.Final(), f.Status.AtProvider():
		return w.finish(t, f)
	case f.Status == order.FulfillmentUnknown, f.Status == order.FulfillmentSubmitting:
		return w.reconcile(ctx, t, c, f, step)
	case f.ScheduledAt != nil && f.ScheduledAt.After(w.tx.Now):
		w.later(t, f.ScheduledAt.Sub(w.tx.Now), "")
		return nil
	case c.Order.Held:
		w.later(t, heldWait, "the order is held")
		return nil
	case f.Status == order.FulfillmentRetryWait:
		return w.again(t, c, f, step)
	default:
		return w.route(t, c, f, step)
	}
}

// call writes the intent of a creation and describes it in step.
func (w *work) call(t *task.Task, c *order.Case, f *order.Fulfillment, offer *order.Offer, step *Step) {
	line := w.lines[f.LineID]
	*step = Step{
		Kind: StepCreate, Task: *t, Attempt: *w.attempt(f, order.OperationCreate, order.CreateKey(f)),
		Provider: *w.providers[*f.ProviderID],
		Request: &Request{
			OrderReference: c.Order.Reference, OfferExternalID: offer.ExternalID, ServiceType: line.ServiceType,
			Quantity: f.Quantity, UnitPrice: order.Money{Amount: f.UnitPrice, Currency: f.Currency},
			Destination: c.Order.Destination, Attributes: line.Attributes, Deadline: c.Order.Deadline,
		},
	}
}

// again calls the provider of a waiting fulfillment once more, or routes it anew where the provider takes nothing
// now: it surely holds nothing of it.
func (w *work) again(t *task.Task, c *order.Case, f *order.Fulfillment, step *Step) error {
	provider, offer := w.providers[*f.ProviderID], w.chosen[*f.OfferID]
	if provider != nil && provider.Open() && offer != nil {
		if provider.BreakerOpen(w.tx.Now) {
			return w.elsewhere(t, c, f, provider, step)
		}
		if wait := w.mayCall(t, provider); wait > 0 {
			w.later(t, wait, notNow)
			return nil
		}
		if err := c.Resubmit(f); err != nil {
			return fmt.Errorf("resubmit: %w", err)
		}
		w.call(t, c, f, offer, step)
		return nil
	}
	if err := c.Unassign(f, "its provider takes nothing now"); err != nil {
		return fmt.Errorf("unassign: %w", err)
	}
	return w.route(t, c, f, step)
}

// elsewhere takes a waiting fulfillment away from a provider that fails, where another one takes it; else it waits.
func (w *work) elsewhere(t *task.Task, c *order.Case, f *order.Fulfillment, provider *order.Provider, step *Step) error {
	wanted, err := requestOf(c, f, w.tx.Now)
	if err != nil {
		return err
	}
	if routing.Choose(wanted, w.chain(c), w.candidates(c, f)).Chosen == nil {
		w.later(t, provider.Measured.BreakerOpenUntil.Sub(w.tx.Now)+jitter(firstWait), notNow)
		return nil
	}
	if err := c.Unassign(f, "its provider fails"); err != nil {
		return fmt.Errorf("unassign: %w", err)
	}
	return w.route(t, c, f, step)
}

// mayCall returns how long a provider is surely not called; zero: it may be.
func (w *work) mayCall(t *task.Task, provider *order.Provider) time.Duration {
	if w.admit == nil {
		return 0
	}
	return w.admit(t.ID, provider)
}

func (w *work) intendCancel(t *task.Task, f *order.Fulfillment, step *Step) error {
	for _, a := range w.attempts[f.ID] {
		if a.Operation == order.OperationCancel && a.State == order.AttemptInFlight {
			// Its worker is gone; asking to cancel once more does no harm.
			if err := w.settle(a, order.AttemptRetryable); err != nil {
				return err
			}
		}
	}
	if f.Status != order.FulfillmentCancelRequested {
		return w.finish(t, f)
	}
	*step = Step{
		Kind: StepCancel, Task: *t, Attempt: *w.attempt(f, order.OperationCancel, order.CancelKey(f)),
		Provider: *w.providers[*f.ProviderID], ExternalID: f.ExternalID,
	}
	return nil
}
