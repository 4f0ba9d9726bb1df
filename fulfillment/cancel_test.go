package fulfillment_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/boostress/boostress/fulfillment"
	"github.com/boostress/boostress/internal/id"
	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/task"
)

func (s *stand) cancel(o *order.Order) *order.Order {
	s.t.Helper()
	canceled, err := s.CancelOrder(s.ctx(), s.who, o.ID)
	must(s.t, err)
	return canceled
}

func TestCancelWhatIsAtNoProvider(t *testing.T) {
	t.Parallel()
	for name, reach := range map[string]func(*stand){
		"pending":    func(*stand) {},
		"unroutable": func(s *stand) { s.exec("UPDATE offers SET enabled = false"); s.idle() },
		"retry wait": func(s *stand) { s.record(s.step(fulfillment.StepCreate), outcome(order.ClassRetryable)) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStand(t)
			s.provider("one", "5")
			o := s.place(nil)
			reach(s)
			if canceled := s.cancel(o); canceled.Status != order.Canceled || canceled.FinishedAt == nil {
				t.Errorf("canceled %+v", canceled)
			}
			s.want(o, order.Canceled, order.FulfillmentCanceled)
			s.wantMoney(o, "0", "0", "0")
			events := s.kinds(o)
			s.wantTasks() // what would have brought it to a provider has ended, too
			if ends := query[string](s, "SELECT kind || ' ' || state FROM task_results"); !slices.Equal(ends, []string{"DISPATCH REVOKED"}) {
				t.Errorf("results are %v", ends)
			}
			s.cancel(o) // changes nothing
			if after := s.kinds(o); !slices.Equal(after, events) {
				t.Errorf("events are %v after %v", after, events)
			}
		})
	}
}

// TestCancelBeforeTheIntent: a task that a worker has claimed already is left to it, and ends there.
func TestCancelBeforeTheIntent(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	s.provider("one", "5")
	o := s.place(nil)
	claimed := s.claim()
	s.cancel(o)
	s.wantTasks(task.KindDispatch)
	steps, err := s.Intend(s.ctx(), claimed)
	must(t, err)
	if steps[0].Kind != fulfillment.StepNone {
		t.Errorf("a call is to be made: %+v", steps[0])
	}
	s.wantTasks()
	s.want(o, order.Canceled, order.FulfillmentCanceled)
}

func TestCancelWhileSubmitting(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		outcome order.Outcome
		status  order.Status
		last    order.FulfillmentStatus
		tasks   []task.Kind
	}{
		"accepted":    {accepted("x"), order.Canceling, order.FulfillmentCancelRequested, []task.Kind{task.KindCancel}},
		"rejected":    {order.Outcome{Class: order.ClassRejected, Reroutable: true}, order.Canceled, order.FulfillmentCanceled, nil},
		"retryable":   {outcome(order.ClassRetryable), order.Canceled, order.FulfillmentCanceled, nil},
		"credentials": {outcome(order.ClassAuth), order.Canceled, order.FulfillmentCanceled, nil},
		"unknown":     {outcome(order.ClassUnknown), order.Canceling, order.FulfillmentUnknown, []task.Kind{task.KindDispatch}},
		"delivered at once": {
			order.Outcome{Class: order.ClassAccepted, Order: seen("x", order.ExternalFulfilled, 2, money("10"))},
			order.Fulfilled, order.FulfillmentFulfilled, nil,
		},
		"canceled by itself": {
			order.Outcome{Class: order.ClassAccepted, Order: seen("x", order.ExternalCanceled, 0, nil)},
			order.Canceled, order.FulfillmentCanceled, nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStand(t)
			s.provider("one", "5")
			o := s.place(nil)
			step := s.step(fulfillment.StepCreate)
			if canceled := s.cancel(o); canceled.Status != order.Canceling {
				t.Errorf("the order is %s", canceled.Status)
			}
			s.idle() // nobody asks the provider to cancel what it may not have
			s.record(step, test.outcome)
			s.want(o, test.status, test.last)
			s.wantTasks(test.tasks...)
		})
	}
}

func TestCancelWhileUnknown(t *testing.T) {
	t.Parallel()
	s, o, _ := unknown(t, order.Capabilities{Idempotency: order.IdempotencyNative, Lookup: true, LookupWindow: time.Second})
	s.cancel(o)
	s.want(o, order.Canceling, order.FulfillmentUnknown)
	find := s.step(fulfillment.StepFind) // not created once more, only to be canceled
	s.record(find, accepted("x"))
	s.want(o, order.Canceling, order.FulfillmentCancelRequested)
	s.record(s.step(fulfillment.StepCancel), order.Outcome{Class: order.ClassAccepted, Order: seen("x", order.ExternalCanceled, 0, nil)})
	s.want(o, order.Canceled, order.FulfillmentCanceled)
	s.wantMoney(o, "0", "0", "0")

	s, o, _ = unknown(t, lookup)
	s.cancel(o)
	s.age(time.Hour)
	s.report(fulfillment.Report{Step: s.step(fulfillment.StepFind), Outcome: outcome(order.ClassAccepted), Absent: true})
	s.want(o, order.Canceled, order.FulfillmentCanceled)
	s.wantAttempts(s.fulfillment(o), order.AttemptAbsent)
	s.wantTasks()
}

