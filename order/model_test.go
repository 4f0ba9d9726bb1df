package order_test

import (
	"errors"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"
	"github.com/govalues/decimal"
	"pgregory.net/rapid"

	"github.com/boostress/boostress/internal/id"
	"github.com/boostress/boostress/order"
)

// model is an order in a database of the test's own: rows change only as the store writes them.
type model struct {
	order     order.Order
	rows      map[uuid.UUID]order.Fulfillment
	ids       []uuid.UUID // of rows, in the order of their making
	lines     []order.Line
	events    []order.Event
	entries   []order.LedgerEntry
	providers []uuid.UUID
	holds     []order.Hold      // the open ones
	occupied  map[uuid.UUID]int // providers, by the loads that were written
	now       time.Time

	c *order.Case // what is open for change
}

// TestCaseModel drives an order through random steps, in any order that the engine allows and with providers that say
// anything at any time, and checks all that must hold after each.
func TestCaseModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		m := newModel(t)
		steps := map[string]func(*rapid.T){"": func(t *rapid.T) { m.check(t) }, "end": m.end}
		for _, hand := range []string{"left", "right", "third", "fourth"} { // most steps are work, few end the order
			steps["work "+hand] = m.work
		}
		steps["person"] = m.person
		t.Repeat(steps)
	})
}

// work moves one fulfillment by one of the steps that its state allows.
func (m *model) work(t *rapid.T) {
	m.open()
	if len(m.c.Fulfillments) == 0 { // a draft
		return
	}
	f := rapid.SampledFrom(m.c.Fulfillments).Draw(t, "fulfillment")
	steps := []func(*rapid.T, *order.Fulfillment){m.see, m.planPoll, m.hand}
	waits := f.Status.Untouched() || f.Status == order.FulfillmentRetryWait
	if waits && m.order.Held {
		rapid.SampledFrom(steps).Draw(t, "step of what is held")(t, f)
		return
	}
	switch f.Status {
	case order.FulfillmentScheduled:
		if !f.ScheduledAt.After(m.now) {
			steps = append(oftener(m.place, 4), m.unroutable)
		}
		steps = append(steps, m.split, m.hand)
	case order.FulfillmentPending, order.FulfillmentUnroutable:
		steps = append(oftener(m.place, 4), m.split, m.unroutable, m.see, m.planPoll, m.hand)
	case order.FulfillmentSubmitting:
		steps = append(steps, m.see, m.lost, m.retry, m.reject)
	case order.FulfillmentUnknown:
		steps = append(steps, m.see, m.retry, m.needPerson)
	case order.FulfillmentRetryWait:
		steps = append(oftener(m.again, 2), m.reject, m.see, m.planPoll, m.hand)
	case order.FulfillmentCancelRequested:
		steps = append(steps, m.see, m.refuse)
	case order.FulfillmentFulfilled:
		if f.AwaitsCharge() {
			steps = append(steps, m.assume)
		}
	default:
		steps = append(oftener(m.see, 3), m.planPoll, m.hand)
	}
	rapid.SampledFrom(steps).Draw(t, "step")(t, f)
}

// oftener repeats a step, so that it is drawn as much more often.
func oftener(step func(*rapid.T, *order.Fulfillment), times int) []func(*rapid.T, *order.Fulfillment) {
	return slices.Repeat([]func(*rapid.T, *order.Fulfillment){step}, times)
}

// end asks, rarely, for the end of the whole order.
func (m *model) end(t *rapid.T) {
	switch rapid.IntRange(0, 9).Draw(t, "how") {
	case 0:
		m.cancel(t)
	case 1:
		m.expire(t)
	default:
		m.work(t)
	}
}

func newModel(t *rapid.T) *model {
	m := &model{rows: map[uuid.UUID]order.Fulfillment{}, occupied: map[uuid.UUID]int{}, now: noon}
	for range 3 {
		m.providers = append(m.providers, id.New(id.Provider))
	}
	m.order = order.Order{
		ID: id.New(id.Order), AccountID: id.New(id.Account), Reference: "r", Category: "c", Currency: "EUR", CreatedAt: noon,
		DeadlineAction: order.DeadlineFinish,
	}
	if rapid.Bool().Draw(t, "budgeted") {
		budget := micros(60_000_000).Draw(t, "budget")
		m.order.Budget = &budget
	}
	for i := range rapid.IntRange(1, 3).Draw(t, "lines") {
		line := order.Line{ID: id.New(id.Line), OrderID: m.order.ID, Position: i, Quantity: rapid.IntRange(1, 5).Draw(t, "quantity")}
		m.lines = append(m.lines, line)
		m.order.Quantity += line.Quantity
	}
	m.begin(t)
	return m
}

func must(t *rapid.T, err error) {
	if err != nil {
		t.Fatal(err)
	}
}

// open begins a transaction.
func (m *model) open() {
	m.now = m.now.Add(time.Hour) // days pass
	m.reopen()
}

