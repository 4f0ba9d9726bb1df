package fulfillment_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/boostress/boostress/fulfillment"
	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/routing"
)

// together runs something so many times at once.
func together(times int, do func(int) error) error {
	errs := make([]error, times)
	var all sync.WaitGroup
	for i := range times {
		all.Go(func() { errs[i] = do(i) })
	}
	all.Wait()
	return errors.Join(errs...)
}

// limited adds a provider with an offer of at least and at most so many posters.
func (s *stand) limited(name, price string, least, most int, change func(*fulfillment.OfferInput)) *order.Provider {
	s.t.Helper()
	p := s.providerWith(fulfillment.ProviderInput{Name: &name})
	_, err := s.CreateOffer(s.ctx(), s.who, offerInput(func(in *fulfillment.OfferInput) {
		category, service := "prints", "poster-a3"
		in.ProviderID, in.ExternalID, in.MinQuantity, in.MaxQuantity = p.ID, name, &least, &most
		in.Category, in.ServiceType, in.UnitPrice = &category, &service, money(price)
		if change != nil {
			change(in)
		}
	}))
	must(s.t, err)
	return p
}

// quantities tells how much of an order each provider has, "?" being none.
func (s *stand) quantities(o *order.Order, names map[uuid.UUID]string) string {
	s.t.Helper()
	var text strings.Builder
	for _, f := range s.open(o).Fulfillments {
		name := "?"
		if f.ProviderID != nil {
			name = names[*f.ProviderID]
		}
		fmt.Fprintf(&text, "%d %s ", f.Quantity, name)
	}
	return text.String()
}

// TestSplitIsRoutedPartByPart: what nobody takes as a whole goes to several, within the order's and the providers'
// budgets, and adds up.
func TestSplitIsRoutedPartByPart(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	cheap, dear := s.limited("cheap", "1", 5, 8, nil), s.limited("dear", "3", 5, 100, nil)
	_, err := s.UpdateProvider(s.ctx(), s.who, cheap.ID, fulfillment.ProviderInput{Budget: new(amount("8"))})
	must(t, err)
	names := map[uuid.UUID]string{cheap.ID: "cheap", dear.ID: "dear"}
	o := s.place(func(d *order.Draft) { d.Lines[0].Quantity, d.Budget = 12, money("22") }) // all of dear's would cost 36
	for range 2 {
		for _, step := range s.steps() {
			if step.Kind == fulfillment.StepCreate {
				s.record(step, accepted(step.Attempt.Key))
			}
		}
	}
	if got := s.quantities(o, names); got != "7 cheap 5 dear " {
		t.Errorf("parts are %q", got)
	}
	s.wantMoney(o, "22", "0", "0")
	if kinds := s.kinds(o); !slices.Contains(kinds, string(order.EventSplit)) {
		t.Errorf("events are %v", kinds)
	}
	first := s.open(o).Fulfillments[0]
	kept := s.decision(first)
	if kept.Quantity != 12 || kept.Verdicts[0].Quantity != 7 || kept.Verdicts[1].Quantity != 5 || !kept.Cost.Equal(amount("7")) {
		t.Errorf("the decision is kept as %+v", kept)
	}
}

// TestNoSplitLeavesNothingOver: a part is not given away where the rest would be nobody's.
func TestNoSplitLeavesNothingOver(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	s.limited("packs", "1", 10, 10, nil)
	o := s.place(func(d *order.Draft) { d.Lines[0].Quantity = 15 })
	s.idle()
	s.want(o, order.Pending, order.FulfillmentUnroutable)
	if f := s.fulfillment(o); f.Quantity != 15 {
		t.Errorf("%d are left of it", f.Quantity)
	}
	s.limited("fives", "9", 5, 5, nil) // the catalog has changed
	s.steps()
	s.steps()
	if got := query[int](s, "SELECT quantity FROM fulfillments WHERE status = 'SUBMITTING' ORDER BY quantity"); !slices.Equal(got, []int{5, 10}) {
		t.Errorf("parts are %v", got)
	}
	whole := scorers(routing.Cheapest)
	whole.NoSplit = true
	s.policy("whole", whole, func(in *fulfillment.PolicyInput) { in.Default = true })
	o = s.place(func(d *order.Draft) { d.Lines[0].Quantity = 15 })
	s.idle()
	s.want(o, order.Pending, order.FulfillmentUnroutable)
}

