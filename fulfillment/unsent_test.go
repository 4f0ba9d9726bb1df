package fulfillment_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/boostress/boostress/fulfillment"
	"github.com/boostress/boostress/internal/id"
	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/store"
)

// unsent reports that a step's call was not made after all.
func (s *stand) unsent(step fulfillment.Step) {
	s.t.Helper()
	s.report(fulfillment.Report{Step: step, Unsent: true, Outcome: order.Outcome{Message: "not now", RetryAfter: time.Minute}})
}

// TestCallsThatWereNotMadeDontCount: nothing was sent, so there is no attempt, and none of the calls after which the quantity
// goes elsewhere is used up.
func TestCallsThatWereNotMadeDontCount(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	first := s.provider("first", "4")
	s.provider("second", "5")
	o := s.place(nil)
	for range 12 {
		s.unsent(s.step(fulfillment.StepCreate))
		s.want(o, order.Processing, order.FulfillmentRetryWait)
	}
	s.wantAttempts(s.fulfillment(o))
	step := s.step(fulfillment.StepCreate)
	if step.Attempt.CallNumber != 1 || step.Provider.ID != first.ID {
		t.Errorf("call %d at %s, want the first at the first", step.Attempt.CallNumber, step.Provider.Name)
	}
	s.record(step, accepted("x-1"))
	s.wantAttempts(s.fulfillment(o), order.AttemptAccepted)
	s.wantMoney(o, "8", "0", "0")
}

func TestUnsentCallsOfOtherKinds(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	p := s.provider("one", "4")
	o := s.place(nil)
	s.record(s.step(fulfillment.StepCreate), outcome(order.ClassUnknown))
	s.unsent(s.step(fulfillment.StepCreate)) // the same key again
	s.want(o, order.Processing, order.FulfillmentUnknown)
	s.wantAttempts(s.fulfillment(o), order.AttemptUnknown)
	s.setCapabilities(p, order.Capabilities{Idempotency: order.IdempotencyReference, Lookup: true, Cancel: true})
	s.unsent(s.step(fulfillment.StepFind))
	s.wantAttempts(s.fulfillment(o), order.AttemptReconciling)
	s.report(fulfillment.Report{Step: s.step(fulfillment.StepFind), Outcome: accepted("x-1")})

	_, err := s.CancelOrder(s.ctx(), s.who, o.ID)
	must(t, err)
	s.unsent(s.step(fulfillment.StepCancel))
	s.want(o, order.Canceling, order.FulfillmentCancelRequested)
	s.wantAttempts(s.fulfillment(o), order.AttemptAccepted)
	if step := s.step(fulfillment.StepCancel); step.Attempt.CallNumber != 1 {
		t.Errorf("the cancellation is call %d", step.Attempt.CallNumber)
	}
}

// TestUnsentOfACanceledOrder: what was asked to end meanwhile ends, for the provider has nothing of it.
func TestUnsentOfACanceledOrder(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	s.provider("one", "4")
	o := s.place(nil)
	step := s.step(fulfillment.StepCreate)
	_, err := s.CancelOrder(s.ctx(), s.who, o.ID)
	must(t, err)
	s.unsent(step)
	s.want(o, order.Canceled, order.FulfillmentCanceled)
	s.wantMoney(o, "0", "0", "0")
	s.wantTasks()
}

// TestWhatIsNotAdmittedWaitsAsItIs: nothing is reserved or written of it.
func TestWhatIsNotAdmittedWaitsAsItIs(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	p := s.provider("one", "4")
	o := s.place(nil)
	refuse := func(_ uuid.UUID, provider *order.Provider) time.Duration {
		if provider.ID != p.ID {
			t.Errorf("asked about %s", provider.Name)
		}
		return time.Hour
	}
	try := func() {
		t.Helper()
		s.hurry()
		steps, err := s.IntendIf(s.ctx(), s.claim(), refuse)
		must(t, err)
		if steps[0].Kind != fulfillment.StepNone {
			t.Errorf("step %+v", steps[0])
		}
	}
	try()
	s.want(o, order.Pending, order.FulfillmentPending)
	if kinds := s.kinds(o); !slices.Equal(kinds, []string{"PLACED"}) {
		t.Errorf("events are %v", kinds)
	}
	if waits := query[bool](s, "SELECT due_at > now() + interval '50 minutes' AND attempt = 0 FROM tasks"); !slices.Equal(waits, []bool{true}) {
		t.Errorf("its task waits, and the run does not count: %v", waits)
	}
	s.record(s.step(fulfillment.StepCreate), outcome(order.ClassRetryable))
	events := len(s.kinds(o))
	try()
	s.want(o, order.Processing, order.FulfillmentRetryWait)
	if now := len(s.kinds(o)); now != events {
		t.Errorf("%d events were written of nothing", now-events)
	}
	s.wantAttempts(s.fulfillment(o), order.AttemptRetryable)
}

// TestBreakerSendsElsewhere: what waits for a provider that fails goes to another one that takes it, and waits where there
// is none.
func TestBreakerSendsElsewhere(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	p := s.provider("one", "4")
	o := s.place(nil)
	s.record(s.step(fulfillment.StepCreate), outcome(order.ClassRetryable))
	breaker := store.Breaker{AccountID: p.AccountID, ProviderID: p.ID, Operation: "CREATE", WorkerID: id.New(id.Worker)}
	must(t, s.store.OpenBreaker(s.ctx(), breaker, time.Hour))
	s.idle()
	s.want(o, order.Processing, order.FulfillmentRetryWait)
	second := s.provider("second", "5")
	step := s.step(fulfillment.StepCreate)
	if step.Provider.ID != second.ID {
		t.Errorf("it goes to %s", step.Provider.Name)
	}
	s.wantMoney(o, "10", "0", "0")
	s.wantAttempts(s.fulfillment(o), order.AttemptRetryable, order.AttemptInFlight)
}
