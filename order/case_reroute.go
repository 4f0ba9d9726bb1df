package order

import "slices"

// Reroute is a person's wish to have another provider do f, or, without exclude, whichever is best now. What surely is
// at no provider goes on at once. At a provider its cancellation is asked for, with ask, and only when that is confirmed
// does the rest go on, to a new fulfillment. While nobody knows whether the provider has it, nothing goes on. It fails
// with ErrFulfilled and with Faults.
func (c *Case) Reroute(f *Fulfillment, exclude bool) (ask bool, err error) {
	switch {
	case f.Status == FulfillmentFulfilled:
		return false, ErrFulfilled
	case f.Status == FulfillmentUnknown:
		return false, conflict("is UNKNOWN: nobody knows whether its provider has it; resolve it first")
	case f.Status == FulfillmentFailed, f.Status == FulfillmentCanceled:
		_, err := c.takeOver(f, EventRerouteAsked, exclude)
		return false, err
	case f.Status == FulfillmentRejected:
		return false, conflict("was replaced by another one already: reroute that")
	case c.Order.CancelAsked:
		return false, conflict("belongs to an order that is being canceled")
	case c.Order.Expired:
		return false, conflict("belongs to an order whose deadline passed")
	case f.Status == FulfillmentSubmitting:
		return false, conflict("is SUBMITTING: its provider is being called; try again when it has answered")
	case f.Status == FulfillmentScheduled:
		return false, conflict("is to be sent later: no provider has it yet")
	case f.Status == FulfillmentRetryWait:
		return false, c.rerouteWaiting(f, exclude)
	case f.Status.Untouched():
		return false, c.record(EventRerouteAsked, f, func() error { return nil })
	default:
		return c.AskReroute(f, exclude)
	}
}

// rerouteWaiting takes a waiting fulfillment, of which its provider surely holds nothing, away from it.
func (c *Case) rerouteWaiting(f *Fulfillment, exclude bool) error {
	return c.record(EventRerouteAsked, f, func() error {
		if exclude && f.ProviderID != nil {
			f.Excluded = append(slices.Clone(f.Excluded), *f.ProviderID)
			c.replan(f)
		}
		return c.unassign(f, "it was rerouted")
	})
}

// AskReroute has f's provider asked, with ask, to cancel it; the rest goes on to a new fulfillment once that is
// confirmed. Where it is being asked already, only the latter is new.
func (c *Case) AskReroute(f *Fulfillment, exclude bool) (ask bool, err error) {
	if f.RerouteAsked && f.RerouteSame == !exclude {
		return false, nil
	}
	ask = f.Status != FulfillmentCancelRequested
	return ask, c.record(EventRerouteAsked, f, func() error {
		f.RerouteAsked, f.RerouteSame, f.CancelAsked = true, !exclude, true
		c.replan(f)
		if !ask {
			return nil
		}
		return c.become(f, FulfillmentCancelRequested)
	})
}

// hop gives what an ended fulfillment did not deliver to a new one, where that was wanted and is still allowed.
func (c *Case) hop(f *Fulfillment) {
	if !f.RerouteAsked {
		return
	}
	exclude := !f.RerouteSame
	c.forgetReroute(f)
	if f.Delivered < f.Quantity && !c.Order.CancelAsked && !c.Order.Expired {
		c.replace(f, exclude)
	}
}

// forgetReroute takes back the wish to have f rerouted.
func (c *Case) forgetReroute(f *Fulfillment) {
	if f.RerouteAsked {
		f.RerouteAsked, f.RerouteSame = false, false
		c.replan(f)
	}
}
