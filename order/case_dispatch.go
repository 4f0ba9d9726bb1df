package order

import (
	"fmt"

	"github.com/google/uuid"
)

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
		f.UnitPrice, f.Currency = offer.UnitPrice, offer.Currency
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
	return c.record(EventRetrying, f, func() error {
		if err := c.release(f); err != nil {
			return err
		}
		f.ProviderID, f.OfferID, f.Failure = nil, nil, reason
		f.Generation++
		return c.become(f, FulfillmentPending)
	})
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

// Lost notes that the provider was called and nobody knows what came of it.
func (c *Case) Lost(f *Fulfillment, reason string) error {
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

// Reject ends f, of which the provider surely holds nothing live. Where the quantity is wanted still and reroute is
// true, it goes to a new fulfillment, which is returned, that excludes the provider. What can't be routed again
// has failed, or, on an order that is being ended, is canceled.
func (c *Case) Reject(f *Fulfillment, reason string, reroute bool) (*Fulfillment, error) {
	switch {
	case c.ending(f):
		return nil, c.drop(f, reason)
	case !reroute:
		return nil, c.fail(f, reason)
	}
	var next *Fulfillment
	err := c.record(EventRejected, f, func() error {
		if err := c.closeMoney(f); err != nil {
			return err
		}
		f.Failure = reason
		if err := c.become(f, FulfillmentRejected); err != nil {
			return err
		}
		replaced := f.ID
		next = c.add(&Fulfillment{
			LineID: f.LineID, Quantity: f.Quantity - f.Delivered, ReplacesID: &replaced,
			Excluded: append(append([]uuid.UUID{}, f.Excluded...), *f.ProviderID),
		})
		return nil
	})
	return next, err
}

// ending reports whether nothing new shall be started for f.
func (c *Case) ending(f *Fulfillment) bool {
	return c.Order.CancelAsked || c.Order.Expired || f.CancelAsked
}

// fail gives f up.
func (c *Case) fail(f *Fulfillment, reason string) error {
	return c.record(EventFailed, f, func() error {
		if err := c.closeMoney(f); err != nil {
			return err
		}
		f.Failure, f.Attention = reason, "failed: "+reason
		return c.become(f, FulfillmentFailed)
	})
}

// drop cancels f here: its provider holds nothing live of it.
func (c *Case) drop(f *Fulfillment, reason string) error {
	return c.record(EventFulfillmentCanceled, f, func() error {
		if err := c.closeMoney(f); err != nil {
			return err
		}
		f.Failure = reason
		return c.become(f, FulfillmentCanceled)
	})
}