// reopen begins another transaction at the same time.
func (m *model) reopen() {
	copied := m.order
	m.c = &order.Case{Order: &copied, Now: m.now, Actor: "system"}
	for _, rowID := range m.ids {
		row := m.rows[rowID]
		m.c.Fulfillments = append(m.c.Fulfillments, &row)
	}
	for _, hold := range m.holds {
		m.c.Holds = append(m.c.Holds, &hold)
	}
}

// save commits a transaction, as SaveCases does: new rows as they were made, then changed ones (their plans only where
// they were replanned), the order where there are events.
func (m *model) save(t *rapid.T) {
	for _, f := range m.c.New {
		m.ids = append(m.ids, f.ID)
		m.rows[f.ID] = order.Fulfillment{
			ID: f.ID, AccountID: f.AccountID, OrderID: f.OrderID, LineID: f.LineID, ReplacesID: f.ReplacesID, Excluded: f.Excluded,
			Quantity: f.Quantity, Status: f.Status, Generation: 1, Currency: f.Currency, CreatedAt: m.now, UpdatedAt: m.now,
			ScheduledAt: f.ScheduledAt,
		}
	}
	for changed := range m.c.Changed {
		row := *m.c.Find(changed)
		if was := m.rows[changed]; !m.c.Replanned[changed] {
			row.Quantity, row.Excluded, row.ScheduledAt = was.Quantity, was.Excluded, was.ScheduledAt
			row.RerouteAsked, row.RerouteSame = was.RerouteAsked, was.RerouteSame
		}
		m.rows[changed] = row
	}
	for provider, load := range m.c.Loads {
		m.occupied[provider] += load.Open
	}
	if len(m.c.Events) > 0 {
		m.saveOrder()
	}
	m.saveHolds()
	m.events, m.entries = append(m.events, m.c.Events...), append(m.entries, m.c.Entries...)
	if diff := cmp.Diff(*m.c.Order, m.order, exact()); diff != "" {
		t.Fatalf("the order's row is not what it is in memory (-memory +row):\n%s", diff)
	}
	for _, f := range m.c.Fulfillments {
		if reflect.DeepEqual(*f, m.rows[f.ID]) {
			continue
		}
		if diff := cmp.Diff(*f, m.rows[f.ID], exact()); diff != "" {
			t.Fatalf("a fulfillment's row is not what it is in memory (-memory +row):\n%s", diff)
		}
	}
}

func exact() cmp.Options {
	return cmp.Options{
		cmp.Comparer(func(a, b decimal.Decimal) bool { return a.Equal(b) }), cmp.Comparer(func(a, b uuid.UUID) bool { return a == b }),
		cmpopts.EquateEmpty(),
	}
}

// place gives f to an offer, or notes that there is none, in a transaction of its own.
func (m *model) place(t *rapid.T, f *order.Fulfillment) {
	if m.route(t, f) {
		m.save(t)
	}
}

// route reports whether the transaction goes on.
func (m *model) route(t *rapid.T, f *order.Fulfillment) bool {
	var free []uuid.UUID
	for _, provider := range m.providers {
		if !slices.Contains(f.Excluded, provider) {
			free = append(free, provider)
		}
	}
	if len(free) == 0 {
		must(t, m.c.Unroutable(f, "every provider is excluded"))
		return true
	}
	offer := &order.Offer{
		ID: id.New(id.Offer), ProviderID: rapid.SampledFrom(free).Draw(t, "provider"), Currency: "EUR",
		UnitPrice: micros(9_000_000).Draw(t, "price"), SLA: rapid.SampledFrom([]time.Duration{0, 3 * time.Second}).Draw(t, "promised"),
	}
	cost, err := order.Money{Amount: offer.UnitPrice, Currency: "EUR"}.Times(f.Quantity)
	must(t, err)
	err = m.c.Submit(f, offer)
	if fits := m.fits(t, cost.Amount); fits != (err == nil) || err != nil && !errors.Is(err, order.ErrBudget) {
		t.Fatalf("reserve %s of %+v: %v", cost, m.order, err)
	}
	return err == nil
}

// fits counts anew what the order may still reserve, after what this transaction gave back.
func (m *model) fits(t *rapid.T, cost decimal.Decimal) bool {
	if m.order.Budget == nil {
		return true
	}
	taken := add(t, m.order.Reserved, m.order.Spent, m.order.Overcharge.Neg(), cost)
	for _, e := range m.c.Entries {
		if e.Kind == order.EntryRelease {
			taken = add(t, taken, e.Reserved)
		}
	}
	return taken.Cmp(*m.order.Budget) <= 0 && (cost.IsZero() || !m.order.Overcharge.IsPos())
}

// split parts an untouched fulfillment in two, where it has something to part.
func (m *model) split(t *rapid.T, f *order.Fulfillment) {
	kept, all := rapid.IntRange(0, f.Quantity).Draw(t, "kept"), f.Quantity
	rest, err := m.c.Split(f, kept)
	if kept == 0 || kept == all {
		if !errors.Is(err, order.ErrTransition) {
			t.Fatalf("%d of %d are kept: %v", kept, all, err)
		}
		return
	}
	must(t, err)
	if f.Quantity != kept || rest.Quantity != all-kept || rest.LineID != f.LineID {
		t.Fatalf("%d of %d are kept, and the parts are %d and %d", kept, all, f.Quantity, rest.Quantity)
	}
	m.save(t)
}

