package fulfillment_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/boostress/boostress/fulfillment"
	"github.com/boostress/boostress/order"
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
		provider := s.providerWith(fulfillment.ProviderInput{Name: &category, Budget: new(amount("10"))})
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

// TestProviderBudgetWithinAGroup: what one member of a group reserves is gone for the next.
func TestProviderBudgetWithinAGroup(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	provider := s.providerWith(fulfillment.ProviderInput{Name: new("one"), Budget: new(amount("10"))})
	s.offer(provider, "2")
	for range 5 {
		s.place(nil)
	}
	steps, err := s.Intend(s.ctx(), s.claim())
	must(t, err)
	calls := slices.DeleteFunc(steps, func(step fulfillment.Step) bool { return step.Kind == fulfillment.StepNone })
	if now := s.providerNow(provider); len(calls) != 2 || !now.Reserved.Equal(amount("8")) {
		t.Errorf("%d calls, %s are reserved, want two of 4", len(calls), now.Reserved)
	}
}

// TestGroupsDontWaitInACircle has intents, which lock budgeted providers early, and outcomes, which count all providers
// at their end, run against each other. The one without a budget has the lower id.
func TestGroupsDontWaitInACircle(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	free := s.providerWith(fulfillment.ProviderInput{Name: new("free")})
	daily := s.providerWith(fulfillment.ProviderInput{Name: new("daily"), DayBudget: new(amount("1000000"))})
	budgeted := s.providerWith(fulfillment.ProviderInput{Name: new("budgeted"), Budget: new(amount("1000000"))})
	for service, provider := range map[string]*order.Provider{"a": free, "b": budgeted, "c": daily} {
		_, err := s.CreateOffer(s.ctx(), s.who, offerInput(func(in *fulfillment.OfferInput) {
			in.ProviderID, in.ServiceType, in.ExternalID = provider.ID, &service, service
		}))
		must(t, err)
	}
	for range 120 {
		s.place(func(d *order.Draft) {
			d.Lines = []order.LineDraft{{ServiceType: "a", Quantity: 1}, {ServiceType: "b", Quantity: 1}, {ServiceType: "c", Quantity: 1}}
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

// TestAnything has workers, some of which die, a sweeper, pollers, webhooks and people who hold, change and cancel orders and
// lay hands on fulfillments all work at once, for providers which do anything. In the end the providers' own ledger and the
// database agree.
func TestAnything(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	world := &world{stand: s, orders: map[string]*external{}, byKey: map[string]string{}}
	for _, price := range []string{"1", "2", "3"} {
		world.providers = append(world.providers, s.provider(price, price))
	}
	_, err := s.UpdateProvider(s.ctx(), s.who, world.providers[0].ID, fulfillment.ProviderInput{DayBudget: new(amount("30"))})
	must(t, err)
	s.setCapabilities(world.providers[1], order.Capabilities{Idempotency: order.IdempotencyReference, Lookup: true, Cancel: true})
	s.hopping()
	s.exec("UPDATE offers SET sla_ms = 300")
	for i := range 60 {
		soon := time.Now().Add(2*time.Second + time.Duration(i)*50*time.Millisecond)
		world.placed = append(world.placed, s.place(func(d *order.Draft) {
			d.Lines = slices.Repeat(d.Lines, 1+i%3)
			if i%5 == 0 {
				d.Deadline = &soon
			}
			if i%10 == 0 {
				d.Pacing = &order.Pacing{Mode: order.PaceEven, Slices: 2}
			}
			if i%4 == 0 {
				d.Budget = money("7")
			}
			d.IsDraft = i%7 == 0
		}))
	}
	chaos := make(chan struct{})
	time.AfterFunc(4*time.Second, func() { close(chaos) })
	var hands sync.WaitGroup
	for range 4 {
		hands.Go(func() { world.work(chaos, true) })
	}
	hands.Go(func() { world.repeat(chaos, world.sweep) })
	for range 2 {
		hands.Go(func() { world.repeat(chaos, world.poll) })
		hands.Go(func() { world.repeat(chaos, world.hint) })
	}
	for range 2 {
		hands.Go(func() { world.repeat(chaos, world.hand) })
		hands.Go(func() { world.repeat(chaos, world.person) })
	}
	hands.Wait()
	must(t, world.sweep()) // who died last is found out, too
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

// TestQuantityForOneOfMany has twenty people try the same failed fulfillment again at the same time: its quantity goes
// to one replacement.
func TestQuantityForOneOfMany(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	s.provider("one", "5")
	o := s.place(nil)
	s.record(s.step(fulfillment.StepCreate), outcome(order.ClassRejected))
	failed := s.fulfillment(o)
	if failed.Status != order.FulfillmentFailed {
		t.Fatalf("the fulfillment is %s, want FAILED", failed.Status)
	}
	var people sync.WaitGroup
	var won atomic.Int32
	for range 20 {
		people.Go(func() {
			_, err := s.RetryFulfillment(s.ctx(), s.who, failed.ID)
			var faults order.Faults
			switch {
			case err == nil:
				won.Add(1)
			case !errors.As(err, &faults):
				t.Error(err)
			}
		})
	}
	people.Wait()
	replacements := query[int](s, "SELECT count(*)::int FROM fulfillments WHERE replaces_id IS NOT NULL")
	if won.Load() != 1 || replacements[0] != 1 {
		t.Errorf("%d retries succeeded and made %d replacements, want one of each", won.Load(), replacements[0])
	}
}
