// Package order is the pure core: orders, their lines, fulfillments and attempts, providers and their offers,
// money, events, and the tables that say which state may follow which. It does no input or output.
package order

import (
	"encoding/json"
	"time"

	"github.com/google/uuid"
	"github.com/govalues/decimal"
)

// Order is what a customer asked for. Its money fields are in Currency: the budget's, or the account's where no
// budget was given.
type Order struct {
	ID          uuid.UUID
	AccountID   uuid.UUID
	Reference   string // unique per account
	Category    string
	Destination Destination
	Status      Status
	Currency    Currency
	Budget      *decimal.Decimal // nil: unlimited
	Reserved    decimal.Decimal  // promised to providers, not yet charged
	Spent       decimal.Decimal  // charged by providers
	Overcharge  decimal.Decimal  // the part of Spent above what was reserved for it
	Quantity    int              // the sum of the lines' quantities
	Delivered   int              // the part of Quantity that arrived
	Deadline    *time.Time
	Priority    int             // 0–9, higher first
	Metadata    json.RawMessage // a JSON object, or nil
	Held        bool            // somebody's hold keeps it from being dispatched
	Attention   string          // why a person should look, or ""
	CancelAsked bool            // cancelOrder was called
	Expired     bool            // the deadline passed while something was still open
	TestMode    bool            // placed with a test-mode key: simulated providers only
	Sequence    int             // of its latest event; events are numbered 1..Sequence
	CreatedBy   string
	CreatedAt   time.Time
	UpdatedAt   time.Time
	FinishedAt  *time.Time

	DeadlineAction  DeadlineAction
	RoutingPolicyID *uuid.UUID      // nil: its category's, or the account's default
	Pacing          json.RawMessage // how its quantity is released over time; nil: all at once
}

// DeadlineAction says what becomes of what providers hold when an order's deadline passes.
type DeadlineAction string

// What a passed deadline may do; what is at no provider is canceled in either case.
const (
	DeadlineFinish DeadlineAction = "FINISH" // providers finish what they have
	DeadlineCancel DeadlineAction = "CANCEL" // providers are asked to cancel
)

// Destination is where the result of an order goes.
type Destination struct {
	Name        string          `json:"name,omitempty"`
	CountryCode string          `json:"countryCode,omitempty"` // ISO 3166-1 alpha-2
	Attributes  json.RawMessage `json:"attributes,omitempty"`  // a JSON object
}

// Line is a quantity of one service type within an order.
type Line struct {
	ID          uuid.UUID
	AccountID   uuid.UUID
	OrderID     uuid.UUID
	Position    int // 0-based place within the order
	ServiceType string
	Quantity    int
	Attributes  json.RawMessage // a JSON object, or nil
}

// MoneyOf gives an amount the order's currency.
func (o *Order) MoneyOf(amount decimal.Decimal) Money {
	return Money{Amount: amount, Currency: o.Currency}
}

// Remaining returns what may still be reserved, and whether the order has a budget at all. An order with an
// overcharge takes no new reservations.
func (o *Order) Remaining() (left decimal.Decimal, limited bool, err error) {
	if o.Budget == nil {
		return decimal.Zero, false, nil
	}
	if o.Overcharge.IsPos() {
		return decimal.Zero, true, nil
	}
	left, err = Sum(*o.Budget, o.Reserved.Neg(), o.Spent.Neg())
	return left, true, err
}