func (m *model) unroutable(t *rapid.T, f *order.Fulfillment) {
	must(t, m.c.Unroutable(f, rapid.SampledFrom([]string{"no offer", "too dear"}).Draw(t, "reason")))
	m.save(t)
}

func (m *model) lost(t *rapid.T, f *order.Fulfillment) {
	must(t, m.c.Lost(f, "timeout"))
	m.save(t)
}

func (m *model) retry(t *rapid.T, f *order.Fulfillment) {
	generation, fresh := f.Generation, rapid.Bool().Draw(t, "new generation")
	must(t, m.c.Retry(f, "try later", fresh))
	if f.Status == order.FulfillmentRetryWait && (f.Generation > generation) != fresh {
		t.Fatalf("generation %d after %d", f.Generation, generation)
	}
	m.save(t)
}

func (m *model) reject(t *rapid.T, f *order.Fulfillment) {
	next, err := m.c.Reject(f, "out of stock", rapid.Bool().Draw(t, "reroute"))
	must(t, err)
	if (next != nil) != (f.Status == order.FulfillmentRejected) {
		t.Fatalf("%s is followed by %v", f.Status, next)
	}
	m.save(t)
}

// again is the end of a wait: the same provider is called, or the fulfillment is taken from it and routed anew.
func (m *model) again(t *rapid.T, f *order.Fulfillment) {
	if rapid.Bool().Draw(t, "same provider") {
		must(t, m.c.Resubmit(f))
		m.save(t)
		return
	}
	must(t, m.c.Unassign(f, "the provider is paused"))
	if rapid.Bool().Draw(t, "routed at once") && !m.route(t, f) {
		return
	}
	m.save(t)
}

func (m *model) cancel(t *rapid.T) {
	m.open()
	finished := m.c.Order.FinishedAt != nil
	toAsk, err := m.c.AskCancel()
	if m.c.Order.Status == order.Fulfilled && finished {
		if !errors.Is(err, order.ErrFulfilled) {
			t.Fatalf("cancel what is delivered: %v", err)
		}
		return
	}
	must(t, err)
	for _, f := range m.c.Fulfillments {
		if f.Status.Untouched() || f.Status == order.FulfillmentRetryWait {
			t.Fatalf("the order is canceled, and a fulfillment still waits as %s", f.Status)
		}
		asked := slices.Contains(toAsk, f)
		if asked && f.Status != order.FulfillmentCancelRequested || !finished && !f.Status.Final() && !f.CancelAsked {
			t.Fatalf("the order is canceled, and a fulfillment is %+v", f)
		}
	}
	m.save(t)
	m.open()
	if again, err := m.c.AskCancel(); !m.c.Touched() && len(again) == 0 && err == nil || errors.Is(err, order.ErrFulfilled) {
		return
	}
	t.Fatal("canceling twice changed something")
}

func (m *model) refuse(t *rapid.T, f *order.Fulfillment) {
	must(t, m.c.RefuseCancel(f, "it is printed already"))
	if f.CancelAsked || f.Status.Final() {
		t.Fatalf("the cancellation was refused: %+v", f)
	}
	m.save(t)
}

func (m *model) expire(t *rapid.T) {
	m.open()
	toAsk, err := m.c.Expire()
	must(t, err)
	for _, f := range m.c.Fulfillments {
		asked := f.CancelAsked || f.Status.Final() || m.order.Expired || m.order.FinishedAt != nil
		if wanted := m.order.DeadlineAction == order.DeadlineCancel; wanted && !asked || !wanted && len(toAsk) > 0 {
			t.Fatalf("expired, to %s: %+v, ask %v", m.order.DeadlineAction, f, toAsk)
		}
	}
	m.save(t)
	m.open()
	_, err = m.c.Expire()
	must(t, err)
	if m.c.Touched() {
		t.Fatal("expiring twice changed something")
	}
}

func (m *model) needPerson(t *rapid.T, f *order.Fulfillment) {
	must(t, m.c.NeedPerson(f, "look there"))
	m.save(t)
}

func (m *model) assume(t *rapid.T, f *order.Fulfillment) {
	must(t, m.c.AssumeCharge(f))
	if f.AwaitsCharge() {
		t.Fatalf("the charge was assumed, and is still awaited: %+v", f)
	}
	m.save(t)
}

func (m *model) planPoll(t *rapid.T, f *order.Fulfillment) {
	can := order.Capabilities{PollMin: rapid.SampledFrom([]time.Duration{0, time.Second, time.Hour}).Draw(t, "min")}
	m.c.PlanPoll(f, can)
	if polled := f.NextPollAt != nil; polled != (f.Status.AtProvider() || f.AwaitsCharge()) {
		t.Fatalf("%s is polled: %t", f.Status, polled)
	}
	if f.NextPollAt != nil && f.NextPollAt.Before(m.now.Add(max(can.PollMin, time.Second))) {
		t.Fatalf("polled again after %s", f.NextPollAt.Sub(m.now))
	}
	m.save(t)
}
