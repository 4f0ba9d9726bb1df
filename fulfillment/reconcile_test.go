package fulfillment_test

import (
	"testing"
	"time"

	"github.com/boostress/boostress/fulfillment"
	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/task"
)

var lookup = order.Capabilities{Idempotency: order.IdempotencyReference, Lookup: true, LookupWindow: time.Minute, Cancel: true}

// unknown is an order whose creation timed out at a provider that can do what can says.
func unknown(t *testing.T, can order.Capabilities) (*stand, *order.Order, fulfillment.Step) {
	t.Helper()
	s := newStand(t)
	s.setCapabilities(s.provider("one", "5"), can)
	s.provider("other", "6")
	o := s.place(nil)
	step := s.step(fulfillment.StepCreate)
	s.record(step, outcome(order.ClassUnknown))
	s.want(o, order.Processing, order.FulfillmentUnknown)
	s.wantAttempts(s.fulfillment(o), order.AttemptUnknown)
	s.wantMoney(o, "10", "0", "0")
	return s, o, step
}

func TestUnknownIsRepeatedUnderTheSameKey(t *testing.T) {
	t.Parallel()
	s, o, first := unknown(t, native)
	second := s.step(fulfillment.StepCreate)
	if second.Attempt.Key != first.Attempt.Key || second.Attempt.CallNumber != 2 || second.Provider.ID != first.Provider.ID {
		t.Errorf("second call is %+v", second.Attempt)
	}
	s.record(second, outcome(order.ClassUnknown))
	third := s.step(fulfillment.StepCreate)
	s.record(third, outcome(order.ClassRetryable)) // proves nothing about the first two
	s.want(o, order.Processing, order.FulfillmentUnknown)
	s.wantAttempts(s.fulfillment(o), order.AttemptUnknown, order.AttemptUnknown, order.AttemptRetryable)
	s.record(s.step(fulfillment.StepCreate), accepted("x-1"))
	s.want(o, order.Processing, order.FulfillmentSubmitted)
	s.wantAttempts(s.fulfillment(o), order.AttemptAccepted, order.AttemptAccepted, order.AttemptRetryable, order.AttemptAccepted)
	s.wantTasks()
}

func TestRepetitionThatIsRefusedProvesNothing(t *testing.T) {
	t.Parallel()
	for _, class := range []order.Class{order.ClassRejected, order.ClassUnsupported} {
		can := native
		s, o, _ := unknown(t, can)
		s.record(s.step(fulfillment.StepCreate), order.Outcome{Class: class, Message: "no", Reroutable: true})
		s.want(o, order.Processing, order.FulfillmentUnknown)
		s.idle() // neither a third call nor another provider: a person has to look
		s.wantAttempts(s.fulfillment(o), order.AttemptManual, order.AttemptRejected)
		if s.order(o).Attention == "" {
			t.Error("nobody is told")
		}
		s.wantTasks()
	}
}

func TestRepetitionWithBadCredentials(t *testing.T) {
	t.Parallel()
	s, o, first := unknown(t, native)
	s.record(s.step(fulfillment.StepCreate), outcome(order.ClassAuth))
	s.want(o, order.Processing, order.FulfillmentUnknown)
	again := s.step(fulfillment.StepCreate)
	if again.Attempt.Key != first.Attempt.Key || again.Provider.ID != first.Provider.ID {
		t.Errorf("the next call is %+v", again.Attempt)
	}
	s.record(again, accepted("x"))
	s.want(o, order.Processing, order.FulfillmentSubmitted)
}

func TestKeysThatCannotBeRepeated(t *testing.T) {
	t.Parallel()
	for name, can := range map[string]order.Capabilities{
		"stored errors": {Idempotency: order.IdempotencyNative, ReplaysErrors: true},
		"forgotten key": {Idempotency: order.IdempotencyNative, KeyLifetime: time.Hour},
		"no keys":       {Idempotency: order.IdempotencyNone},
		"reference":     {Idempotency: order.IdempotencyReference},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, o, _ := unknown(t, can)
			s.age(2 * time.Hour)
			s.idle()
			s.wantAttempts(s.fulfillment(o), order.AttemptManual)
			s.want(o, order.Processing, order.FulfillmentUnknown)
			if s.order(o).Attention == "" {
				t.Error("nobody is told")
			}
			s.wantTasks()
		})
	}
	s, _, _ := unknown(t, order.Capabilities{Idempotency: order.IdempotencyNative, KeyLifetime: time.Hour})
	s.age(50 * time.Minute)
	s.step(fulfillment.StepCreate) // the key is known still
}

