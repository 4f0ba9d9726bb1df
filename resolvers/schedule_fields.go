package resolvers

import (
	"context"
	"time"

	"github.com/boostress/boostress/graph"
	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/schedule"
	"github.com/boostress/boostress/scheduling"
	"github.com/boostress/boostress/task"
)

// Schedules lists an order's own schedules.
func (f orderFields) Schedules(ctx context.Context, o *order.Order) ([]*graph.Schedule, error) {
	l, err := f.loadersOf(ctx)
	if err != nil {
		return nil, err
	}
	own, _, err := l.own.get(ctx, o.ID)
	if err != nil {
		return nil, err
	}
	shown := make([]*graph.Schedule, len(own))
	for i, one := range own {
		shown[i] = shownSchedule(one)
	}
	return shown, nil
}

// NextRuns lists the slots to come.
func (f scheduleFields) NextRuns(ctx context.Context, s *graph.Schedule, first int) ([]*time.Time, error) {
	if !goodPageSize(first) {
		return nil, refuse(codeBadUserInput, badPageSize("first"))
	}
	switch s.Rule {
	case schedule.Pacing:
		releases, err := f.releases(ctx, s.Stored)
		return pointersTo(releases[:min(len(releases), first)]), err
	case schedule.Polling:
		if s.NextAt == nil {
			return []*time.Time{}, nil
		}
		return []*time.Time{s.NextAt}, nil
	case schedule.Interval, schedule.Cron, schedule.Once, schedule.AfterCompletion:
	}
	return pointersTo(scheduling.NextRuns(s.Stored, first)), nil
}

func (f scheduleFields) releases(ctx context.Context, s *schedule.Schedule) ([]time.Time, error) {
	l, err := f.loadersOf(ctx)
	if err != nil || !s.Enabled || s.OrderID == nil {
		return nil, err
	}
	releases, _, err := l.releases.get(ctx, *s.OrderID)
	return releases, err
}

// LastRun returns the run of the latest slot.
func (f scheduleFields) LastRun(ctx context.Context, s *graph.Schedule) (*schedule.Run, error) {
	l, err := f.loadersOf(ctx)
	if err != nil {
		return nil, err
	}
	return find(ctx, l.lastRuns, s.ID)
}

// Runs lists the schedule's runs.
func (f scheduleFields) Runs(
	ctx context.Context, s *graph.Schedule, first *int, after *string, last *int, before *string,
) (*graph.ScheduleRunConnection, error) {
	found, err := children(ctx, f.Root, "runs", s.ID, noFilter{}, pageArgs{first, after, last, before},
		unfiltered(f.options.Store.RunsOf))
	if err != nil {
		return nil, err
	}
	edges, info := edgesOf(found, func(cursor string, node *schedule.Run) *graph.ScheduleRunEdge {
		return &graph.ScheduleRunEdge{Cursor: cursor, Node: node}
	})
	return &graph.ScheduleRunConnection{Nodes: found.Items, Edges: edges, PageInfo: info, TotalCount: found.Total}, nil
}

// Order returns the order that a schedule is about.
func (f scheduleFields) Order(ctx context.Context, s *graph.Schedule) (*order.Order, error) {
	l, err := f.loadersOf(ctx)
	if err != nil {
		return nil, err
	}
	return findMaybe(ctx, l.orders, s.Stored.OrderID)
}

// Provider returns the provider that a schedule is about.
func (f scheduleFields) Provider(ctx context.Context, s *graph.Schedule) (*order.Provider, error) {
	l, err := f.loadersOf(ctx)
	if err != nil {
		return nil, err
	}
	return findMaybe(ctx, l.providers, s.Stored.ProviderID)
}

// Schedule returns the schedule whose run it is.
func (f runFields) Schedule(ctx context.Context, r *schedule.Run) (*graph.Schedule, error) {
	l, err := f.loadersOf(ctx)
	if err != nil {
		return nil, err
	}
	found, err := find(ctx, l.schedules, r.ScheduleID)
	return shownSchedule(found), err
}

// Task returns the task that a slot became.
func (f runFields) Task(ctx context.Context, r *schedule.Run) (*task.Task, error) {
	l, err := f.loadersOf(ctx)
	if err != nil {
		return nil, err
	}
	return find(ctx, l.tasks, r.TaskID)
}
