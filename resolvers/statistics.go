package resolvers

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/boostress/boostress/graph"
	"github.com/boostress/boostress/order"
)

// attemptsSince is how far back calls to providers are counted.
const attemptsSince = time.Hour

// Statistics counts how the account's work stands.
func (q query) Statistics(ctx context.Context) (*graph.Statistics, error) {
	principal, err := who(ctx)
	if err != nil {
		return nil, err
	}
	return q.count(ctx, principal.AccountID)
}

// count reads all of an account's statistics.
func (r *Root) count(ctx context.Context, accountID uuid.UUID) (*graph.Statistics, error) {
	now := r.options.Clock()
	statistics := &graph.Statistics{CountedAt: now}
	st := r.options.Store
	orders, err := st.OrderCounts(ctx, accountID)
	if err != nil {
		return nil, err
	}
	statistics.Orders = shownCounts(orders, func(status order.Status, count int) *graph.OrderStatusCount {
		return &graph.OrderStatusCount{Status: status, Count: count}
	})
	fulfillments, err := st.FulfillmentCounts(ctx, accountID)
	if err != nil {
		return nil, err
	}
	statistics.Fulfillments = shownCounts(fulfillments, func(status order.FulfillmentStatus, count int) *graph.FulfillmentStatusCount {
		return &graph.FulfillmentStatusCount{Status: status, Count: count}
	})
	attempts, err := st.AttemptCounts(ctx, accountID, now.Add(-attemptsSince))
	if err != nil {
		return nil, err
	}
	statistics.Attempts = shownCounts(attempts, func(class order.Class, count int) *graph.AttemptClassCount {
		if class == "" {
			return &graph.AttemptClassCount{Count: count}
		}
		return &graph.AttemptClassCount{Class: &class, Count: count}
	})
	queues, err := st.QueueCounts(ctx, accountID)
	if err != nil {
		return nil, err
	}
	statistics.Queues = shownQueues(queues)
	return statistics, nil
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
