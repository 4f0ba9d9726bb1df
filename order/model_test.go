package order_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
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
		t.Repeat(steps)
	})
}

// work moves one fulfillment by one of the steps that its state allows.
func (m *model) work(t *rapid.T) {
	m.open()
	f := rapid.SampledFrom(m.c.Fulfillments).Draw(t, "fulfillment")
	steps := []func(*rapid.T, *order.Fulfillment){m.see, m.planPoll}
	switch f.Status {
	case order.FulfillmentPending, order.FulfillmentUnroutable:
		steps = append(steps, m.place, m.place, m.place, m.place, m.unroutable)
	case order.FulfillmentSubmitting:
		steps = append(steps, m.see, m.lost, m.retry, m.reject)
	case order.FulfillmentUnknown:
		steps = append(steps, m.see, m.retry, m.needPerson)
	case order.FulfillmentRetryWait:
		steps = append(steps, m.again, m.again, m.reject)
	case order.FulfillmentCancelRequested:
		steps = append(steps, m.see, m.refuse)
	case order.FulfillmentFulfilled:
		if f.AwaitsCharge() {
			steps = append(steps, m.assume)
		}
	default:
		steps = append(steps, m.see, m.see)
	}
	rapid.SampledFrom(steps).Draw(t, "step")(t, f)
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

// model is an order in a database of the test's own: rows change only as the store writes them.
type model struct {
	order     order.Order
	rows      map[uuid.UUID]order.Fulfillment
	ids       []uuid.UUID // of rows, in the order of their making
	lines     []order.Line
	events    []order.Event
	entries   []order.LedgerEntry
	providers []uuid.UUID
	now       time.Time

	c *order.Case // what is open for change
}

func newModel(t *rapid.T) *model {
	m := &model{rows: map[uuid.UUID]order.Fulfillment{}, now: noon}
	for range 3 {
		m.providers = append(m.providers, id.New(id.Provider))
	}
	m.order = order.Order{ID: id.New(id.Order), AccountID: id.New(id.Account), Reference: "r", Category: "c", Currency: "EUR", CreatedAt: noon}
	if rapid.Bool().Draw(t, "budgeted") {
		budget := micros(60_000_000).Draw(t, "budget")
		m.order.Budget = &budget
	}
	for i := range rapid.IntRange(1, 3).Draw(t, "lines") {
		line := order.Line{ID: id.New(id.Line), OrderID: m.order.ID, Position: i, Quantity: rapid.IntRange(1, 5).Draw(t, "quantity")}
		m.lines = append(m.lines, line)
		m.order.Quantity += line.Quantity
	}
	m.open()
	must(t, m.c.Place(m.lines))
	m.save(t)
	return m
}

func must(t *rapid.T, err error) {
	if err != nil {
		t.Fatal(err)
	}
}

// open begins a transaction.
func (m *model) open() {
	m.now = m.now.Add(time.Second)
	copied := m.order
	m.c = &order.Case{Order: &copied, Now: m.now, Actor: "system"}
	for _, rowID := range m.ids {
		row := m.rows[rowID]
		m.c.Fulfillments = append(m.c.Fulfillments, &row)
	}
}

// save commits a transaction, as SaveCases does: new rows as they were made, then changed ones, the order where there
// are events.
func (m *model) save(t *rapid.T) {
	for _, f := range m.c.New {
		m.ids = append(m.ids, f.ID)
		m.rows[f.ID] = order.Fulfillment{
			ID: f.ID, AccountID: f.AccountID, OrderID: f.OrderID, LineID: f.LineID, ReplacesID: f.ReplacesID, Excluded: f.Excluded,
			Quantity: f.Quantity, Status: order.FulfillmentPending, Generation: 1, Currency: f.Currency, CreatedAt: m.now, UpdatedAt: m.now,
		}
	}
	for changed := range m.c.Changed {
		m.rows[changed] = *m.c.Find(changed)
	}
	if len(m.c.Events) > 0 {
		m.order = *m.c.Order
	}
	m.events, m.entries = append(m.events, m.c.Events...), append(m.entries, m.c.Entries...)
	if diff := cmp.Diff(*m.c.Order, m.order, exact()); diff != "" {
		t.Fatalf("the order's row is not what it is in memory (-memory +row):\n%s", diff)
	}
	for _, f := range m.c.Fulfillments {
		if diff := cmp.Diff(*f, m.rows[f.ID], exact()); diff != "" {
			t.Fatalf("a fulfillment's row is not what it is in memory (-memory +row):\n%s", diff)
		}
	}
}

func exact() cmp.Options {
	return cmp.Options{
		cmp.Comparer(func(a, b decimal.Decimal) bool { return a.Equal(b) }), cmpopts.EquateEmpty(),
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
		UnitPrice: micros(9_000_000).Draw(t, "price"),
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

// see is what a provider says, at any time: in time, late, twice, out of order or absurd.
func (m *model) see(t *rapid.T, f *order.Fulfillment) {
	seen := said().Draw(t, "seen")
	before := *f
	ask, err := m.c.Observe(f, seen)
	if err != nil {
		t.Fatalf("observe %+v in %s: %v", seen, before.Status, err)
	}
	if ask {
		must(t, m.c.RequestCancel(f))
	}
	if f.Delivered < before.Delivered || before.Status.Final() && f.Status != before.Status {
		t.Fatalf("%+v took a step back: %+v after %+v", seen, f, before)
	}
	if stale(before, seen) && len(m.c.Events) > 0 {
		t.Fatalf("%+v is stale and changed %+v: %s", seen, before, cmp.Diff(before, *f, exact()))
	}
	m.save(t)
	m.sameAgain(t, f.ID, seen)
}

// stale says, in its own way, what must change nothing: what was said of something that no provider has, of an
// earlier state, or of a smaller part.
func stale(f order.Fulfillment, seen order.ExternalOrder) bool {
	ranks := map[order.ExternalState]int{
		order.ExternalAccepted: 1, order.ExternalInProgress: 2, order.ExternalPartial: 3, order.ExternalCanceling: 3,
	}
	reached := map[order.FulfillmentStatus]int{
		order.FulfillmentSubmitted: 1, order.FulfillmentInProgress: 2, order.FulfillmentPartiallyFulfilled: 3,
	}
	rank, going := ranks[seen.State]
	switch f.Status {
	case order.FulfillmentPending, order.FulfillmentUnroutable, order.FulfillmentRetryWait:
		return true
	case order.FulfillmentFulfilled, order.FulfillmentRejected, order.FulfillmentFailed, order.FulfillmentCanceled:
		return going
	default:
		return going && seen.Delivered <= f.Delivered && rank < reached[f.Status] ||
			going && seen.Delivered > 0 && seen.Delivered < f.Delivered
	}
}

// sameAgain checks that a duplicate changes nothing.
func (m *model) sameAgain(t *rapid.T, fulfillmentID uuid.UUID, seen order.ExternalOrder) {
	m.open()
	f := m.c.Find(fulfillmentID)
	before := *f
	if _, err := m.c.Observe(f, seen); err != nil {
		t.Fatalf("observe again: %v", err)
	}
	if len(m.c.Events) > 0 || len(m.c.Entries) > 0 || !cmp.Equal(before, *f, exact()) {
		t.Fatalf("the same %+v again changed something: %s", seen, cmp.Diff(before, *f, exact()))
	}
}

func said() *rapid.Generator[order.ExternalOrder] {
	return rapid.Custom(func(t *rapid.T) order.ExternalOrder {
		state := rapid.SampledFrom([]order.ExternalState{
			order.ExternalAccepted, order.ExternalInProgress, order.ExternalPartial, order.ExternalFulfilled, order.ExternalRejected,
			order.ExternalFailed, order.ExternalCanceling, order.ExternalCanceled, order.ExternalOther,
		}).Draw(t, "state")
		seen := order.ExternalOrder{
			ExternalID: "x-1", State: state, RawStatus: strings.ToLower(string(state)), Delivered: rapid.IntRange(-1, 6).Draw(t, "delivered"),
			Reroutable: rapid.Bool().Draw(t, "reroutable"),
		}
		if rapid.Bool().Draw(t, "charged") {
			charge := order.Money{Amount: micros(50_000_000).Draw(t, "charge"), Currency: "EUR"}
			switch rapid.IntRange(0, 9).Draw(t, "oddity") {
			case 0:
				charge.Currency = "USD"
			case 1:
				charge.Amount = charge.Amount.Neg()
			case 2:
				charge.Amount = amount("0.12345678")
			case 3:
				charge.Amount = amount("9999999999999")
			}
			seen.Charge = &charge
		}
		return seen
	})
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
	must(t, m.c.Expire())
	m.save(t)
	m.open()
	if must(t, m.c.Expire()); m.c.Touched() {
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

// check holds everything to what must always be true.
func (m *model) check(t *rapid.T) {
	m.checkEvents(t)
	m.checkMoney(t)
	m.checkQuantities(t)
	m.checkStatus(t)
}

// checkEvents replays the changes of all events: they must lead to what the rows show, step by allowed step.
func (m *model) checkEvents(t *rapid.T) {
	shown := map[string]string{}
	finished := map[time.Time]bool{}
	for i, event := range m.events {
		if event.Sequence != i+1 {
			t.Fatalf("event %d has number %d", i+1, event.Sequence)
		}
		for _, change := range event.Changes {
			name := change.Field
			if strings.HasPrefix(name, "fulfillment.") {
				name += event.FulfillmentID.String()
			}
			before, after := text(change.Before), text(change.After)
			if was, known := shown[name]; known && was != before || before == after {
				t.Fatalf("event %d says that %s was %q and is %q; it was %q", i+1, name, before, after, was)
			}
			if change.Field == "fulfillment.status" && !order.FulfillmentStatus(before).CanBecome(order.FulfillmentStatus(after)) {
				t.Fatalf("event %d: %s after %s", i+1, after, before)
			}
			shown[name] = after
		}
		if at := event.Snapshot.FinishedAt; at != nil {
			finished[*at] = true
		}
	}
	if m.order.Sequence != len(m.events) || len(finished) > 1 {
		t.Fatalf("the order is at %d after %d events, and finished at %v", m.order.Sequence, len(m.events), finished)
	}
	last := m.events[len(m.events)-1]
	then := last.OrderAt()
	then.Destination, then.CancelAsked, then.Expired = m.order.Destination, m.order.CancelAsked, m.order.Expired
	if diff := cmp.Diff(m.order, *then, exact()); diff != "" {
		t.Fatalf("the last event's order (-row +event):\n%s", diff)
	}
	m.compareShown(t, shown)
}

func (m *model) compareShown(t *rapid.T, shown map[string]string) {
	want := map[string]string{
		"status": string(m.order.Status), "attention": m.order.Attention, "delivered": fmt.Sprint(m.order.Delivered),
		"reserved": plain(m.order.Reserved), "spent": plain(m.order.Spent), "overcharge": plain(m.order.Overcharge),
	}
	for rowID, f := range m.rows {
		provider := ""
		if f.ProviderID != nil {
			provider = f.ProviderID.String()
		}
		for field, value := range map[string]string{
			"status": string(f.Status), "provider": provider, "externalId": f.ExternalID, "externalStatus": f.ExternalStatus,
			"delivered": fmt.Sprint(f.Delivered), "charged": plain(f.Charged), "failure": f.Failure, "attention": f.Attention,
		} {
			want["fulfillment."+field+rowID.String()] = value
		}
	}
	initial := map[string]bool{"": true, "0": true, string(order.FulfillmentPending): true}
	for name, value := range want {
		if was, known := shown[name]; known && was != value || !known && !initial[value] {
			t.Fatalf("%s is %q, and the events say %q", name, value, was)
		}
	}
}

func plain(value decimal.Decimal) string { return value.Trim(0).String() }

func text(value *string) string {
	if value == nil {
		return ""
	}
	return *value
}

func (m *model) checkMoney(t *rapid.T) {
	type sums struct{ reserved, spent, overcharge decimal.Decimal }
	var whole sums
	parts := map[uuid.UUID]sums{}
	for _, e := range m.entries {
		whole = sums{add(t, whole.reserved, e.Reserved), add(t, whole.spent, e.Spent), add(t, whole.overcharge, e.Overcharge)}
		part := parts[e.FulfillmentID]
		parts[e.FulfillmentID] = sums{
			add(t, part.reserved, e.Reserved), add(t, part.spent, e.Spent), add(t, part.overcharge, e.Overcharge),
		}
		if m.order.Budget != nil && add(t, whole.reserved, whole.spent, whole.overcharge.Neg()).Cmp(*m.order.Budget) > 0 {
			t.Fatalf("%s + %s − %s is above the budget of %s", whole.reserved, whole.spent, whole.overcharge, m.order.Budget)
		}
	}
	o := m.order
	if diff := cmp.Diff(whole, sums{o.Reserved, o.Spent, o.Overcharge}, exact(), cmp.AllowUnexported(sums{})); diff != "" {
		t.Fatalf("the order is not the sum of its ledger (-ledger +order):\n%s", diff)
	}
	for _, f := range m.rows {
		if diff := cmp.Diff(parts[f.ID], sums{f.Reserved, f.Charged, f.Overcharge}, exact(), cmp.AllowUnexported(sums{})); diff != "" {
			t.Fatalf("a fulfillment is not the sum of its ledger (-ledger +fulfillment):\n%s", diff)
		}
		switch {
		case f.Status == order.FulfillmentFailed && f.Attention == "":
			t.Fatalf("failed, and nobody is told: %+v", f)
		case f.Reserved.IsNeg(), f.Charged.IsNeg(), f.Overcharge.IsNeg(), f.Overcharge.Cmp(f.Charged) > 0:
			t.Fatalf("impossible sums: %+v", f)
		case !f.Reserved.IsZero() && (f.Status.Untouched() || f.Status.Final() && !f.AwaitsCharge()):
			t.Fatalf("%s is reserved for what is %s", f.Reserved, f.Status)
		}
	}
	m.checkPrices(t)
	if flagged := o.Attention != ""; o.Overcharge.IsPos() && !flagged {
		t.Fatal("an overcharge, and no flag")
	}
	m.checkOvercharged(t)
}

// checkPrices: what is reserved for a fulfillment and what was taken of that is never above its price.
func (m *model) checkPrices(t *rapid.T) {
	for _, f := range m.rows {
		price, err := order.Money{Amount: f.UnitPrice, Currency: "EUR"}.Times(f.Quantity)
		must(t, err)
		if add(t, f.Reserved, f.Charged, f.Overcharge.Neg()).Cmp(price.Amount) > 0 {
			t.Fatalf("more than its price of %s: %+v", price, f)
		}
	}
}

// checkOvercharged: an event of its own for every charge above what was reserved.
func (m *model) checkOvercharged(t *rapid.T) {
	before := decimal.Zero
	for _, event := range m.events {
		over := event.Snapshot.Overcharge
		if rises := over.Cmp(before) > 0; rises != (event.Kind == order.EventOvercharged) {
			t.Fatalf("event %d is %s, the overcharge %s after %s", event.Sequence, event.Kind, over, before)
		}
		before = over
	}
}

func add(t *rapid.T, amounts ...decimal.Decimal) decimal.Decimal {
	total, err := order.Sum(amounts...)
	must(t, err)
	return total
}

func (m *model) checkQuantities(t *rapid.T) {
	delivered := 0
	for _, line := range m.lines {
		taken := 0
		for _, f := range m.rows {
			switch {
			case f.Delivered < 0 || f.Delivered > f.Quantity || f.Quantity < 1:
				t.Fatalf("impossible quantities: %+v", f)
			case f.Status == order.FulfillmentFulfilled && f.Delivered != f.Quantity:
				t.Fatalf("fulfilled, and not delivered: %+v", f)
			case f.LineID != line.ID:
			case f.Status.Live():
				taken += f.Quantity
			default:
				taken += f.Delivered
			}
			if f.LineID == line.ID {
				delivered += f.Delivered
			}
		}
		if taken > line.Quantity {
			t.Fatalf("%d units are on their way or delivered, of a line of %d", taken, line.Quantity)
		}
	}
	if delivered != m.order.Delivered || delivered > m.order.Quantity {
		t.Fatalf("%d delivered of %d, the order says %d", delivered, m.order.Quantity, m.order.Delivered)
	}
	for _, f := range m.rows {
		if f.ReplacesID == nil {
			continue
		}
		replaced := m.rows[*f.ReplacesID]
		want := append(slices.Clone(replaced.Excluded), *replaced.ProviderID)
		if !slices.Equal(f.Excluded, want) || f.ProviderID != nil && slices.Contains(want, *f.ProviderID) {
			t.Fatalf("%+v replaces %+v", f, replaced)
		}
	}
}

// checkStatus derives the order's status by counting anew.
func (m *model) checkStatus(t *rapid.T) {
	tally := order.Tally{Quantity: m.order.Quantity, Delivered: m.order.Delivered}
	for _, f := range m.rows {
		switch {
		case f.Status == order.FulfillmentFailed:
			tally.Failed++
		case f.Status == order.FulfillmentCanceled:
			tally.Canceled++
		case !f.Status.Final():
			tally.Open++
		}
		if waits := f.Status.Untouched() || f.Status == order.FulfillmentRetryWait; waits && (m.order.CancelAsked || m.order.Expired) {
			t.Fatalf("the order is being ended, and something is still to be started: %+v", f)
		}
		if f.Status.Untouched() {
			tally.Untouched++
		}
		if !f.Status.Final() && (f.CancelAsked || f.Status == order.FulfillmentCancelRequested) {
			tally.Canceling++
		}
	}
	want := order.Derive(tally, order.Flags{CancelAsked: m.order.CancelAsked, Expired: m.order.Expired})
	if m.order.Status != want || (m.order.FinishedAt != nil) != (tally.Open == 0) {
		t.Fatalf("the order is %s, finished %v, its fulfillments say %s (%+v)", m.order.Status, m.order.FinishedAt, want, tally)
	}
}
