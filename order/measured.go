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

// Today is what of a provider's daily budget is used, on the day (UTC) on which the provider was read.
type Today struct {
	Reserved   decimal.Decimal
	Spent      decimal.Decimal
	Overcharge decimal.Decimal // the part of Spent above what was reserved for it
}

// AffordsToday reports whether the provider's budget of the day has room for one more reservation. What it overcharged
// today counts against the day.
func (p *Provider) AffordsToday(amount decimal.Decimal) bool {
	if p.DayBudget == nil {
		return true
	}
	total, err := Sum(p.Today.Reserved, p.Today.Spent, amount)
	return err == nil && total.Cmp(*p.DayBudget) <= 0
}

// BreakerOpen reports whether the provider is left alone because it failed too often.
func (p *Provider) BreakerOpen(now time.Time) bool {
	return p.Measured.BreakerOpenUntil != nil && now.Before(*p.Measured.BreakerOpenUntil)
}
