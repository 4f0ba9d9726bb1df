package resolvers

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"github.com/boostress/boostress/graph"
	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/store"
)

// Fulfillment reads a fulfillment by its id.
func (q query) Fulfillment(ctx context.Context, id uuid.UUID) (*order.Fulfillment, error) {
	l, err := q.loadersOf(ctx)
	if err != nil {
		return nil, err
	}
	return find(ctx, l.fulfillments, id)
}

// Fulfillments lists the account's fulfillments.
func (q query) Fulfillments(
	ctx context.Context, filter *graph.FulfillmentFilter, orderBy *graph.FulfillmentSort,
	first *int, after *string, last *int, before *string,
) (*graph.FulfillmentConnection, error) {
	sort := store.Sort{Field: store.ByCreated, Desc: true}
	if orderBy != nil {
		sort = sortOf(orderBy.Field, orderBy.Direction)
	}
	found, err := list(ctx, q.Root, "allFulfillments", fulfillmentFilter(filter), sort, pageArgs{first, after, last, before},
		q.options.Store.FulfillmentList)
	if err != nil {
		return nil, err
	}
	return fulfillmentConnection(found), nil
}

func fulfillmentFilter(f *graph.FulfillmentFilter) store.FulfillmentFilter {
	if f == nil {
		return store.FulfillmentFilter{}
	}
	return store.FulfillmentFilter{
		Statuses: f.Status, OrderID: f.OrderID, ProviderID: f.ProviderID, NeedsAttention: f.NeedsAttention,
	}
}

func fulfillmentConnection(found listed[*order.Fulfillment]) *graph.FulfillmentConnection {
	edges, info := edgesOf(found, func(cursor string, node *order.Fulfillment) *graph.FulfillmentEdge {
		return &graph.FulfillmentEdge{Cursor: cursor, Node: node}
	})
	return &graph.FulfillmentConnection{Nodes: found.Items, Edges: edges, PageInfo: info, TotalCount: found.Total}
}

// Order returns the order that a fulfillment belongs to.
func (f fulfillmentFields) Order(ctx context.Context, of *order.Fulfillment) (*order.Order, error) {
	l, err := f.loadersOf(ctx)
	if err != nil {
		return nil, err
	}
	return must(find(ctx, l.orders, of.OrderID))
}

// Line returns the line that is fulfilled.
func (f fulfillmentFields) Line(ctx context.Context, of *order.Fulfillment) (*order.Line, error) {
	l, err := f.loadersOf(ctx)
	if err != nil {
		return nil, err
	}
	return must(find(ctx, l.lines, of.LineID))
}

// Provider returns who fulfills it.
func (f fulfillmentFields) Provider(ctx context.Context, of *order.Fulfillment) (*order.Provider, error) {
	l, err := f.loadersOf(ctx)
	if err != nil {
		return nil, err
	}
	return findMaybe(ctx, l.providers, of.ProviderID)
}

// Offer returns by which offer it is fulfilled.
func (f fulfillmentFields) Offer(ctx context.Context, of *order.Fulfillment) (*order.Offer, error) {
	l, err := f.loadersOf(ctx)
	if err != nil {
		return nil, err
	}
	return findMaybe(ctx, l.offers, of.OfferID)
}

// Replaces returns the fulfillment whose quantity this one took over.
func (f fulfillmentFields) Replaces(ctx context.Context, of *order.Fulfillment) (*order.Fulfillment, error) {
	l, err := f.loadersOf(ctx)
	if err != nil {
		return nil, err
	}
	return findMaybe(ctx, l.fulfillments, of.ReplacesID)
}

// Attempts lists the calls to providers for a fulfillment.
func (f fulfillmentFields) Attempts(
	ctx context.Context, of *order.Fulfillment, first *int, after *string, last *int, before *string,
) (*graph.AttemptConnection, error) {
	found, err := children(ctx, f.Root, "attempts", of.ID, noFilter{}, pageArgs{first, after, last, before},
		unfiltered(f.options.Store.AttemptsOf))
	if err != nil {
		return nil, err
	}
	edges, info := edgesOf(found, func(cursor string, node *order.Attempt) *graph.AttemptEdge {
		return &graph.AttemptEdge{Cursor: cursor, Node: node}
	})
	return &graph.AttemptConnection{Nodes: found.Items, Edges: edges, PageInfo: info, TotalCount: found.Total}, nil
}

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
	return &graph.RoutingDecision{
		MadeAt: latest.MadeAt, CandidateCount: len(latest.Verdicts),
		OfferID: latest.OfferID, Currency: of.Currency, Verdicts: latest.Verdicts,
	}, nil
}

// Offer returns the chosen offer.
func (f decisionFields) Offer(ctx context.Context, of *graph.RoutingDecision) (*order.Offer, error) {
	l, err := f.loadersOf(ctx)
	if err != nil {
		return nil, err
	}
	return findMaybe(ctx, l.offers, of.OfferID)
}

// Candidates returns the first of the offers that were considered.
func (f decisionFields) Candidates(_ context.Context, of *graph.RoutingDecision, first *int) ([]*graph.RoutingCandidate, error) {
	verdicts, err := firstVerdicts(of.Verdicts, first)
	if err != nil {
		return nil, err
	}
	candidates := make([]*graph.RoutingCandidate, len(verdicts))
	for i := range verdicts {
		v := &verdicts[i]
		candidates[i] = &graph.RoutingCandidate{
			Cost: &order.Money{Amount: v.Cost, Currency: of.Currency}, OfferID: v.OfferID, ProviderID: v.ProviderID,
		}
		if v.Rank > 0 {
			candidates[i].Rank = &v.Rank
		}
		if v.Reason != "" {
			candidates[i].Reason = &v.Reason
		}
	}
	return candidates, nil
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

// Provider returns who was called.
func (f attemptFields) Provider(ctx context.Context, of *order.Attempt) (*order.Provider, error) {
	l, err := f.loadersOf(ctx)
	if err != nil {
		return nil, err
	}
	return must(find(ctx, l.providers, of.ProviderID))
}

// Fulfillment returns what the entry is about.
func (f entryFields) Fulfillment(ctx context.Context, of *order.LedgerEntry) (*order.Fulfillment, error) {
	l, err := f.loadersOf(ctx)
	if err != nil {
		return nil, err
	}
	return must(find(ctx, l.fulfillments, of.FulfillmentID))
}

// Provider returns whom the entry is about.
func (f entryFields) Provider(ctx context.Context, of *order.LedgerEntry) (*order.Provider, error) {
	l, err := f.loadersOf(ctx)
	if err != nil {
		return nil, err
	}
	return must(find(ctx, l.providers, of.ProviderID))
}

// must fails where something is missing that the record says is there.
func must[T any](found *T, err error) (*T, error) {
	if err == nil && found == nil {
		return nil, fmt.Errorf("%T is missing from the record", found)
	}
	return found, err
}