func TestCancelAtTheProvider(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	s.provider("one", "5")
	o, f := s.submitted(nil)
	s.observe(f, seen(f.ExternalID, order.ExternalPartial, 1, nil))
	s.cancel(o)
	s.want(o, order.Canceling, order.FulfillmentCancelRequested)
	s.cancel(o)
	s.wantTasks(task.KindCancel)
	step := s.step(fulfillment.StepCancel)
	if step.ExternalID != f.ExternalID || step.Attempt.Key != order.CancelKey(f) || step.Attempt.Operation != order.OperationCancel {
		t.Errorf("step is %+v", step)
	}
	s.record(step, order.Outcome{Class: order.ClassAccepted, Order: seen(f.ExternalID, order.ExternalCanceling, 1, nil)})
	s.want(o, order.Canceling, order.FulfillmentCancelRequested)
	s.wantTasks()
	if now := s.fulfillment(o); now.NextPollAt == nil {
		t.Errorf("nobody looks whether it is canceled: %+v", now)
	}
	s.observe(f, seen(f.ExternalID, order.ExternalCanceled, 1, money("6")))
	s.want(o, order.Canceled, order.FulfillmentCanceled)
	s.wantMoney(o, "0", "6", "0")
	if now := s.order(o); now.Delivered != 1 {
		t.Errorf("what was delivered is gone: %+v", now)
	}
}

func TestCancelRefused(t *testing.T) {
	t.Parallel()
	for _, class := range []order.Class{order.ClassRejected, order.ClassUnsupported} {
		s := newStand(t)
		s.provider("one", "5")
		o, f := s.submitted(nil)
		s.cancel(o)
		s.record(s.step(fulfillment.StepCancel), outcome(class))
		s.want(o, order.Processing, order.FulfillmentInProgress)
		s.wantTasks()
		if now := s.fulfillment(o); now.CancelAsked || now.Failure == "" {
			t.Errorf("fulfillment is %+v", now)
		}
		s.cancel(o) // it may be asked for again
		second := s.step(fulfillment.StepCancel)
		if second.Attempt.CallNumber != 2 {
			t.Errorf("second call is %+v", second.Attempt)
		}
		s.record(second, outcome(class))
		s.observe(f, seen(f.ExternalID, order.ExternalFulfilled, 2, money("10")))
		s.want(o, order.Fulfilled, order.FulfillmentFulfilled)
		if _, err := s.CancelOrder(s.ctx(), s.who, o.ID); !errors.Is(err, order.ErrFulfilled) {
			t.Errorf("cancel what was delivered: %v", err)
		}
	}
}

func TestCancelIsAskedAgain(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	s.provider("one", "5")
	o, f := s.submitted(nil)
	s.cancel(o)
	for _, class := range []order.Class{
		order.ClassRetryable, order.ClassRateLimited, order.ClassUnknown, order.ClassAuth, order.ClassNeedsAction,
	} {
		s.record(s.step(fulfillment.StepCancel), outcome(class))
		s.want(o, order.Canceling, order.FulfillmentCancelRequested)
	}
	step := s.step(fulfillment.StepCancel)
	if step.Attempt.CallNumber != 6 {
		t.Errorf("call is %+v", step.Attempt)
	}
	s.exec("UPDATE workers SET heartbeat_at = 'epoch'") // its worker dies
	if count, err := s.Reap(s.ctx(), term, 10); count != 1 || err != nil {
		t.Fatalf("reaped %d, %v", count, err)
	}
	s.worker = s.register()
	s.observe(f, seen(f.ExternalID, order.ExternalCanceled, 0, nil)) // and the provider had heard it
	s.idle()
	s.want(o, order.Canceled, order.FulfillmentCanceled)
	for _, a := range s.attempts(f) {
		if a.State == order.AttemptInFlight {
			t.Errorf("a call is in flight for ever: %+v", a)
		}
	}
}

