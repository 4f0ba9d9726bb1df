package order_test

import (
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
	s.PlanPoll(f, can)
	if f.NextPollAt != nil {
		t.Errorf("polled though nothing is to come: %+v", f)
	}
}
