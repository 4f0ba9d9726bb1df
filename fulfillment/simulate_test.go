package fulfillment_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/boostress/boostress/fulfillment"
	"github.com/boostress/boostress/internal/id"
	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/routing"
)

func (s *stand) simulate(input fulfillment.SimulationInput) []fulfillment.SimulatedOrder {
	s.t.Helper()
	simulated, err := s.Simulate(s.ctx(), s.who, input)
	must(s.t, err)
	return simulated
}

// written is everything that a simulation must leave alone.
func (s *stand) written() []string {
	s.t.Helper()
	return query[string](s, `SELECT md5(string_agg(t::text, ',' ORDER BY t::text)) FROM (
		SELECT providers::text FROM providers UNION ALL SELECT offers::text FROM offers UNION ALL SELECT orders::text FROM orders
		UNION ALL SELECT fulfillments::text FROM fulfillments UNION ALL SELECT routing_decisions::text FROM routing_decisions
		UNION ALL SELECT events::text FROM events UNION ALL SELECT tasks::text FROM tasks UNION ALL SELECT routing_policies::text
		FROM routing_policies) t`)
}

// TestSimulateDraft tries a draft policy on an order that nobody placed, which is split, and changes nothing.
func TestSimulateDraft(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	cheap, dear := s.limited("cheap", "1", 1, 8, nil), s.limited("dear", "3", 1, 100, nil)
	onlyDear := scorers(routing.Cheapest)
	onlyDear.Only = []uuid.UUID{dear.ID}
	spare := s.policy("spare", onlyDear, nil)
	never := scorers(routing.Cheapest)
	never.Excluded = []uuid.UUID{cheap.ID, dear.ID}
	draftPolicy := s.drafted("never", never, func(in *fulfillment.PolicyInput) { in.FallbackID = &spare.ID })
	before := s.written()
	placed := draft(func(d *order.Draft) { d.Lines[0].Quantity, d.Budget = 12, money("40") })
	onlyCheap := scorers(routing.Cheapest)
	onlyCheap.Only = []uuid.UUID{cheap.ID}
	whole := onlyCheap
	whole.NoSplit = true
	for name, test := range map[string]struct {
		input fulfillment.SimulationInput
		want  []int // parts
		by    *uuid.UUID
	}{
		"split by rules":         {fulfillment.SimulationInput{Rules: &onlyCheap}, []int{8, 4}, nil},
		"whole":                  {fulfillment.SimulationInput{Rules: &whole}, nil, nil},
		"a draft, then fallback": {fulfillment.SimulationInput{PolicyID: &draftPolicy.ID}, []int{12}, &spare.ID},
	} {
		test.input.Draft = &placed
		simulated := s.simulate(test.input)
		var parts []int
		line := simulated[0].Lines[0]
		for _, part := range line.Parts {
			parts = append(parts, part.Quantity)
		}
		if !slices.Equal(parts, test.want) || simulated[0].Past || (line.Decision.PolicyID == nil) != (test.by == nil) ||
			test.by != nil && *line.Decision.PolicyID != *test.by || line.Decision.Considered != 2 {
			t.Errorf("%s: parts %v of %+v", name, parts, line.Decision)
		}
	}
	drawn := scorers(routing.Weighted)
	draw := func() uuid.UUID {
		return s.simulate(fulfillment.SimulationInput{Draft: &placed, Rules: &drawn})[0].Lines[0].Parts[0].OfferID
	}
	if first := draw(); first != draw() {
		t.Error("the draw differs from time to time")
	}
	if after := s.written(); !slices.Equal(before, after) {
		t.Error("something was written")
	}
}

