package fulfillment_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/boostress/boostress/fulfillment"
	"github.com/boostress/boostress/order"
)

func TestCallsThatMayBeMadeAgain(t *testing.T) {
	t.Parallel()
	for class, state := range map[order.Class]order.AttemptState{
		order.ClassRetryable: order.AttemptRetryable, order.ClassRateLimited: order.AttemptRateLimited,
	} {
		s := newStand(t)
		s.provider("one", "5")
		o := s.place(nil)
		first := s.step(fulfillment.StepCreate)
		answer := outcome(class)
		answer.RetryAfter = 90 * time.Minute
		s.record(first, answer)
		s.want(o, order.Processing, order.FulfillmentRetryWait)
		s.wantAttempts(s.fulfillment(o), state)
		s.wantMoney(o, "10", "0", "0")
		due := query[float64](s, "SELECT extract(epoch FROM due_at - now())::float8 FROM tasks")
		if due[0] < 5000 || due[0] > 5400 {
			t.Errorf("%s: tried again after %v s, the provider said 90 minutes", class, due)
		}
		second := s.step(fulfillment.StepCreate)
		if second.Attempt.Key != first.Attempt.Key || second.Attempt.CallNumber != 2 {
			t.Errorf("%s: the second call is %+v", class, second.Attempt)
		}
		if second.Task.Attempt != 1 {
			t.Errorf("%s: an orderly wait has used up an attempt of the task: %d", class, second.Task.Attempt)
		}
		s.record(second, accepted("x"))
		s.want(o, order.Processing, order.FulfillmentSubmitted)
	}
}

func TestAfterManyFailuresTheQuantityGoesElsewhere(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	bad, good := s.provider("bad", "1"), s.provider("good", "2")
	o := s.place(nil)
	for call := 1; ; call++ {
		step := s.step(fulfillment.StepCreate)
		if step.Provider.ID == good.ID {
			s.record(step, accepted("x"))
			break
		}
		if step.Provider.ID != bad.ID || call > 8 {
			t.Fatalf("call %d goes to %s", call, step.Provider.Name)
		}
		s.record(step, outcome(order.ClassRetryable))
	}
	opened := s.open(o)
	if first := opened.Fulfillments[0]; len(opened.Fulfillments) != 2 || first.Status != order.FulfillmentRejected || len(s.attempts(first)) != 8 {
		t.Errorf("fulfillments are %+v", opened.Fulfillments)
	}
	s.wantMoney(o, "4", "0", "0")
}

func TestWaitingGoesElsewhereWhenItsProviderStops(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	first, second := s.provider("first", "1"), s.provider("second", "2")
	o := s.place(nil)
	step := s.step(fulfillment.StepCreate)
	s.record(step, outcome(order.ClassRetryable))
	_, err := s.PauseProvider(s.ctx(), s.who, first.ID, "broken")
	must(t, err)
	again := s.step(fulfillment.StepCreate)
	if again.Provider.ID != second.ID || again.Attempt.Key == step.Attempt.Key {
		t.Errorf("the next call is %+v", again)
	}
	s.wantMoney(o, "4", "0", "0")
	_, err = s.PauseProvider(s.ctx(), s.who, second.ID, "broken, too")
	must(t, err)
	s.record(again, outcome(order.ClassRetryable))
	s.idle()
	s.want(o, order.Pending, order.FulfillmentUnroutable)
	s.wantMoney(o, "0", "0", "0")
	_, err = s.ResumeProvider(s.ctx(), s.who, first.ID)
	must(t, err)
	third := s.step(fulfillment.StepCreate)
	if third.Provider.ID != first.ID || third.Attempt.Key == step.Attempt.Key || third.Attempt.CallNumber != 1 {
		t.Errorf("the third call is %+v", third)
	}
}

