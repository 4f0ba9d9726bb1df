package order

import (
	"fmt"

	"github.com/govalues/decimal"

	"github.com/boostress/boostress/internal/id"
)

// ErrBudget is returned when a reservation does not fit the order's budget.
var ErrBudget = fmt.Errorf("%w: budget does not allow it", ErrMoney)

// reserve promises amount to f's provider, out of its budget of today: whatever becomes of the reservation later counts
// for this day. It fails with ErrBudget where the order's budget does not allow it.
func (c *Case) reserve(f *Fulfillment, amount decimal.Decimal) error {
	left, limited, err := c.Order.Remaining()
	if err != nil {
		return err
	}
	if limited && amount.Cmp(left) > 0 {
		return fmt.Errorf("%w: %s of %s", ErrBudget, amount, left)
	}
	day := DayOf(c.Now)
	f.BudgetDay = &day
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
// overcharge. Less than before is a refund, taken off the overcharge first; while f goes on, the rest of it is
// reserved again, because the provider may correct itself once more.
func (c *Case) settle(f *Fulfillment, total decimal.Decimal) error {
	delta, err := Sum(total, f.Charged.Neg())
	switch {
	case err != nil || delta.IsZero():
		return err
	case delta.IsNeg():
		back := delta.Neg().Min(f.Overcharge)
		again := decimal.Zero
		if !f.Status.Final() {
			if again, err = Sum(delta.Neg(), back.Neg()); err != nil {
				return err
			}
		}
		return c.enter(f, EntryRefund, again, delta, back.Neg())
	}
	used := delta.Min(f.Reserved)
	above, err := Sum(delta, used.Neg())
	if err != nil {
		return err
	}
	return c.enter(f, EntryCharge, used.Neg(), delta, above)
}

// takeCharge settles what the provider says it takes, and reports whether it did say so.
func (c *Case) takeCharge(f *Fulfillment, seen ExternalOrder) (told bool, err error) {
	charge, told, _ := f.charge(seen)
	if !told {
		return false, nil
	}
	return true, c.settle(f, charge)
}

// doubt leaves a charge that is no amount of f's currency to a person.
func (c *Case) doubt(f *Fulfillment, seen ExternalOrder) {
	if _, _, wrong := f.charge(seen); wrong != "" {
		f.Attention = wrong
	}
}

// above reports whether the provider takes more than was reserved.
func (f *Fulfillment) above(seen ExternalOrder) (bool, error) {
	charge, told, _ := f.charge(seen)
	if !told {
		return false, nil
	}
	most, err := Sum(f.Charged, f.Reserved)
	return charge.Cmp(most) > 0, err
}

// charge returns what the provider says it takes, where it does, or what is wrong with that.
func (f *Fulfillment) charge(seen ExternalOrder) (charge decimal.Decimal, told bool, wrong string) {
	if seen.Charge == nil {
		return decimal.Zero, false, ""
	}
	checked, err := NewMoney(seen.Charge.Amount, seen.Charge.Currency)
	switch {
	case err != nil:
		return decimal.Zero, false, fmt.Sprintf("the provider named an impossible charge: %v", err)
	case checked.Currency != f.Currency:
		return decimal.Zero, false, fmt.Sprintf("the provider charged in %s, not in %s", checked.Currency, f.Currency)
	default:
		return checked.Amount, true, ""
	}
}

// closeMoney releases what is still reserved. Unless the provider has told what it takes, the estimate for what was
// delivered is charged before.
func (c *Case) closeMoney(f *Fulfillment, told bool) error {
	if !told && f.Delivered > 0 && f.Charged.IsZero() {
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
	return c.record(EventCharged, f, func() error { return c.closeMoney(f, false) })
}

// enter writes one ledger entry and moves the sums of the order and the fulfillment by it.
func (c *Case) enter(f *Fulfillment, kind EntryKind, reserved, spent, overcharge decimal.Decimal) error {
	c.Entries = append(c.Entries, LedgerEntry{
		ID: id.New(id.LedgerEntry), AccountID: c.Order.AccountID, OrderID: c.Order.ID, FulfillmentID: f.ID,
		ProviderID: *f.ProviderID, Kind: kind, Currency: f.Currency,
		Reserved: reserved, Spent: spent, Overcharge: overcharge, Day: f.BudgetDay, CreatedAt: c.Now,
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
