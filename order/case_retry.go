package order

import (
	"fmt"
	"slices"

	"github.com/google/uuid"
)

// conflict is the answer to a person whose wish the state of a thing does not allow; nothing was changed then.
func conflict(format string, args ...any) error {
	return Faults{{Field: []string{"id"}, Code: CodeConflict, Message: fmt.Sprintf(format, args...)}}
}

// RetryNow is a person's wish to have f tried again at once. What waits is tried again as it is, and what is UNKNOWN is
// asked after; what has failed or was canceled is replaced by a new fulfillment of the part that never arrived, which
// is returned and reopens the order. It fails with ErrFulfilled and with Faults where there is nothing to try again.
func (c *Case) RetryNow(f *Fulfillment) (replacement *Fulfillment, err error) {
	switch f.Status {
	case FulfillmentUnknown, FulfillmentRetryWait, FulfillmentUnroutable:
		return nil, c.record(EventRetryAsked, f, func() error { return nil })
	case FulfillmentFailed, FulfillmentCanceled:
		return c.takeOver(f, EventRetryAsked, false)
	case FulfillmentFulfilled:
		return nil, ErrFulfilled
	case FulfillmentRejected:
		return nil, conflict("was replaced by another one already: retry that")
	case FulfillmentScheduled:
		return nil, conflict("is to be sent later: reschedule it with no time to send it now")
	case FulfillmentPending, FulfillmentSubmitting:
		return nil, conflict("is %s: it is on its way already", f.Status)
	default:
		return nil, conflict("is %s: its provider has it; reroute it to have another one do it", f.Status)
	}
}

// takeOver replaces an ended fulfillment on a person's wish.
func (c *Case) takeOver(f *Fulfillment, kind EventKind, exclude bool) (replacement *Fulfillment, err error) {
	switch {
	case c.Order.CancelAsked:
		return nil, conflict("belongs to an order that was canceled: place another order")
	case c.Order.Expired:
		return nil, conflict("belongs to an order whose deadline passed: place another order")
	case f.Delivered >= f.Quantity:
		return nil, ErrFulfilled
	case c.replacement(f) != nil:
		return nil, conflict("was replaced by another one already: retry that")
	}
	err = c.record(kind, f, func() error {
		replacement = c.replace(f, exclude)
		return nil
	})
	return replacement, err
}

// replace makes a new fulfillment of what f did not deliver, for any provider but those that f excluded and, with
// exclude, f's own.
func (c *Case) replace(f *Fulfillment, exclude bool) *Fulfillment {
	replaced, excluded := f.ID, slices.Clone(f.Excluded)
	if exclude && f.ProviderID != nil {
		excluded = append(excluded, *f.ProviderID)
	}
	if f.Status == FulfillmentFailed {
		f.Attention = "" // nobody needs to look any more
	}
	return c.add(&Fulfillment{
		LineID: f.LineID, Quantity: f.Quantity - f.Delivered, ReplacesID: &replaced, Excluded: excluded,
	})
}

// replacement returns the fulfillment that took over what f did not deliver, or nil.
func (c *Case) replacement(f *Fulfillment) *Fulfillment {
	for _, other := range c.Fulfillments {
		if other.ReplacesID != nil && *other.ReplacesID == f.ID {
			return other
		}
	}
	return nil
}

// replaced returns the ids of all fulfillments that others took over from.
func (c *Case) replaced() map[uuid.UUID]bool {
	ids := make(map[uuid.UUID]bool)
	for _, f := range c.Fulfillments {
		if f.ReplacesID != nil {
			ids[*f.ReplacesID] = true
		}
	}
	return ids
}