func TestRepetitionsAreBounded(t *testing.T) {
	t.Parallel()
	s, o, _ := unknown(t, native)
	s.exec("UPDATE attempts SET call_number = 99")
	step := s.step(fulfillment.StepCreate)
	s.record(step, outcome(order.ClassUnknown))
	if s.order(o).Attention == "" {
		t.Error("a hundred calls, and nobody is told")
	}
	s.idle()
	s.wantAttempts(s.fulfillment(o), order.AttemptManual, order.AttemptManual)
}

func TestUnknownIsFound(t *testing.T) {
	t.Parallel()
	s, o, first := unknown(t, lookup)
	find := s.step(fulfillment.StepFind)
	if find.Attempt.Key != first.Attempt.Key || find.Attempt.ID != first.Attempt.ID || find.Provider.ID != first.Provider.ID {
		t.Errorf("asked for %+v", find.Attempt)
	}
	s.wantAttempts(s.fulfillment(o), order.AttemptReconciling)
	s.record(find, accepted("x-1"))
	s.want(o, order.Processing, order.FulfillmentSubmitted)
	s.wantAttempts(s.fulfillment(o), order.AttemptAccepted)
	if a := s.attempts(s.fulfillment(o))[0]; a.Class != order.ClassUnknown || a.Message != "it said UNKNOWN" {
		t.Errorf("the lookup's answer replaced the call's: %+v", a)
	}
}

func TestNotFoundProvesNothingForLong(t *testing.T) {
	t.Parallel()
	s, o, first := unknown(t, lookup)
	absent := func(want order.FulfillmentStatus) {
		t.Helper()
		step := s.step(fulfillment.StepFind)
		s.report(fulfillment.Report{Step: step, Outcome: outcome(order.ClassAccepted), Absent: true})
		if f := s.fulfillment(o); f.Status != want {
			t.Fatalf("not found, and the fulfillment is %s, want %s", f.Status, want)
		}
	}
	// The window of a minute, the timeout of thirty seconds and the term of ten have to pass.
	absent(order.FulfillmentUnknown)
	s.age(60 * time.Second)
	absent(order.FulfillmentUnknown)
	s.age(38 * time.Second)
	absent(order.FulfillmentUnknown)
	s.wantAttempts(s.fulfillment(o), order.AttemptReconciling)
	s.age(3 * time.Second)
	absent(order.FulfillmentRetryWait)
	s.wantAttempts(s.fulfillment(o), order.AttemptAbsent)
	s.wantMoney(o, "10", "0", "0")
	second := s.step(fulfillment.StepCreate)
	if second.Attempt.Key == first.Attempt.Key || second.Attempt.CallNumber != 1 || second.Provider.ID != first.Provider.ID {
		t.Errorf("after proof that there is none: %+v", second.Attempt)
	}
	s.record(second, accepted("x"))
}

// TestNotFoundIsAsOldAsTheQuestion: an answer that was asked for before the window closed proves nothing, however late
// it is recorded.
func TestNotFoundIsAsOldAsTheQuestion(t *testing.T) {
	t.Parallel()
	s, o, _ := unknown(t, lookup)
	s.age(99 * time.Second)
	step := s.step(fulfillment.StepFind)
	s.age(30 * time.Second)
	s.report(fulfillment.Report{Step: step, Outcome: outcome(order.ClassAccepted), Absent: true})
	s.want(o, order.Processing, order.FulfillmentRetryWait) // only our clock was moved: it was asked after all

	s, o, _ = unknown(t, lookup)
	s.age(99 * time.Second)
	step = s.step(fulfillment.StepFind)
	early := step.Task.StartedAt.Add(-5 * time.Second)
	step.Task.StartedAt = &early
	s.age(3 * time.Second)
	s.report(fulfillment.Report{Step: step, Outcome: outcome(order.ClassAccepted), Absent: true})
	s.want(o, order.Processing, order.FulfillmentUnknown)
	step = s.step(fulfillment.StepFind)
	step.Task.StartedAt = nil
	s.report(fulfillment.Report{Step: step, Outcome: outcome(order.ClassAccepted), Absent: true})
	s.want(o, order.Processing, order.FulfillmentUnknown)
}

