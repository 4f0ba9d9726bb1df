package resolvers

import (
	"context"

	"github.com/google/uuid"

	"github.com/boostress/boostress/graph"
	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/store"
	"github.com/boostress/boostress/task"
)

// TaskResult reads a task by its id.
func (q query) TaskResult(ctx context.Context, id uuid.UUID) (*task.Task, error) {
	l, err := q.loadersOf(ctx)
	if err != nil {
		return nil, err
	}
	return find(ctx, l.tasks, id)
}

// TaskResults lists the account's tasks.
func (q query) TaskResults(
	ctx context.Context, filter *graph.TaskResultFilter, orderBy *graph.TaskResultSort,
	first *int, after *string, last *int, before *string,
) (*graph.TaskResultConnection, error) {
	selected, err := taskFilter(filter)
	if err != nil {
		return nil, err
	}
	sort := store.Sort{Field: store.ByEnqueued, Desc: true}
	if orderBy != nil {
		sort = sortOf(orderBy.Field, orderBy.Direction)
	}
	found, err := list(ctx, q.Root, "taskResults", selected, sort, pageArgs{first, after, last, before},
		q.options.Store.TaskList)
	if err != nil {
		return nil, err
	}
	edges, info := edgesOf(found, func(cursor string, node *task.Task) *graph.TaskResultEdge {
		return &graph.TaskResultEdge{Cursor: cursor, Node: node}
	})
	return &graph.TaskResultConnection{Nodes: found.Items, Edges: edges, PageInfo: info, TotalCount: found.Total}, nil
}

// longestSearch is how long a search may be, in bytes.
const longestSearch = 1000

// taskFilter fails with errors for the client.
func taskFilter(f *graph.TaskResultFilter) (store.TaskFilter, error) {
	if f == nil {
		return store.TaskFilter{}, nil
	}
	selected := store.TaskFilter{
		Kinds: f.Kind, Name: value(f.Name), States: f.State, Queue: task.Queue(value(f.Queue)), Priorities: f.Priority,
		ScheduleID: f.ScheduleID, OrderID: f.OrderID, FulfillmentID: f.FulfillmentID, ProviderID: f.ProviderID,
		WorkerID: f.WorkerID, Dead: f.IsDead, Classes: f.ErrorClass, TraceID: value(f.TraceID),
		AttemptsAtLeast: value(f.AttemptsAtLeast), EnqueuedAfter: f.EnqueuedAfter, EnqueuedBefore: f.EnqueuedBefore,
		StartedAfter: f.StartedAfter, StartedBefore: f.StartedBefore, FinishedAfter: f.FinishedAfter,
		FinishedBefore: f.FinishedBefore, RanAtLeast: f.DurationAtLeast, WaitedAtLeast: f.WaitingTimeAtLeast,
	}
	if f.Search == nil {
		return selected, nil
	}
	if selected.Search = store.TaskWords(*f.Search); len(selected.Search) == 0 || len(*f.Search) > longestSearch {
		return selected, refuse(codeBadUserInput, "search must have a letter or digit, and at most 1,000 bytes")
	}
	return selected, nil
}

// Error tells what went wrong with a task the last time.
func (f taskFields) Error(_ context.Context, t *task.Task) (*graph.TaskError, error) {
	if t.Error == "" && t.ErrorClass == "" {
		return nil, nil
	}
	failed := &graph.TaskError{Message: t.Error}
	class := t.ErrorClass
	if class == "" && t.State == task.Failure {
		class = task.ErrorInternal
	}
	if class != "" {
		failed.Class = &class
	}
	if t.ErrorStack != "" {
		failed.Stack = &t.ErrorStack
	}
	return failed, nil
}

// Order returns the order that a task is about.
func (f taskFields) Order(ctx context.Context, t *task.Task) (*order.Order, error) {
	l, err := f.loadersOf(ctx)
	if err != nil {
		return nil, err
	}
	return findMaybe(ctx, l.orders, t.OrderID)
}

// Fulfillment returns the fulfillment that a task is about.
func (f taskFields) Fulfillment(ctx context.Context, t *task.Task) (*order.Fulfillment, error) {
	l, err := f.loadersOf(ctx)
	if err != nil {
		return nil, err
	}
	return findMaybe(ctx, l.fulfillments, t.FulfillmentID)
}

// Provider returns the provider that a task is about.
func (f taskFields) Provider(ctx context.Context, t *task.Task) (*order.Provider, error) {
	l, err := f.loadersOf(ctx)
	if err != nil {
		return nil, err
	}
	return findMaybe(ctx, l.providers, t.ProviderID)
}

// Schedule returns the schedule that began a task.
func (f taskFields) Schedule(ctx context.Context, t *task.Task) (*graph.Schedule, error) {
	l, err := f.loadersOf(ctx)
	if err != nil {
		return nil, err
	}
	found, err := findMaybe(ctx, l.schedules, t.ScheduleID)
	return shownSchedule(found), err
}
