package order_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/govalues/decimal"

	"github.com/boostress/boostress/internal/id"
	"github.com/boostress/boostress/order"
)

// scene is an order of one line with one fulfillment, told as a story.
type scene struct {
	*order.Case
	t *testing.T
}

func newScene(t *testing.T, quantity int, budget string) *scene {
	t.Helper()
	o := &order.Order{ID: id.New(id.Order), AccountID: id.New(id.Account), Currency: "EUR", Quantity: quantity, CreatedAt: noon}
	if budget != "" {
		limit := amount(budget)
		o.Budget = &limit
	}
	s := &scene{Case: &order.Case{Order: o, Now: noon, Actor: "key:test"}, t: t}
	s.ok(s.Place([]order.Line{{ID: id.New(id.Line), Quantity: quantity}}))
	return s
}

func (s *scene) ok(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
	s.Now = s.Now.Add(time.Minute)
}

func (s *scene) last() *order.Fulfillment { return s.Fulfillments[len(s.Fulfillments)-1] }

// submit gives the latest fulfillment to a new provider.
func (s *scene) submit(price string) *order.Fulfillment {
	s.t.Helper()
	f := s.last()
	s.ok(s.Submit(f, &order.Offer{ID: id.New(id.Offer), ProviderID: id.New(id.Provider), UnitPrice: amount(price), Currency: "EUR"}))
	return f
}

// hears has the latest fulfillment's provider say something.
func (s *scene) hears(state order.ExternalState, delivered int, charge string) (askCancel bool) {
	s.t.Helper()
	seen := order.ExternalOrder{ExternalID: "x-1", State: state, RawStatus: string(state), Delivered: delivered}
	if charge != "" {
		price := money(charge)
		seen.Charge = &price
	}
	askCancel, err := s.Observe(s.last(), seen)
	s.ok(err)
	return askCancel
}

func (s *scene) kinds() (kinds []order.EventKind) {
	for _, event := range s.Events {
		kinds = append(kinds, event.Kind)
	}
	return kinds
}

func (s *scene) wantMoney(reserved, spent, overcharge string) {
	s.t.Helper()
	want := []decimal.Decimal{amount(reserved), amount(spent), amount(overcharge)}
	if diff := cmp.Diff(want, []decimal.Decimal{s.Order.Reserved, s.Order.Spent, s.Order.Overcharge}, exact()); diff != "" {
		s.t.Errorf("reserved, spent, overcharge (-want +got):\n%s", diff)
	}
}

func (s *scene) want(status order.Status, last order.FulfillmentStatus) {
	s.t.Helper()
	if s.Order.Status != status || s.last().Status != last {
		s.t.Errorf("order %s, fulfillment %s; want %s and %s", s.Order.Status, s.last().Status, status, last)
	}
}

func TestOrderIsFulfilled(t *testing.T) {
	t.Parallel()
	s := newScene(t, 4, "50")
	s.want(order.Pending, order.FulfillmentPending)
	s.submit("10")
	s.want(order.Processing, order.FulfillmentSubmitting)
	s.wantMoney("40", "0", "0")
	s.hears(order.ExternalAccepted, 0, "")
	s.hears(order.ExternalInProgress, 0, "")
	s.hears(order.ExternalPartial, 1, "")
	s.want(order.PartiallyFulfilled, order.FulfillmentPartiallyFulfilled)
	s.hears(order.ExternalFulfilled, 4, "38.50")
	s.want(order.Fulfilled, order.FulfillmentFulfilled)
	s.wantMoney("0", "38.50", "0")
	want := []order.EventKind{
		order.EventPlaced, order.EventSubmitting, order.EventSubmitted, order.EventProgressed, order.EventProgressed, order.EventFulfilled,
	}
	if diff := cmp.Diff(want, s.kinds()); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	if last := s.Events[len(s.Events)-1]; last.Snapshot.FinishedAt == nil || last.Actor != "key:test" || *last.FulfillmentID != s.last().ID {
		t.Errorf("the last event is %+v", last)
	}
}

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