func TestRejected(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		outcome order.Outcome
		reroute bool
	}{
		"may go elsewhere": {order.Outcome{Class: order.ClassRejected, Message: "no paper", Reroutable: true}, true},
		"unsupported":      {order.Outcome{Class: order.ClassUnsupported, Message: "no posters"}, true},
		"for good":         {order.Outcome{Class: order.ClassRejected, Message: "no such address"}, false},
		"accepted, and rejected at once": {order.Outcome{
			Class: order.ClassAccepted,
			Order: &order.ExternalOrder{ExternalID: "x", State: order.ExternalRejected, Message: "no paper", Reroutable: true},
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStand(t)
			cheap, dear := s.provider("cheap", "1"), s.provider("dear", "2")
			o := s.place(nil)
			s.record(s.step(fulfillment.StepCreate), test.outcome)
			first := s.open(o).Fulfillments[0]
			if !test.reroute {
				s.want(o, order.Failed, order.FulfillmentFailed)
				s.wantMoney(o, "0", "0", "0")
				s.wantTasks()
				if s.order(o).Attention == "" {
					t.Error("it failed, and nobody is told")
				}
				return
			}
			s.want(o, order.Pending, order.FulfillmentPending)
			step := s.step(fulfillment.StepCreate)
			next := s.fulfillment(o)
			if step.Provider.ID != dear.ID || *next.ReplacesID != first.ID || !slices.Equal(next.Excluded, []uuid.UUID{cheap.ID}) {
				t.Errorf("the next is %+v", next)
			}
			s.record(step, order.Outcome{Class: order.ClassRejected, Reroutable: true})
			s.idle()
			s.want(o, order.Pending, order.FulfillmentUnroutable)
			s.offer(cheap, "1") // changes nothing: the provider is excluded
			s.idle()
			third := s.provider("third", "3")
			if step := s.step(fulfillment.StepCreate); step.Provider.ID != third.ID {
				t.Errorf("the third call goes to %s", step.Provider.Name)
			}
			s.wantMoney(o, "6", "0", "0")
		})
	}
}

func TestProviderThatWantsAPerson(t *testing.T) {
	t.Parallel()
	for _, class := range []order.Class{order.ClassAuth, order.ClassNeedsAction} {
		s := newStand(t)
		one := s.provider("one", "1")
		o, other := s.place(nil), s.place(nil)
		steps := s.steps()
		s.report(
			fulfillment.Report{Step: steps[0], Outcome: outcome(class)}, fulfillment.Report{Step: steps[1], Outcome: outcome(class)},
		)
		now, err := s.Provider(s.ctx(), one.ID)
		must(t, err)
		if now.Attention != "it said "+string(class) || now.Open() {
			t.Errorf("%s: the provider is %+v", class, now)
		}
		s.wantAttempts(s.fulfillment(o), order.AttemptRetryable)
		s.idle()
		s.want(o, order.Pending, order.FulfillmentUnroutable)
		s.wantMoney(o, "0", "0", "0")
		two := s.provider("two", "2")
		steps = s.steps()
		if len(steps) != 2 || steps[0].Provider.ID != two.ID {
			t.Fatalf("%s: the quantity does not go elsewhere: %+v", class, steps)
		}
		s.report(
			fulfillment.Report{Step: steps[0], Outcome: outcome(class)}, fulfillment.Report{Step: steps[1], Outcome: accepted("x")},
		)
		s.idle()
		_, err = s.UpdateProvider(s.ctx(), s.who, one.ID, fulfillment.ProviderInput{Credentials: map[string]string{"apiKey": "new"}})
		must(t, err)
		step := s.step(fulfillment.StepCreate)
		if step.Provider.ID != one.ID {
			t.Errorf("%s: mended, and passed over: %+v", class, step.Provider)
		}
		s.record(step, accepted("y"))
		s.want(o, order.Processing, order.FulfillmentSubmitted)
		s.want(other, order.Processing, order.FulfillmentSubmitted)
	}
}
