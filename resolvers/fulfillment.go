package resolvers

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/boostress/boostress/fulfillment"
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

// UnknownSince returns since when the outcome has not been known.
func (f fulfillmentFields) UnknownSince(ctx context.Context, of *order.Fulfillment) (*time.Time, error) {
	unknown, err := f.unknown(ctx, of)
	if unknown == nil {
		return nil, err
	}
	return &unknown.Since, nil
}

// Reconciliation returns how the outcome is found out.
func (f fulfillmentFields) Reconciliation(ctx context.Context, of *order.Fulfillment) (*order.Reconciliation, error) {
	unknown, err := f.unknown(ctx, of)
	if unknown == nil {
		return nil, err
	}
	return &unknown.Reconciliation, nil
}

func (f fulfillmentFields) unknown(ctx context.Context, of *order.Fulfillment) (*fulfillment.Unknown, error) {
	if of.Status != order.FulfillmentUnknown {
		return nil, nil
	}
	l, err := f.loadersOf(ctx)
	if err != nil {
		return nil, err
	}
	return findValue(ctx, l.unknowns, of.ID)
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
