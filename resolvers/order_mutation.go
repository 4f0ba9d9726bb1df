package resolvers

import (
	"context"
	"fmt"
	"slices"

	"github.com/boostress/boostress/graph"
	"github.com/boostress/boostress/order"
)

// mostOrders is how many orders one request places.
const mostOrders = 100

// CreateOrder places an order.
func (m mutation) CreateOrder(ctx context.Context, input order.Draft) (*graph.CreateOrderPayload, error) {
	principal, err := who(ctx)
	if err != nil {
		return nil, err
	}
	created, err := m.options.Fulfillment.CreateOrder(ctx, principal, input)
	faults, ok := userErrors(err)
	if !ok {
		return nil, err
	}
	return &graph.CreateOrderPayload{Order: created, UserErrors: faults}, nil
}

// CreateOrders places several orders.
func (m mutation) CreateOrders(ctx context.Context, input graph.CreateOrdersInput) (*graph.CreateOrdersPayload, error) {
	principal, err := who(ctx)
	if err != nil {
		return nil, err
	}
	payload := &graph.CreateOrdersPayload{Orders: make([]*order.Order, len(input.Orders))}
	if len(input.Orders) == 0 || len(input.Orders) > mostOrders {
		payload.Orders = nil
		payload.UserErrors = []*order.Fault{{
			Field: []string{"orders"}, Code: order.CodeOutOfRange,
			Message: fmt.Sprintf("must hold 1 to %d orders, has %d", mostOrders, len(input.Orders)),
		}}
		return payload, nil
	}
	drafts := make([]order.Draft, len(input.Orders))
	for i, draft := range input.Orders {
		drafts[i] = *draft
	}
	created, refused, err := m.options.Fulfillment.CreateOrders(ctx, principal, value(input.IdempotencyKey), drafts)
	if err == nil {
		err = refused.Err()
	}
	faults, ok := userErrors(err)
	if !ok {
		return nil, err
	}
	copy(payload.Orders, created)
	aheadOf(ctx, m.Root, "Order", "orders", slices.DeleteFunc(slices.Clone(created), func(o *order.Order) bool { return o == nil }))
	payload.UserErrors = faults
	return payload, nil
}