// TestSplitsUnderConcurrency has many orders be split at once, under a provider's budget that has room for some.
func TestSplitsUnderConcurrency(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	tight := s.limited("tight", "1", 1, 4, nil)
	s.limited("wide", "2", 1, 6, nil)
	_, err := s.UpdateProvider(s.ctx(), s.who, tight.ID, fulfillment.ProviderInput{Budget: new(amount("40"))})
	must(t, err)
	for range 20 {
		s.place(func(d *order.Draft) { d.Lines[0].Quantity = 10 })
	}
	for range 4 {
		s.hurry()
		tasks := s.claim()
		must(t, together(len(tasks), func(i int) error {
			_, err := s.Intend(s.ctx(), tasks[i:i+1])
			return err
		}))
	}
	if now := s.providerNow(tight); now.Reserved.Cmp(amount("40")) > 0 {
		t.Errorf("%s are reserved of 40", now.Reserved)
	}
	left := query[int](s, "SELECT count(*)::int FROM fulfillments WHERE status <> 'SUBMITTING'")
	sum := query[int](s, "SELECT sum(quantity)::int FROM fulfillments")
	if left[0] != 0 || sum[0] != 200 {
		t.Errorf("%d are not submitted, all are %d", left[0], sum[0])
	}
}

// TestCoolDownUnderConcurrency has many workers want the same offer, which rests an hour between fulfillments: one of
// them gets it, whether they come at once, together or later.
func TestCoolDownUnderConcurrency(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	rests := func(in *fulfillment.OfferInput) { in.CoolDown = new(time.Hour) }
	resting := s.limited("resting", "1", 1, 100, rests)
	spare := s.limited("spare", "2", 1, 100, nil)
	const orders = 24
	for range orders {
		s.place(nil)
	}
	tasks := s.claim()
	must(t, together(orders/2, func(i int) error {
		_, err := s.Intend(s.ctx(), tasks[2*i:2*i+2])
		return err
	}))
	count := func(p *order.Provider) int {
		return query[int](s, "SELECT count(*)::int FROM fulfillments WHERE provider_id = $1", p.ID)[0]
	}
	if one, others := count(resting), count(spare); one != 1 || others != orders-1 {
		t.Errorf("%d went to the resting offer and %d to the other", one, others)
	}
	s.exec("UPDATE offers SET given_at = given_at - interval '1 hour' WHERE given_at IS NOT NULL")
	if s.routed(nil) != resting.ID || s.routed(nil) != spare.ID {
		t.Error("after its rest it was not given one, or it was given two")
	}
}

// TestCoolDownEndsTheWait: who waits for a resting offer waits no longer than it rests.
func TestCoolDownEndsTheWait(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	s.limited("resting", "1", 1, 100, func(in *fulfillment.OfferInput) { in.CoolDown = new(20 * time.Second) })
	s.routed(nil)
	o := s.place(nil)
	s.idle()
	s.want(o, order.Pending, order.FulfillmentUnroutable)
	waits := query[float64](s, "SELECT extract(epoch FROM due_at - now())::float8 FROM tasks WHERE order_id = $1", o.ID)
	if len(waits) != 1 || waits[0] < 10 || waits[0] > 20 {
		t.Errorf("it waits for %v seconds", waits)
	}
}