func TestCancelThatIsNeverAnswered(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	s.provider("one", "5")
	o, _ := s.submitted(nil)
	s.cancel(o)
	for range 25 {
		s.want(o, order.Canceling, order.FulfillmentCancelRequested)
		s.record(s.step(fulfillment.StepCancel), outcome(order.ClassUnknown))
	}
	s.want(o, order.Processing, order.FulfillmentInProgress)
	s.wantTasks()
}

func TestCancelMeetsDelivery(t *testing.T) {
	t.Parallel()
	for _, late := range []order.Outcome{
		{Class: order.ClassAccepted, Order: seen("x", order.ExternalInProgress, 0, nil)}, outcome(order.ClassRejected), outcome(order.ClassUnknown),
	} {
		s := newStand(t)
		s.provider("one", "5")
		o, f := s.submitted(nil)
		s.cancel(o)
		step := s.step(fulfillment.StepCancel)
		s.observe(f, seen(f.ExternalID, order.ExternalFulfilled, 2, money("10")))
		s.record(step, late)
		s.idle()
		s.want(o, order.Fulfilled, order.FulfillmentFulfilled)
		s.wantMoney(o, "0", "10", "0")
		s.wantTasks()
	}
}

func TestCancelOfOthers(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	o := s.place(nil)
	other := s.account("other")
	if _, err := s.CancelOrder(s.ctx(), other, o.ID); !errors.Is(err, order.ErrNotFound) {
		t.Errorf("another account's order: %v", err)
	}
	if _, err := s.CancelOrder(s.ctx(), s.who, id.New(id.Order)); !errors.Is(err, order.ErrNotFound) {
		t.Errorf("no order at all: %v", err)
	}
	tester := s.who
	tester.TestMode = true
	_, err := s.CancelOrder(s.ctx(), tester, o.ID)
	wantFaults(t, err, "id FORBIDDEN")
	s.want(o, order.Pending, order.FulfillmentPending)
}

func TestDeadlines(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	s.provider("one", "5")
	in := func(wait time.Duration) func(*order.Draft) {
		deadline := time.Now().Add(wait)
		return func(d *order.Draft) { d.Deadline = &deadline }
	}
	running, _ := s.submitted(in(time.Hour))
	waiting, patient := s.place(in(time.Hour)), s.place(in(48*time.Hour))
	if count, err := s.ApplyDeadlines(s.ctx(), 100); count != 0 || err != nil {
		t.Fatalf("%d deadlines have passed already, %v", count, err)
	}
	// Two hours pass in which nobody looks.
	s.exec("UPDATE orders SET deadline = deadline - interval '2 hours' WHERE deadline < now() + interval '2 hours'")
	s.exec("UPDATE meta SET value = (value::timestamptz - interval '2 hours')::text WHERE key = 'deadline_watermark'")
	if count, err := s.ApplyDeadlines(s.ctx(), 1); count != 1 || err != nil {
		t.Fatalf("%d, %v", count, err)
	}
	if count, err := s.ApplyDeadlines(s.ctx(), 1); count != 1 || err != nil {
		t.Fatalf("%d, %v", count, err)
	}
	for range 3 {
		if count, err := s.ApplyDeadlines(s.ctx(), 100); count != 0 || err != nil {
			t.Fatalf("%d again, %v", count, err)
		}
	}
	s.want(waiting, order.Expired, order.FulfillmentCanceled)
	s.want(running, order.Processing, order.FulfillmentSubmitted)
	s.want(patient, order.Pending, order.FulfillmentPending)
	behind := query[float64](s, "SELECT extract(epoch FROM now() - value::timestamptz)::float8 FROM meta WHERE key = 'deadline_watermark'")
	if behind[0] < 59 || behind[0] > 120 {
		t.Errorf("the watermark is %.0f s behind", behind[0])
	}
	f := s.fulfillment(running)
	s.observe(f, seen(f.ExternalID, order.ExternalCanceled, 0, nil))
	s.want(running, order.Expired, order.FulfillmentCanceled)
}

// TestDeadlineJustBehindTheWatermark: an order may commit a little after its deadline, which was fine when it was
// checked.
func TestDeadlineJustBehindTheWatermark(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	for range 2 {
		if _, err := s.ApplyDeadlines(s.ctx(), 10); err != nil {
			t.Fatal(err)
		}
		s.exec("UPDATE meta SET value = (now() - interval '1 minute')::text WHERE key = 'deadline_watermark'")
	}
	deadline := time.Now().Add(time.Hour)
	o := s.place(func(d *order.Draft) { d.Deadline = &deadline })
	s.exec("UPDATE orders SET deadline = now() - interval '30 seconds'")
	if count, err := s.ApplyDeadlines(s.ctx(), 10); count != 1 || err != nil {
		t.Errorf("%d, %v", count, err)
	}
	s.want(o, order.Expired, order.FulfillmentCanceled)
}