func TestRejectedIsRoutedAgain(t *testing.T) {
	t.Parallel()
	s := newScene(t, 5, "")
	first := s.submit("1")
	s.hears(order.ExternalPartial, 2, "")
	s.hears(order.ExternalRejected, 2, "") // for good
	s.want(order.PartiallyFailed, order.FulfillmentFailed)
	if first.Failure == "" || first.Attention == "" {
		t.Errorf("nobody is told: %+v", first)
	}

	s = newScene(t, 5, "")
	first = s.submit("1")
	s.hears(order.ExternalPartial, 2, "")
	_, err := s.Observe(first, order.ExternalOrder{ExternalID: "x-1", State: order.ExternalRejected, Message: "no paper", Reroutable: true})
	s.ok(err)
	s.want(order.PartiallyFulfilled, order.FulfillmentPending)
	second := s.submit("1")
	s.wantMoney("3", "2", "0")
	_, err = s.Observe(second, order.ExternalOrder{State: order.ExternalRejected, Reroutable: true})
	s.ok(err)
	third := s.last()
	if third.Quantity != 3 || *third.ReplacesID != second.ID || len(third.Excluded) != 2 || first.Failure != "no paper" {
		t.Errorf("the third is %+v", third)
	}
}

func TestRejectedWithNothingLeftIsFulfilled(t *testing.T) {
	t.Parallel()
	s := newScene(t, 2, "")
	f := s.submit("1")
	s.hears(order.ExternalPartial, 2, "")
	_, err := s.Observe(f, order.ExternalOrder{State: order.ExternalRejected, Reroutable: true})
	s.ok(err)
	s.want(order.Fulfilled, order.FulfillmentFulfilled)
	s.wantMoney("0", "2", "0")
}

func TestUnknownIsReconciled(t *testing.T) {
	t.Parallel()
	s := newScene(t, 1, "10")
	f := s.submit("10")
	s.ok(s.Lost(f, "timeout"))
	s.ok(s.NeedPerson(f, "look there"))
	s.want(order.Processing, order.FulfillmentUnknown)
	s.wantMoney("10", "0", "0")
	if s.Order.Attention != "look there" {
		t.Errorf("attention is %q", s.Order.Attention)
	}
	s.hears(order.ExternalInProgress, 0, "")
	s.want(order.Processing, order.FulfillmentInProgress)
	if f.SubmittedAt == nil || f.Failure != "" || s.Order.Attention != "" {
		t.Errorf("it was found, and is %+v", f)
	}

	s = newScene(t, 1, "10")
	f = s.submit("10")
	key := order.CreateKey(f)
	s.ok(s.Lost(f, "timeout"))
	s.ok(s.Retry(f, "the provider never got it", true))
	s.want(order.Processing, order.FulfillmentRetryWait)
	s.ok(s.Resubmit(f))
	if order.CreateKey(f) == key {
		t.Error("the next call has the key of the lost one")
	}
	s.wantMoney("10", "0", "0")
}

func TestWordsOfProviders(t *testing.T) {
	t.Parallel()
	s := newScene(t, 3, "")
	f := s.submit("1")
	s.hears(order.ExternalOther, 0, "") // an unknown word is an answer all the same
	s.want(order.Processing, order.FulfillmentSubmitted)
	s.hears(order.ExternalPartial, 2, "")
	s.hears(order.ExternalOther, 0, "")
	if f.ExternalStatus != "OTHER" || f.Delivered != 2 || f.Status != order.FulfillmentPartiallyFulfilled {
		t.Errorf("after a word that nobody knows: %+v", f)
	}
	_, err := s.Observe(f, order.ExternalOrder{State: order.ExternalPartial, Delivered: 2})
	s.ok(err)
	if f.ExternalID != "x-1" || f.ExternalStatus != "OTHER" {
		t.Errorf("an answer without id and word took them away: %+v", f)
	}
	s.hears(order.ExternalInProgress, 2, "") // older than what is known
	if f.ExternalStatus != "OTHER" {
		t.Errorf("a stale word was taken: %+v", f)
	}
	s.hears(order.ExternalInProgress, 9, "") // not older, if odd: more arrived, though no more than was ordered
	if f.Delivered != 3 || f.Status != order.FulfillmentPartiallyFulfilled {
		t.Errorf("after more was delivered: %+v", f)
	}
}

