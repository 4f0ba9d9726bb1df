package order

import "time"

// Health is how a provider does: its calls of the last hour, its fulfillments that ended lately, and what its last check
// found.
type Health struct {
	MeasuredAt  *time.Time     // nil: not yet
	Calls       int            // creations and cancellations of the last hour that were answered, or had a chance to be
	Succeeded   int            // of these
	Failures    map[Class]int  // the others
	LatencyP50  *time.Duration // of the calls
	LatencyP95  *time.Duration
	Ended       int            // fulfillments of the sample of the last week that it fulfilled, rejected or failed
	Fulfilled   int            // of these
	FulfillTime *time.Duration // the median from submission to fulfillment
	CheckedAt   *time.Time     // when somebody last had it checked
	CheckError  string         // what that found, or ""
	Balance     *Money         // what it said then that our account there holds; nil: it doesn't tell
	Breakers    []Breaker      // that are open
	Open        int            // as Measured.Open; only where it was read together with the provider
}

// Breaker keeps an operation away from a provider that failed too often.
type Breaker struct {
	Operation string // CREATE, FIND, CANCEL or STATUS
	OpenUntil time.Time
	Workers   int // processes whose breaker it is
}

// SuccessRate returns the part of the calls, 0 to 1, that succeeded; nil where there were none.
func (h *Health) SuccessRate() *float64 { return part(h.Succeeded, h.Calls) }

// FulfilledRate returns the part of the ended fulfillments, 0 to 1, that were fulfilled; nil where there were none.
func (h *Health) FulfilledRate() *float64 { return part(h.Fulfilled, h.Ended) }

func part(some, all int) *float64 {
	if all == 0 {
		return nil
	}
	rate := float64(some) / float64(all)
	return &rate
}
