package fulfillment_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/boostress/boostress/fulfillment"
	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/store"
	"github.com/boostress/boostress/task"
)

// TestOrderBudgetUnderTwoHundred has two hundred goroutines bring the lines of one order to a provider; the budget has
// room for 37 of them.
func TestOrderBudgetUnderTwoHundred(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	s.provider("one", "0.50")
	o := s.place(func(d *order.Draft) {
		d.Budget = money("37.99")
		d.Lines = slices.Repeat([]order.LineDraft{{ServiceType: "poster-a3", Quantity: 2}}, 100)
	})
	ids := query[uuid.UUID](s, "SELECT id FROM tasks")
	var callers sync.WaitGroup
	for i := range 200 { // each id comes twice, as Redis may have it
		callers.Go(func() {
			claimed, err := s.store.TaskClaim(s.ctx(), s.worker, term, ids[i%100:i%100+1])
			if err == nil {
				_, err = s.Intend(s.ctx(), claimed)
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	callers.Wait()
	s.wantMoney(o, "37", "0", "0")
	counts := query[int](s, `SELECT count(*)::int FROM fulfillments WHERE status IN ('SUBMITTING', 'UNROUTABLE')
		GROUP BY status ORDER BY status`)
	if !slices.Equal(counts, []int{37, 63}) {
		t.Errorf("submitting and unroutable are %v", counts)
	}
}

// TestProviderBudgetForOneOfTwo has two groups, each of which alone fits the provider's budget, come at the same time.
func TestProviderBudgetForOneOfTwo(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	for round := range 10 {
		category := fmt.Sprint("round", round)
		provider := s.providerWith(fulfillment.ProviderInput{Name: &category, Budget: ptr(amount("10"))})
		s.exec("UPDATE offers SET enabled = false")
		s.offer(provider, "4")
		s.place(nil)
		s.place(nil)
		s.hurry()
		tasks := slices.DeleteFunc(s.claim(), func(one task.Task) bool { return one.Attempt > 1 })
		var callers sync.WaitGroup
		for i := range tasks {
			callers.Go(func() {
				if _, err := s.Intend(s.ctx(), tasks[i:i+1]); err != nil {
					t.Error(err)
				}
			})
		}
		callers.Wait()
		if now := s.providerNow(provider); !now.Reserved.Equal(amount("8")) {
			t.Errorf("round %d: %s are reserved, want one order's 8", round, now.Reserved)
		}
	}
}

// TestGroupsDontWaitInACircle has intents, which lock budgeted providers early, and outcomes, which count all providers
// at their end, run against each other. The one without a budget has the lower id.
func TestGroupsDontWaitInACircle(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	free := s.providerWith(fulfillment.ProviderInput{Name: ptr("free")})
	budgeted := s.providerWith(fulfillment.ProviderInput{Name: ptr("budgeted"), Budget: ptr(amount("1000000"))})
	for service, provider := range map[string]*order.Provider{"a": free, "b": budgeted} {
		_, err := s.CreateOffer(s.ctx(), s.who, offerInput(func(in *fulfillment.OfferInput) {
			in.ProviderID, in.ServiceType, in.ExternalID = provider.ID, &service, service
		}))
		must(t, err)
	}
	for range 120 {
		s.place(func(d *order.Draft) {
			d.Lines = []order.LineDraft{{ServiceType: "a", Quantity: 1}, {ServiceType: "b", Quantity: 1}}
		})
	}
	tasks := s.claim()
	rand.Shuffle(len(tasks), func(i, j int) { tasks[i], tasks[j] = tasks[j], tasks[i] })
	groups := slices.Collect(slices.Chunk(tasks, 8))
	ready := make(chan []fulfillment.Step, len(groups))
	var intending, recording sync.WaitGroup
	for _, group := range groups {
		intending.Go(func() {
			steps, err := s.Intend(s.ctx(), group)
			if err != nil {
				t.Error(err)
			}
			ready <- steps
		})
	}
	for range 4 {
		recording.Go(func() {
			for steps := range ready {
				var reports []fulfillment.Report
				for _, step := range steps {
					reports = append(reports, fulfillment.Report{Step: step, Outcome: order.Outcome{
						Class: order.ClassAccepted, Order: seen(step.Attempt.Key, order.ExternalFulfilled, 1, money("5")),
					}})
				}
				if _, err := s.Record(s.ctx(), reports); err != nil {
					t.Error(err)
				}
			}
		})
	}
	intending.Wait()
	close(ready)
	recording.Wait()
	if left := query[int](s, "SELECT count(*)::int FROM orders WHERE status <> 'FULFILLED'"); left[0] > 0 {
		t.Errorf("%d orders are not fulfilled", left[0])
	}
}

// TestAnything has workers, some of which die, a sweeper, pollers and people who cancel all work at once on orders that
// go to providers which do anything. In the end the providers' own ledger and the database agree.
func TestAnything(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	world := &world{stand: s, orders: map[string]*external{}, byKey: map[string]string{}}
	for _, price := range []string{"1", "2", "3"} {
		world.providers = append(world.providers, s.provider(price, price))
	}
	s.setCapabilities(world.providers[1], order.Capabilities{Idempotency: order.IdempotencyReference, Lookup: true, Cancel: true})
	var placed []*order.Order
	for i := range 60 {
		soon := time.Now().Add(2*time.Second + time.Duration(i)*50*time.Millisecond)
		placed = append(placed, s.place(func(d *order.Draft) {
			d.Lines = slices.Repeat(d.Lines, 1+i%3)
			if i%5 == 0 {
				d.Deadline = &soon
			}
			if i%4 == 0 {
				d.Budget = money("7")
			}
		}))
	}
	chaos, stop := context.WithTimeout(t.Context(), 4*time.Second)
	defer stop()
	var hands sync.WaitGroup
	for range 4 {
		hands.Go(func() { world.work(chaos, true) })
	}
	hands.Go(func() { world.repeat(chaos, world.sweep) })
	hands.Go(func() { world.repeat(chaos, world.poll) })
	hands.Go(func() { world.repeat(chaos, world.poll) })
	hands.Go(func() {
		world.repeat(chaos, func(ctx context.Context) error {
			_, err := s.CancelOrder(ctx, s.who, placed[rand.IntN(len(placed))].ID)
			if errors.Is(err, order.ErrFulfilled) {
				return nil
			}
			return err
		})
	})
	hands.Wait()
	s.wantInvariants()
	world.finish()
	violations, err := s.store.CheckLedger(s.ctx(), world.ledger())
	must(t, err)
	for _, violation := range violations {
		t.Error(violation)
	}
	ended := query[string](s, "SELECT status || ' ' || count(*) FROM orders GROUP BY status ORDER BY 1")
	if deadlocks := query[int](s, "SELECT deadlocks::int FROM pg_stat_database WHERE datname = current_database()"); deadlocks[0] > 0 {
		t.Errorf("%d transactions waited for each other in a circle", deadlocks[0])
	}
	t.Logf("orders ended as %v, the providers hold %d, attempts: %v, task results: %v", ended, len(world.orders),
		query[string](s, "SELECT operation || ' ' || state || ' ' || count(*) FROM attempts GROUP BY operation, state ORDER BY 1"),
		query[int](s, "SELECT count(*)::int FROM task_results"))
}

// world is what is outside: providers with a ledger of their own, and the processes that speak to them.
type world struct {
	*stand
	providers []*order.Provider

	mu     sync.Mutex
	orders map[string]*external // by id
	byKey  map[string]string    // the id that a key made
	calm   bool                 // nothing goes wrong any more
}

type external struct {
	provider, key string
	quantity      int
	order         order.ExternalOrder
}

// repeat does something again and again. Whatever fails is a fault, but for the end.
func (w *world) repeat(ctx context.Context, do func(context.Context) error) {
	for ctx.Err() == nil {
		if err := do(context.WithoutCancel(ctx)); err != nil && !store.Transient(err) {
			w.t.Error(err)
			return
		}
		pause(ctx, rand.N(20*time.Millisecond))
	}
}

func pause(ctx context.Context, while time.Duration) {
	select {
	case <-time.After(while):
	case <-ctx.Done():
	}
}

// work is a worker: it claims, calls and records; a mortal one sometimes dies with what it has, and a new one comes.
func (w *world) work(ctx context.Context, mortal bool) {
	worker := w.register()
	w.repeat(ctx, func(ctx context.Context) error {
		tasks, err := w.store.TaskClaimDue(ctx, worker, term, task.QueueDispatch, 1+rand.IntN(8))
		if err != nil {
			return err
		}
		dies := mortal && rand.IntN(10) == 0
		if dies && rand.IntN(3) == 0 {
			tasks, worker = nil, w.die(worker)
			return nil
		}
		steps, err := w.Intend(ctx, tasks)
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
			if rand.IntN(2) == 0 { // a zombie that still writes
				_, err = w.Record(ctx, reports)
			}
			return err
		}
		_, err = w.Record(ctx, reports)
		return err
	})
}

func (w *world) die(worker uuid.UUID) uuid.UUID {
	w.exec("UPDATE workers SET heartbeat_at = 'epoch' WHERE id = $1", worker)
	return w.register()
}

func (w *world) sweep(ctx context.Context) error {
	w.exec("UPDATE tasks SET due_at = now() WHERE claim_token IS NULL AND due_at > now() AND random() < 0.3")
	w.exec("UPDATE fulfillments SET next_poll_at = now() WHERE next_poll_at > now() AND random() < 0.3")
	if _, err := w.Reap(ctx, term, 100); err != nil {
		return err
	}
	_, err := w.ApplyDeadlines(ctx, 100)
	return err
}

// call is the other end of a step.
func (w *world) call(step *fulfillment.Step) fulfillment.Report {
	w.mu.Lock()
	defer w.mu.Unlock()
	report := fulfillment.Report{Step: *step, Outcome: outcome(order.ClassUnknown)}
	fate := rand.IntN(10)
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
		return order.Outcome{Class: order.ClassRejected, Reroutable: rand.IntN(2) == 0, Message: "no paper"}
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
func (w *world) poll(ctx context.Context) error {
	provider, due, err := w.DuePolls(ctx, w.providers[rand.IntN(len(w.providers))].ID, 10)
	if err != nil || len(due) == 0 {
		return err
	}
	observations := make([]fulfillment.Observation, len(due))
	for i, f := range due {
		observations[i] = fulfillment.Observation{OrderID: f.OrderID, FulfillmentID: f.ID, DueAt: f.NextPollAt, Order: w.look(f.ExternalID)}
	}
	return w.Observe(ctx, provider, observations)
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
		charge := money(fmt.Sprint(known.quantity))
		switch rand.IntN(6) {
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
			known.order.Charge = money(fmt.Sprint(known.quantity))
		}
	}
	if !w.calm && rand.IntN(4) == 0 {
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
	for round := range 60 {
		must(w.t, w.sweep(w.ctx()))
		w.exec("UPDATE fulfillments SET next_poll_at = now() WHERE next_poll_at > now()")
		w.exec("UPDATE attempts SET started_at = started_at - interval '1 hour'")
		w.exec("UPDATE fulfillments SET updated_at = updated_at - interval '1 hour' WHERE status = 'UNKNOWN'")
		once, stop := context.WithTimeout(w.ctx(), 50*time.Millisecond)
		w.work(once, false)
		stop()
		for range 10 {
			must(w.t, w.poll(w.ctx()))
		}
		// A repetition that was refused leaves an outcome that only a person can find out.
		open := query[string](w.stand, `SELECT f.status || ' ' || f.failure FROM fulfillments f
			WHERE (f.status NOT IN ('FULFILLED', 'FAILED', 'CANCELED', 'REJECTED', 'UNROUTABLE') OR f.status = 'FULFILLED' AND reserved > 0)
			  AND NOT EXISTS (SELECT FROM attempts a WHERE a.fulfillment_id = f.id AND a.state = 'MANUAL')`)
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
