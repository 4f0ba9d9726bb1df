package resolvers

import (
	"context"

	"github.com/boostress/boostress/account"
	"github.com/boostress/boostress/graph"
	"github.com/boostress/boostress/order"
)

// changed runs a change of an order as whoever makes the request, and tells what is wrong with its input.
func changed(
	ctx context.Context, change func(account.Principal) (*order.Order, error),
) (*order.Order, []*order.Fault, error) {
	principal, err := who(ctx)
	if err != nil {
		return nil, nil, err
	}
	after, err := change(principal)
	faults, ok := userErrors(err)
	if !ok {
		return nil, nil, err
	}
	return after, faults, nil
}

// CancelOrder cancels an order.
func (m mutation) CancelOrder(ctx context.Context, input graph.CancelOrderInput) (*graph.CancelOrderPayload, error) {
	after, faults, err := changed(ctx, func(principal account.Principal) (*order.Order, error) {
		return m.options.Fulfillment.CancelOrder(ctx, principal, input.ID)
	})
	if err != nil {
		return nil, err
	}
	return &graph.CancelOrderPayload{Order: after, UserErrors: faults}, nil
}

// PlaceOrder places a draft.
func (m mutation) PlaceOrder(ctx context.Context, input graph.PlaceOrderInput) (*graph.PlaceOrderPayload, error) {
	after, faults, err := changed(ctx, func(principal account.Principal) (*order.Order, error) {
		return m.options.Fulfillment.PlaceOrder(ctx, principal, input.ID)
	})
	if err != nil {
		return nil, err
	}
	return &graph.PlaceOrderPayload{Order: after, UserErrors: faults}, nil
}

// UpdateOrder changes an order's settings.
func (m mutation) UpdateOrder(ctx context.Context, input graph.UpdateOrderInput) (*graph.UpdateOrderPayload, error) {
	after, faults, err := changed(ctx, func(principal account.Principal) (*order.Order, error) {
		return m.options.Fulfillment.UpdateOrder(ctx, principal, input.ID, revisionOf(input))
	})
	if err != nil {
		return nil, err
	}
	return &graph.UpdateOrderPayload{Order: after, UserErrors: faults}, nil
}

func revisionOf(input graph.UpdateOrderInput) order.Revision {
	revision := order.Revision{Priority: input.Priority, DeadlineAction: value(input.DeadlineAction)}
	if budget, given := input.Budget.ValueOK(); given {
		revision.Budget, revision.NoBudget = budget, budget == nil
	}
	if deadline, given := input.Deadline.ValueOK(); given {
		revision.Deadline, revision.NoDeadline = deadline, deadline == nil
	}
	if metadata, given := input.Metadata.ValueOK(); given {
		revision.Metadata, revision.NoMetadata = metadata, metadata == nil
	}
	return revision
}

// HoldOrder keeps an order from being dispatched.
func (m mutation) HoldOrder(ctx context.Context, input graph.HoldOrderInput) (*graph.HoldOrderPayload, error) {
	after, faults, err := changed(ctx, func(principal account.Principal) (*order.Order, error) {
		return m.options.Fulfillment.HoldOrder(ctx, principal, input.ID, input.Name, input.Reason)
	})
	if err != nil {
		return nil, err
	}
	return &graph.HoldOrderPayload{Order: after, UserErrors: faults}, nil
}

// ReleaseOrder lets a held order be dispatched again.
func (m mutation) ReleaseOrder(ctx context.Context, input graph.ReleaseOrderInput) (*graph.ReleaseOrderPayload, error) {
	after, faults, err := changed(ctx, func(principal account.Principal) (*order.Order, error) {
		return m.options.Fulfillment.ReleaseOrder(ctx, principal, input.ID, input.Name)
	})
	if err != nil {
		return nil, err
	}
	return &graph.ReleaseOrderPayload{Order: after, UserErrors: faults}, nil
}

// ExpediteOrder hurries an order.
func (m mutation) ExpediteOrder(ctx context.Context, input graph.ExpediteOrderInput) (*graph.ExpediteOrderPayload, error) {
	after, faults, err := changed(ctx, func(principal account.Principal) (*order.Order, error) {
		return m.options.Fulfillment.ExpediteOrder(ctx, principal, input.ID)
	})
	if err != nil {
		return nil, err
	}
	return &graph.ExpediteOrderPayload{Order: after, UserErrors: faults}, nil
}

// AddOrderNote puts a remark on an order's timeline.
func (m mutation) AddOrderNote(ctx context.Context, input graph.AddOrderNoteInput) (*graph.AddOrderNotePayload, error) {
	after, faults, err := changed(ctx, func(principal account.Principal) (*order.Order, error) {
		return m.options.Fulfillment.AddOrderNote(ctx, principal, input.ID, input.Text)
	})
	if err != nil {
		return nil, err
	}
	return &graph.AddOrderNotePayload{Order: after, UserErrors: faults}, nil
}