// TestRoundRobinTakesTurns: within a group and from group to group, everybody has a turn before anybody has another.
func TestRoundRobinTakesTurns(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	for _, name := range []string{"a", "b", "c"} {
		s.provider(name, "1")
	}
	s.policy("turns", scorers(routing.RoundRobin), func(in *fulfillment.PolicyInput) { in.Default = true })
	for range 3 { // groups of four: only across groups it is even
		for range 4 {
			s.place(nil)
		}
		s.steps()
		counts := query[int](s, "SELECT count(*)::int FROM fulfillments GROUP BY provider_id ORDER BY 1")
		if counts[len(counts)-1]-counts[0] > 1 {
			t.Errorf("turns are %v", counts)
		}
	}
}

// TestLeastLoadedEvensOut: who has fewer open fulfillments gets the next, and what ends counts no longer.
func TestLeastLoadedEvensOut(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	a, b := s.provider("a", "1"), s.provider("b", "1")
	s.policy("even", scorers(routing.LeastLoaded), func(in *fulfillment.PolicyInput) { in.Default = true })
	var steps []fulfillment.Step
	for range 6 {
		s.place(nil)
	}
	steps = append(steps, s.steps()...)
	wantOpen := func(provider *order.Provider, want int) {
		t.Helper()
		if now := s.providerNow(provider); now.Measured.Open != want {
			t.Errorf("%s holds %d, want %d", provider.Name, now.Measured.Open, want)
		}
	}
	wantOpen(a, 3)
	wantOpen(b, 3)
	for _, step := range steps {
		if step.Provider.ID == b.ID {
			s.record(step, order.Outcome{Class: order.ClassAccepted, Order: seen(step.Attempt.Key, order.ExternalFulfilled, 2, money("2"))})
		}
	}
	wantOpen(b, 0)
	if s.routed(nil) != b.ID {
		t.Error("the idle one was not chosen")
	}
}

// TestDeliversOnlyToItsRegions: where an offer is not delivered, another one is chosen.
func TestDeliversOnlyToItsRegions(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	local := s.limited("local", "1", 1, 100, func(in *fulfillment.OfferInput) { in.Regions = []string{"DE", "AT"} })
	everywhere := s.limited("everywhere", "2", 1, 100, nil)
	for country, want := range map[string]*order.Provider{"AT": local, "FR": everywhere, "": everywhere} {
		if got := s.routed(func(d *order.Draft) { d.Destination.CountryCode = country }); got != want.ID {
			t.Errorf("to %q it is sent by another one", country)
		}
	}
}

// TestDecisionIsKeptWhole: up to a thousand candidates are kept, and how many there were.
func TestDecisionIsKeptWhole(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	p := s.provider("one", "1")
	s.exec(`INSERT INTO offers (id, account_id, provider_id, external_id, name, category, service_type, unit_price, currency, created_at, updated_at)
		SELECT gen_random_uuid(), account_id, provider_id, n::text, name, category, service_type, 2, currency, created_at, updated_at
		FROM offers CROSS JOIN generate_series(1, 1006) n WHERE provider_id = $1`, p.ID)
	o := s.place(nil)
	s.steps()
	kept := s.decision(s.fulfillment(o))
	if kept.Considered != 1007 || len(kept.Verdicts) != 1000 || kept.LeftOut() != 7 || kept.Verdicts[999].Rank != 1000 {
		t.Errorf("%d were considered, %d kept", kept.Considered, len(kept.Verdicts))
	}
}

// TestBudgetOfTheDayKeepsAway: what the day has no room for goes elsewhere.
func TestBudgetOfTheDayKeepsAway(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	daily := s.provider("daily", "1")
	spare := s.provider("spare", "2")
	_, err := s.UpdateProvider(s.ctx(), s.who, daily.ID, fulfillment.ProviderInput{DayBudget: new(amount("5"))})
	must(t, err)
	for range 5 {
		s.place(nil)
	}
	tasks := s.claim()
	must(t, together(len(tasks), func(i int) error {
		_, err := s.Intend(s.ctx(), tasks[i:i+1])
		return err
	}))
	counts := map[uuid.UUID]int{}
	for _, provider := range query[uuid.UUID](s, "SELECT provider_id FROM fulfillments") {
		counts[provider]++
	}
	if counts[daily.ID] != 2 || counts[spare.ID] != 3 {
		t.Errorf("the daily budget of five took %d orders of two", counts[daily.ID])
	}
	reasons := query[string](s, "SELECT DISTINCT v->>'reason' FROM routing_decisions, jsonb_array_elements(candidates) v WHERE v ? 'reason'")
	if !slices.Equal(reasons, []string{string(routing.AboveProviderDayBudget)}) {
		t.Errorf("reasons are %v", reasons)
	}
}

