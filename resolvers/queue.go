package resolvers

import (
	"context"
	"slices"
	"time"

	"github.com/boostress/boostress/graph"
	"github.com/boostress/boostress/store"
	"github.com/boostress/boostress/task"
)

// Queues tells how the queues stand, with what of the account is in them.
func (q query) Queues(ctx context.Context) ([]*graph.Queue, error) {
	principal, err := who(ctx)
	if err != nil {
		return nil, err
	}
	queues, err := q.options.Store.Queues(ctx, principal.AccountID, q.options.Term)
	if err != nil {
		return nil, err
	}
	return shownQueues(queues), nil
}

func shownQueues(queues []store.Queue) []*graph.Queue {
	shown := make([]*graph.Queue, len(queues))
	for i, q := range queues {
		shown[i] = &graph.Queue{
			Name: string(q.Name), Depth: q.Depth, Delayed: q.Delayed, Running: q.Running, Slots: q.Slots,
			EnqueuedPerSecond: float64(q.Enqueued) / time.Minute.Seconds(),
			FinishedPerSecond: float64(q.Finished) / time.Minute.Seconds(),
			IsPaused:          q.PausedAt != nil, PausedAt: q.PausedAt,
		}
		if q.Oldest > 0 {
			shown[i].OldestAge = &queues[i].Oldest
		}
		if q.Reason != "" {
			shown[i].PauseReason = &queues[i].Reason
		}
	}
	return shown
}

// queue returns one queue, as it is now.
func (m mutation) queue(ctx context.Context, name string) (*graph.Queue, error) {
	queues, err := query(m).Queues(ctx)
	if err != nil {
		return nil, err
	}
	at := slices.IndexFunc(queues, func(q *graph.Queue) bool { return q.Name == name })
	if at < 0 {
		return nil, nil
	}
	return queues[at], nil
}

// PauseQueue keeps a queue from being worked off.
func (m mutation) PauseQueue(ctx context.Context, input graph.PauseQueueInput) (*graph.PauseQueuePayload, error) {
	principal, err := who(ctx)
	if err != nil {
		return nil, err
	}
	err = m.options.Fulfillment.PauseQueue(ctx, principal, task.Queue(input.Queue), value(input.Reason))
	faults, ok := userErrors(err)
	if !ok {
		return nil, err
	}
	if len(faults) > 0 {
		return &graph.PauseQueuePayload{UserErrors: faults}, nil
	}
	paused, err := m.queue(ctx, input.Queue)
	return &graph.PauseQueuePayload{Queue: paused, UserErrors: faults}, err
}

// ResumeQueue lets a paused queue be worked off again.
func (m mutation) ResumeQueue(ctx context.Context, input graph.ResumeQueueInput) (*graph.ResumeQueuePayload, error) {
	principal, err := who(ctx)
	if err != nil {
		return nil, err
	}
	err = m.options.Fulfillment.ResumeQueue(ctx, principal, task.Queue(input.Queue))
	faults, ok := userErrors(err)
	if !ok {
		return nil, err
	}
	if len(faults) > 0 {
		return &graph.ResumeQueuePayload{UserErrors: faults}, nil
	}
	resumed, err := m.queue(ctx, input.Queue)
	return &graph.ResumeQueuePayload{Queue: resumed, UserErrors: faults}, err
}
