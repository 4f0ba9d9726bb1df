package fulfillment

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/boostress/boostress/internal/id"
	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/routing"
	"github.com/boostress/boostress/store"
	"github.com/boostress/boostress/task"
)

// actorSystem is the actor of what the engine does by itself.
const actorSystem = "system"

// work is one transaction over a group of orders: what it locked and read, and what it will write. Locks are taken
// in one order everywhere: tasks by token, bulk operations, orders by id, offers by id, providers with a budget by id.
type work struct {
	service *Service
	tx      *store.Tx
	cases   map[uuid.UUID]*order.Case

	attempts  map[uuid.UUID][]*order.Attempt // of the fulfillments that need their history
	lines     map[uuid.UUID]*order.Line
	offers    map[store.Want][]order.Offer
	chosen    map[uuid.UUID]*order.Offer // by id: of fulfillments that have one already
	providers map[uuid.UUID]*order.Provider
	books     map[uuid.UUID]*routing.Book // policies, by account

	attention       map[uuid.UUID]string // of providers that want a person
	admit           Admit                // nil: everything may be called
	unsent          []uuid.UUID          // attempts of which nothing was sent: there was none
	newAttempts     []*order.Attempt
	changedAttempts []*order.Attempt
	decisions       []routing.Record
	decidedFor      []uuid.UUID // accounts of the decisions
	given           []uuid.UUID // offers with a cool-down that were chosen
	turns           int         // providers that were chosen
	tasks           []task.Task
	moved           []task.Task // that wait already, and may be to be announced once more
	dropped         []uuid.UUID // fulfillments whose waiting tasks have nothing to do any more
	ends            []store.TaskEnd
	retries         []store.TaskRetry
	due             map[uuid.UUID]time.Time // of fulfillments: when their tasks are to run
	handed          []handed                // what providers handed over
	results         []*order.Result         // of it, what is new
	traces          map[uuid.UUID]string    // by order: of the runs that changed it
}

// follow has what is done for an order belong to the trace of a task.
func (w *work) follow(t *task.Task) {
	if t.TraceID == "" || t.OrderID == nil {
		return
	}
	if w.traces == nil {
		w.traces = make(map[uuid.UUID]string, 1)
	}
	w.traces[*t.OrderID] = t.TraceID
}

// open locks the orders and reads their fulfillments.
func (s *Service) open(ctx context.Context, tx *store.Tx, orderIDs []uuid.UUID, actor string) (*work, error) {
	slices.SortFunc(orderIDs, func(a, b uuid.UUID) int { return bytes.Compare(a[:], b[:]) })
	cases, err := tx.Cases(ctx, slices.Compact(orderIDs), actor)
	if err != nil {
		return nil, err
	}
	return &work{service: s, tx: tx, cases: cases}, nil
}

// find returns the case and the fulfillment of a task, or nils.
func (w *work) find(t *task.Task) (*order.Case, *order.Fulfillment) {
	if t.OrderID == nil || t.FulfillmentID == nil {
		return nil, nil
	}
	c := w.cases[*t.OrderID]
	if c == nil {
		return nil, nil
	}
	f := c.Find(*t.FulfillmentID)
	return c, f
}

// readAttempts reads the history of fulfillments.
func (w *work) readAttempts(ctx context.Context, fulfillmentIDs []uuid.UUID) error {
	w.attempts = map[uuid.UUID][]*order.Attempt{}
	if len(fulfillmentIDs) == 0 {
		return nil
	}
	var err error
	w.attempts, err = w.tx.Attempts(ctx, fulfillmentIDs)
	return err
}

// save writes everything and returns what is to be announced after the commit.
func (w *work) save(ctx context.Context) (Committed, error) {
	var committed Committed
	if err := w.takeResults(ctx); err != nil {
		return Committed{}, err
	}
	cases := make([]*order.Case, 0, len(w.cases))
	for _, c := range w.cases {
		if !c.Touched() {
			continue
		}
		cases = append(cases, c)
		committed.Events += len(c.Events)
		for _, f := range c.New {
			w.tasks = append(w.tasks, dispatchTask(c.Order, f))
		}
		w.dropped = append(w.dropped, c.Dropped...)
	}
	err := w.tx.SaveCases(ctx, cases)
	if err == nil {
		err = w.tx.SaveResults(ctx, w.results)
	}
	if err == nil {
		err = w.tx.InsertAttempts(ctx, w.newAttempts)
	}
	if err == nil {
		err = w.tx.UpdateAttempts(ctx, w.changedAttempts)
	}
	if err == nil {
		err = w.tx.DropAttempts(ctx, w.unsent)
	}
	if err == nil {
		err = w.tx.InsertDecisions(ctx, w.decidedFor, w.decisions)
	}
	if err == nil {
		err = w.tx.OffersGiven(ctx, w.given)
	}
	if err != nil {
		return Committed{}, err
	}
	if err := w.saveTasks(ctx, &committed); err != nil {
		return Committed{}, err
	}
	return committed, w.tx.CountProviders(ctx, cases, w.attention)
}

