package resolvers

import (
	"context"
	"time"

	"github.com/govalues/decimal"

	"github.com/boostress/boostress/fulfillment"
	"github.com/boostress/boostress/graph"
	"github.com/boostress/boostress/order"
)

// mostHappened is how many fulfillments of a line are shown beside a simulated one.
const mostHappened = 100

// SimulateRouting tells what routing would decide.
func (q query) SimulateRouting(ctx context.Context, input graph.SimulateRoutingInput) (*graph.RoutingSimulation, error) {
	principal, err := who(ctx)
	if err != nil {
		return nil, err
	}
	wanted := fulfillment.SimulationInput{Draft: input.Order, OrderIDs: input.OrderIds, PolicyID: input.PolicyID}
	if input.Rules != nil {
		rules := rulesOf(input.Rules)
		wanted.Rules = &rules
	}
	simulated, err := q.options.Fulfillment.Simulate(ctx, principal, wanted)
	faults, ok := userErrors(err)
	if !ok {
		return nil, err
	}
	shown := &graph.RoutingSimulation{Orders: make([]*graph.SimulatedOrder, len(simulated)), UserErrors: faults}
	for i := range simulated {
		if shown.Orders[i], err = shownOrder(&simulated[i]); err != nil {
			return nil, err
		}
	}
	aheadOf(ctx, q.Root, "SimulatedOrder", "orders", shown.Orders)
	return shown, nil
}

func shownOrder(simulated *fulfillment.SimulatedOrder) (*graph.SimulatedOrder, error) {
	o := simulated.Order
	shown := &graph.SimulatedOrder{Lines: make([]*graph.SimulatedLine, len(simulated.Lines)), IsComplete: true}
	if simulated.Past {
		shown.Order, shown.ActualTime = o, between(&o.CreatedAt, o.FinishedAt)
		actual, err := order.Sum(o.Reserved, o.Spent)
		if err != nil {
			return nil, err
		}
		shown.ActualCost = moneyOf(o, actual)
	}
	total, slowest := decimal.Zero, newSlowest()
	for i := range simulated.Lines {
		line, err := shownLine(o, &simulated.Lines[i], simulated.Past)
		if err != nil {
			return nil, err
		}
		if total, err = order.Sum(total, line.Cost.Amount); err != nil {
			return nil, err
		}
		shown.Lines[i], shown.IsComplete = line, shown.IsComplete && len(line.Parts) > 0
		slowest.add(line.ExpectedTime)
	}
	shown.Cost, shown.ExpectedTime = moneyOf(o, total), slowest.time()
	return shown, nil
}

func shownLine(o *order.Order, simulated *fulfillment.SimulatedLine, past bool) (*graph.SimulatedLine, error) {
	shown := &graph.SimulatedLine{
		ServiceType: simulated.Line.ServiceType, Quantity: simulated.Line.Quantity, Decision: decisionOf(simulated.Decision, o.Currency),
		Parts: make([]*graph.SimulatedPart, len(simulated.Parts)), Happened: []*graph.SimulatedOutcome{},
	}
	if past {
		shown.Line = &simulated.Line
	}
	total, slowest := decimal.Zero, newSlowest()
	for i := range simulated.Parts {
		part := &simulated.Parts[i]
		var err error
		if total, err = order.Sum(total, part.Cost); err != nil {
			return nil, err
		}
		slowest.add(part.ExpectedTime)
		shown.Parts[i] = &graph.SimulatedPart{
			Quantity: part.Quantity, Cost: moneyOf(o, part.Cost), ExpectedTime: part.ExpectedTime, OfferID: part.OfferID,
			ProviderID: part.ProviderID,
		}
	}
	shown.Cost, shown.ExpectedTime = moneyOf(o, total), slowest.time()
	for _, f := range simulated.Happened[:min(len(simulated.Happened), mostHappened)] {
		cost, err := order.Sum(f.Reserved, f.Charged)
		if err != nil {
			return nil, err
		}
		shown.Happened = append(shown.Happened, &graph.SimulatedOutcome{
			Fulfillment: f, Quantity: f.Quantity, Cost: moneyOf(o, cost), Duration: between(f.SubmittedAt, f.FinishedAt),
		})
	}
	return shown, nil
}

func moneyOf(o *order.Order, amount decimal.Decimal) *order.Money {
	money := o.MoneyOf(amount.Trim(0))
	return &money
}

func between(from, to *time.Time) *time.Duration {
	if from == nil || to == nil {
		return nil
	}
	return new(to.Sub(*from))
}

// slowest is the longest of several times, and unknown where one of them is, or where there is none.
type slowest struct {
	longest *time.Duration
	unknown bool
}

func newSlowest() *slowest { return &slowest{} }

func (s *slowest) add(one *time.Duration) {
	switch {
	case one == nil:
		s.unknown = true
	case s.longest == nil || *one > *s.longest:
		s.longest = one
	}
}

func (s *slowest) time() *time.Duration {
	if s.unknown {
		return nil
	}
	return s.longest
}

// Offer returns the offer that would take a part.
func (f partFields) Offer(ctx context.Context, of *graph.SimulatedPart) (*order.Offer, error) {
	l, err := f.loadersOf(ctx)
	if err != nil {
		return nil, err
	}
	return find(ctx, l.offers, of.OfferID)
}

// Provider returns the provider that would take a part.
func (f partFields) Provider(ctx context.Context, of *graph.SimulatedPart) (*order.Provider, error) {
	l, err := f.loadersOf(ctx)
	if err != nil {
		return nil, err
	}
	return find(ctx, l.providers, of.ProviderID)
}

// Provider returns who has, or had, a fulfillment.
func (f outcomeFields) Provider(ctx context.Context, of *graph.SimulatedOutcome) (*order.Provider, error) {
	l, err := f.loadersOf(ctx)
	if err != nil {
		return nil, err
	}
	return findMaybe(ctx, l.providers, of.Fulfillment.ProviderID)
}
