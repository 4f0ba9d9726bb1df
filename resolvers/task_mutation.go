package resolvers

import (
	"context"

	"github.com/boostress/boostress/graph"
)

// RetryTask is not built.
func (m mutation) RetryTask(context.Context, graph.RetryTaskInput) (*graph.RetryTaskPayload, error) {
	return nil, errUnbuilt
}

// RetryTasks is not built.
func (m mutation) RetryTasks(context.Context, graph.RetryTasksInput) (*graph.RetryTasksPayload, error) {
	return nil, errUnbuilt
}

// RevokeTask is not built.
func (m mutation) RevokeTask(context.Context, graph.RevokeTaskInput) (*graph.RevokeTaskPayload, error) {
	return nil, errUnbuilt
}