func (w *work) saveTasks(ctx context.Context, committed *Committed) error {
	if err := w.moveTasks(ctx); err != nil {
		return err
	}
	for i := range w.tasks {
		if t := &w.tasks[i]; t.TraceID == "" && t.OrderID != nil {
			t.TraceID = w.traces[*t.OrderID]
		}
	}
	if len(w.tasks) > 0 {
		inserted, err := w.tx.TaskInsert(ctx, w.tasks)
		if err != nil {
			return fmt.Errorf("insert tasks: %w", err)
		}
		committed.Tasks = inserted
	}
	committed.Tasks = append(committed.Tasks, w.moved...)
	if len(w.retries) > 0 {
		if _, err := w.tx.TaskReschedule(ctx, w.retries); err != nil {
			return fmt.Errorf("reschedule tasks: %w", err)
		}
	}
	if len(w.ends) > 0 {
		ended, err := w.tx.TaskFinish(ctx, w.ends)
		if err != nil {
			return fmt.Errorf("finish tasks: %w", err)
		}
		committed.Results = append(committed.Results, ended...)
	}
	revoked, err := w.tx.TaskRevoke(ctx, w.dropped, task.KindDispatch)
	if err != nil {
		return fmt.Errorf("revoke tasks: %w", err)
	}
	committed.Results = append(committed.Results, revoked...)
	return nil
}

// finish ends a task; its result names the fulfillment's status.
func (w *work) finish(t *task.Task, f *order.Fulfillment) error {
	result, err := json.Marshal(map[string]string{"status": string(f.Status)})
	if err != nil {
		return fmt.Errorf("write task result: %w", err)
	}
	w.ends = append(w.ends, store.TaskEnd{Task: *t, State: task.Success, Result: result})
	return nil
}

// later has a task run again after a wait, for a reason that is no failure. The run does not count as one of its attempts: those are for runs that
// break down, and a fulfillment whose task ran out of them would be stuck.
func (w *work) later(t *task.Task, wait time.Duration, reason string) {
	w.retries = append(w.retries, store.TaskRetry{Task: *t, DueAt: w.tx.Now.Add(wait), Error: reason, Refund: true})
}

// failed is later after a call that did not come to what it should.
func (w *work) failed(report *Report, wait time.Duration, reason string) {
	class := report.Broke.Class
	if class == "" {
		class = task.ErrorProvider
	}
	w.retries = append(w.retries, store.TaskRetry{
		Task: report.Step.Task, DueAt: w.tx.Now.Add(wait), Error: reason, Class: class, Stack: report.Broke.Stack, Refund: true,
	})
}

// attempt writes the intent of a call under key: the next one after those that were made under it.
func (w *work) attempt(f *order.Fulfillment, operation order.Operation, key string) *order.Attempt {
	number := 1
	for _, earlier := range w.attempts[f.ID] {
		if earlier.Key == key {
			number = max(number, earlier.CallNumber+1)
		}
	}
	a := &order.Attempt{
		ID: id.New(id.Attempt), AccountID: f.AccountID, FulfillmentID: f.ID, ProviderID: *f.ProviderID,
		Operation: operation, Key: key, CallNumber: number, State: order.AttemptInFlight, StartedAt: w.tx.Now,
	}
	w.newAttempts = append(w.newAttempts, a)
	return a
}

// settle moves an attempt to a state that may follow its own.
func (w *work) settle(a *order.Attempt, next order.AttemptState) error {
	if a.State == next {
		return nil
	}
	if !a.State.CanBecome(next) {
		return fmt.Errorf("%w: attempt %s: %s after %s", order.ErrTransition, a.ID, next, a.State)
	}
	a.State = next
	if !slices.Contains(w.changedAttempts, a) {
		w.changedAttempts = append(w.changedAttempts, a)
	}
	return nil
}

// settleAll moves every creation of f whose outcome is open to next.
func (w *work) settleAll(f *order.Fulfillment, next order.AttemptState) error {
	for _, a := range w.attempts[f.ID] {
		if a.Operation == order.OperationCreate && a.State.Unsettled() && a.State.CanBecome(next) {
			if err := w.settle(a, next); err != nil {
				return err
			}
		}
	}
	return nil
}

// capabilities tells what the provider can do.
func (w *work) capabilities(ctx context.Context, provider *order.Provider) (order.Capabilities, error) {
	can, err := w.service.options.Capabilities(ctx, *provider)
	if err != nil {
		return can, fmt.Errorf("read capabilities of provider %s: %w", provider.Name, err)
	}
	return can, nil
}
