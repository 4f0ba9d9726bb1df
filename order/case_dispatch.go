package order

import "fmt"

// Submit gives an untouched fulfillment to an offer: the price is reserved and the provider may be called once this
// is committed. It fails with ErrBudget where the order's budget does not allow it.
func (c *Case) Submit(f *Fulfillment, offer *Offer) error {
	price, err := Money{Amount: offer.UnitPrice, Currency: offer.Currency}.Times(f.Quantity)
	if err != nil {
		return fmt.Errorf("price fulfillment %s: %w", f.ID, err)
	}
	return c.record(EventSubmitting, f, func() error {
		providerID, offerID := offer.ProviderID, offer.ID
		f.ProviderID, f.OfferID = &providerID, &offerID
		f.UnitPrice, f.Currency, f.SLA = offer.UnitPrice, offer.Currency, offer.SLA
		f.Failure, f.Attention = "", ""
		if err := c.reserve(f, price.Amount); err != nil {
			return err
		}
		return c.become(f, FulfillmentSubmitting)
	})
}

// Resubmit calls the provider of a waiting fulfillment again.
func (c *Case) Resubmit(f *Fulfillment) error {
	return c.record(EventSubmitting, f, func() error { return c.become(f, FulfillmentSubmitting) })
}

// Unassign takes a waiting fulfillment, of which the provider surely holds nothing, away from its provider to be
// routed anew.
func (c *Case) Unassign(f *Fulfillment, reason string) error {
	return c.record(EventRetrying, f, func() error { return c.unassign(f, reason) })
}

func (c *Case) unassign(f *Fulfillment, reason string) error {
	if err := c.release(f); err != nil {
		return err
	}
	f.ProviderID, f.OfferID, f.BudgetDay, f.SLA, f.Failure = nil, nil, nil, 0, reason
	f.Generation++
	return c.become(f, FulfillmentPending)
}

// Unroutable notes that no offer matches. Saying so again with the same reason changes nothing.
func (c *Case) Unroutable(f *Fulfillment, reason string) error {
	if f.Status == FulfillmentUnroutable && f.Failure == reason {
		return nil
	}
	return c.record(EventUnroutable, f, func() error {
		f.Failure, f.Attention = reason, "no offer matches: "+reason
		if f.Status == FulfillmentUnroutable {
			return nil
		}
		return c.become(f, FulfillmentUnroutable)
	})
}

// Retry notes that the provider surely took nothing and is to be asked again later, or, on an order that is being
// ended, cancels. NewGeneration is for a call whose key can't be used again.
func (c *Case) Retry(f *Fulfillment, reason string, newGeneration bool) error {
	if c.ending(f) {
		return c.drop(f, reason)
	}
	return c.record(EventRetrying, f, func() error {
		f.Failure, f.Attention = reason, ""
		if newGeneration {
			f.Generation++
		}
		return c.become(f, FulfillmentRetryWait)
	})
}

// Lost notes that the provider was called and nobody knows what came of it. Of one that is UNKNOWN already only the
// time is noted: since then, at the latest, no call is on its way any more.
func (c *Case) Lost(f *Fulfillment, reason string) error {
	if f.Status == FulfillmentUnknown {
		c.touch(f)
		return nil
	}
	return c.record(EventOutcomeUnknown, f, func() error {
		f.Failure = reason
		return c.become(f, FulfillmentUnknown)
	})
}

// NeedPerson notes that only a person can go on with the fulfillment.
func (c *Case) NeedPerson(f *Fulfillment, reason string) error {
	if f.Attention == reason {
		return nil
	}
	return c.record(EventAttentionNeeded, f, func() error {
		f.Attention = reason
		return nil
	})
}

// notKnown is the attention of a fulfillment that its provider does not know.
const notKnown = "its provider does not know it: look there"

// Missed notes that f's provider does not know it, though it accepted it long ago. The provider's next word of it takes
// that back.
func (c *Case) Missed(f *Fulfillment) error { return c.NeedPerson(f, notKnown) }

// Reject ends f, of which the provider surely holds nothing live. Where the quantity is wanted still and reroute is
// true, it goes to a new fulfillment, which is returned, that excludes the provider. What can't be routed again
// has failed, or, on an order that is being ended, is canceled; where nothing is left to deliver, f is fulfilled.
func (c *Case) Reject(f *Fulfillment, reason string, reroute bool) (*Fulfillment, error) {
	return c.reject(f, ExternalOrder{ExternalID: f.ExternalID, RawStatus: f.ExternalStatus, Message: reason, Reroutable: reroute})
}

// reject is Reject with all that the provider said.
func (c *Case) reject(f *Fulfillment, seen ExternalOrder) (next *Fulfillment, err error) {
	_, err = c.recordIfChanged(f, func() (EventKind, error) {
		told, err := c.read(f, seen)
		if err != nil {
			return "", err
		}
		end := c.endOf(f, seen.Reroutable)
		if err := c.end(f, end, said(seen, "the provider rejected it"), told); err != nil {
			return "", err
		}
		c.doubt(f, seen)
		if end == FulfillmentRejected {
			next = c.replace(f, true)
		}
		return statusEvents()[end], nil
	})
	return next, err
}

// endOf says what becomes of a fulfillment that its provider won't go on with.
func (c *Case) endOf(f *Fulfillment, reroute bool) FulfillmentStatus {
	switch {
	case f.Delivered == f.Quantity:
		return FulfillmentFulfilled
	case c.ending(f):
		return FulfillmentCanceled
	case reroute:
		return FulfillmentRejected
	default:
		return FulfillmentFailed
	}
}

// ending reports whether nothing new shall be started for f.
func (c *Case) ending(f *Fulfillment) bool {
	return c.Order.CancelAsked || c.Order.Expired || f.CancelAsked
}

// drop cancels f here: its provider holds nothing live of it.
func (c *Case) drop(f *Fulfillment, reason string) error {
	c.Dropped = append(c.Dropped, f.ID)
	return c.record(EventFulfillmentCanceled, f, func() error { return c.end(f, FulfillmentCanceled, reason, false) })
}

// end closes f's money and moves it to a final state. Told: the provider has said what it takes.
func (c *Case) end(f *Fulfillment, end FulfillmentStatus, reason string, told bool) error {
	if err := c.closeMoney(f, told); err != nil {
		return err
	}
	if end != FulfillmentFulfilled {
		f.Failure = reason
	}
	if end == FulfillmentFailed {
		f.Attention = "failed: " + reason
	}
	return c.become(f, end)
}