// TestPartsAreCounted: what is in as many parts as may be is not split once more.
func TestPartsAreCounted(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	provider := s.limited("one", "1", 1, 5, nil)
	halves := scorers(routing.Cheapest)
	halves.PartLimit = 2
	s.policy("halves", halves, func(in *fulfillment.PolicyInput) { in.Default = true })
	o := s.place(func(d *order.Draft) { d.Lines[0].Quantity = 10 })
	s.steps()
	s.exec("UPDATE offers SET max_quantity = 3 WHERE provider_id = $1", provider.ID)
	s.idle()
	s.want(o, order.Processing, order.FulfillmentUnroutable)
	if f := s.fulfillment(o); f.Quantity != 5 {
		t.Errorf("the second half is %d", f.Quantity)
	}
}

// TestRoutingByMeasurement: who is faster, by the offer or else in all, or more reliable, is chosen, before who was never measured; whose breaker is
// open is passed over until it closes.
func TestRoutingByMeasurement(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	s.provider("unmeasured", "1")
	quick, sure := s.provider("quick", "2"), s.provider("sure", "3")
	for _, row := range []struct {
		provider  *order.Provider
		fulfilled int
		ms        int
	}{{quick, 60, 1000}, {sure, 99, 9000}} {
		s.exec(`INSERT INTO provider_health (provider_id, account_id, measured_at, ended, fulfilled, fulfill_ms)
			VALUES ($1, $2, now(), 100, $3, $4)`, row.provider.ID, s.who.AccountID, row.fulfilled, row.ms)
	}
	usual := func(in *fulfillment.PolicyInput) { in.Default = true }
	s.policy("usual", scorers(routing.Fastest, routing.Cheapest), usual)
	o := s.place(nil)
	s.steps()
	f := s.fulfillment(o)
	if kept := s.decision(f); *f.ProviderID != quick.ID || kept.ExpectedTime == nil || *kept.ExpectedTime != time.Second {
		t.Errorf("the quick one is expected in %v", kept.ExpectedTime)
	}
	s.exec(`INSERT INTO offer_health (offer_id, account_id, fulfill_ms) SELECT id, account_id, 500 FROM offers
		WHERE provider_id = $1`, sure.ID)
	o = s.place(nil)
	s.steps()
	f = s.fulfillment(o)
	if kept := s.decision(f); *f.ProviderID != sure.ID || kept.ExpectedTime == nil || *kept.ExpectedTime != time.Second/2 {
		t.Errorf("the one whose offer is quick is expected in %v", kept.ExpectedTime)
	}
	s.policy("usual", scorers(routing.MostReliable, routing.Cheapest), usual)
	if s.routed(nil) != sure.ID {
		t.Error("the more reliable one was not chosen")
	}
	s.exec(`INSERT INTO provider_breakers (provider_id, operation, worker_id, account_id, open_until)
		VALUES ($1, 'CREATE', $2, $3, now() + interval '1 minute')`, sure.ID, s.worker, s.who.AccountID)
	if s.routed(nil) != quick.ID {
		t.Error("a provider whose breaker is open was chosen")
	}
	s.exec("UPDATE provider_breakers SET open_until = now()")
	if s.routed(nil) != sure.ID {
		t.Error("a provider whose breaker has closed was passed over")
	}
}
