package fulfillment_test

import (
	"slices"
	"testing"
	"time"

	"github.com/boostress/boostress/fulfillment"
	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/routing"
	"github.com/boostress/boostress/task"
)

// promised is a provider whose offer promises progress within an hour.
func (s *stand) promised() *order.Provider {
	s.t.Helper()
	p := s.provider("one", "5")
	s.exec("UPDATE offers SET sla_ms = 3600000 WHERE provider_id = $1", p.ID)
	return p
}

// hopping has late progress rerouted.
func (s *stand) hopping() {
	s.t.Helper()
	rules := routing.Rules{Scorers: []routing.Scorer{{Kind: routing.Cheapest}}}
	s.policy("hop", rules, func(in *fulfillment.PolicyInput) { in.Default, in.LateAction = true, routing.LateReroute })
}

// overdue has an hour pass for what is promised.
func (s *stand) overdue() {
	s.t.Helper()
	s.exec("UPDATE fulfillments SET sla_at = sla_at - interval '61 minutes'")
}

func (s *stand) wantLate(want int) {
	s.t.Helper()
	if count, err := s.ApplySLAs(s.ctx(), 100); count != want || err != nil {
		s.t.Errorf("%d were late, %v; want %d", count, err, want)
	}
}

func (s *stand) missed(o *order.Order) (count int) {
	s.t.Helper()
	for _, kind := range s.kinds(o) {
		if kind == string(order.EventSLAMissed) {
			count++
		}
	}
	return count
}

func TestLateProgressIsToldOnce(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	s.promised()
	o, f := s.submitted(func(d *order.Draft) { d.Lines[0].Quantity = 5 })
	unpromised := s.place(func(d *order.Draft) { d.Category = "other" })
	s.wantLate(0)
	s.overdue()
	s.wantLate(1)
	s.wantLate(0)
	if now := s.fulfillment(o); now.Status != order.FulfillmentSubmitted || now.Attention == "" || now.SLAAt != nil {
		t.Errorf("fulfillment is %+v", now)
	}
	s.wantTasks(task.KindDispatch) // of the other
	for progress, wants := range []int{1, 2} {
		s.observe(f, seen(f.ExternalID, order.ExternalPartial, progress+1, nil))
		now := s.fulfillment(o)
		if now.Attention != "" || now.SLAAt == nil || time.Until(*now.SLAAt) < 50*time.Minute {
			t.Errorf("after progress it is %+v", now)
		}
		s.observe(f, seen(f.ExternalID, order.ExternalPartial, progress+1, nil)) // the same again is no progress
		s.overdue()
		s.observe(f, seen(f.ExternalID, order.ExternalPartial, progress+1, money("3"))) // nor is a charge
		s.wantLate(1)
		if missed := s.missed(o); missed != wants+1 {
			t.Errorf("missed %d times, want %d", missed, wants+1)
		}
	}
	s.observe(f, seen(f.ExternalID, order.ExternalFulfilled, 5, money("25")))
	s.want(o, order.Fulfilled, order.FulfillmentFulfilled)
	if s.missed(unpromised) > 0 {
		t.Error("nothing was promised, and yet it is late")
	}
}

func TestLateProgressHopsOnceTheCancellationIsConfirmed(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	s.promised()
	s.provider("two", "6")
	s.hopping()
	o, f := s.submitted(nil)
	s.overdue()
	s.wantLate(1)
	s.want(o, order.Processing, order.FulfillmentCancelRequested)
	s.wantTasks(task.KindCancel)
	kinds := s.kinds(o)
	if !slices.Equal(kinds[len(kinds)-2:], []string{string(order.EventSLAMissed), string(order.EventRerouteAsked)}) {
		t.Errorf("events are %v", kinds)
	}
	step := s.step(fulfillment.StepCancel)
	s.record(step, order.Outcome{Class: order.ClassAccepted, Order: seen(f.ExternalID, order.ExternalCanceling, 0, nil)})
	s.idle() // it goes nowhere before
	s.observe(f, seen(f.ExternalID, order.ExternalCanceled, 0, nil))
	if create := s.step(fulfillment.StepCreate); create.Provider.Name != "two" || create.Request.Quantity != 2 {
		t.Errorf("it goes on as %+v", create)
	}
	s.want(o, order.Processing, order.FulfillmentSubmitting)
}

func TestLateProgressStays(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		can    order.Capabilities
		answer order.Outcome
		want   order.FulfillmentStatus
	}{
		"of what can't be canceled": {order.Capabilities{Idempotency: order.IdempotencyNative}, accepted("x"), order.FulfillmentSubmitted},
		"of what is unknown":        {native, outcome(order.ClassUnknown), order.FulfillmentUnknown},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStand(t)
			s.setCapabilities(s.promised(), test.can)
			s.provider("two", "6")
			s.hopping()
			o := s.created(test.answer)
			s.overdue()
			s.wantLate(1)
			s.want(o, order.Processing, test.want)
			if s.missed(o) != 1 || len(s.open(o).Fulfillments) != 1 {
				t.Errorf("events are %v", s.kinds(o))
			}
		})
	}
}

func TestWaitingIsNotLate(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	s.promised()
	s.created(outcome(order.ClassRetryable))
	s.overdue()
	s.wantLate(0)
}
