package order

import (
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/govalues/decimal"
)

// FulfillmentStatus is where a fulfillment stands.
type FulfillmentStatus string

// The states of a fulfillment.
const (
	FulfillmentPending            FulfillmentStatus = "PENDING"
	FulfillmentScheduled          FulfillmentStatus = "SCHEDULED"
	FulfillmentSubmitting         FulfillmentStatus = "SUBMITTING"
	FulfillmentSubmitted          FulfillmentStatus = "SUBMITTED"
	FulfillmentInProgress         FulfillmentStatus = "IN_PROGRESS"
	FulfillmentPartiallyFulfilled FulfillmentStatus = "PARTIALLY_FULFILLED"
	FulfillmentFulfilled          FulfillmentStatus = "FULFILLED"
	FulfillmentRetryWait          FulfillmentStatus = "RETRY_WAIT"
	FulfillmentUnroutable         FulfillmentStatus = "UNROUTABLE"
	FulfillmentRejected           FulfillmentStatus = "REJECTED"
	FulfillmentUnknown            FulfillmentStatus = "UNKNOWN"
	FulfillmentFailed             FulfillmentStatus = "FAILED"
	FulfillmentCancelRequested    FulfillmentStatus = "CANCEL_REQUESTED"
	FulfillmentCanceled           FulfillmentStatus = "CANCELED"
)

// Fulfillment is a quantity of one line given, or about to be given, to one provider's offer: the unit that is
// dispatched, watched, canceled and paid.
type Fulfillment struct {
	ID             uuid.UUID
	AccountID      uuid.UUID
	OrderID        uuid.UUID
	LineID         uuid.UUID
	ProviderID     *uuid.UUID  // nil until routed
	OfferID        *uuid.UUID  // nil until routed
	ReplacesID     *uuid.UUID  // the ended fulfillment whose undelivered quantity this one took over
	Excluded       []uuid.UUID // providers that must not be asked again
	Quantity       int
	Delivered      int
	Status         FulfillmentStatus
	Generation     int // part of the attempt key; rises only after proof that no live order exists under it
	UnitPrice      decimal.Decimal
	Currency       Currency
	Reserved       decimal.Decimal // still reserved for it
	Charged        decimal.Decimal // what the provider took
	Overcharge     decimal.Decimal // the part of Charged above what was reserved
	ExternalID     string
	ExternalStatus string // the provider's own word, raw
	Failure        string // why it is where it is, for a person; or ""
	Attention      string // why a person should look, or ""
	CancelAsked    bool
	CreatedAt      time.Time
	UpdatedAt      time.Time
	SubmittedAt    *time.Time
	ChangedAt      *time.Time // when the provider last reported something new
	NextPollAt     *time.Time
	FinishedAt     *time.Time
	ScheduledAt    *time.Time    // not to be sent before; nil: at once
	SLA            time.Duration // progress is promised within, by the offer it was given to; 0: nothing is promised
	SLAAt          *time.Time    // progress is expected by then; nil: nothing is expected, or it was late already
	RerouteAsked   bool          // once its provider has canceled it, the rest goes to another one
	RerouteSame    bool          // of RerouteAsked: to whichever is best, even the same
	BudgetDay      *time.Time    // the day (UTC midnight) of whose provider budget its reservation is a part
}

