package resolvers

import (
	"context"

	"github.com/boostress/boostress/graph"
)

// RetryTask runs a task once more.
func (m mutation) RetryTask(ctx context.Context, input graph.RetryTaskInput) (*graph.RetryTaskPayload, error) {
	principal, err := who(ctx)
	if err != nil {
		return nil, err
	}
	again, err := m.options.Fulfillment.RetryTask(ctx, principal, input.ID)
	faults, ok := userErrors(err)
	if !ok {
		return nil, err
	}
	return &graph.RetryTaskPayload{TaskResult: again, UserErrors: faults}, nil
}

// RevokeTask ends a task.
func (m mutation) RevokeTask(ctx context.Context, input graph.RevokeTaskInput) (*graph.RevokeTaskPayload, error) {
	principal, err := who(ctx)
	if err != nil {
		return nil, err
	}
	revoked, err := m.options.Fulfillment.RevokeTask(ctx, principal, input.ID)
	faults, ok := userErrors(err)
	if !ok {
		return nil, err
	}
	return &graph.RevokeTaskPayload{TaskResult: revoked, UserErrors: faults}, nil
}
