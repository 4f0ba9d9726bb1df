package resolvers

import (
	"context"

	"github.com/boostress/boostress/graph"
	"github.com/boostress/boostress/store"
	"github.com/boostress/boostress/task"
)

// Workers lists the worker processes.
func (q query) Workers(ctx context.Context) ([]*graph.Worker, error) {
	list, err := q.options.Store.Workers(ctx, q.options.Term)
	if err != nil {
		return nil, err
	}
	workers := make([]*graph.Worker, len(list))
	for i := range list {
		workers[i] = shownWorker(&list[i])
	}
	return workers, nil
}

func shownWorker(w *store.LiveWorker) *graph.Worker {
	if w == nil {
		return nil
	}
	shown := &graph.Worker{
		ID: w.ID, Host: w.Host, Pid: w.PID, Version: w.Version, Queues: make([]string, len(w.Queues)), Slots: w.Slots,
		State: w.State(), Running: w.Running, StartedAt: w.StartedAt, HeartbeatAt: w.HeartbeatAt, DrainAskedAt: w.DrainAskedAt,
		StoppedAt: w.StoppedAt,
	}
	for i, queue := range w.Queues {
		shown.Queues[i] = string(queue)
	}
	return shown
}

// Worker returns the process that runs or ran a task.
func (f taskFields) Worker(ctx context.Context, t *task.Task) (*graph.Worker, error) {
	l, err := f.loadersOf(ctx)
	if err != nil {
		return nil, err
	}
	found, err := findMaybe(ctx, l.workers, t.WorkerID)
	return shownWorker(found), err
}

// DrainWorker has a worker process take no more tasks.
func (m mutation) DrainWorker(ctx context.Context, input graph.DrainWorkerInput) (*graph.DrainWorkerPayload, error) {
	principal, err := who(ctx)
	if err != nil {
		return nil, err
	}
	err = m.options.Fulfillment.DrainWorker(ctx, principal, input.ID)
	faults, ok := userErrors(err)
	if !ok {
		return nil, err
	}
	payload := &graph.DrainWorkerPayload{UserErrors: faults}
	if len(faults) > 0 {
		return payload, nil
	}
	l, err := m.loadersOf(ctx)
	if err != nil {
		return nil, err
	}
	drained, err := find(ctx, l.workers, input.ID)
	payload.Worker = shownWorker(drained)
	return payload, err
}
