package fulfillment_test

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/boostress/boostress/fulfillment"
	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/store"
	"github.com/boostress/boostress/task"
)

// world is what is outside: providers with a ledger of their own, and the processes that speak to them.
type world struct {
	*stand

	providers []*order.Provider
	placed    []*order.Order

	mu     sync.Mutex
	orders map[string]*external // by id
	byKey  map[string]string    // the id that a key made
	calm   bool                 // nothing goes wrong any more

	diceMu sync.Mutex
	dice   *rand.Rand // nil: anything may happen; else what its seed says
}

func (w *world) intN(n int) int {
	w.diceMu.Lock()
	defer w.diceMu.Unlock()
	if w.dice == nil {
		return rand.IntN(n)
	}
	return w.dice.IntN(n)
}

type external struct {
	provider, key string
	quantity      int
	order         order.ExternalOrder
}

// repeat does something again and again until done. Whatever fails is a fault, but for what may succeed later.
func (w *world) repeat(done <-chan struct{}, do func() error) {
	for {
		if err := do(); err != nil && !store.Transient(err) {
			w.t.Error(err)
			return
		}
		select {
		case <-time.After(rand.N(20 * time.Millisecond)):
		case <-done:
			return
		}
	}
}

// work is a worker: it claims, calls and records; a mortal one sometimes dies with what it has, and a new one comes.
func (w *world) work(done <-chan struct{}, mortal bool) {
	worker := w.register()
	w.repeat(done, func() error {
		tasks, err := w.store.TaskClaimDue(w.ctx(), worker, term, task.QueueDispatch, 1+w.intN(8))
		if err != nil {
			return err
		}
		dies := mortal && w.intN(10) == 0
		if dies && w.intN(3) == 0 {
			worker = w.die(worker)
			return nil
		}
		steps, err := w.Intend(w.ctx(), tasks)
		if err != nil {
			return err
		}
		var reports []fulfillment.Report
		for i := range steps {
			if steps[i].Kind != fulfillment.StepNone {
				reports = append(reports, w.call(&steps[i]))
			}
		}
		if dies {
			worker = w.die(worker)
			if w.intN(2) == 0 {
				return nil // else it is a zombie, which still writes
			}
		}
		_, err = w.Record(w.ctx(), reports)
		return err
	})
}

func (w *world) die(worker uuid.UUID) uuid.UUID {
	w.exec("UPDATE workers SET heartbeat_at = 'epoch' WHERE id = $1", worker)
	return w.register()
}

func (w *world) sweep() error {
	// Rows that somebody works on are passed over: the use cases lock many in an order of their own.
	w.exec(`UPDATE tasks SET due_at = now() WHERE id IN (
		SELECT id FROM tasks WHERE claim_token IS NULL AND due_at > now() AND random() < 0.3 FOR UPDATE SKIP LOCKED)`)
	w.exec(`UPDATE fulfillments SET next_poll_at = now() WHERE id IN (
		SELECT id FROM fulfillments WHERE next_poll_at > now() AND random() < 0.3 FOR UPDATE SKIP LOCKED)`)
	if _, err := w.Reap(w.ctx(), term, 100); err != nil {
		return err
	}
	if _, err := w.ApplySLAs(w.ctx(), 100); err != nil {
		return err
	}
	_, err := w.ApplyDeadlines(w.ctx(), 100)
	return err
}

// call is the other end of a step.
func (w *world) call(step *fulfillment.Step) fulfillment.Report {
	w.mu.Lock()
	defer w.mu.Unlock()
	report := fulfillment.Report{Step: *step, Outcome: outcome(order.ClassUnknown)}
	if !w.calm && rand.IntN(8) == 0 {
		return fulfillment.Report{Step: *step, Unsent: true, Outcome: order.Outcome{Message: "not now"}}
	}
	fate := w.intN(10)
	if w.calm {
		fate = 9
	}
	switch step.Kind {
	case fulfillment.StepCreate:
		report.Outcome = w.create(step, fate)
	case fulfillment.StepFind:
		found := w.orders[w.byKey[step.Attempt.Key]]
		report.Absent = found == nil
		report.Outcome = outcome(order.ClassAccepted)
		if found != nil {
			report.Outcome.Order = &found.order
		}
	case fulfillment.StepCancel:
		report.Outcome = w.stop(step, fate)
	case fulfillment.StepNone:
	}
	return report
}

func (w *world) create(step *fulfillment.Step, fate int) order.Outcome {
	switch fate {
	case 0:
		return outcome(order.ClassRetryable)
	case 1:
		return outcome(order.ClassRateLimited)
	case 2:
		return outcome(order.ClassUnknown) // lost on the way there
	}
	if known := w.orders[w.byKey[step.Attempt.Key]]; known != nil {
		answer := known.order
		return order.Outcome{Class: order.ClassAccepted, Order: &answer}
	}
	if fate == 3 {
		return order.Outcome{Class: order.ClassRejected, Reroutable: w.intN(2) == 0, Message: "no paper"}
	}
	made := &external{provider: step.Provider.ID.String(), key: step.Attempt.Key, quantity: step.Request.Quantity}
	made.order = *seen(uuid.NewString(), order.ExternalAccepted, 0, nil)
	w.orders[made.order.ExternalID], w.byKey[made.key] = made, made.order.ExternalID
	if fate == 4 {
		return outcome(order.ClassUnknown) // lost on the way back
	}
	answer := made.order
	return order.Outcome{Class: order.ClassAccepted, Order: &answer}
}