// transitions says which state may follow which; any other step is a bug.
var transitions = map[FulfillmentStatus][]FulfillmentStatus{
	FulfillmentPending: {
		FulfillmentScheduled, FulfillmentSubmitting, FulfillmentUnroutable, FulfillmentFailed, FulfillmentCanceled,
	},
	FulfillmentScheduled: {
		FulfillmentPending, FulfillmentSubmitting, FulfillmentUnroutable, FulfillmentFailed, FulfillmentCanceled,
	},
	FulfillmentUnroutable: {
		FulfillmentPending, FulfillmentScheduled, FulfillmentSubmitting, FulfillmentFailed, FulfillmentCanceled,
	},
	FulfillmentRetryWait: {
		FulfillmentPending, FulfillmentSubmitting, FulfillmentRejected, FulfillmentFailed, FulfillmentCanceled,
	},
	FulfillmentSubmitting: {
		FulfillmentSubmitted, FulfillmentInProgress, FulfillmentPartiallyFulfilled, FulfillmentFulfilled,
		FulfillmentRetryWait, FulfillmentRejected, FulfillmentUnknown, FulfillmentFailed,
		FulfillmentCancelRequested, FulfillmentCanceled,
	},
	FulfillmentUnknown: {
		FulfillmentSubmitted, FulfillmentInProgress, FulfillmentPartiallyFulfilled, FulfillmentFulfilled,
		FulfillmentRetryWait, FulfillmentRejected, FulfillmentFailed, FulfillmentCancelRequested,
		FulfillmentCanceled,
	},
	FulfillmentSubmitted: {
		FulfillmentInProgress, FulfillmentPartiallyFulfilled, FulfillmentFulfilled, FulfillmentRejected,
		FulfillmentFailed, FulfillmentCancelRequested, FulfillmentCanceled,
	},
	FulfillmentInProgress: {
		FulfillmentPartiallyFulfilled, FulfillmentFulfilled, FulfillmentRejected, FulfillmentFailed,
		FulfillmentCancelRequested, FulfillmentCanceled,
	},
	FulfillmentPartiallyFulfilled: {
		FulfillmentFulfilled, FulfillmentRejected, FulfillmentFailed, FulfillmentCancelRequested, FulfillmentCanceled,
	},
	FulfillmentCancelRequested: {
		FulfillmentSubmitted, FulfillmentInProgress, FulfillmentPartiallyFulfilled, FulfillmentFulfilled,
		FulfillmentRejected, FulfillmentFailed, FulfillmentCanceled,
	},
	FulfillmentFulfilled: {},
	FulfillmentRejected:  {},
	FulfillmentFailed:    {},
	FulfillmentCanceled:  {},
}

// FulfillmentStatuses lists every state of a fulfillment in the order of its life.
func FulfillmentStatuses() []FulfillmentStatus {
	return []FulfillmentStatus{
		FulfillmentPending, FulfillmentScheduled, FulfillmentSubmitting, FulfillmentSubmitted, FulfillmentInProgress,
		FulfillmentPartiallyFulfilled, FulfillmentFulfilled, FulfillmentRetryWait, FulfillmentUnroutable,
		FulfillmentRejected, FulfillmentUnknown, FulfillmentFailed, FulfillmentCancelRequested, FulfillmentCanceled,
	}
}

// Next lists the states that may follow s.
func (s FulfillmentStatus) Next() []FulfillmentStatus { return slices.Clone(transitions[s]) }

// CanBecome reports whether next may follow s.
func (s FulfillmentStatus) CanBecome(next FulfillmentStatus) bool {
	return slices.Contains(transitions[s], next)
}

// Final reports whether nothing can follow s.
func (s FulfillmentStatus) Final() bool { return len(transitions[s]) == 0 }

// Untouched reports whether no provider can have been called for a fulfillment in this state.
func (s FulfillmentStatus) Untouched() bool {
	return s == FulfillmentPending || s == FulfillmentScheduled || s == FulfillmentUnroutable
}

// AtProvider reports whether the provider is known to hold a live order for a fulfillment in this state.
func (s FulfillmentStatus) AtProvider() bool {
	switch s {
	case FulfillmentSubmitted, FulfillmentInProgress, FulfillmentPartiallyFulfilled, FulfillmentCancelRequested:
		return true
	default:
		return false
	}
}

// Live reports whether the fulfillment's quantity counts against its line's: it was neither replaced, nor
// canceled, nor given up.
func (s FulfillmentStatus) Live() bool {
	return s != FulfillmentRejected && s != FulfillmentFailed && s != FulfillmentCanceled
}
