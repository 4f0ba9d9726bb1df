package store

import (
	"github.com/boostress/boostress/store/internal/db"
	"github.com/boostress/boostress/task"
)

func taskOf(row db.Task) task.Task {
	return task.Task{
		ID: row.ID, AccountID: row.AccountID, Kind: task.Kind(row.Kind), Name: row.Name, Queue: task.Queue(row.Queue),
		Priority: int(row.Priority), State: task.State(row.State), Arguments: row.Arguments, Error: row.LastError,
		ErrorClass: task.ErrorClass(row.ErrorClass), ErrorStack: row.ErrorStack, TraceID: row.TraceID,
		OrderID: row.OrderID, FulfillmentID: row.FulfillmentID, ProviderID: row.ProviderID, ScheduleID: row.ScheduleID,
		UniqueKey: value(row.UniqueKey), DueAt: row.DueAt.UTC(), AnnouncedAt: utc(row.AnnouncedAt),
		Attempt: int(row.Attempt), MaxAttempts: int(row.MaxAttempts), WorkerID: row.WorkerID,
		Token: value(row.ClaimToken), EnqueuedAt: row.EnqueuedAt.UTC(), StartedAt: utc(row.StartedAt),
	}
}

func taskResultOf(row db.TaskResult) task.Task {
	finished := row.FinishedAt.UTC()
	return task.Task{
		ID: row.ID, AccountID: row.AccountID, Kind: task.Kind(row.Kind), Name: row.Name, Queue: task.Queue(row.Queue),
		Priority: int(row.Priority), State: task.State(row.State), Dead: row.Dead, Arguments: row.Arguments,
		ErrorClass: task.ErrorClass(row.ErrorClass), ErrorStack: row.ErrorStack, TraceID: row.TraceID, DueAt: row.DueAt.UTC(),
		Result: row.Result, Error: row.Error, OrderID: row.OrderID, FulfillmentID: row.FulfillmentID,
		ProviderID: row.ProviderID, ScheduleID: row.ScheduleID, Attempt: int(row.Attempt),
		MaxAttempts: int(row.MaxAttempts), WorkerID: row.WorkerID, EnqueuedAt: row.EnqueuedAt.UTC(),
		StartedAt: utc(row.StartedAt), FinishedAt: &finished,
	}
}

func queueNames(queues []task.Queue) []string {
	return column(queues, func(q task.Queue) string { return string(q) })
}
