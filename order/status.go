package order

// Status is where an order stands. After it is placed it is a function of its fulfillments and its own flags:
// see Derive.
type Status string

// The states of an order.
const (
	Drafted            Status = "DRAFT"
	Pending            Status = "PENDING"
	Processing         Status = "PROCESSING"
	PartiallyFulfilled Status = "PARTIALLY_FULFILLED"
	Fulfilled          Status = "FULFILLED"
	PartiallyFailed    Status = "PARTIALLY_FAILED"
	Failed             Status = "FAILED"
	Canceling          Status = "CANCELING"
	Canceled           Status = "CANCELED"
	Expired            Status = "EXPIRED"
)

// Statuses lists every state of an order in the order of its life.
func Statuses() []Status {
	return []Status{
		Drafted, Pending, Processing, PartiallyFulfilled, Fulfilled,
		PartiallyFailed, Failed, Canceling, Canceled, Expired,
	}
}

// Tally counts an order's fulfillments, those that were replaced (REJECTED) left out.
type Tally struct {
	Quantity  int // ordered in all
	Delivered int // units that arrived
	Open      int // fulfillments whose end is not known yet
	Untouched int // of the open ones: no provider was called yet
	Canceling int // of the open ones: cancellation was asked for and not yet answered
	Failed    int
	Canceled  int
}

// Flags are the facts about an order that its fulfillments don't tell.
type Flags struct {
	Draft       bool // it is not placed yet
	CancelAsked bool
	Expired     bool
}

// Derive is the truth table of an order's status. While something is open: a cancellation that a provider still has to
// answer shows as CANCELING, else a part that arrived as PARTIALLY_FULFILLED, else a provider at work as PROCESSING, else
// PENDING. Once nothing is open: all that was ordered arrived (FULFILLED, whatever was asked meanwhile); or it was
// canceled or ran out of time on demand, what arrived staying delivered and paid (CANCELED, EXPIRED); or
// something failed (FAILED, or PARTIALLY_FAILED where a part arrived); or parts were canceled one by one. An order that is not
// placed yet is a DRAFT until it is canceled.
func Derive(t Tally, f Flags) Status {
	if f.Draft && !f.CancelAsked {
		return Drafted
	}
	if t.Open > 0 {
		return deriveOpen(t, f)
	}
	switch {
	case t.Delivered >= t.Quantity:
		return Fulfilled
	case f.CancelAsked:
		return Canceled
	case f.Expired:
		return Expired
	case t.Failed > 0 && t.Delivered > 0:
		return PartiallyFailed
	case t.Failed > 0:
		return Failed
	case t.Delivered > 0:
		return PartiallyFulfilled
	default:
		return Canceled
	}
}

func deriveOpen(t Tally, f Flags) Status {
	switch {
	case f.CancelAsked && t.Canceling > 0:
		return Canceling
	case t.Delivered > 0:
		return PartiallyFulfilled
	case t.Untouched < t.Open || t.Failed > 0 || t.Canceled > 0:
		return Processing
	default:
		return Pending
	}
}
