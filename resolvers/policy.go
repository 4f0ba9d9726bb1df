package resolvers

import (
	"context"

	"github.com/boostress/boostress/fulfillment"
	"github.com/boostress/boostress/graph"
	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/routing"
	"github.com/boostress/boostress/store"
)

// RoutingPolicies lists all versions of the account's routing policies.
func (q query) RoutingPolicies(
	ctx context.Context, filter *graph.RoutingPolicyFilter, orderBy *graph.RoutingPolicySort,
	first *int, after *string, last *int, before *string,
) (*graph.RoutingPolicyConnection, error) {
	sort := store.Sort{Field: store.ByCreated, Desc: true}
	if orderBy != nil {
		sort = sortOf(orderBy.Field, orderBy.Direction)
	}
	found, err := list(ctx, q.Root, "routingPolicies", policyFilter(filter), sort, pageArgs{first, after, last, before},
		q.options.Store.PolicyList)
	if err != nil {
		return nil, err
	}
	edges, info := edgesOf(found, func(cursor string, node *routing.Policy) *graph.RoutingPolicyEdge {
		return &graph.RoutingPolicyEdge{Cursor: cursor, Node: node}
	})
	return &graph.RoutingPolicyConnection{Nodes: found.Items, Edges: edges, PageInfo: info, TotalCount: found.Total}, nil
}

func policyFilter(f *graph.RoutingPolicyFilter) store.PolicyFilter {
	if f == nil {
		return store.PolicyFilter{}
	}
	return store.PolicyFilter{Name: value(f.Name), States: f.State, Categories: f.Category, Default: f.IsDefault}
}

// Fallback returns the policy that is asked where a policy matches nothing.
func (f policyFields) Fallback(ctx context.Context, of *routing.Policy) (*routing.Policy, error) {
	l, err := f.loadersOf(ctx)
	if err != nil {
		return nil, err
	}
	return findMaybe(ctx, l.policies, of.FallbackID)
}

// RoutingPolicy returns the version of the policy that an order was placed with.
func (f orderFields) RoutingPolicy(ctx context.Context, o *order.Order) (*routing.Policy, error) {
	l, err := f.loadersOf(ctx)
	if err != nil {
		return nil, err
	}
	return findMaybe(ctx, l.policies, o.RoutingPolicyID)
}

// CreateRoutingPolicy makes a draft of a routing policy.
func (m mutation) CreateRoutingPolicy(
	ctx context.Context, input graph.CreateRoutingPolicyInput,
) (*graph.CreateRoutingPolicyPayload, error) {
	principal, err := who(ctx)
	if err != nil {
		return nil, err
	}
	created, err := m.options.Fulfillment.CreateRoutingPolicy(ctx, principal, fulfillment.PolicyInput{
		IdempotencyKey: value(input.IdempotencyKey), Name: input.Name, Category: value(input.Category),
		Default: value(input.IsDefault), Rules: rulesOf(input.Rules), FallbackID: input.FallbackID, LateAction: value(input.LateAction),
	})
	faults, ok := userErrors(err)
	if !ok {
		return nil, err
	}
	return &graph.CreateRoutingPolicyPayload{RoutingPolicy: created, UserErrors: faults}, nil
}

// PublishRoutingPolicy puts a version of a routing policy in force.
func (m mutation) PublishRoutingPolicy(
	ctx context.Context, input graph.PublishRoutingPolicyInput,
) (*graph.PublishRoutingPolicyPayload, error) {
	principal, err := who(ctx)
	if err != nil {
		return nil, err
	}
	published, err := m.options.Fulfillment.PublishRoutingPolicy(ctx, principal, input.ID)
	faults, ok := userErrors(err)
	if !ok {
		return nil, err
	}
	return &graph.PublishRoutingPolicyPayload{RoutingPolicy: published, UserErrors: faults}, nil
}

func rulesOf(input *graph.RoutingRulesInput) routing.Rules {
	rules := routing.Rules{
		Excluded: input.ExcludedProviderIds, Only: input.OnlyProviderIds, PartLimit: value(input.PartLimit),
		NoSplit: input.AllowSplit != nil && !*input.AllowSplit,
	}
	for _, scorer := range input.Scorers {
		rules.Scorers = append(rules.Scorers, *scorer)
	}
	return rules
}