func TestCancel(t *testing.T) {
	t.Parallel()
	t.Run("untouched", func(t *testing.T) {
		t.Parallel()
		s := newScene(t, 1, "")
		toAsk, err := s.AskCancel()
		s.ok(err)
		s.want(order.Canceled, order.FulfillmentCanceled)
		if len(toAsk) > 0 {
			t.Errorf("ask for %v", toAsk)
		}
	})
	t.Run("waiting", func(t *testing.T) {
		t.Parallel()
		s := newScene(t, 1, "10")
		f := s.submit("10")
		s.ok(s.Retry(f, "busy", false))
		_, err := s.AskCancel()
		s.ok(err)
		s.want(order.Canceled, order.FulfillmentCanceled)
		s.wantMoney("0", "0", "0")
	})
	t.Run("on its way", func(t *testing.T) {
		t.Parallel()
		s := newScene(t, 1, "10")
		f := s.submit("10")
		toAsk, err := s.AskCancel()
		s.ok(err)
		s.want(order.Canceling, order.FulfillmentSubmitting)
		if len(toAsk) > 0 || !f.CancelAsked {
			t.Errorf("ask for %v, fulfillment %+v", toAsk, f)
		}
		if !s.hears(order.ExternalAccepted, 0, "") {
			t.Fatal("it was accepted, and nobody asks to cancel it")
		}
		s.ok(s.RequestCancel(f))
		s.want(order.Canceling, order.FulfillmentCancelRequested)
		if s.hears(order.ExternalInProgress, 0, "") {
			t.Error("the provider is asked twice")
		}
		s.want(order.Canceling, order.FulfillmentCancelRequested)
		s.hears(order.ExternalCanceled, 0, "3")
		s.want(order.Canceled, order.FulfillmentCanceled)
		s.wantMoney("0", "3", "0")
	})
	t.Run("on its way, and not accepted", func(t *testing.T) {
		t.Parallel()
		s := newScene(t, 1, "10")
		f := s.submit("10")
		_, err := s.AskCancel()
		s.ok(err)
		s.ok(s.Retry(f, "busy", false))
		s.want(order.Canceled, order.FulfillmentCanceled)
		s.wantMoney("0", "0", "0")
	})
	t.Run("refused", func(t *testing.T) {
		t.Parallel()
		s := newScene(t, 2, "")
		f := s.submit("10")
		s.hears(order.ExternalAccepted, 0, "")
		toAsk, err := s.AskCancel()
		s.ok(err)
		if len(toAsk) != 1 || toAsk[0] != f {
			t.Fatalf("ask for %v", toAsk)
		}
		s.ok(s.RefuseCancel(f, "printed"))
		s.want(order.Processing, order.FulfillmentInProgress)
		if f.CancelAsked || f.Failure == "" {
			t.Errorf("after the refusal: %+v", f)
		}
		if toAsk, err = s.AskCancel(); len(toAsk) != 1 || err != nil {
			t.Errorf("a refused cancellation can't be asked for again: %v, %v", toAsk, err)
		}
		s.hears(order.ExternalFulfilled, 2, "20")
		s.want(order.Fulfilled, order.FulfillmentFulfilled)
		if _, err := s.AskCancel(); !errors.Is(err, order.ErrFulfilled) {
			t.Errorf("cancel what was delivered: %v", err)
		}
	})
	t.Run("no new start", func(t *testing.T) {
		t.Parallel()
		s := newScene(t, 1, "")
		f := s.submit("10")
		_, err := s.AskCancel()
		s.ok(err)
		if next, err := s.Reject(f, "out of stock", true); next != nil || err != nil {
			t.Errorf("rejected while being canceled: %v, %v", next, err)
		}
		s.want(order.Canceled, order.FulfillmentCanceled)
	})
}

