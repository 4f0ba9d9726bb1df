package order

import (
	"fmt"
	"time"
)

// Observe takes in what the provider says about f: the answer to its creation, or a later status. What is older
// than what is known changes nothing. It reports whether the provider must now be asked to cancel, because that was
// wanted while the creation was on its way.
func (c *Case) Observe(f *Fulfillment, seen ExternalOrder) (askCancel bool, err error) {
	if seen.State == ExternalRejected && !f.Status.Final() {
		_, err = c.Reject(f, said(seen, "the provider rejected it"), seen.Reroutable)
		return false, err
	}
	before := *f
	changed, err := c.recordIfChanged(f, func() (EventKind, error) {
		f.ExternalID, f.ExternalStatus = seen.ExternalID, seen.RawStatus
		f.Delivered = min(max(f.Delivered, seen.Delivered), f.Quantity)
		if err := c.follow(f, seen); err != nil {
			return "", err
		}
		if err := c.takeCharge(f, seen); err != nil {
			return "", err
		}
		return kindOf(before, f), nil
	})
	if changed || f.ChangedAt == nil {
		now := c.Now
		f.ChangedAt = &now
		c.touch(f)
	}
	askCancel = err == nil && f.CancelAsked && f.Status.AtProvider() && f.Status != FulfillmentCancelRequested
	return askCancel, err
}

// follow moves f to the state the provider reports, if that may follow its own.
func (c *Case) follow(f *Fulfillment, seen ExternalOrder) error {
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
	if next == FulfillmentFulfilled {
		f.Delivered = f.Quantity
	}
	if next == FulfillmentFailed {
		f.Failure = said(seen, "the provider failed")
		f.Attention = "failed: " + f.Failure
	}
	return c.become(f, next)
}

// externalStatuses maps what providers report to where it brings a fulfillment.
func externalStatuses() map[ExternalState]FulfillmentStatus {
	return map[ExternalState]FulfillmentStatus{
		ExternalAccepted:   FulfillmentSubmitted,
		ExternalInProgress: FulfillmentInProgress,
		ExternalPartial:    FulfillmentPartiallyFulfilled,
		ExternalFulfilled:  FulfillmentFulfilled,
		ExternalFailed:     FulfillmentFailed,
		ExternalCanceled:   FulfillmentCanceled,
	}
}

// takeCharge settles what the provider says it took. On an end other than FULFILLED what is still reserved is
// released; on FULFILLED only once the charge is known: costs may arrive later.
func (c *Case) takeCharge(f *Fulfillment, seen ExternalOrder) error {
	if seen.Charge != nil && seen.Charge.Currency != f.Currency {
		f.Attention = fmt.Sprintf("the provider charged in %s, not in %s", seen.Charge.Currency, f.Currency)
	}
	told := seen.Charge != nil && seen.Charge.Currency == f.Currency
	if told {
		if err := c.settle(f, seen.Charge.Amount); err != nil {
			return err
		}
	}
	switch {
	case !f.Status.Final(), f.Status == FulfillmentFulfilled && !told:
		return nil
	default:
		return c.closeMoney(f)
	}
}

// closeMoney charges the estimate for what was delivered where the provider named no charge, and releases the rest.
func (c *Case) closeMoney(f *Fulfillment) error {
	if f.Delivered > 0 && f.Charged.IsZero() {
		estimate, err := Money{Amount: f.UnitPrice, Currency: f.Currency}.Times(f.Delivered)
		if err != nil {
			return err
		}
		if err := c.settle(f, estimate.Amount); err != nil {
			return err
		}
	}
	return c.release(f)
}

// AssumeCharge charges the estimate for a fulfilled fulfillment whose provider never named its charge.
func (c *Case) AssumeCharge(f *Fulfillment) error {
	return c.record(EventCharged, f, func() error { return c.closeMoney(f) })
}

// AwaitsCharge reports whether f was delivered and its provider has not yet said what it takes for it.
func (f *Fulfillment) AwaitsCharge() bool {
	return f.Status == FulfillmentFulfilled && f.Reserved.IsPos()
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

// The bounds of polling where a provider declares none.
const (
	shortestPoll   = time.Second
	longestPoll    = 15 * time.Minute
	chargePatience = 7 * 24 * time.Hour
)

// PlanPoll sets when f is to be read again: the longer nothing changed, the longer the interval, within the
// provider's bounds. What has ended is not polled, unless its charge is still to come.
func (c *Case) PlanPoll(f *Fulfillment, can Capabilities) {
	c.touch(f)
	f.NextPollAt = nil
	if !f.Status.AtProvider() && !f.AwaitsCharge() {
		return
	}
	low, high := can.PollMin, can.PollMax
	if low <= 0 {
		low = shortestPoll
	}
	if high <= 0 {
		high = longestPoll
	}
	since := low
	if f.ChangedAt != nil {
		since = c.Now.Sub(*f.ChangedAt) / 2
	}
	next := c.Now.Add(min(max(since, low), max(low, high)))
	f.NextPollAt = &next
}

// ChargeOverdue reports whether f's provider had its time to name a charge.
func (f *Fulfillment) ChargeOverdue(now time.Time) bool {
	return f.AwaitsCharge() && f.FinishedAt != nil && now.Sub(*f.FinishedAt) > chargePatience
}
