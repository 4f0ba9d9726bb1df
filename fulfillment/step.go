package fulfillment

import (
	"encoding/json"
	"time"

	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/task"
)

// StepKind is what a worker has to do for a claimed task.
type StepKind int

// The kinds of steps.
const (
	StepNone   StepKind = iota // nothing: the transaction settled the task
	StepCreate                 // create the order at the provider
	StepFind                   // look up what became of an earlier creation
	StepCancel                 // ask the provider to cancel
)

// Step is the call that a committed intent allows: exactly one, while the task's claim holds.
type Step struct {
	Kind       StepKind
	Task       task.Task
	Attempt    order.Attempt
	Provider   order.Provider
	ExternalID string   // of StepCancel
	Request    *Request // of StepCreate
}

// Request is what a StepCreate orders; its key is the attempt's.
type Request struct {
	OrderReference  string
	OfferExternalID string
	ServiceType     string
	Quantity        int
	UnitPrice       order.Money
	Destination     order.Destination
	Attributes      json.RawMessage
	Deadline        *time.Time
}

// Report is what came of a step.
type Report struct {
	Step    Step
	Outcome order.Outcome
	Absent  bool // of StepFind: the provider says that it holds no such order
	Unsent  bool // the provider was not called after all: the outcome tells why, and how long to wait
	// Broke tells how the call broke down, if it did.
	Broke task.Breakdown
}
