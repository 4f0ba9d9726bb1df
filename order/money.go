package order

import (
	"fmt"

	"github.com/govalues/decimal"
)

// MoneyScale is the number of fractional digits kept of every amount: unit prices may be fractions of a cent.
const MoneyScale = 6

// maxMoney bounds amounts from outside: a Decimal holds 19 digits, so that sums stay exact up to ten times this.
var maxMoney = decimal.MustParse("999999999999.999999")

// Money is an exact amount of one currency. The zero value is zero of no currency.
type Money struct {
	Amount   decimal.Decimal
	Currency Currency
}

// NewMoney checks an amount that came from outside: not negative, at most six fractional digits, below 10^12,
// a known currency. It fails with ErrMoney.
func NewMoney(amount decimal.Decimal, currency Currency) (Money, error) {
	switch {
	case amount.IsNeg():
		return Money{}, fmt.Errorf("%w: %s is negative", ErrMoney, amount)
	case amount.Trim(0).Scale() > MoneyScale:
		return Money{}, fmt.Errorf("%w: %s has more than %d fractional digits", ErrMoney, amount, MoneyScale)
	case amount.Cmp(maxMoney) > 0:
		return Money{}, fmt.Errorf("%w: %s is above %s", ErrMoney, amount, maxMoney)
	case !currency.Valid():
		return Money{}, fmt.Errorf("%w: unknown currency %q", ErrMoney, string(currency))
	}
	return Money{Amount: amount, Currency: currency}, nil
}

// Times returns the price of quantity units, exact to six fractional digits. It fails with ErrMoney when the
// product leaves the bounds of NewMoney.
func (m Money) Times(quantity int) (Money, error) {
	units, err := decimal.New(int64(quantity), 0)
	if err != nil {
		return Money{}, fmt.Errorf("%w: quantity %d: %w", ErrMoney, quantity, err)
	}
	product, err := m.Amount.MulExact(units, MoneyScale)
	if err != nil {
		return Money{}, fmt.Errorf("%w: %s × %d: %w", ErrMoney, m.Amount, quantity, err)
	}
	return NewMoney(product, m.Currency)
}

// String formats the amount with its currency, e.g. "12.50 EUR".
func (m Money) String() string { return m.Amount.String() + " " + string(m.Currency) }

// Sum adds amounts of one currency. It fails with ErrMoney where the sum reaches 10^13, ten times what NewMoney
// allows of one amount: no order, and no provider's sums, may get there.
func Sum(amounts ...decimal.Decimal) (decimal.Decimal, error) {
	total := decimal.Zero
	for _, amount := range amounts {
		next, err := total.AddExact(amount, MoneyScale)
		if err != nil {
			return decimal.Zero, fmt.Errorf("%w: %s + %s: %w", ErrMoney, total, amount, err)
		}
		total = next
	}
	return total, nil
}
