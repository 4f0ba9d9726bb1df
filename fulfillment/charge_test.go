package fulfillment_test

import (
	"slices"
	"testing"

	"github.com/boostress/boostress/fulfillment"
	"github.com/boostress/boostress/order"
)

func TestCharges(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		charge            *order.Money
		reserved, spent   string
		overcharge        string
		attention, polled bool
	}{
		"as expected":    {money("10"), "0", "10", "0", false, false},
		"less":           {money("4.123456"), "0", "4.123456", "0", false, false},
		"free":           {money("0"), "0", "0", "0", false, false},
		"more":           {money("12"), "0", "12", "2", true, false},
		"not told":       {nil, "10", "0", "0", false, true},
		"in dollars":     {&order.Money{Amount: amount("9"), Currency: "USD"}, "10", "0", "0", true, true},
		"negative":       {money("-9"), "10", "0", "0", true, true},
		"too many cents": {money("9.1234567"), "10", "0", "0", true, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStand(t)
			provider := s.provider("one", "5")
			o, f := s.submitted(func(d *order.Draft) { d.Budget = money("50") })
			s.observe(f, seen(f.ExternalID, order.ExternalFulfilled, 2, test.charge))
			s.want(o, order.Fulfilled, order.FulfillmentFulfilled)
			s.wantMoney(o, test.reserved, test.spent, test.overcharge)
			now, counted := s.order(o), s.providerNow(provider)
			if (now.Attention != "") != test.attention || (s.fulfillment(o).NextPollAt != nil) != test.polled {
				t.Errorf("attention %q, fulfillment %+v", now.Attention, s.fulfillment(o))
			}
			if !counted.Reserved.Equal(now.Reserved) || !counted.Spent.Equal(now.Spent) || !counted.Overcharge.Equal(now.Overcharge) {
				t.Errorf("the provider counts %+v", counted)
			}
			if overcharged := slices.Contains(s.kinds(o), "OVERCHARGED"); overcharged != (test.overcharge != "0") {
				t.Errorf("events are %v", s.kinds(o))
			}
		})
	}
}

func (s *stand) providerNow(p *order.Provider) order.Provider {
	s.t.Helper()
	now, err := s.Provider(s.ctx(), p.ID)
	must(s.t, err)
	return now
}

func TestLateCharge(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	s.provider("one", "5")
	o, f := s.submitted(nil)
	s.observe(f, seen(f.ExternalID, order.ExternalFulfilled, 2, nil))
	finished := s.order(o).FinishedAt
	s.observe(f, seen(f.ExternalID, order.ExternalFulfilled, 2, money("9")))
	s.wantMoney(o, "0", "9", "0")
	if now := s.order(o); !now.FinishedAt.Equal(*finished) {
		t.Errorf("finished %s, and again %s", finished, now.FinishedAt)
	}
	if now := s.fulfillment(o); now.NextPollAt != nil {
		t.Errorf("still polled: %+v", now)
	}
}

func TestChargeThatNeverComes(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	s.provider("one", "5")
	o, f := s.submitted(nil)
	s.observe(f, seen(f.ExternalID, order.ExternalFulfilled, 2, nil))
	s.observe(f, nil)
	s.wantMoney(o, "10", "0", "0")
	s.exec("UPDATE fulfillments SET finished_at = finished_at - interval '8 days'")
	s.observe(f, nil)
	s.wantMoney(o, "0", "10", "0")
	if now := s.fulfillment(o); now.NextPollAt != nil {
		t.Errorf("still polled: %+v", now)
	}
}

func TestOverchargeTakesNoNewReservations(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	provider := s.providerWith(fulfillment.ProviderInput{Name: new("one"), Budget: &money("1000").Amount})
	s.offer(provider, "5")
	o, f := s.submitted(nil)
	s.observe(f, seen(f.ExternalID, order.ExternalFulfilled, 2, money("11")))
	next := s.place(nil)
	s.idle()
	s.want(next, order.Pending, order.FulfillmentUnroutable)
	s.observe(f, seen(f.ExternalID, order.ExternalFulfilled, 2, money("10"))) // taken back
	s.wantMoney(o, "0", "10", "0")
	s.step(fulfillment.StepCreate)
	s.want(next, order.Processing, order.FulfillmentSubmitting)
}
