package worker

import (
	"encoding/json"
	"time"

	"github.com/google/uuid"

	"github.com/boostress/boostress/internal/iso8601"
	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/task"
)

// errNoArchive ends a task that needs a folder where none is set.
func errNoArchive() error {
	return &FailedError{Class: task.ErrorInput, Final: true, Err: errArchive}
}

// taskRecord is a task result as files in the archive have it, named as in the API.
type taskRecord struct {
	ID            uuid.UUID       `json:"id"`
	AccountID     uuid.UUID       `json:"accountId"`
	Kind          task.Kind       `json:"kind"`
	Name          *string         `json:"name"`
	Queue         task.Queue      `json:"queue"`
	Priority      int             `json:"priority"`
	State         task.State      `json:"state"`
	IsDead        bool            `json:"isDead"`
	Arguments     json.RawMessage `json:"arguments"`
	Result        json.RawMessage `json:"result"`
	Error         *errorRecord    `json:"error"`
	OrderID       *uuid.UUID      `json:"orderId"`
	FulfillmentID *uuid.UUID      `json:"fulfillmentId"`
	ProviderID    *uuid.UUID      `json:"providerId"`
	ScheduleID    *uuid.UUID      `json:"scheduleId"`
	WorkerID      *uuid.UUID      `json:"workerId"`
	Attempt       int             `json:"attempt"`
	MaxAttempts   int             `json:"maxAttempts"`
	TraceID       *string         `json:"traceId"`
	DueAt         time.Time       `json:"dueAt"`
	EnqueuedAt    time.Time       `json:"enqueuedAt"`
	StartedAt     *time.Time      `json:"startedAt"`
	FinishedAt    *time.Time      `json:"finishedAt"`
	WaitingTime   *string         `json:"waitingTime"`
	Duration      *string         `json:"duration"`
}

type errorRecord struct {
	Class   task.ErrorClass `json:"class"`
	Message string          `json:"message"`
	Stack   *string         `json:"stack"`
}

func recordOfTask(t *task.Task) taskRecord {
	record := taskRecord{
		ID: t.ID, AccountID: t.AccountID, Kind: t.Kind, Name: t.GivenName(), Queue: t.Queue, Priority: t.Priority, State: t.State,
		IsDead: t.Dead, Arguments: t.Arguments, Result: t.Result, OrderID: t.OrderID, FulfillmentID: t.FulfillmentID,
		ProviderID: t.ProviderID, ScheduleID: t.ScheduleID, WorkerID: t.WorkerID, Attempt: t.Attempt, MaxAttempts: t.MaxAttempts,
		TraceID: t.GivenTraceID(), DueAt: t.DueAt, EnqueuedAt: t.EnqueuedAt, StartedAt: t.StartedAt, FinishedAt: t.FinishedAt,
		WaitingTime: textOfLength(t.WaitingTime()), Duration: textOfLength(t.Duration()),
	}
	if t.Error != "" || t.ErrorClass != "" {
		record.Error = &errorRecord{Class: t.ErrorClass, Message: t.Error}
		if t.ErrorStack != "" {
			record.Error.Stack = &t.ErrorStack
		}
	}
	return record
}

func textOfLength(length *time.Duration) *string {
	if length == nil {
		return nil
	}
	text := iso8601.FormatDuration(*length)
	return &text
}

// orderRecord is an order as files in the archive have it, named as in the API.
type orderRecord struct {
	ID             uuid.UUID         `json:"id"`
	Reference      string            `json:"reference"`
	Category       string            `json:"category"`
	Status         order.Status      `json:"status"`
	Attention      *string           `json:"attention"`
	Destination    order.Destination `json:"destination"`
	Quantity       int               `json:"quantity"`
	Delivered      int               `json:"delivered"`
	Budget         *moneyRecord      `json:"budget"`
	Reserved       moneyRecord       `json:"reserved"`
	Spent          moneyRecord       `json:"spent"`
	Overcharge     moneyRecord       `json:"overcharge"`
	Deadline       *time.Time        `json:"deadline"`
	DeadlineAction string            `json:"deadlineAction"`
	Priority       int               `json:"priority"`
	Metadata       json.RawMessage   `json:"metadata"`
	Pacing         json.RawMessage   `json:"pacing"`
	RoutingPolicy  *uuid.UUID        `json:"routingPolicyId"`
	IsHeld         bool              `json:"isHeld"`
	IsTestMode     bool              `json:"isTestMode"`
	CreatedBy      string            `json:"createdBy"`
	CreatedAt      time.Time         `json:"createdAt"`
	UpdatedAt      time.Time         `json:"updatedAt"`
	FinishedAt     *time.Time        `json:"finishedAt"`
}

type moneyRecord struct {
	Amount   string         `json:"amount"`
	Currency order.Currency `json:"currency"`
}

func recordOfOrder(o *order.Order) orderRecord {
	record := orderRecord{
		ID: o.ID, Reference: o.Reference, Category: o.Category, Status: o.Status, Destination: o.Destination,
		Quantity: o.Quantity, Delivered: o.Delivered, Reserved: moneyRecord{o.Reserved.String(), o.Currency},
		Spent: moneyRecord{o.Spent.String(), o.Currency}, Overcharge: moneyRecord{o.Overcharge.String(), o.Currency},
		Deadline: o.Deadline, DeadlineAction: string(o.DeadlineAction), Priority: o.Priority, Metadata: o.Metadata, Pacing: o.Pacing,
		RoutingPolicy: o.RoutingPolicyID, IsHeld: o.Held, IsTestMode: o.TestMode, CreatedBy: o.CreatedBy, CreatedAt: o.CreatedAt,
		UpdatedAt: o.UpdatedAt, FinishedAt: o.FinishedAt,
	}
	if o.Budget != nil {
		record.Budget = &moneyRecord{o.Budget.String(), o.Currency}
	}
	if o.Attention != "" {
		record.Attention = &o.Attention
	}
	return record
}
