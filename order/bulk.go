package order

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
)

// Bounds of a mass change.
const (
	MaxBulkIDs  = 1000      // targets that one names
	MaxBulkRows = 1_000_000 // targets that its filter matches
)

// BulkKind says what a mass change does to each of its targets.
type BulkKind string

// The kinds of mass changes.
const (
	BulkCancelOrders      BulkKind = "CANCEL_ORDERS"
	BulkHoldOrders        BulkKind = "HOLD_ORDERS"
	BulkReleaseOrders     BulkKind = "RELEASE_ORDERS"
	BulkRetryFulfillments BulkKind = "RETRY_FULFILLMENTS"
	BulkEnableOffers      BulkKind = "ENABLE_OFFERS"
	BulkDisableOffers     BulkKind = "DISABLE_OFFERS"
	BulkRetryTasks        BulkKind = "RETRY_TASKS"
)

// BulkState is where a mass change stands.
type BulkState string

// The states of a mass change.
const (
	BulkPending   BulkState = "PENDING"
	BulkRunning   BulkState = "RUNNING"
	BulkSucceeded BulkState = "SUCCEEDED" // every row was worked off, whatever came of each
	BulkFailed    BulkState = "FAILED"    // it broke down; what is not worked off stays so
	BulkCanceled  BulkState = "CANCELED"  // somebody stopped it; what is not worked off stays so
)

// bulkTransitions says which state may follow which. A small one is worked off as it is made.
var bulkTransitions = map[BulkState][]BulkState{
	BulkPending:   {BulkRunning, BulkSucceeded, BulkFailed, BulkCanceled},
	BulkRunning:   {BulkSucceeded, BulkFailed, BulkCanceled},
	BulkSucceeded: {},
	BulkFailed:    {},
	BulkCanceled:  {},
}

// BulkStates lists every state of a mass change in the order of its life.
func BulkStates() []BulkState {
	return []BulkState{BulkPending, BulkRunning, BulkSucceeded, BulkFailed, BulkCanceled}
}

// CanBecome reports whether next may follow s.
func (s BulkState) CanBecome(next BulkState) bool { return slices.Contains(bulkTransitions[s], next) }

// Final reports whether nothing can follow s.
func (s BulkState) Final() bool { return len(bulkTransitions[s]) == 0 }

// BulkOperation is a change of many things that somebody asked for at once, with how far it is. Its rows are worked off
// in their order.
type BulkOperation struct {
	ID          uuid.UUID
	AccountID   uuid.UUID
	Kind        BulkKind
	State       BulkState
	Arguments   json.RawMessage // an object: the input as it was given, without its idempotency key
	Total       int             // rows
	Done        int             // of these, changed, or found as they were to be
	Failed      int             // of these, refused
	CancelAsked bool            // it stops before its next rows
	Error       string          // of FAILED: why
	CreatedBy   string          // the actor of all that it does
	Role        string          // of who asked for it
	TestMode    bool            // asked for with a test-mode key: touches test-mode orders only
	CreatedAt   time.Time
	StartedAt   *time.Time
	FinishedAt  *time.Time
}

// Next returns the position of the first row that is not worked off.
func (b *BulkOperation) Next() int { return b.Done + b.Failed }

// Become moves b to a state that may follow its own; what it is already, it stays. It fails with ErrTransition.
func (b *BulkOperation) Become(next BulkState, now time.Time) error {
	if b.State == next {
		return nil
	}
	if !b.State.CanBecome(next) {
		return fmt.Errorf("%w: bulk operation %s: %s after %s", ErrTransition, b.ID, next, b.State)
	}
	b.State = next
	if b.StartedAt == nil && next != BulkCanceled {
		b.StartedAt = &now
	}
	if next.Final() {
		b.FinishedAt = &now
	}
	return nil
}

// Work counts rows that were worked off, and ends b after the last one.
func (b *BulkOperation) Work(rows []BulkRow, now time.Time) error {
	for i := range rows {
		if rows[i].Outcome == BulkRowFailed {
			b.Failed++
		} else {
			b.Done++
		}
	}
	if b.Next() < b.Total {
		return b.Become(BulkRunning, now)
	}
	return b.Become(BulkSucceeded, now)
}

// BulkOutcome is what became of a row.
type BulkOutcome string

// The outcomes of a row.
const (
	BulkRowPending   BulkOutcome = "PENDING" // not worked off
	BulkRowSucceeded BulkOutcome = "SUCCEEDED"
	BulkRowFailed    BulkOutcome = "FAILED"
)

// BulkRow is one target of a mass change.
type BulkRow struct {
	OperationID uuid.UUID
	Position    int // from 0 without a gap
	TargetID    uuid.UUID
	Outcome     BulkOutcome
	Code        Code   // of FAILED
	Message     string // of FAILED: what is in the way
}

// Settle notes what became of the row: fault is nil where it succeeded.
func (r *BulkRow) Settle(fault *Fault) {
	r.Outcome = BulkRowSucceeded
	if fault != nil {
		r.Outcome, r.Code, r.Message = BulkRowFailed, fault.Code, fault.Message
	}
}
