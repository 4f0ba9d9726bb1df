package order

import (
	"time"

	"github.com/govalues/decimal"
)

// Measured is what is known of how a provider does, as of when the provider was read. What is nil was not measured yet.
type Measured struct {
	SuccessRate      *float64       // the part, 0 to 1, of its lately ended fulfillments that were fulfilled
	FulfillTime      *time.Duration // from submission to fulfillment, lately
	BreakerOpenUntil *time.Time     // its breaker for creations is open until then
	Open             int            // fulfillments that it holds, or may hold, and that have not ended
	LastChosenAt     *time.Time     // when routing last gave it a fulfillment
}

// Today is what of a provider's daily budget is used, on the day (UTC) on which the provider was read: the sums of the
// reservations made on it, and of what became of them.
type Today = Sums

// AffordsToday reports whether the provider's budget of the day has room for one more reservation. A day with an
// overcharge takes none.
func (p *Provider) AffordsToday(amount decimal.Decimal) bool {
	return p.Today.within(p.DayBudget, amount)
}

// BreakerOpen reports whether the provider is left alone because it failed too often.
func (p *Provider) BreakerOpen(now time.Time) bool {
	return p.Measured.BreakerOpenUntil != nil && now.Before(*p.Measured.BreakerOpenUntil)
}
