package order

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/google/uuid"
)

// Operation is what an attempt asks of a provider.
type Operation string

// The operations that are recorded as attempts; polls are none.
const (
	OperationCreate Operation = "CREATE"
	OperationCancel Operation = "CANCEL"
)

// AttemptState is where an attempt stands.
type AttemptState string

// The states of an attempt. UNKNOWN and RECONCILING ones block their fulfillment from every other provider.
const (
	AttemptInFlight    AttemptState = "IN_FLIGHT"
	AttemptAccepted    AttemptState = "ACCEPTED"
	AttemptRejected    AttemptState = "REJECTED"
	AttemptRetryable   AttemptState = "RETRYABLE"
	AttemptRateLimited AttemptState = "RATE_LIMITED"
	AttemptUnknown     AttemptState = "UNKNOWN"
	AttemptReconciling AttemptState = "RECONCILING"
	AttemptAbsent      AttemptState = "ABSENT"
	AttemptManual      AttemptState = "MANUAL"
)

var attemptTransitions = map[AttemptState][]AttemptState{
	AttemptInFlight:    {AttemptAccepted, AttemptRejected, AttemptRetryable, AttemptRateLimited, AttemptUnknown},
	AttemptUnknown:     {AttemptReconciling, AttemptAccepted, AttemptAbsent, AttemptManual},
	AttemptReconciling: {AttemptAccepted, AttemptAbsent, AttemptManual},
	AttemptManual:      {AttemptAccepted, AttemptAbsent},
	AttemptAccepted:    {},
	AttemptRejected:    {},
	AttemptRetryable:   {},
	AttemptRateLimited: {},
	AttemptAbsent:      {},
}

// AttemptStates lists every state of an attempt.
func AttemptStates() []AttemptState {
	return []AttemptState{
		AttemptInFlight, AttemptAccepted, AttemptRejected, AttemptRetryable, AttemptRateLimited,
		AttemptUnknown, AttemptReconciling, AttemptAbsent, AttemptManual,
	}
}

// CanBecome reports whether next may follow s.
func (s AttemptState) CanBecome(next AttemptState) bool {
	return slices.Contains(attemptTransitions[s], next)
}

// Unsettled reports whether the provider may hold an order of this attempt that we don't know of.
func (s AttemptState) Unsettled() bool {
	switch s {
	case AttemptInFlight, AttemptUnknown, AttemptReconciling, AttemptManual:
		return true
	default:
		return false
	}
}

// Reconciliation is how an outcome that is not known is found out.
type Reconciliation string

// The ways to find out, by what the provider can do.
const (
	ReconcileSameKey Reconciliation = "SAME_KEY" // the same call again: it is answered with the first one's order
	ReconcileLookup  Reconciliation = "LOOKUP"   // the order is looked up by its key
	ReconcileManual  Reconciliation = "MANUAL"   // only a person can find out
)

// Attempt is one create or cancel call to a provider for a fulfillment. It is committed as IN_FLIGHT before the
// first byte is sent.
type Attempt struct {
	ID            uuid.UUID
	AccountID     uuid.UUID
	FulfillmentID uuid.UUID
	ProviderID    uuid.UUID
	Operation     Operation
	Key           string // idempotency key; (Key, CallNumber) is unique
	CallNumber    int    // 1-based
	State         AttemptState
	Class         Class  // outcome class, "" while in flight
	Message       string // what the provider said, redacted
	Latency       time.Duration
	Request       json.RawMessage // redacted
	Response      json.RawMessage // redacted
	StartedAt     time.Time
	FinishedAt    *time.Time
}

// Class says what a provider's answer to a call means for what happens next.
type Class string

// The outcome classes of a provider call.
const (
	ClassAccepted    Class = "ACCEPTED"
	ClassRetryable   Class = "RETRYABLE"    // surely not accepted; the same call may succeed later
	ClassRateLimited Class = "RATE_LIMITED" // surely not accepted; wait until retry-after
	ClassRejected    Class = "REJECTED"     // refused for good; another provider may take it
	ClassNeedsAction Class = "NEEDS_ACTION" // a person must act at the provider (balance, approval)
	ClassAuth        Class = "AUTH"         // credentials refused
	ClassDuplicate   Class = "DUPLICATE"    // the key is taken: an earlier call succeeded
	ClassUnsupported Class = "UNSUPPORTED"  // the provider can't do this at all
	ClassUnknown     Class = "UNKNOWN"      // the call may have been accepted
)