func TestExpire(t *testing.T) {
	t.Parallel()
	s := newScene(t, 1, "")
	s.ok(s.Unroutable(s.last(), "no offer"))
	s.ok(s.Expire())
	s.want(order.Expired, order.FulfillmentCanceled)
	if s.Order.Attention != "" {
		t.Errorf("attention is %q", s.Order.Attention)
	}

	s = newScene(t, 2, "")
	s.submit("1")
	s.hears(order.ExternalAccepted, 0, "")
	s.ok(s.Expire())
	s.want(order.Processing, order.FulfillmentSubmitted)
	s.hears(order.ExternalPartial, 1, "")
	s.hears(order.ExternalFailed, 1, "")
	s.want(order.Expired, order.FulfillmentFailed)
	s.wantMoney("0", "1", "0")
}

func TestUnassign(t *testing.T) {
	t.Parallel()
	s := newScene(t, 1, "10")
	f := s.submit("10")
	key := order.CreateKey(f)
	s.ok(s.Retry(f, "busy", false))
	s.ok(s.Unassign(f, "the provider is paused"))
	s.wantMoney("0", "0", "0")
	s.want(order.Pending, order.FulfillmentPending)
	if f.ProviderID != nil || f.OfferID != nil {
		t.Errorf("still with its provider: %+v", f)
	}
	s.submit("10")
	if order.CreateKey(f) == key {
		t.Error("the key is the old one")
	}
}

func TestImpossibleSteps(t *testing.T) {
	t.Parallel()
	s := newScene(t, 1, "")
	f := s.last()
	if err := s.Lost(f, "?"); !errors.Is(err, order.ErrTransition) {
		t.Errorf("lose what was never sent: %v", err)
	}
	if err := s.RequestCancel(f); !errors.Is(err, order.ErrTransition) {
		t.Errorf("ask nobody to cancel: %v", err)
	}
	tooDear := &order.Offer{ProviderID: id.New(id.Provider), UnitPrice: amount("9999999999999"), Currency: "EUR"}
	if err := s.Submit(f, tooDear); !errors.Is(err, order.ErrMoney) {
		t.Errorf("an impossible price: %v", err)
	}
	if s.Find(id.New(id.Fulfillment)) != nil || s.Find(f.ID) != f {
		t.Error("Find finds what it should not, or doesn't find what it should")
	}
}

func TestPlanPoll(t *testing.T) {
	t.Parallel()
	s := newScene(t, 1, "")
	f := s.submit("1")
	s.hears(order.ExternalAccepted, 0, "")
	can := order.Capabilities{PollMin: 5 * time.Second, PollMax: time.Hour}
	for _, test := range []struct {
		can   order.Capabilities
		quiet time.Duration
		want  time.Duration
	}{
		{can, 0, 5 * time.Second},
		{can, time.Minute, 30 * time.Second},
		{can, 24 * time.Hour, time.Hour},
		{order.Capabilities{}, 0, time.Second},
		{order.Capabilities{}, 24 * time.Hour, 15 * time.Minute},
		{order.Capabilities{PollMin: time.Hour, PollMax: time.Minute}, 0, time.Hour},
	} {
		s.Now = f.ChangedAt.Add(test.quiet)
		s.PlanPoll(f, test.can)
		if got := f.NextPollAt.Sub(s.Now); got != test.want {
			t.Errorf("quiet for %s: polled after %s, want %s", test.quiet, got, test.want)
		}
	}
	s.hears(order.ExternalFulfilled, 1, "1")
	if s.PlanPoll(f, can); f.NextPollAt != nil {
		t.Errorf("polled though nothing is to come: %+v", f)
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