func (w *world) stop(step *fulfillment.Step, fate int) order.Outcome {
	known := w.orders[step.ExternalID]
	switch {
	case fate == 0:
		return outcome(order.ClassRetryable)
	case fate == 1 || known.order.State == order.ExternalFulfilled:
		return outcome(order.ClassRejected)
	case known.order.State == order.ExternalAccepted || known.order.State == order.ExternalInProgress:
		known.order = *seen(step.ExternalID, order.ExternalCanceled, 0, nil)
	}
	if fate == 2 {
		return outcome(order.ClassUnknown)
	}
	answer := known.order
	return order.Outcome{Class: order.ClassAccepted, Order: &answer}
}

// poll moves a provider's orders on and reads them, sometimes as they were before.
func (w *world) poll() error {
	provider, due, err := w.DuePolls(w.ctx(), w.providers[w.intN(len(w.providers))].ID, 10)
	if err != nil || len(due) == 0 {
		return err
	}
	observations := make([]fulfillment.Observation, len(due))
	for i, f := range due {
		observations[i] = fulfillment.Observation{OrderID: f.OrderID, FulfillmentID: f.ID, DueAt: f.NextPollAt, Order: w.look(f.ExternalID)}
	}
	return w.Observe(w.ctx(), provider, observations)
}

// hint is a webhook about many orders.
func (w *world) hint() error {
	provider := w.providers[w.intN(len(w.providers))]
	var ids []string
	w.mu.Lock()
	for externalID, known := range w.orders {
		if known.provider == provider.ID.String() && len(ids) < 20 {
			ids = append(ids, externalID)
		}
	}
	w.mu.Unlock()
	return w.Hint(w.ctx(), *provider, uuid.NewString(), ids, nil)
}

func (w *world) look(externalID string) *order.ExternalOrder {
	w.mu.Lock()
	defer w.mu.Unlock()
	known := w.orders[externalID]
	before := known.order
	switch known.order.State {
	case order.ExternalAccepted:
		known.order = *seen(externalID, order.ExternalInProgress, 0, nil)
	case order.ExternalInProgress:
		charge := money(strconv.Itoa(known.quantity))
		switch w.intN(6) {
		case 0:
			known.order = *seen(externalID, order.ExternalFailed, 0, nil)
		case 1:
			known.order = *seen(externalID, order.ExternalRejected, 0, nil)
			known.order.Reroutable = true
		case 2:
			known.order = *seen(externalID, order.ExternalFulfilled, known.quantity, nil)
		default:
			known.order = *seen(externalID, order.ExternalFulfilled, known.quantity, charge)
		}
	default:
		if known.order.Charge == nil && known.order.State == order.ExternalFulfilled {
			known.order.Charge = money(strconv.Itoa(known.quantity))
		}
	}
	if !w.calm && w.intN(4) == 0 {
		return &before
	}
	after := known.order
	return &after
}

// finish lets everything come to its end, with nothing that goes wrong any more.
func (w *world) finish() {
	w.mu.Lock()
	w.calm = true
	w.mu.Unlock()
	w.exec("UPDATE workers SET heartbeat_at = 'epoch'")
	w.releaseAll()
	for round := range 60 {
		must(w.t, w.sweep())
		w.exec("UPDATE fulfillments SET next_poll_at = now() WHERE next_poll_at > now()")
		w.exec("UPDATE attempts SET started_at = started_at - interval '1 hour'")
		w.exec("UPDATE fulfillments SET updated_at = updated_at - interval '1 hour' WHERE status = 'UNKNOWN'")
		once := make(chan struct{})
		time.AfterFunc(50*time.Millisecond, func() { close(once) })
		w.work(once, false)
		for range 10 {
			must(w.t, w.poll())
		}
		// A repetition that was refused leaves an outcome that only a person can find out.
		for _, id := range query[uuid.UUID](w.stand, "SELECT fulfillment_id FROM attempts WHERE state = 'MANUAL'") {
			must(w.t, w.findOut(id))
		}
		w.exec("UPDATE fulfillments SET scheduled_at = now() WHERE scheduled_at > now()")
		open := query[string](w.stand, `SELECT f.status || ' ' || f.failure FROM fulfillments f
			WHERE (f.status NOT IN ('FULFILLED', 'FAILED', 'CANCELED', 'REJECTED', 'UNROUTABLE') OR f.status = 'FULFILLED' AND reserved > 0)
			`)
		if len(open) == 0 {
			return
		}
		if round == 59 {
			w.t.Errorf("still open: %v", open)
		}
	}
}

func (w *world) ledger() (lines []store.LedgerLine) {
	for externalID, known := range w.orders {
		dead := []order.ExternalState{order.ExternalRejected, order.ExternalFailed, order.ExternalCanceled}
		lines = append(lines, store.LedgerLine{
			Provider: known.provider, Key: known.key, ExternalID: externalID, Live: !slices.Contains(dead, known.order.State),
		})
	}
	return lines
}
