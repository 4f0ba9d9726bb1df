package order_test

import (
	"testing"
	"time"

	"github.com/govalues/decimal"

	"github.com/boostress/boostress/order"
)

func TestAffordsToday(t *testing.T) {
	t.Parallel()
	ten := decimal.MustParse("10")
	tests := map[string]struct {
		budget          *decimal.Decimal
		reserved, spent string
		want            bool
	}{
		"no budget":        {nil, "1000", "1000", true},
		"nothing used":     {&ten, "0", "0", true},
		"the last of it":   {&ten, "4", "2", true},
		"reserved counts":  {&ten, "6.000001", "0", false},
		"spent counts":     {&ten, "0", "6.000001", false},
		"both count":       {&ten, "3", "3.000001", false},
		"more than it had": {&ten, "0", "99", false},
	}
	for name, test := range tests {
		p := order.Provider{DayBudget: test.budget, Today: order.Today{
			Reserved: decimal.MustParse(test.reserved), Spent: decimal.MustParse(test.spent),
		}}
		if got := p.AffordsToday(decimal.MustParse("4")); got != test.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}

func TestBreakerOpen(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	until := func(moved time.Duration) *time.Time { moment := now.Add(moved); return &moment }
	for name, test := range map[string]struct {
		until *time.Time
		want  bool
	}{
		"never opened": {nil, false}, "open": {until(time.Nanosecond), true}, "just over": {until(0), false},
	} {
		p := order.Provider{Measured: order.Measured{BreakerOpenUntil: test.until}}
		if got := p.BreakerOpen(now); got != test.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}
