package resolvers

import (
	"context"

	"github.com/99designs/gqlgen/graphql"
	"github.com/google/uuid"

	"github.com/boostress/boostress/graph"
	"github.com/boostress/boostress/routing"
)

func routingLinks() map[string]link {
	return map[string]link{
		"RoutingPolicy.fallback": toOne("RoutingPolicy", func(p *routing.Policy) *uuid.UUID { return p.FallbackID }, toPolicies),
		"RoutingDecision.policy": toOne("RoutingPolicy", policyIDOf, toPolicies),
		"RoutingDecision.offer":  toOne("Offer", func(d routing.Record) *uuid.UUID { return d.OfferID }, toOffers),
		"RoutingDecision.passed": {"RoutingPass", passedAhead},
		"RoutingPass.policy":     toOne("RoutingPolicy", func(p routing.Pass) *uuid.UUID { return &p.PolicyID }, toPolicies),

		"SimulatedOrder.order":         {"Order", within(func(o *graph.SimulatedOrder) []any { return some(o.Order) })},
		"SimulatedOrder.lines":         {"SimulatedLine", within(func(o *graph.SimulatedOrder) []any { return anyOf(o.Lines) })},
		"SimulatedLine.line":           {"OrderLine", within(func(l *graph.SimulatedLine) []any { return some(l.Line) })},
		"SimulatedLine.decision":       {"RoutingDecision", within(func(l *graph.SimulatedLine) []any { return []any{l.Decision.Record} })},
		"SimulatedLine.parts":          {"SimulatedPart", within(func(l *graph.SimulatedLine) []any { return anyOf(l.Parts) })},
		"SimulatedLine.happened":       {"SimulatedOutcome", within(func(l *graph.SimulatedLine) []any { return anyOf(l.Happened) })},
		"SimulatedOutcome.fulfillment": {"Fulfillment", within(func(o *graph.SimulatedOutcome) []any { return some(o.Fulfillment) })},
		"SimulatedOutcome.provider": toOne("Provider",
			func(o *graph.SimulatedOutcome) *uuid.UUID { return o.Fulfillment.ProviderID }, toProviders),
		"SimulatedPart.offer":    toOne("Offer", func(p *graph.SimulatedPart) *uuid.UUID { return &p.OfferID }, toOffers),
		"SimulatedPart.provider": toOne("Provider", func(p *graph.SimulatedPart) *uuid.UUID { return &p.ProviderID }, toProviders),

		"RoutingDecision.candidates": {"RoutingCandidate", candidatesAhead},
		"RoutingCandidate.offer":     toOne("Offer", func(v routing.Verdict) *uuid.UUID { return &v.OfferID }, toOffers),
		"RoutingCandidate.provider":  toOne("Provider", func(v routing.Verdict) *uuid.UUID { return &v.ProviderID }, toProviders),
	}
}

// within leads to what the parents hold already.
func within[P any](of func(P) []any) func(context.Context, *loaders, []any, graphql.CollectedField) ([]any, error) {
	return func(_ context.Context, _ *loaders, parents []any, _ graphql.CollectedField) ([]any, error) {
		var held []any
		for _, parent := range parents {
			if parent, ok := parent.(P); ok {
				held = append(held, of(parent)...)
			}
		}
		return held, nil
	}
}

// some is a thing, where there is one.
func some[T any](thing *T) []any {
	if thing == nil {
		return nil
	}
	return []any{thing}
}

// passedAhead leads to the policies that decisions passed.
func passedAhead(_ context.Context, _ *loaders, parents []any, _ graphql.CollectedField) ([]any, error) {
	var passed []any
	for _, parent := range parents {
		if decision, ok := parent.(routing.Record); ok {
			passed = append(passed, anyOf(decision.Passed)...)
		}
	}
	return passed, nil
}

// candidatesAhead leads to the candidates of decisions that will be shown.
func candidatesAhead(ctx context.Context, _ *loaders, parents []any, field graphql.CollectedField) ([]any, error) {
	args, _, err := argumentsOf(ctx, field)
	if err != nil {
		return nil, err
	}
	skip, err := numberOf(field.ArgumentMap(graphql.GetOperationContext(ctx).Variables)["skip"])
	if err != nil {
		return nil, err
	}
	var verdicts []any
	for _, parent := range parents {
		if decision, ok := parent.(routing.Record); ok {
			shown, err := someVerdicts(decision.Verdicts, args.first, skip)
			if err != nil {
				return nil, err
			}
			verdicts = append(verdicts, anyOf(shown)...)
		}
	}
	return verdicts, nil
}