// TestNotFoundCountsFromTheLastLoss: a call whose intent was slow may have been on its way long after the attempt began.
func TestNotFoundCountsFromTheLastLoss(t *testing.T) {
	t.Parallel()
	s, o, _ := unknown(t, lookup)
	s.exec("UPDATE attempts SET started_at = started_at - interval '1 hour'")
	s.exec("UPDATE fulfillments SET updated_at = updated_at - interval '80 seconds'")
	absent := func() {
		t.Helper()
		s.report(fulfillment.Report{Step: s.step(fulfillment.StepFind), Outcome: outcome(order.ClassAccepted), Absent: true})
	}
	absent()
	s.want(o, order.Processing, order.FulfillmentUnknown)
	s.exec("UPDATE fulfillments SET updated_at = updated_at - interval '11 seconds'")
	absent()
	s.want(o, order.Processing, order.FulfillmentRetryWait)
}

func TestLookupThatFailsIsRepeatedEverMoreSeldom(t *testing.T) {
	t.Parallel()
	s, o, _ := unknown(t, lookup)
	last := 0.0
	for _, age := range []time.Duration{0, 10 * time.Second, 2 * time.Minute, time.Hour} {
		s.age(age)
		s.record(s.step(fulfillment.StepFind), outcome(order.ClassRetryable))
		s.want(o, order.Processing, order.FulfillmentUnknown)
		wait := query[float64](s, "SELECT extract(epoch FROM due_at - now())::float8 FROM tasks")[0]
		if wait < last/2 || wait > 300 || age == time.Hour && wait < 140 {
			t.Errorf("%s after the call the next lookup waits %.1f s, after %.1f s", age, wait, last)
		}
		last = wait
	}
	s.record(s.step(fulfillment.StepFind), order.Outcome{Class: order.ClassRateLimited, RetryAfter: time.Hour})
	if wait := query[float64](s, "SELECT extract(epoch FROM due_at - now())::float8 FROM tasks")[0]; wait < 3500 {
		t.Errorf("asked again after %.0f s, the provider said an hour", wait)
	}
}

func TestUnknownWithoutAnAdapterWaits(t *testing.T) {
	t.Parallel()
	s, o, _ := unknown(t, lookup)
	s.breakAdapters(true)
	s.idle()
	s.want(o, order.Processing, order.FulfillmentUnknown)
	s.wantTasks(task.KindDispatch)
	s.breakAdapters(false)
	step := s.step(fulfillment.StepFind)
	s.breakAdapters(true)
	s.age(time.Hour)
	s.report(fulfillment.Report{Step: step, Outcome: outcome(order.ClassAccepted), Absent: true})
	s.want(o, order.Processing, order.FulfillmentUnknown)
	s.record(s.mended().step(fulfillment.StepFind), accepted("x"))
	s.want(o, order.Processing, order.FulfillmentSubmitted)
}

func (s *stand) mended() *stand {
	s.breakAdapters(false)
	return s
}

func TestDuplicateThatIsNotTold(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	s.setCapabilities(s.provider("one", "5"), lookup)
	o := s.place(nil)
	s.record(s.step(fulfillment.StepCreate), outcome(order.ClassDuplicate))
	s.want(o, order.Processing, order.FulfillmentUnknown)
	s.record(s.step(fulfillment.StepFind), accepted("x"))
	s.want(o, order.Processing, order.FulfillmentSubmitted)
}
