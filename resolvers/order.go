package resolvers

import (
	"context"
	"errors"

	"github.com/google/uuid"

	"github.com/boostress/boostress/graph"
	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/store"
)

// Order reads an order by its id.
func (q query) Order(ctx context.Context, id uuid.UUID) (*order.Order, error) {
	l, err := q.loadersOf(ctx)
	if err != nil {
		return nil, err
	}
	return find(ctx, l.orders, id)
}

// OrderByReference reads an order by its reference.
func (q query) OrderByReference(ctx context.Context, reference string) (*order.Order, error) {
	principal, err := who(ctx)
	if err != nil {
		return nil, err
	}
	found, err := q.options.Store.OrderByReference(ctx, principal.AccountID, reference)
	if errors.Is(err, order.ErrNotFound) {
		return nil, nil
	}
	return found, err
}

// Orders lists the account's orders.
func (q query) Orders(
	ctx context.Context, filter *graph.OrderFilter, orderBy *graph.OrderSort, first *int, after *string, last *int, before *string,
) (*graph.OrderConnection, error) {
	sort := store.Sort{Field: store.ByCreated, Desc: true}
	if orderBy != nil {
		sort = sortOf(orderBy.Field, orderBy.Direction)
	}
	found, err := list(ctx, q.Root, "orders", orderFilter(filter), sort, pageArgs{first, after, last, before}, q.options.Store.OrderList)
	if err != nil {
		return nil, err
	}
	edges, info := edgesOf(found, func(cursor string, node *order.Order) *graph.OrderEdge {
		return &graph.OrderEdge{Cursor: cursor, Node: node}
	})
	return &graph.OrderConnection{Nodes: found.Items, Edges: edges, PageInfo: info, TotalCount: found.Total}, nil
}

func orderFilter(f *graph.OrderFilter) store.OrderFilter {
	if f == nil {
		return store.OrderFilter{}
	}
	return store.OrderFilter{
		Statuses: f.Status, Categories: f.Category, ReferencePrefix: value(f.ReferencePrefix), CreatedAfter: f.CreatedAfter,
		CreatedBefore: f.CreatedBefore, DeadlineBefore: f.DeadlineBefore, NeedsAttention: f.NeedsAttention, Open: f.IsOpen,
	}
}

func knowsDestination(o *order.Order) bool {
	return o.Destination.Name != "" || o.Destination.CountryCode != "" || o.Destination.Attributes != nil
}

// Destination returns where the result goes; an order that came with an event does not know it.
func (f orderFields) Destination(ctx context.Context, o *order.Order) (*order.Destination, error) {
	if knowsDestination(o) {
		return &o.Destination, nil
	}
	l, err := f.loadersOf(ctx)
	if err != nil {
		return nil, err
	}
	whole, err := find(ctx, l.orders, o.ID)
	if err != nil || whole == nil {
		return &o.Destination, err
	}
	return &whole.Destination, nil
}

// Holds lists what keeps the order from being dispatched, as it is now.
func (f orderFields) Holds(ctx context.Context, o *order.Order) ([]*order.Hold, error) {
	l, err := f.loadersOf(ctx)
	if err != nil {
		return nil, err
	}
	found, _, err := l.holds.get(ctx, o.ID)
	if found == nil {
		found = []*order.Hold{}
	}
	return found, err
}

// EventCursor names the order's latest event.
func (f orderFields) EventCursor(ctx context.Context, o *order.Order) (string, error) {
	return f.options.Live.EventCursor(ctx, o.ID, o.Sequence)
}

// Lines lists the order's lines.
func (f orderFields) Lines(
	ctx context.Context, o *order.Order, first *int, after *string, last *int, before *string,
) (*graph.OrderLineConnection, error) {
	found, err := children(ctx, f.Root, "lines", o.ID, noFilter{}, pageArgs{first, after, last, before},
		unfiltered(f.options.Store.LinesOf))
	if err != nil {
		return nil, err
	}
	edges, info := edgesOf(found, func(cursor string, node *order.Line) *graph.OrderLineEdge {
		return &graph.OrderLineEdge{Cursor: cursor, Node: node}
	})
	return &graph.OrderLineConnection{Nodes: found.Items, Edges: edges, PageInfo: info, TotalCount: found.Total}, nil
}

// Fulfillments lists the order's fulfillments.
func (f orderFields) Fulfillments(
	ctx context.Context, o *order.Order, filter *graph.FulfillmentFilter, first *int, after *string, last *int, before *string,
) (*graph.FulfillmentConnection, error) {
	found, err := children(ctx, f.Root, "fulfillments", o.ID, fulfillmentFilter(filter), pageArgs{first, after, last, before},
		f.options.Store.FulfillmentsOf)
	if err != nil {
		return nil, err
	}
	return fulfillmentConnection(found), nil
}

// Events lists what happened to the order.
func (f orderFields) Events(
	ctx context.Context, o *order.Order, first *int, after *string, last *int, before *string,
) (*graph.OrderEventConnection, error) {
	found, err := children(ctx, f.Root, "events", o.ID, noFilter{}, pageArgs{first, after, last, before},
		unfiltered(f.options.Store.EventsOf))
	if err != nil {
		return nil, err
	}
	return f.eventConnection(ctx, found)
}

// LedgerEntries lists the movements of the order's money.
func (f orderFields) LedgerEntries(
	ctx context.Context, o *order.Order, first *int, after *string, last *int, before *string,
) (*graph.LedgerEntryConnection, error) {
	found, err := children(ctx, f.Root, "ledgerEntries", o.ID, noFilter{}, pageArgs{first, after, last, before},
		unfiltered(f.options.Store.EntriesOf))
	if err != nil {
		return nil, err
	}
	edges, info := edgesOf(found, func(cursor string, node *order.LedgerEntry) *graph.LedgerEntryEdge {
		return &graph.LedgerEntryEdge{Cursor: cursor, Node: node}
	})
	return &graph.LedgerEntryConnection{Nodes: found.Items, Edges: edges, PageInfo: info, TotalCount: found.Total}, nil
}

// value returns what a pointer points to, or the zero value.
func value[T any](pointer *T) T {
	var none T
	if pointer == nil {
		return none
	}
	return *pointer
}
