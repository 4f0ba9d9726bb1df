package order

import "github.com/govalues/decimal"

// BudgetMoney returns the budget with its currency; nil: unlimited.
func (o *Order) BudgetMoney() *Money { return moneyOrNil(o.Budget, o.Currency) }

// ReservedMoney returns what is promised to providers, with its currency.
func (o *Order) ReservedMoney() Money { return o.MoneyOf(o.Reserved) }

// SpentMoney returns what providers charged, with its currency.
func (o *Order) SpentMoney() Money { return o.MoneyOf(o.Spent) }

// OverchargeMoney returns what of that was never reserved, with its currency.
func (o *Order) OverchargeMoney() Money { return o.MoneyOf(o.Overcharge) }

// UnitPriceMoney returns the price of one unit with its currency; nil: not routed yet.
func (f *Fulfillment) UnitPriceMoney() *Money {
	if f.OfferID == nil {
		return nil
	}
	return &Money{Amount: f.UnitPrice, Currency: f.Currency}
}

// ReservedMoney returns what is still reserved, with its currency.
func (f *Fulfillment) ReservedMoney() Money { return Money{Amount: f.Reserved, Currency: f.Currency} }

// ChargedMoney returns what the provider took, with its currency.
func (f *Fulfillment) ChargedMoney() Money { return Money{Amount: f.Charged, Currency: f.Currency} }

// OverchargeMoney returns what of that was never reserved, with its currency.
func (f *Fulfillment) OverchargeMoney() Money {
	return Money{Amount: f.Overcharge, Currency: f.Currency}
}

// BudgetMoney returns the budget with its currency; nil: unlimited.
func (p *Provider) BudgetMoney() *Money { return moneyOrNil(p.Budget, p.Currency) }

// DayBudgetMoney returns the budget of each day with its currency; nil: unlimited.
func (p *Provider) DayBudgetMoney() *Money { return moneyOrNil(p.DayBudget, p.Currency) }

// RateLimit returns how often the provider may be called; nil: as often as wanted.
func (p *Provider) RateLimit() *RateLimit {
	if p.RateCalls == 0 {
		return nil
	}
	return &RateLimit{Calls: p.RateCalls, Per: p.RatePer}
}

// ReservedMoney returns what is promised to the provider, with its currency.
func (p *Provider) ReservedMoney() Money { return Money{Amount: p.Reserved, Currency: p.Currency} }

// SpentMoney returns what the provider charged, with its currency.
func (p *Provider) SpentMoney() Money { return Money{Amount: p.Spent, Currency: p.Currency} }

// OverchargeMoney returns what of that was never reserved, with its currency.
func (p *Provider) OverchargeMoney() Money { return Money{Amount: p.Overcharge, Currency: p.Currency} }

// Paused reports whether the provider takes no new fulfillments for now.
func (p *Provider) Paused() bool { return p.PausedAt != nil }

// ConcurrencyLimit returns how many calls at a time are made per worker process; nil: unlimited.
func (p *Provider) ConcurrencyLimit() *int { return countOrNil(p.Concurrency) }

// UnitPriceMoney returns the price of one unit with its currency.
func (o *Offer) UnitPriceMoney() Money { return Money{Amount: o.UnitPrice, Currency: o.Currency} }

// QuantityLimit returns the most units that one fulfillment may have; nil: unlimited.
func (o *Offer) QuantityLimit() *int { return countOrNil(o.MaxQuantity) }

func moneyOrNil(amount *decimal.Decimal, currency Currency) *Money {
	if amount == nil {
		return nil
	}
	return &Money{Amount: *amount, Currency: currency}
}

// countOrNil returns nil for a zero that means "unlimited".
func countOrNil(count int) *int {
	if count == 0 {
		return nil
	}
	return &count
}
