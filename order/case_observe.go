package order

// Observe takes in what the provider says about f: the answer to its creation, or a later status. What is older
// than what is known changes nothing. It reports whether the provider must now be asked to cancel, because that was
// wanted while the creation was on its way.
func (c *Case) Observe(f *Fulfillment, seen ExternalOrder) (askCancel bool, err error) {
	switch {
	case !f.called():
		return false, nil
	case f.Status.Final():
		return false, c.observeEnded(f, seen)
	case f.outdates(seen):
		return false, nil
	}
	above, err := c.observeOvercharge(f, seen)
	if err != nil {
		return false, err
	}
	if seen.State == ExternalRejected {
		_, err := c.reject(f, seen)
		return false, err
	}
	before := *f
	changed, err := c.recordIfChanged(f, func() (EventKind, error) {
		if f.Attention == notKnown {
			f.Attention = ""
		}
		told, err := c.read(f, seen)
		if err == nil {
			err = c.follow(f, seen, told)
		}
		if !f.Status.Final() && (f.Status != before.Status || f.Delivered > before.Delivered) {
			c.expect(f)
		}
		c.doubt(f, seen)
		return kindOf(before, f), err
	})
	if err != nil {
		return false, err
	}
	if changed || above || f.ChangedAt == nil {
		now := c.Now
		f.ChangedAt = &now
		c.touch(f)
	}
	return f.CancelAsked && f.Status.AtProvider() && f.Status != FulfillmentCancelRequested, nil
}

// called reports whether a provider may have something to say about f.
func (f *Fulfillment) called() bool {
	return f.ProviderID != nil && !f.Status.Untouched() && f.Status != FulfillmentRetryWait
}

// outdates reports whether seen is older than what f shows already: less was delivered then, or the provider was at
// an earlier state and had not delivered more. While a cancellation is asked for the earlier state is not known.
func (f *Fulfillment) outdates(seen ExternalOrder) bool {
	state, known := externalStatuses()[seen.State]
	if known && state.Final() {
		return false
	}
	back := known && f.Status.AtProvider() && state != f.Status && !f.Status.CanBecome(state)
	return back && seen.Delivered <= f.Delivered || seen.Delivered > 0 && seen.Delivered < f.Delivered
}

// observeEnded takes in what a provider says about a fulfillment that has ended: only what it charges, which may
// arrive late, and its own last word.
func (c *Case) observeEnded(f *Fulfillment, seen ExternalOrder) error {
	state, known := externalStatuses()[seen.State]
	if known && !state.Final() || seen.State == ExternalCanceling {
		return nil
	}
	before := *f
	_, err := c.recordIfChanged(f, func() (EventKind, error) {
		if state == f.Status && seen.RawStatus != "" {
			f.ExternalStatus = seen.RawStatus
		}
		told, err := c.takeCharge(f, seen)
		if told && err == nil {
			err = c.release(f)
		}
		c.doubt(f, seen)
		return kindOf(before, f), err
	})
	return err
}

// observeOvercharge writes the event of a charge above what is reserved, which is worth one of its own.
func (c *Case) observeOvercharge(f *Fulfillment, seen ExternalOrder) (above bool, err error) {
	if above, err = f.above(seen); err != nil || !above {
		return false, err
	}
	return true, c.record(EventOvercharged, f, func() error {
		_, err := c.takeCharge(f, seen)
		return err
	})
}

// read notes the provider's own id and word, what it delivered and what it takes. Told: it named a charge.
func (c *Case) read(f *Fulfillment, seen ExternalOrder) (told bool, err error) {
	if seen.ExternalID != "" {
		f.ExternalID = seen.ExternalID
	}
	if seen.RawStatus != "" {
		f.ExternalStatus = seen.RawStatus
	}
	f.Delivered = min(max(f.Delivered, seen.Delivered), f.Quantity)
	return c.takeCharge(f, seen)
}

// follow moves f to the state the provider reports, if that may follow its own. On an end other than FULFILLED what
// is still reserved is released; on FULFILLED only once the charge is told: costs may arrive later.
func (c *Case) follow(f *Fulfillment, seen ExternalOrder, told bool) error {
	fresh := f.Status == FulfillmentSubmitting || f.Status == FulfillmentUnknown
	if fresh {
		now := c.Now
		f.SubmittedAt, f.Failure, f.Attention = &now, "", ""
	}
	next, known := externalStatuses()[seen.State]
	held := f.Status == FulfillmentCancelRequested && !next.Final()
	switch {
	case known && !held && f.Status.CanBecome(next):
	case fresh:
		next = FulfillmentSubmitted
	default:
		return nil
	}
	switch {
	case next == FulfillmentFulfilled:
		f.Delivered = f.Quantity
		if !told {
			return c.become(f, next)
		}
	case !next.Final():
		return c.become(f, next)
	}
	return c.end(f, next, said(seen, "the provider ended it: "+seen.RawStatus), told)
}

// externalStatuses maps what providers report to where it brings a fulfillment.
func externalStatuses() map[ExternalState]FulfillmentStatus {
	return map[ExternalState]FulfillmentStatus{
		ExternalAccepted:   FulfillmentSubmitted,
		ExternalInProgress: FulfillmentInProgress,
		ExternalPartial:    FulfillmentPartiallyFulfilled,
		ExternalFulfilled:  FulfillmentFulfilled,
		ExternalRejected:   FulfillmentRejected,
		ExternalFailed:     FulfillmentFailed,
		ExternalCanceled:   FulfillmentCanceled,
	}
}

// recordIfChanged is record for a change that may turn out to change nothing; then there is no event.
func (c *Case) recordIfChanged(f *Fulfillment, change func() (EventKind, error)) (bool, error) {
	before := c.look(f)
	kind, err := change()
	if err != nil {
		return false, err
	}
	if before == c.look(f) {
		return false, nil
	}
	c.write(kind, f, before)
	return true, nil
}

// kindOf names the event of an observation by the most that changed.
func kindOf(before Fulfillment, after *Fulfillment) EventKind {
	switch {
	case after.Overcharge.Cmp(before.Overcharge) > 0:
		return EventOvercharged
	case before.Status != after.Status:
		return statusEvents()[after.Status]
	case before.Attention != after.Attention && after.Attention != "":
		return EventAttentionNeeded
	case !before.Charged.Equal(after.Charged):
		return EventCharged
	default:
		return EventProgressed
	}
}

func statusEvents() map[FulfillmentStatus]EventKind {
	return map[FulfillmentStatus]EventKind{
		FulfillmentSubmitted:          EventSubmitted,
		FulfillmentInProgress:         EventProgressed,
		FulfillmentPartiallyFulfilled: EventProgressed,
		FulfillmentFulfilled:          EventFulfilled,
		FulfillmentRejected:           EventRejected,
		FulfillmentFailed:             EventFailed,
		FulfillmentCanceled:           EventFulfillmentCanceled,
	}
}

func said(seen ExternalOrder, otherwise string) string {
	if seen.Message != "" {
		return seen.Message
	}
	return otherwise
}
