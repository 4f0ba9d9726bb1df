package resolvers

import (
	"context"

	"github.com/boostress/boostress/graph"
	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/task"
)

// PauseQueue is not built.
func (m mutation) PauseQueue(context.Context, graph.PauseQueueInput) (*graph.PauseQueuePayload, error) {
	return nil, errUnbuilt
}

// ResumeQueue is not built.
func (m mutation) ResumeQueue(context.Context, graph.ResumeQueueInput) (*graph.ResumeQueuePayload, error) {
	return nil, errUnbuilt
}

// DrainWorker is not built.
func (m mutation) DrainWorker(context.Context, graph.DrainWorkerInput) (*graph.DrainWorkerPayload, error) {
	return nil, errUnbuilt
}

// Worker is not built.
func (f taskFields) Worker(context.Context, *task.Task) (*graph.Worker, error) {
	return nil, errUnbuilt
}

// Tasks is not built.
func (f statisticsFields) Tasks(context.Context, *graph.Statistics, graph.StatisticsWindow) (*graph.TaskStatistics, error) {
	return nil, errUnbuilt
}

// Provider is not built.
func (f figuresFields) Provider(context.Context, *graph.ProviderFigures) (*order.Provider, error) {
	return nil, errUnbuilt
}
