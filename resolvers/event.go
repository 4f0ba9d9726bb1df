package resolvers

import (
	"context"

	"github.com/boostress/boostress/graph"
	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/store"
)

// Events lists what happened to the account's orders.
func (q query) Events(
	ctx context.Context, filter *graph.OrderEventFilter, orderBy *graph.OrderEventSort,
	first *int, after *string, last *int, before *string,
) (*graph.OrderEventConnection, error) {
	sort := store.Sort{Desc: orderBy == nil || orderBy.Direction == graph.SortDirectionDesc}
	var selected store.EventFilter
	if filter != nil {
		selected = store.EventFilter{
			Kinds: filter.Kind, OrderID: filter.OrderID, FulfillmentID: filter.FulfillmentID,
			OccurredAfter: filter.OccurredAfter, OccurredBefore: filter.OccurredBefore,
		}
	}
	found, err := list(ctx, q.Root, "allEvents", selected, sort, pageArgs{first, after, last, before}, q.options.Store.EventList)
	if err != nil {
		return nil, err
	}
	return q.eventConnection(ctx, found)
}

// eventConnection gives each event the cursor by which its order can be watched from there on.
func (r *Root) eventConnection(ctx context.Context, found listed[*order.Event]) (*graph.OrderEventConnection, error) {
	nodes := make([]*order.Event, len(found.Items))
	for i, shared := range found.Items { // with other fields that lead to the same order
		event := *shared
		var err error
		if event.Cursor, err = r.options.Live.EventCursor(ctx, event.OrderID, event.Sequence); err != nil {
			return nil, err
		}
		nodes[i] = &event
	}
	found.Items = nodes
	edges, info := edgesOf(found, func(cursor string, node *order.Event) *graph.OrderEventEdge {
		return &graph.OrderEventEdge{Cursor: cursor, Node: node}
	})
	return &graph.OrderEventConnection{Nodes: found.Items, Edges: edges, PageInfo: info, TotalCount: found.Total}, nil
}

// Fulfillment returns the fulfillment that an event happened to.
func (f eventFields) Fulfillment(ctx context.Context, event *order.Event) (*order.Fulfillment, error) {
	l, err := f.loadersOf(ctx)
	if err != nil {
		return nil, err
	}
	return findMaybe(ctx, l.fulfillments, event.FulfillmentID)
}
