package order_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/boostress/boostress/internal/id"
	"github.com/boostress/boostress/order"
)

func TestChargeArrivesLater(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ charge, spent, overcharge string }{
		{"20", "20", "0"}, {"7", "7", "0"}, {"0", "0", "0"}, {"25", "25", "5"},
	} {
		s := newScene(t, 2, "20")
		s.submit("10")
		s.hears(order.ExternalFulfilled, 2, "")
		finished := *s.Order.FinishedAt
		if !s.last().AwaitsCharge() || s.last().ChargeOverdue(s.Now.Add(6*24*time.Hour)) || !s.last().ChargeOverdue(s.Now.Add(8*24*time.Hour)) {
			t.Errorf("the charge is to be awaited for a week: %+v", s.last())
		}
		s.wantMoney("20", "0", "0")
		s.hears(order.ExternalFulfilled, 2, test.charge)
		s.wantMoney("0", test.spent, test.overcharge)
		s.want(order.Fulfilled, order.FulfillmentFulfilled)
		if s.last().AwaitsCharge() && test.charge != "0" || !s.Order.FinishedAt.Equal(finished) {
			t.Errorf("after the charge: %+v, finished %s, at first %s", s.last(), s.Order.FinishedAt, finished)
		}
	}
}

func TestFreeOfChargeIsNotAssumed(t *testing.T) {
	t.Parallel()
	s := newScene(t, 2, "")
	s.submit("10")
	s.hears(order.ExternalFulfilled, 2, "0")
	s.wantMoney("0", "0", "0")
	s = newScene(t, 2, "")
	s.submit("10")
	s.hears(order.ExternalPartial, 1, "")
	s.hears(order.ExternalCanceled, 1, "")
	s.wantMoney("0", "10", "0")
	s.want(order.PartiallyFulfilled, order.FulfillmentCanceled)
}

func TestChargeCorrectsItself(t *testing.T) {
	t.Parallel()
	s := newScene(t, 1, "20")
	s.submit("20")
	s.hears(order.ExternalAccepted, 0, "20")
	s.wantMoney("0", "20", "0")
	s.hears(order.ExternalAccepted, 0, "5")
	s.wantMoney("15", "5", "0")
	s.hears(order.ExternalAccepted, 0, "20")
	s.wantMoney("0", "20", "0")
	s.hears(order.ExternalAccepted, 0, "24")
	s.wantMoney("0", "24", "4")
	s.hears(order.ExternalFulfilled, 1, "12")
	s.wantMoney("0", "12", "0")
	s.hears(order.ExternalFulfilled, 1, "6")
	s.wantMoney("0", "6", "0")
	s.hears(order.ExternalFulfilled, 1, "7")
	s.wantMoney("0", "7", "1")
}

func TestOverchargeStopsReservations(t *testing.T) {
	t.Parallel()
	s := newScene(t, 2, "100")
	f := s.submit("10")
	s.hears(order.ExternalAccepted, 0, "21")
	s.wantMoney("0", "21", "1")
	if s.kinds()[2] != order.EventOvercharged || s.Order.Attention == "" {
		t.Errorf("events %v, attention %q", s.kinds(), s.Order.Attention)
	}
	s.want(order.Processing, order.FulfillmentSubmitted)
	if f.ChangedAt == nil {
		t.Error("the provider said something new, and that is not noted")
	}
	next, err := s.Reject(f, "out of stock", true)
	s.ok(err)
	err = s.Submit(next, &order.Offer{ID: id.New(id.Offer), ProviderID: id.New(id.Provider), UnitPrice: amount("0.000001"), Currency: "EUR"})
	if !errors.Is(err, order.ErrBudget) || !errors.Is(err, order.ErrMoney) {
		t.Errorf("a reservation after an overcharge: %v", err)
	}
}

func TestOddChargesNeedAPerson(t *testing.T) {
	t.Parallel()
	dollars := order.Money{Amount: amount("9"), Currency: "USD"}
	negative := money("-9")
	for _, charge := range []order.Money{dollars, negative} {
		for state, want := range map[order.ExternalState]string{
			order.ExternalAccepted: "10", order.ExternalFulfilled: "10", order.ExternalCanceled: "0", order.ExternalRejected: "0",
		} {
			s := newScene(t, 1, "10")
			f := s.submit("10")
			_, err := s.Observe(f, order.ExternalOrder{ExternalID: "x", State: state, Charge: &charge, Reroutable: true})
			s.ok(err)
			if f.Attention == "" || s.Order.Attention == "" {
				t.Errorf("%s with a charge of %s draws no attention: %+v", state, charge, f)
			}
			s.wantMoney(want, "0", "0")
		}
	}
}

func TestEntryAmount(t *testing.T) {
	t.Parallel()
	s := newScene(t, 1, "")
	s.submit("20")
	s.hears(order.ExternalAccepted, 0, "15")
	s.hears(order.ExternalFulfilled, 1, "12")
	got := map[order.EntryKind]string{}
	for _, entry := range s.Entries {
		amount := entry.Amount()
		got[entry.Kind] = plain(amount.Amount) + " " + string(amount.Currency)
	}
	want := map[order.EntryKind]string{
		order.EntryReservation: "20 EUR", order.EntryCharge: "15 EUR", order.EntryRefund: "3 EUR", order.EntryRelease: "8 EUR",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("entries (-want +got):\n%s", diff)
	}
}
