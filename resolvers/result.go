package resolvers

import (
	"context"

	"github.com/boostress/boostress/graph"
	"github.com/boostress/boostress/order"
)

// Results lists what the provider handed over for the fulfillment.
func (f fulfillmentFields) Results(ctx context.Context, of *order.Fulfillment) ([]*order.Result, error) {
	l, err := f.loadersOf(ctx)
	if err != nil {
		return nil, err
	}
	found, _, err := l.results.get(ctx, of.ID)
	if found == nil {
		found = []*order.Result{}
	}
	return found, err
}

// RevealFulfillmentResult tells what a result holds.
func (m mutation) RevealFulfillmentResult(
	ctx context.Context, input graph.RevealFulfillmentResultInput,
) (*graph.RevealFulfillmentResultPayload, error) {
	principal, err := who(ctx)
	if err != nil {
		return nil, err
	}
	value, url, err := m.options.Fulfillment.RevealResult(ctx, principal, input.ID)
	faults, ok := userErrors(err)
	if !ok {
		return nil, err
	}
	payload := &graph.RevealFulfillmentResultPayload{UserErrors: faults}
	if value != "" {
		payload.Value = &value
	}
	if url != "" {
		payload.URL = &url
	}
	return payload, nil
}
