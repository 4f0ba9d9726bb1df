package order

// AskCancel ends an order: what has not reached a provider is canceled at once, and the fulfillments whose providers
// must be asked are returned. Asking again changes nothing, unless a provider has refused since. It fails with
// ErrFulfilled once everything was delivered.
func (c *Case) AskCancel() ([]*Fulfillment, error) {
	if c.Order.Status == Fulfilled {
		return nil, ErrFulfilled
	}
	if c.Order.FinishedAt != nil {
		return nil, nil
	}
	if !c.Order.CancelAsked {
		err := c.record(EventOrderCancelRequested, nil, func() error {
			c.Order.CancelAsked = true
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return c.endOpen("the order was canceled", true)
}

// Expire ends an order whose deadline passed: what has not reached a provider is canceled; what has is let finish or, as
// the order wants it, marked for cancellation, and the fulfillments whose providers must be asked are returned. A draft
// has nothing to end.
func (c *Case) Expire() ([]*Fulfillment, error) {
	if c.Order.Expired || c.Order.FinishedAt != nil || c.Order.Status == Drafted {
		return nil, nil
	}
	err := c.record(EventDeadlinePassed, nil, func() error {
		c.Order.Expired = true
		return nil
	})
	if err != nil {
		return nil, err
	}
	return c.endOpen("the order's deadline passed", c.Order.DeadlineAction == DeadlineCancel)
}

// endOpen cancels what surely is at no provider and, with ask, marks the rest for cancellation. It returns what the
// providers must be asked for now; calls on their way are asked for when their outcome is known.
func (c *Case) endOpen(reason string, ask bool) ([]*Fulfillment, error) {
	var toAsk []*Fulfillment
	for _, f := range c.Fulfillments {
		switch {
		case f.Status.Final():
		case f.Status.Untouched(), f.Status == FulfillmentRetryWait:
			if err := c.drop(f, reason); err != nil {
				return nil, err
			}
		case !ask || f.Status == FulfillmentCancelRequested:
		case f.Status.AtProvider():
			if err := c.RequestCancel(f); err != nil {
				return nil, err
			}
			toAsk = append(toAsk, f)
		case !f.CancelAsked:
			err := c.record(EventCancelRequested, f, func() error {
				f.CancelAsked = true
				return nil
			})
			if err != nil {
				return nil, err
			}
		}
	}
	return toAsk, nil
}

// Cancel is a person's wish to have f canceled: at once where no provider has it, else by asking its provider, now, with
// ask, or as soon as the outcome of the call to it is known. Canceling what is canceled changes nothing. It fails with
// ErrFulfilled, and with Faults where f has ended otherwise.
func (c *Case) Cancel(f *Fulfillment) (ask bool, err error) {
	switch {
	case f.Status == FulfillmentCanceled && c.replacement(f) == nil:
		return false, nil
	case f.Status == FulfillmentFulfilled:
		return false, ErrFulfilled
	case f.Status.Final():
		return false, conflict("is %s: it has ended, or was replaced by another one", f.Status)
	case f.Status.Untouched(), f.Status == FulfillmentRetryWait:
		return false, c.drop(f, "it was canceled")
	case f.CancelAsked && !f.RerouteAsked:
		return false, nil
	}
	ask = f.Status.AtProvider() && f.Status != FulfillmentCancelRequested
	return ask, c.record(EventCancelRequested, f, func() error {
		f.CancelAsked = true
		c.forgetReroute(f)
		if !ask {
			return nil
		}
		return c.become(f, FulfillmentCancelRequested)
	})
}

// RequestCancel notes that f's provider is being asked to cancel.
func (c *Case) RequestCancel(f *Fulfillment) error {
	return c.record(EventCancelRequested, f, func() error {
		f.CancelAsked = true
		return c.become(f, FulfillmentCancelRequested)
	})
}

// RefuseCancel notes that f's provider goes on with it all the same.
func (c *Case) RefuseCancel(f *Fulfillment, reason string) error {
	return c.record(EventCancelRefused, f, func() error {
		f.CancelAsked, f.Failure = false, "cancellation refused: "+reason
		c.forgetReroute(f)
		if f.Delivered > 0 {
			return c.become(f, FulfillmentPartiallyFulfilled)
		}
		return c.become(f, FulfillmentInProgress)
	})
}
