package order_test

import (
	"time"

	"github.com/google/uuid"
	"github.com/govalues/decimal"
	"pgregory.net/rapid"

	"github.com/boostress/boostress/order"
)

// checkDays: a reservation counts for the day it was made on, and so does all that follows it; of days that a fulfillment
// has left behind nothing is reserved any more.
func (m *model) checkDays(t *rapid.T) {
	type place struct {
		fulfillment uuid.UUID
		day         time.Time
	}
	reserved := map[place]decimal.Decimal{}
	for _, e := range m.entries {
		if e.Day == nil || e.Kind == order.EntryReservation && !e.Day.Equal(order.DayOf(e.CreatedAt)) {
			t.Fatalf("a %s of %s counts for %v", e.Kind, e.CreatedAt, e.Day)
		}
		at := place{e.FulfillmentID, *e.Day}
		reserved[at] = add(t, reserved[at], e.Reserved)
	}
	for _, f := range m.rows {
		if f.ProviderID == nil && f.BudgetDay != nil {
			t.Fatalf("no provider has it, and it counts for %s: %+v", f.BudgetDay, f)
		}
	}
	for at, sum := range reserved {
		f := m.rows[at.fulfillment]
		current := f.BudgetDay != nil && f.BudgetDay.Equal(at.day)
		if !current && !sum.IsZero() || current && !sum.Equal(f.Reserved) {
			t.Fatalf("%s are reserved of %s, by the fulfillment %s of %v", sum, at.day, f.Reserved, f.BudgetDay)
		}
	}
}
