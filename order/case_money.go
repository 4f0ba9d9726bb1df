package order

import (
	"fmt"

	"github.com/govalues/decimal"

	"github.com/boostress/boostress/internal/id"
)

// ErrBudget is returned when a reservation does not fit the order's budget.
var ErrBudget = fmt.Errorf("%w: budget does not allow it", ErrMoney)

// reserve promises amount to f's provider. It fails with ErrBudget where the order's budget does not allow it.
func (c *Case) reserve(f *Fulfillment, amount decimal.Decimal) error {
	left, limited, err := c.Order.Remaining()
	if err != nil {
		return err
	}
	if limited && amount.Cmp(left) > 0 {
		return fmt.Errorf("%w: %s of %s", ErrBudget, amount, left)
	}
	return c.enter(f, EntryReservation, amount, decimal.Zero, decimal.Zero)
}

// release gives back what is still reserved for f.
func (c *Case) release(f *Fulfillment) error {
	if f.Reserved.IsZero() {
		return nil
	}
	return c.enter(f, EntryRelease, f.Reserved.Neg(), decimal.Zero, decimal.Zero)
}

// settle brings what f was charged to total: a charge uses up the reservation and what goes beyond it is
// overcharge; less than before is a refund, taken off the overcharge first.
func (c *Case) settle(f *Fulfillment, total decimal.Decimal) error {
	delta, err := Sum(total, f.Charged.Neg())
	switch {
	case err != nil || delta.IsZero():
		return err
	case delta.IsNeg():
		back := delta.Neg().Min(f.Overcharge)
		return c.enter(f, EntryRefund, decimal.Zero, delta, back.Neg())
	}
	used := delta.Min(f.Reserved)
	above, err := Sum(delta, used.Neg())
	if err != nil {
		return err
	}
	return c.enter(f, EntryCharge, used.Neg(), delta, above)
}

// enter writes one ledger entry and moves the sums of the order and the fulfillment by it.
func (c *Case) enter(f *Fulfillment, kind EntryKind, reserved, spent, overcharge decimal.Decimal) error {
	c.Entries = append(c.Entries, LedgerEntry{
		ID: id.New(id.LedgerEntry), AccountID: c.Order.AccountID, OrderID: c.Order.ID, FulfillmentID: f.ID,
		ProviderID: *f.ProviderID, Kind: kind, Currency: f.Currency,
		Reserved: reserved, Spent: spent, Overcharge: overcharge, CreatedAt: c.Now,
	})
	for _, step := range []struct {
		sum   *decimal.Decimal
		delta decimal.Decimal
	}{
		{&c.Order.Reserved, reserved},
		{&c.Order.Spent, spent},
		{&c.Order.Overcharge, overcharge},
		{&f.Reserved, reserved},
		{&f.Charged, spent},
		{&f.Overcharge, overcharge},
	} {
		next, err := Sum(*step.sum, step.delta)
		if err != nil {
			return err
		}
		*step.sum = next
	}
	return nil
}
