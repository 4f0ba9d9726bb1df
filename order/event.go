package order

import (
	"cmp"
	"encoding/json"
	"time"

	"github.com/google/uuid"
	"github.com/govalues/decimal"
)

// EventKind names what happened to an order.
type EventKind string

// The kinds of order events.
const (
	EventDrafted              EventKind = "DRAFTED"
	EventPlaced               EventKind = "PLACED"
	EventSubmitting           EventKind = "FULFILLMENT_SUBMITTING"
	EventSubmitted            EventKind = "FULFILLMENT_SUBMITTED"
	EventProgressed           EventKind = "FULFILLMENT_PROGRESSED"
	EventFulfilled            EventKind = "FULFILLMENT_FULFILLED"
	EventRetrying             EventKind = "FULFILLMENT_RETRYING"
	EventUnroutable           EventKind = "FULFILLMENT_UNROUTABLE"
	EventRejected             EventKind = "FULFILLMENT_REJECTED"
	EventOutcomeUnknown       EventKind = "FULFILLMENT_UNKNOWN"
	EventFailed               EventKind = "FULFILLMENT_FAILED"
	EventCancelRequested      EventKind = "FULFILLMENT_CANCEL_REQUESTED"
	EventCancelRefused        EventKind = "FULFILLMENT_CANCEL_REFUSED"
	EventFulfillmentCanceled  EventKind = "FULFILLMENT_CANCELED"
	EventCharged              EventKind = "CHARGED"
	EventOvercharged          EventKind = "OVERCHARGED"
	EventOrderCancelRequested EventKind = "CANCEL_REQUESTED"
	EventDeadlinePassed       EventKind = "DEADLINE_PASSED"
	EventAttentionNeeded      EventKind = "ATTENTION_NEEDED"
	EventSplit                EventKind = "FULFILLMENT_SPLIT"
	EventUpdated              EventKind = "ORDER_UPDATED"
	EventHeld                 EventKind = "ORDER_HELD"
	EventReleased             EventKind = "ORDER_RELEASED"
	EventExpedited            EventKind = "ORDER_EXPEDITED"
	EventNoteAdded            EventKind = "NOTE_ADDED"
	EventRetryAsked           EventKind = "FULFILLMENT_RETRY_REQUESTED"
	EventRerouteAsked         EventKind = "FULFILLMENT_REROUTE_REQUESTED"
	EventResolved             EventKind = "FULFILLMENT_RESOLVED"
	EventSLAMissed            EventKind = "SLA_MISSED"
	EventRescheduled          EventKind = "FULFILLMENT_RESCHEDULED"
	EventResultAdded          EventKind = "RESULT_ADDED"
)

// Event is an immutable fact about an order, numbered within it from 1 without a gap.
type Event struct {
	ID            int64 // of the feed; not in commit order, see docs/architecture.md
	AccountID     uuid.UUID
	OrderID       uuid.UUID
	FulfillmentID *uuid.UUID
	Sequence      int
	Kind          EventKind
	Actor         string // who caused it: "user:<name>", "key:<name>", "system", "provider:<name>"
	OccurredAt    time.Time
	Changes       []Change
	Snapshot      Snapshot
	Cursor        string // resumes whatever it was read from after it; set by the reader, never stored
}

// Change is one field of the order or of one of its fulfillments that an event changed. A nil side means the
// field had, or has, no value.
type Change struct {
	Field  string  `json:"field"` // e.g. "status", "spent", "fulfillment.status"
	Before *string `json:"before,omitempty"`
	After  *string `json:"after,omitempty"`
}

// Snapshot is an order's scalars as of an event.
type Snapshot struct {
	Reference  string           `json:"reference"`
	Category   string           `json:"category"`
	Status     Status           `json:"status"`
	Currency   Currency         `json:"currency"`
	Budget     *decimal.Decimal `json:"budget,omitempty"`
	Reserved   decimal.Decimal  `json:"reserved"`
	Spent      decimal.Decimal  `json:"spent"`
	Overcharge decimal.Decimal  `json:"overcharge"`
	Quantity   int              `json:"quantity"`
	Delivered  int              `json:"delivered"`
	Deadline   *time.Time       `json:"deadline,omitempty"`
	Action     DeadlineAction   `json:"deadlineAction,omitempty"` // "": FINISH
	Pacing     json.RawMessage  `json:"pacing,omitempty"`
	Priority   int              `json:"priority"`
	Metadata   json.RawMessage  `json:"metadata,omitempty"`
	Held       bool             `json:"held,omitempty"`
	TestMode   bool             `json:"testMode,omitempty"`
	Attention  string           `json:"attention,omitempty"`

	RoutingPolicyID *uuid.UUID `json:"routingPolicyId,omitempty"`

	CreatedBy  string     `json:"createdBy"`
	CreatedAt  time.Time  `json:"createdAt"`
	UpdatedAt  time.Time  `json:"updatedAt"`
	FinishedAt *time.Time `json:"finishedAt,omitempty"`
}

// SnapshotOf takes the snapshot of an order as it is now.
func SnapshotOf(o *Order) Snapshot {
	return Snapshot{
		Reference: o.Reference, Category: o.Category, Status: o.Status, Currency: o.Currency, Budget: o.Budget,
		Reserved: o.Reserved, Spent: o.Spent, Overcharge: o.Overcharge, Quantity: o.Quantity, Delivered: o.Delivered,
		Deadline: o.Deadline, Priority: o.Priority, Metadata: o.Metadata, Held: o.Held, TestMode: o.TestMode,
		Attention: o.Attention, Action: unusual(o.DeadlineAction), Pacing: o.Pacing,
		RoutingPolicyID: o.RoutingPolicyID,
		CreatedBy:       o.CreatedBy, CreatedAt: o.CreatedAt, UpdatedAt: o.UpdatedAt, FinishedAt: o.FinishedAt,
	}
}

// OrderAt returns the order as it was when the event happened. Its destination is not part of the snapshot and
// stays empty: it never changes, and who needs it reads it from the order.
func (e *Event) OrderAt() *Order {
	s := e.Snapshot
	return &Order{
		ID: e.OrderID, AccountID: e.AccountID, Sequence: e.Sequence,
		Reference: s.Reference, Category: s.Category, Status: s.Status, Currency: s.Currency, Budget: s.Budget,
		Reserved: s.Reserved, Spent: s.Spent, Overcharge: s.Overcharge, Quantity: s.Quantity, Delivered: s.Delivered,
		Deadline: s.Deadline, Priority: s.Priority, Metadata: s.Metadata, Held: s.Held, TestMode: s.TestMode,
		Attention: s.Attention, DeadlineAction: cmp.Or(s.Action, DeadlineFinish), Pacing: s.Pacing,
		RoutingPolicyID: s.RoutingPolicyID,
		CreatedBy:       s.CreatedBy, CreatedAt: s.CreatedAt, UpdatedAt: s.UpdatedAt, FinishedAt: s.FinishedAt,
	}
}

// unusual leaves the default out: snapshots are written with every step of every order.
func unusual(action DeadlineAction) DeadlineAction {
	if action == DeadlineFinish {
		return ""
	}
	return action
}
