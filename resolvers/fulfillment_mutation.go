package resolvers

import (
	"context"

	"github.com/boostress/boostress/account"
	"github.com/boostress/boostress/fulfillment"
	"github.com/boostress/boostress/graph"
	"github.com/boostress/boostress/order"
)

// RetryFulfillment tries a fulfillment again.
func (m mutation) RetryFulfillment(
	ctx context.Context, input graph.RetryFulfillmentInput,
) (*graph.RetryFulfillmentPayload, error) {
	changed, faults, err := m.handle(ctx, func(who account.Principal) (*order.Fulfillment, error) {
		return m.options.Fulfillment.RetryFulfillment(ctx, who, input.ID)
	})
	if err != nil {
		return nil, err
	}
	return &graph.RetryFulfillmentPayload{Fulfillment: changed, UserErrors: faults}, nil
}

// RerouteFulfillment has another provider do the rest.
func (m mutation) RerouteFulfillment(
	ctx context.Context, input graph.RerouteFulfillmentInput,
) (*graph.RerouteFulfillmentPayload, error) {
	changed, faults, err := m.handle(ctx, func(who account.Principal) (*order.Fulfillment, error) {
		return m.options.Fulfillment.RerouteFulfillment(ctx, who, input.ID, input.ExcludeProvider)
	})
	if err != nil {
		return nil, err
	}
	return &graph.RerouteFulfillmentPayload{Fulfillment: changed, UserErrors: faults}, nil
}

// CancelFulfillment cancels a fulfillment.
func (m mutation) CancelFulfillment(
	ctx context.Context, input graph.CancelFulfillmentInput,
) (*graph.CancelFulfillmentPayload, error) {
	changed, faults, err := m.handle(ctx, func(who account.Principal) (*order.Fulfillment, error) {
		return m.options.Fulfillment.CancelFulfillment(ctx, who, input.ID)
	})
	if err != nil {
		return nil, err
	}
	return &graph.CancelFulfillmentPayload{Fulfillment: changed, UserErrors: faults}, nil
}

// ResolveFulfillment settles an unknown outcome.
func (m mutation) ResolveFulfillment(
	ctx context.Context, input graph.ResolveFulfillmentInput,
) (*graph.ResolveFulfillmentPayload, error) {
	changed, faults, err := m.handle(ctx, func(who account.Principal) (*order.Fulfillment, error) {
		return m.options.Fulfillment.ResolveFulfillment(ctx, who, fulfillment.ResolveInput{
			ID: input.ID, Outcome: input.Outcome, ExternalID: value(input.ExternalID), Note: value(input.Note),
		})
	})
	if err != nil {
		return nil, err
	}
	return &graph.ResolveFulfillmentPayload{Fulfillment: changed, UserErrors: faults}, nil
}

// SplitFulfillment splits a fulfillment.
func (m mutation) SplitFulfillment(
	ctx context.Context, input graph.SplitFulfillmentInput,
) (*graph.SplitFulfillmentPayload, error) {
	principal, err := who(ctx)
	if err != nil {
		return nil, err
	}
	parts, err := m.options.Fulfillment.SplitFulfillment(ctx, principal, input.ID, input.Quantities)
	faults, ok := userErrors(err)
	if !ok {
		return nil, err
	}
	payload := &graph.SplitFulfillmentPayload{Fulfillments: []*order.Fulfillment{}, UserErrors: faults}
	if len(parts) > 0 {
		payload.Fulfillment, payload.Fulfillments = parts[0], parts
		aheadOf(ctx, m.Root, "Fulfillment", "fulfillments", parts)
	}
	return payload, nil
}

// RescheduleFulfillment has a fulfillment sent at another time.
func (m mutation) RescheduleFulfillment(
	ctx context.Context, input graph.RescheduleFulfillmentInput,
) (*graph.RescheduleFulfillmentPayload, error) {
	changed, faults, err := m.handle(ctx, func(who account.Principal) (*order.Fulfillment, error) {
		return m.options.Fulfillment.RescheduleFulfillment(ctx, who, input.ID, input.At)
	})
	if err != nil {
		return nil, err
	}
	return &graph.RescheduleFulfillmentPayload{Fulfillment: changed, UserErrors: faults}, nil
}

// handle has somebody do something with one fulfillment.
func (m mutation) handle(
	ctx context.Context, do func(account.Principal) (*order.Fulfillment, error),
) (*order.Fulfillment, []*order.Fault, error) {
	principal, err := who(ctx)
	if err != nil {
		return nil, nil, err
	}
	changed, err := do(principal)
	faults, ok := userErrors(err)
	if !ok {
		return nil, nil, err
	}
	return changed, faults, nil
}
