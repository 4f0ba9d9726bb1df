package resolvers

import (
	"context"

	"github.com/google/uuid"

	"github.com/boostress/boostress/graph"
	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/routing"
)

// Decision returns how the offer was last chosen.
func (f fulfillmentFields) Decision(ctx context.Context, of *order.Fulfillment) (*graph.RoutingDecision, error) {
	l, err := f.loadersOf(ctx)
	if err != nil {
		return nil, err
	}
	latest, err := findValue(ctx, l.decisions, of.ID)
	if err != nil || latest == nil {
		return nil, err
	}
	return decisionOf(*latest, of.Currency), nil
}

// Decisions lists every choice of an offer for a fulfillment.
func (f fulfillmentFields) Decisions(
	ctx context.Context, of *order.Fulfillment, first *int, after *string, last *int, before *string,
) (*graph.RoutingDecisionConnection, error) {
	found, err := children(ctx, f.Root, "decisions", of.ID, noFilter{}, pageArgs{first, after, last, before},
		unfiltered(f.options.Store.DecisionsOf))
	if err != nil {
		return nil, err
	}
	nodes := make([]*graph.RoutingDecision, len(found.Items))
	for i := range found.Items {
		nodes[i] = decisionOf(found.Items[i], of.Currency)
	}
	edges, info := edgesOf(found, func(cursor string, node routing.Record) *graph.RoutingDecisionEdge {
		return &graph.RoutingDecisionEdge{Cursor: cursor, Node: decisionOf(node, of.Currency)}
	})
	return &graph.RoutingDecisionConnection{Nodes: nodes, Edges: edges, PageInfo: info, TotalCount: found.Total}, nil
}

func decisionOf(kept routing.Record, currency order.Currency) *graph.RoutingDecision {
	shown := &graph.RoutingDecision{
		MadeAt: kept.MadeAt, Passed: make([]*routing.Pass, len(kept.Passed)), Quantity: kept.Quantity, ExpectedTime: kept.ExpectedTime,
		CandidateCount: kept.Considered, LeftOutCount: kept.LeftOut(), Record: kept, Currency: currency,
	}
	for i := range kept.Passed {
		shown.Passed[i] = &kept.Passed[i]
	}
	if kept.Cost != nil {
		shown.Cost = &order.Money{Amount: *kept.Cost, Currency: currency}
	}
	return shown
}

// Policy returns the version of the policy that decided.
func (f decisionFields) Policy(ctx context.Context, of *graph.RoutingDecision) (*routing.Policy, error) {
	l, err := f.loadersOf(ctx)
	if err != nil {
		return nil, err
	}
	return findMaybe(ctx, l.policies, of.Record.PolicyID)
}

// Policy returns the version of the policy that matched nothing.
func (f passFields) Policy(ctx context.Context, of *routing.Pass) (*routing.Policy, error) {
	l, err := f.loadersOf(ctx)
	if err != nil {
		return nil, err
	}
	return find(ctx, l.policies, of.PolicyID)
}

// Offer returns the chosen offer.
func (f decisionFields) Offer(ctx context.Context, of *graph.RoutingDecision) (*order.Offer, error) {
	l, err := f.loadersOf(ctx)
	if err != nil {
		return nil, err
	}
	return findMaybe(ctx, l.offers, of.Record.OfferID)
}

// Candidates returns some of the offers that were considered.
func (f decisionFields) Candidates(_ context.Context, of *graph.RoutingDecision, first, skip *int) ([]*graph.RoutingCandidate, error) {
	verdicts, err := someVerdicts(of.Record.Verdicts, first, skip)
	if err != nil {
		return nil, err
	}
	candidates := make([]*graph.RoutingCandidate, len(verdicts))
	for i := range verdicts {
		candidates[i] = candidateOf(&verdicts[i], of)
	}
	return candidates, nil
}

func candidateOf(v *routing.Verdict, of *graph.RoutingDecision) *graph.RoutingCandidate {
	shown := &graph.RoutingCandidate{
		Cost: &order.Money{Amount: v.Cost, Currency: of.Currency}, OfferID: v.OfferID, ProviderID: v.ProviderID,
		Scores: make([]*graph.RoutingScore, min(len(v.Scores), len(of.Record.Scorers))),
	}
	if v.Quantity > 0 {
		shown.Quantity = &v.Quantity
	}
	if v.Rank > 0 {
		shown.Rank = &v.Rank
	}
	if v.Reason != "" {
		shown.Reason = &v.Reason
	}
	for i := range shown.Scores {
		shown.Scores[i] = &graph.RoutingScore{Scorer: of.Record.Scorers[i], Value: v.Scores[i]}
	}
	return shown
}

// someVerdicts returns as many as are asked for.
func someVerdicts(verdicts []routing.Verdict, first, skip *int) ([]routing.Verdict, error) {
	size := usualPerPage
	if first != nil {
		size = *first
	}
	if !goodPageSize(size) {
		return nil, refuse(codeBadUserInput, badPageSize("first"))
	}
	from := 0
	if skip != nil {
		from = *skip
	}
	if from < 0 {
		return nil, refuse(codeBadUserInput, "skip must not be negative")
	}
	verdicts = verdicts[min(from, len(verdicts)):]
	return verdicts[:min(size, len(verdicts))], nil
}

// Offer returns the offer that was considered.
func (f candidateFields) Offer(ctx context.Context, of *graph.RoutingCandidate) (*order.Offer, error) {
	l, err := f.loadersOf(ctx)
	if err != nil {
		return nil, err
	}
	return find(ctx, l.offers, of.OfferID)
}

// Provider returns the provider that was considered.
func (f candidateFields) Provider(ctx context.Context, of *graph.RoutingCandidate) (*order.Provider, error) {
	l, err := f.loadersOf(ctx)
	if err != nil {
		return nil, err
	}
	return find(ctx, l.providers, of.ProviderID)
}

func policyIDOf(kept routing.Record) *uuid.UUID { return kept.PolicyID }