// TestSimulatePast tries rules on past orders, as if they were placed now instead: what they took is there again, and what
// one of them takes now the next does not have.
func TestSimulatePast(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	tight := s.providerWith(fulfillment.ProviderInput{Name: new("tight"), Budget: new(amount("5")), DayBudget: new(amount("5"))})
	s.offer(tight, "2")
	wide := s.provider("wide", "1")
	var orders []uuid.UUID
	for range 2 {
		orders = append(orders, s.place(nil).ID)
	}
	s.policy("tight first", routing.Rules{Scorers: []routing.Scorer{{Kind: routing.Fixed, IDs: []uuid.UUID{tight.ID}}}},
		func(in *fulfillment.PolicyInput) { in.Default = true })
	for _, step := range s.steps() {
		s.record(step, order.Outcome{Class: order.ClassAccepted, Order: seen(step.Attempt.Key, order.ExternalFulfilled, 2, money("2"))})
	}
	before := s.written()
	to := func(p *order.Provider) fulfillment.SimulationInput {
		return fulfillment.SimulationInput{
			OrderIDs: orders, Rules: &routing.Rules{Scorers: []routing.Scorer{{Kind: routing.Fixed, IDs: []uuid.UUID{p.ID}}}},
		}
	}
	for name, test := range map[string]struct {
		input fulfillment.SimulationInput
		want  []uuid.UUID
	}{
		"as it was, one has no room": {to(tight), []uuid.UUID{tight.ID, wide.ID}}, "to the other": {to(wide), []uuid.UUID{wide.ID, wide.ID}},
	} {
		var got []uuid.UUID
		for i, simulated := range s.simulate(test.input) {
			if !simulated.Past || simulated.Order.ID != orders[i] || len(simulated.Lines[0].Happened) != 1 ||
				simulated.Lines[0].Happened[0].Status != order.FulfillmentFulfilled {
				t.Errorf("%s: %+v", name, simulated)
			}
			got = append(got, simulated.Lines[0].Parts[0].ProviderID)
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("%s: %v, want %v", name, got, test.want)
		}
	}
	if after := s.written(); !slices.Equal(before, after) {
		t.Error("something was written")
	}
}

// TestSimulateTakesTurns: what depends on what was chosen before sees the trial's own choices.
func TestSimulateTakesTurns(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	for _, name := range []string{"a", "b", "c"} {
		s.limited(name, "1", 1, 10, func(in *fulfillment.OfferInput) { in.CoolDown = new(time.Hour) })
	}
	placed := draft(func(d *order.Draft) { d.Lines = slices.Repeat(d.Lines, 4) })
	simulated := s.simulate(fulfillment.SimulationInput{Draft: &placed, Rules: &routing.Rules{Scorers: scorers(routing.RoundRobin).Scorers}})
	chosen := map[uuid.UUID]bool{}
	for _, line := range simulated[0].Lines[:3] {
		chosen[line.Parts[0].ProviderID] = true
	}
	if len(chosen) != 3 || len(simulated[0].Lines[3].Parts) != 0 {
		t.Errorf("%d have a turn, and the fourth line goes to %+v", len(chosen), simulated[0].Lines[3].Parts)
	}
}

func TestBadSimulations(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	rules, placed, nobodys := scorers(routing.Cheapest), draft(nil), id.New(id.Order)
	bad := draft(func(d *order.Draft) { d.Category = "" })
	stranger := s.account("stranger")
	theirs, err := s.CreateOrder(s.ctx(), stranger, draft(nil))
	must(t, err)
	for name, test := range map[string]struct {
		input fulfillment.SimulationInput
		field string
		code  order.Code
	}{
		"nothing to route":  {fulfillment.SimulationInput{Rules: &rules}, "", order.CodeInvalid},
		"both":              {fulfillment.SimulationInput{Rules: &rules, Draft: &placed, OrderIDs: []uuid.UUID{nobodys}}, "", order.CodeInvalid},
		"by nothing":        {fulfillment.SimulationInput{Draft: &placed}, "", order.CodeInvalid},
		"by both":           {fulfillment.SimulationInput{Draft: &placed, Rules: &rules, PolicyID: &nobodys}, "", order.CodeInvalid},
		"no orders":         {fulfillment.SimulationInput{Rules: &rules, OrderIDs: []uuid.UUID{}}, "orderIds", order.CodeOutOfRange},
		"too many":          {fulfillment.SimulationInput{Rules: &rules, OrderIDs: make([]uuid.UUID, 101)}, "orderIds", order.CodeOutOfRange},
		"unknown order":     {fulfillment.SimulationInput{Rules: &rules, OrderIDs: []uuid.UUID{nobodys}}, "orderIds 0", order.CodeNotFound},
		"another account's": {fulfillment.SimulationInput{Rules: &rules, OrderIDs: []uuid.UUID{theirs.ID}}, "orderIds 0", order.CodeNotFound},
		"unknown policy":    {fulfillment.SimulationInput{PolicyID: &nobodys, Draft: &placed}, "policyId", order.CodeNotFound},
		"bad order":         {fulfillment.SimulationInput{Rules: &rules, Draft: &bad}, "order category", order.CodeRequired},
		"bad rules":         {fulfillment.SimulationInput{Rules: &routing.Rules{}, Draft: &placed}, "rules scorers", order.CodeOutOfRange},
	} {
		_, err := s.Simulate(s.ctx(), s.who, test.input)
		wantFault(t, name, err, test.field, test.code)
	}
}
