package resolvers

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/boostress/boostress/graph"
	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/schedule"
	"github.com/boostress/boostress/task"
)

// CreateSchedule is not built.
func (m mutation) CreateSchedule(context.Context, graph.CreateScheduleInput) (*graph.CreateSchedulePayload, error) {
	return nil, errUnbuilt
}

// UpdateSchedule is not built.
func (m mutation) UpdateSchedule(context.Context, graph.UpdateScheduleInput) (*graph.UpdateSchedulePayload, error) {
	return nil, errUnbuilt
}

// DeleteSchedule is not built.
func (m mutation) DeleteSchedule(context.Context, graph.DeleteScheduleInput) (*graph.DeleteSchedulePayload, error) {
	return nil, errUnbuilt
}

// PauseSchedule is not built.
func (m mutation) PauseSchedule(context.Context, graph.PauseScheduleInput) (*graph.PauseSchedulePayload, error) {
	return nil, errUnbuilt
}

// ResumeSchedule is not built.
func (m mutation) ResumeSchedule(context.Context, graph.ResumeScheduleInput) (*graph.ResumeSchedulePayload, error) {
	return nil, errUnbuilt
}

// RunSchedule is not built.
func (m mutation) RunSchedule(context.Context, graph.RunScheduleInput) (*graph.RunSchedulePayload, error) {
	return nil, errUnbuilt
}

var errUnbuilt = refuse(codeInternal, "not built")

// PreviewSchedule is not built.
func (q query) PreviewSchedule(context.Context, graph.PreviewScheduleInput, int) (*graph.SchedulePreview, error) {
	return nil, errUnbuilt
}

// ScheduleFired is not built.
func (s subscription) ScheduleFired(context.Context, uuid.UUID) (<-chan *schedule.Run, error) {
	return nil, errUnbuilt
}

// Schedules is not built.
func (f orderFields) Schedules(context.Context, *order.Order) ([]*graph.Schedule, error) {
	return nil, errUnbuilt
}

// NextRuns is not built.
func (f scheduleFields) NextRuns(context.Context, *graph.Schedule, int) ([]*time.Time, error) {
	return nil, errUnbuilt
}

// LastRun is not built.
func (f scheduleFields) LastRun(context.Context, *graph.Schedule) (*schedule.Run, error) {
	return nil, errUnbuilt
}

// Runs is not built.
func (f scheduleFields) Runs(context.Context, *graph.Schedule, *int, *string, *int, *string) (*graph.ScheduleRunConnection, error) {
	return nil, errUnbuilt
}

// Order is not built.
func (f scheduleFields) Order(context.Context, *graph.Schedule) (*order.Order, error) {
	return nil, errUnbuilt
}

// Provider is not built.
func (f scheduleFields) Provider(context.Context, *graph.Schedule) (*order.Provider, error) {
	return nil, errUnbuilt
}

// Schedule is not built.
func (f runFields) Schedule(context.Context, *schedule.Run) (*graph.Schedule, error) {
	return nil, errUnbuilt
}

// Task is not built.
func (f runFields) Task(context.Context, *schedule.Run) (*task.Task, error) { return nil, errUnbuilt }
