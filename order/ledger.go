package order

import (
	"time"

	"github.com/google/uuid"
	"github.com/govalues/decimal"
)

// EntryKind is what a ledger entry records.
type EntryKind string

// The kinds of ledger entries.
const (
	EntryReservation EntryKind = "RESERVATION"
	EntryCharge      EntryKind = "CHARGE"
	EntryRelease     EntryKind = "RELEASE"
	EntryRefund      EntryKind = "REFUND"
)

// LedgerEntry moves money between an order's, and its provider's, reserved, spent and overcharge. The three
// deltas are what the budgets are sums of: an order's Reserved is the sum of its entries' Reserved.
type LedgerEntry struct {
	ID            uuid.UUID
	AccountID     uuid.UUID
	OrderID       uuid.UUID
	FulfillmentID uuid.UUID
	ProviderID    uuid.UUID
	Kind          EntryKind
	Currency      Currency
	Reserved      decimal.Decimal // delta
	Spent         decimal.Decimal // delta
	Overcharge    decimal.Decimal // delta
	Day           *time.Time      // the fulfillment's BudgetDay
	CreatedAt     time.Time
}

// Amount returns the entry's absolute amount: what was reserved, charged, released or refunded.
func (e *LedgerEntry) Amount() Money {
	amount := e.Reserved
	if e.Kind == EntryCharge || e.Kind == EntryRefund {
		amount = e.Spent
	}
	return Money{Amount: amount.Abs(), Currency: e.Currency}
}
