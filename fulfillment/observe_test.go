package fulfillment_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/boostress/boostress/fulfillment"
	"github.com/boostress/boostress/internal/id"
	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/task"
)

func TestPolls(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	one, two := s.provider("one", "1"), s.provider("two", "2")
	can := native
	can.PollMin, can.PollMax = time.Minute, time.Hour
	s.setCapabilities(one, can)
	o, f := s.submitted(nil)
	if due, err := s.due(one); len(due) > 0 || err != nil {
		t.Fatalf("due at once: %+v, %v", due, err)
	}
	must(t, s.EnsurePolls(s.ctx()))
	s.wantTasks()
	s.exec("UPDATE fulfillments SET next_poll_at = now() - interval '1 second'")
	for range 2 { // once is enough
		must(t, s.EnsurePolls(s.ctx()))
		s.wantTasks(task.KindPollProvider)
	}
	due, err := s.due(one)
	if err != nil || len(due) != 1 || due[0].ID != f.ID {
		t.Fatalf("due is %+v, %v", due, err)
	}
	if due, err := s.due(two); len(due) > 0 || err != nil {
		t.Errorf("due at the other provider: %+v, %v", due, err)
	}
	events := s.kinds(o)
	for range 2 { // a provider that says the same, or does not know it, changes nothing but the plan
		for _, said := range []*order.ExternalOrder{
			seen(f.ExternalID, order.ExternalAccepted, 0, nil), nil, seen("another", order.ExternalFulfilled, 2, nil),
		} {
			s.observe(s.fulfillment(o), said)
		}
	}
	if after := s.kinds(o); !slices.Equal(after, events) {
		t.Errorf("events are %v after %v", after, events)
	}
	if now := s.fulfillment(o); now.NextPollAt.Before(time.Now().Add(50 * time.Second)) {
		t.Errorf("read again in %s", time.Until(*now.NextPollAt))
	}
	must(t, s.Observe(s.ctx(), *two, []fulfillment.Observation{ // says what is none of its business
		{OrderID: f.OrderID, FulfillmentID: f.ID, Order: seen(f.ExternalID, order.ExternalFulfilled, 2, nil)},
	}))
	s.want(o, order.Processing, order.FulfillmentSubmitted)
	s.observe(f, seen(f.ExternalID, order.ExternalInProgress, 0, nil))
	s.want(o, order.Processing, order.FulfillmentInProgress)
	s.exec("DELETE FROM tasks")
	if _, err := s.due(&order.Provider{ID: id.New(id.Provider)}); !errors.Is(err, order.ErrNotFound) {
		t.Errorf("polls of no provider: %v", err)
	}
}

func (s *stand) due(p *order.Provider) ([]*order.Fulfillment, error) {
	_, due, err := s.DuePolls(s.ctx(), p.ID, 100)
	return due, err
}

func TestStatusesInAnyOrder(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	s.provider("one", "5")
	o, f := s.submitted(nil)
	for _, said := range []*order.ExternalOrder{
		seen(f.ExternalID, order.ExternalPartial, 1, nil),
		seen(f.ExternalID, order.ExternalInProgress, 0, nil),
		seen(f.ExternalID, order.ExternalAccepted, 0, nil),
		seen(f.ExternalID, order.ExternalPartial, 1, nil),
	} {
		s.observe(f, said)
		s.want(o, order.PartiallyFulfilled, order.FulfillmentPartiallyFulfilled)
	}
	s.observe(f, seen(f.ExternalID, order.ExternalFulfilled, 2, money("10")))
	events := s.kinds(o)
	for _, said := range []*order.ExternalOrder{
		seen(f.ExternalID, order.ExternalPartial, 1, money("5")),
		seen(f.ExternalID, order.ExternalFulfilled, 2, money("10")),
		seen(f.ExternalID, order.ExternalInProgress, 0, nil),
	} {
		s.observe(f, said)
	}
	s.want(o, order.Fulfilled, order.FulfillmentFulfilled)
	s.wantMoney(o, "0", "10", "0")
	if after := s.kinds(o); !slices.Equal(after, events) {
		t.Errorf("events are %v after %v", after, events)
	}
}

func TestHints(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	provider := s.provider("one", "5")
	can := native
	can.PollMin = time.Hour
	s.setCapabilities(provider, can)
	_, f := s.submitted(nil)
	_, g := s.submitted(nil)
	hint := func(delivery string, externalIDs, keys []string) {
		t.Helper()
		must(t, s.Hint(s.ctx(), *provider, delivery, externalIDs, keys))
	}
	wantDue := func(want ...uuid.UUID) {
		t.Helper()
		due, err := s.due(provider)
		must(t, err)
		var got []uuid.UUID
		for _, one := range due {
			got = append(got, one.ID)
		}
		if !slices.Equal(got, want) {
			t.Errorf("due are %v, want %v", got, want)
		}
	}
	hint("1", []string{"nobody's"}, []string{"not ours", order.CreateKey(&order.Fulfillment{ID: id.New(id.Fulfillment), ProviderID: &provider.ID})})
	wantDue()
	s.wantTasks()
	hint("2", []string{f.ExternalID}, nil)
	wantDue(f.ID)
	s.wantTasks(task.KindPollProvider)
	s.observe(s.fulfillment(&order.Order{ID: f.OrderID}), nil)
	wantDue()
	hint("2", []string{f.ExternalID}, nil) // came twice
	wantDue()
	hint("3", nil, []string{order.CreateKey(g)})
	wantDue(g.ID)
	s.wantTasks(task.KindPollProvider) // the one that waits will read it
	other := s.provider("other", "5")
	must(t, s.Hint(s.ctx(), *other, "2", []string{f.ExternalID}, []string{order.CreateKey(f)}))
	wantDue(g.ID) // of no concern to another provider
	s.exec("DELETE FROM tasks")
}

