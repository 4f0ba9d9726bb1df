package order

import "time"

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

// AwaitsCharge reports whether f was delivered and its provider has not yet said what it takes for it.
func (f *Fulfillment) AwaitsCharge() bool {
	return f.Status == FulfillmentFulfilled && f.Reserved.IsPos()
}

// ChargeOverdue reports whether f's provider had its time to name a charge: a week.
func (f *Fulfillment) ChargeOverdue(now time.Time) bool {
	return f.AwaitsCharge() && f.FinishedAt != nil && now.Sub(*f.FinishedAt) > chargePatience
}
