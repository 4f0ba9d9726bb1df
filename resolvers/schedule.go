package resolvers

import (
	"context"

	"github.com/google/uuid"

	"github.com/boostress/boostress/graph"
	"github.com/boostress/boostress/schedule"
	"github.com/boostress/boostress/store"
	"github.com/boostress/boostress/task"
)

// Schedule reads a schedule by its id.
func (q query) Schedule(ctx context.Context, id uuid.UUID) (*graph.Schedule, error) {
	l, err := q.loadersOf(ctx)
	if err != nil {
		return nil, err
	}
	found, err := find(ctx, l.schedules, id)
	if found != nil {
		aheadOf(ctx, q.Root, "Schedule", "", []*schedule.Schedule{found})
	}
	return shownSchedule(found), err
}

// Schedules lists the account's schedules.
func (q query) Schedules(
	ctx context.Context, filter *graph.ScheduleFilter, orderBy *graph.ScheduleSort,
	first *int, after *string, last *int, before *string,
) (*graph.ScheduleConnection, error) {
	sort := store.Sort{Field: store.ByName}
	if orderBy != nil {
		sort = sortOf(orderBy.Field, orderBy.Direction)
	}
	found, err := list(ctx, q.Root, "schedules", scheduleFilter(filter), sort, pageArgs{first, after, last, before}, q.options.Store.ScheduleList)
	if err != nil {
		return nil, err
	}
	edges, info := edgesOf(found, func(cursor string, node *schedule.Schedule) *graph.ScheduleEdge {
		return &graph.ScheduleEdge{Cursor: cursor, Node: shownSchedule(node)}
	})
	nodes := make([]*graph.Schedule, len(edges))
	for i, edge := range edges {
		nodes[i] = edge.Node
	}
	return &graph.ScheduleConnection{Nodes: nodes, Edges: edges, PageInfo: info, TotalCount: found.Total}, nil
}

func scheduleFilter(f *graph.ScheduleFilter) store.ScheduleFilter {
	if f == nil {
		return store.ScheduleFilter{}
	}
	return store.ScheduleFilter{
		Enabled: f.IsEnabled, System: f.IsSystem, Statuses: f.Status, Actions: f.Action, OrderID: f.OrderID, ProviderID: f.ProviderID,
	}
}

// shownSchedule lays a schedule's rule open.
func shownSchedule(s *schedule.Schedule) *graph.Schedule {
	if s == nil {
		return nil
	}
	shown := &graph.Schedule{
		Stored: s, ID: s.ID, Name: s.Name, Rule: s.Rule.Kind, Action: task.Kind(s.TaskKind), Arguments: s.Arguments,
		Queue: s.Queue, Priority: s.Priority, Overlap: s.Overlap, Misfire: s.Misfire, MisfireLimit: s.MisfireLimit,
		Status: s.Status(), IsEnabled: s.Enabled, IsSystem: s.System, StartsAt: s.Rule.StartsAt, EndsAt: s.Rule.EndsAt,
		NextAt: s.NextAt, QueuedSlot: s.QueuedSlot, RunCount: int(s.Runs), SkippedCount: int(s.Skipped),
		MissedCount: int(s.Missed), CreatedBy: s.CreatedBy, CreatedAt: s.CreatedAt, UpdatedAt: s.UpdatedAt,
	}
	if s.Jitter > 0 {
		shown.Jitter = &s.Jitter
	}
	if s.MaxRuns > 0 {
		shown.MaxRuns = new(int(s.MaxRuns))
	}
	if s.Rule.Every > 0 {
		shown.Every = &s.Rule.Every
	}
	if s.Rule.Cron != "" {
		shown.Cron = &s.Rule.Cron
	}
	if s.Rule.TimeZone != "" {
		shown.TimeZone = &s.Rule.TimeZone
	}
	return shown
}