// TestHintDuringAPoll: what the provider said was asked for before the hint, so that it has to be read once more.
func TestHintDuringAPoll(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	provider := s.provider("one", "5")
	can := native
	can.PollMin = time.Hour
	s.setCapabilities(provider, can)
	o, _ := s.submitted(nil)
	s.exec("UPDATE fulfillments SET next_poll_at = now() - interval '1 second'")
	due, err := s.due(provider)
	must(t, err)
	s.exec("UPDATE fulfillments SET next_poll_at = now() + interval '1 hour'") // another poll came first
	must(t, s.Hint(s.ctx(), *provider, "1", []string{due[0].ExternalID}, nil))
	s.observe(due[0], seen(due[0].ExternalID, order.ExternalAccepted, 0, nil))
	if again, err := s.due(provider); len(again) != 1 || err != nil {
		t.Fatalf("the hint is lost: %v, %v", again, err)
	}
	s.observe(s.fulfillment(o), seen(due[0].ExternalID, order.ExternalFulfilled, 2, money("1")))
	if again, err := s.due(provider); len(again) != 0 || err != nil {
		t.Errorf("read again though it has ended: %v, %v", again, err)
	}
	s.exec("DELETE FROM tasks")
}

func TestRejectedLater(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	s.provider("one", "1")
	two := s.provider("two", "2")
	o, f := s.submitted(nil)
	s.observe(f, seen(f.ExternalID, order.ExternalPartial, 1, nil))
	rejected := seen(f.ExternalID, order.ExternalRejected, 1, nil)
	rejected.Reroutable, rejected.Message = true, "no paper"
	s.observe(f, rejected)
	s.want(o, order.PartiallyFulfilled, order.FulfillmentPending)
	s.wantMoney(o, "0", "1", "0")
	step := s.step(fulfillment.StepCreate)
	if step.Provider.ID != two.ID || step.Request.Quantity != 1 {
		t.Errorf("step is %+v", step)
	}
	s.record(step, order.Outcome{Class: order.ClassAccepted, Order: seen("y", order.ExternalFulfilled, 1, money("2"))})
	s.want(o, order.Fulfilled, order.FulfillmentFulfilled)
	s.wantMoney(o, "0", "3", "0")
}

func TestWhatCantBeTakenInStandsInNobodysWay(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	provider := s.provider("one", "5")
	bad, f := s.submitted(nil)
	good, g := s.submitted(nil)
	odd := seen(f.ExternalID, order.ExternalInProgress, 0, nil)
	odd.RawStatus = "a\x00b" // no text to a database; adapters leave that out
	err := s.Observe(s.ctx(), s.providerNow(provider), []fulfillment.Observation{
		{OrderID: f.OrderID, FulfillmentID: f.ID, Order: odd},
		{OrderID: g.OrderID, FulfillmentID: g.ID, Order: seen(g.ExternalID, order.ExternalFulfilled, 2, money("10"))},
		{OrderID: id.New(id.Order), FulfillmentID: g.ID, Order: odd},
		{OrderID: f.OrderID, FulfillmentID: g.ID, Order: odd},
	})
	must(t, err)
	s.want(good, order.Fulfilled, order.FulfillmentFulfilled)
	s.want(bad, order.Processing, order.FulfillmentSubmitted)
	if now := s.fulfillment(bad); now.Attention == "" || now.NextPollAt.Before(time.Now()) {
		t.Errorf("what can't be taken in: %+v", now)
	}
}

func TestProviderThatForgets(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	s.provider("one", "5")
	o, f := s.submitted(nil)
	s.observe(f, nil)
	if now := s.order(o); now.Attention != "" {
		t.Errorf("attention is %q though its lists may lag behind", now.Attention)
	}
	s.age(2 * time.Hour)
	for range 2 {
		s.observe(f, nil)
	}
	if now := s.order(o); now.Attention == "" || len(s.kinds(o)) != 4 {
		t.Errorf("attention is %q, events %v", now.Attention, s.kinds(o))
	}
	s.observe(f, seen(f.ExternalID, order.ExternalAccepted, 0, nil))
	if now := s.order(o); now.Attention != "" {
		t.Errorf("attention is still %q", now.Attention)
	}
}
