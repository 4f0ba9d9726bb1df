package resolvers

import (
	"cmp"
	"context"
	"slices"

	"github.com/google/uuid"

	"github.com/boostress/boostress/graph"
	"github.com/boostress/boostress/order"
)

// Statistics tells how the account's work stands.
func (q query) Statistics(ctx context.Context) (*graph.Statistics, error) {
	principal, err := who(ctx)
	if err != nil {
		return nil, err
	}
	return q.count(ctx, principal.AccountID)
}

// count reads an account's statistics, but for those of tasks.
func (r *Root) count(ctx context.Context, accountID uuid.UUID) (*graph.Statistics, error) {
	counts, err := r.options.Store.Counts(ctx, accountID)
	if err != nil {
		return nil, err
	}
	queues, err := r.options.Store.Queues(ctx, accountID, r.options.Term)
	if err != nil {
		return nil, err
	}
	return &graph.Statistics{
		AccountID: accountID, CountedAt: counts.At, Queues: shownQueues(queues),
		Orders: shownCounts(counts.Orders, func(status order.Status, count int) *graph.OrderStatusCount {
			return &graph.OrderStatusCount{Status: status, Count: count}
		}),
		Fulfillments: shownCounts(counts.Fulfillments, func(status order.FulfillmentStatus, count int) *graph.FulfillmentStatusCount {
			return &graph.FulfillmentStatusCount{Status: status, Count: count}
		}),
		Attempts: shownCounts(counts.Attempts, func(class order.Class, count int) *graph.AttemptClassCount {
			if class == "" {
				return &graph.AttemptClassCount{Count: count}
			}
			return &graph.AttemptClassCount{Class: &class, Count: count}
		}),
	}, nil
}

// shownCounts lists counts by their names.
func shownCounts[K cmp.Ordered, T any](counts map[K]int, show func(K, int) *T) []*T {
	names := make([]K, 0, len(counts))
	for name := range counts {
		names = append(names, name)
	}
	slices.Sort(names)
	shown := make([]*T, len(names))
	for i, name := range names {
		shown[i] = show(name, counts[name])
	}
	return shown
}
