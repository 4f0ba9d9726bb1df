package fulfillment_test

import (
	"testing"
	"time"

	"github.com/boostress/boostress/fulfillment"
	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/task"
)

func TestRerouteWaitsForTheCancellation(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	s.provider("one", "5")
	s.provider("two", "6")
	o, f := s.submitted(nil)
	s.observe(f, seen(f.ExternalID, order.ExternalPartial, 1, nil))
	for range 2 { // asking twice is asking once
		_, err := s.RerouteFulfillment(s.ctx(), s.who, f.ID, true)
		must(t, err)
	}
	s.want(o, order.PartiallyFulfilled, order.FulfillmentCancelRequested)
	s.wantTasks(task.KindCancel)
	step := s.step(fulfillment.StepCancel)
	s.record(step, order.Outcome{Class: order.ClassAccepted, Order: seen(f.ExternalID, order.ExternalCanceling, 1, nil)})
	s.idle() // not before it is confirmed
	s.want(o, order.PartiallyFulfilled, order.FulfillmentCancelRequested)

	s.observe(f, seen(f.ExternalID, order.ExternalCanceled, 1, money("5")))
	s.want(o, order.PartiallyFulfilled, order.FulfillmentPending)
	rest := s.fulfillment(o)
	if rest.Quantity != 1 || *rest.ReplacesID != f.ID || len(rest.Excluded) != 1 || rest.Excluded[0] != *f.ProviderID {
		t.Errorf("the rest is %+v", rest)
	}
	s.wantTasks(task.KindDispatch)
	create := s.step(fulfillment.StepCreate)
	if create.Provider.Name != "two" || create.Request.Quantity != 1 {
		t.Errorf("the rest goes to %s: %+v", create.Provider.Name, create.Request)
	}
	s.record(create, order.Outcome{Class: order.ClassAccepted, Order: seen("y", order.ExternalFulfilled, 1, money("6"))})
	s.want(o, order.Fulfilled, order.FulfillmentFulfilled)
	s.wantMoney(o, "0", "11", "0")
	s.observe(s.open(o).Fulfillments[0], seen(f.ExternalID, order.ExternalCanceled, 1, money("5"))) // once more
	if list := s.open(o).Fulfillments; len(list) != 2 {
		t.Errorf("%d fulfillments", len(list))
	}
}

func TestRerouteToWhicheverIsBest(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	s.provider("one", "5")
	o, f := s.submitted(nil)
	_, err := s.RerouteFulfillment(s.ctx(), s.who, f.ID, false)
	must(t, err)
	s.record(s.step(fulfillment.StepCancel), order.Outcome{Class: order.ClassAccepted, Order: seen(f.ExternalID, order.ExternalCanceled, 0, nil)})
	if step := s.step(fulfillment.StepCreate); step.Provider.Name != "one" || step.Attempt.FulfillmentID == f.ID {
		t.Errorf("step is %+v", step)
	}
	s.want(o, order.Processing, order.FulfillmentSubmitting)
}

func TestRerouteThatTheProviderRefuses(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	s.provider("one", "5")
	o, f := s.submitted(nil)
	_, err := s.RerouteFulfillment(s.ctx(), s.who, f.ID, true)
	must(t, err)
	s.record(s.step(fulfillment.StepCancel), outcome(order.ClassRejected))
	s.want(o, order.Processing, order.FulfillmentInProgress)
	if now := s.fulfillment(o); now.RerouteAsked || now.CancelAsked {
		t.Errorf("fulfillment is %+v", now)
	}
	s.observe(f, seen(f.ExternalID, order.ExternalCanceled, 0, nil)) // of its own accord, later
	s.want(o, order.Canceled, order.FulfillmentCanceled)
}

func TestRerouteOfAnOrderThatIsCanceledMeanwhile(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	s.provider("one", "5")
	o, f := s.submitted(nil)
	_, err := s.RerouteFulfillment(s.ctx(), s.who, f.ID, true)
	must(t, err)
	s.cancel(o)
	s.record(s.step(fulfillment.StepCancel), order.Outcome{Class: order.ClassAccepted, Order: seen(f.ExternalID, order.ExternalCanceled, 0, nil)})
	s.want(o, order.Canceled, order.FulfillmentCanceled)
	if list := s.open(o).Fulfillments; len(list) != 1 {
		t.Errorf("the rest of a canceled order went on: %+v", list[1])
	}
}

func TestProvidersThatNeverCancel(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	s.setCapabilities(s.provider("one", "5"), order.Capabilities{Idempotency: order.IdempotencyNative})
	o, f := s.submitted(nil)
	_, err := s.RerouteFulfillment(s.ctx(), s.who, f.ID, true)
	wantFaults(t, err, "id UNSUPPORTED")
	_, err = s.CancelFulfillment(s.ctx(), s.who, f.ID)
	wantFaults(t, err, "id UNSUPPORTED")
	s.want(o, order.Processing, order.FulfillmentSubmitted)
}

func TestRetryReopensTheOrder(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	s.provider("one", "5")
	o := s.created(outcome(order.ClassRejected))
	s.want(o, order.Failed, order.FulfillmentFailed)
	failed := s.fulfillment(o)
	next, err := s.RetryFulfillment(s.ctx(), s.who, failed.ID)
	must(t, err)
	s.want(o, order.Pending, order.FulfillmentPending)
	if now := s.order(o); now.FinishedAt != nil || now.Attention != "" || *next.ReplacesID != failed.ID {
		t.Errorf("order %+v, replacement %+v", now, next)
	}
	_, err = s.RetryFulfillment(s.ctx(), s.who, failed.ID)
	wantFaults(t, err, "id CONFLICT")
	step := s.step(fulfillment.StepCreate)
	s.record(step, order.Outcome{Class: order.ClassAccepted, Order: seen("y", order.ExternalFulfilled, 2, money("10"))})
	s.want(o, order.Fulfilled, order.FulfillmentFulfilled)

	canceled := s.place(nil)
	s.cancel(canceled)
	_, err = s.RetryFulfillment(s.ctx(), s.who, s.fulfillment(canceled).ID)
	wantFaults(t, err, "id CONFLICT")
}

// TestRetryMakesTheTaskThatIsMissing: a task that broke down too often is gone, and so is that of what only a person could
// find out.
func TestRetryMakesTheTaskThatIsMissing(t *testing.T) {
	t.Parallel()
	s, o, _ := unknown(t, order.Capabilities{})
	s.idle()
	s.wantAttempts(s.fulfillment(o), order.AttemptManual)
	s.wantTasks()
	_, err := s.RetryFulfillment(s.ctx(), s.who, s.fulfillment(o).ID)
	must(t, err)
	s.wantTasks(task.KindDispatch)
	_, err = s.RetryFulfillment(s.ctx(), s.who, s.fulfillment(o).ID)
	must(t, err)
	s.wantTasks(task.KindDispatch)
	s.idle()
	s.wantTasks()
}

func TestScheduledIsNotSentBefore(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	s.provider("one", "5")
	o := s.place(func(d *order.Draft) { d.Deadline = new(time.Now().Add(24 * time.Hour)) })
	f := s.fulfillment(o)
	_, err := s.RescheduleFulfillment(s.ctx(), s.who, f.ID, new(time.Now().Add(25*time.Hour)))
	wantFaults(t, err, "at OUT_OF_RANGE")
	at := time.Now().Add(time.Hour).UTC().Truncate(time.Millisecond)
	_, err = s.RescheduleFulfillment(s.ctx(), s.who, f.ID, &at)
	must(t, err)
	due := query[time.Time](s, "SELECT due_at FROM tasks")
	if len(due) != 1 || !due[0].Equal(at) {
		t.Errorf("its task is due %v, want %v", due, at)
	}
	s.idle() // although somebody hurries the task
	s.want(o, order.Pending, order.FulfillmentScheduled)
	s.exec("UPDATE fulfillments SET scheduled_at = now()")
	s.step(fulfillment.StepCreate)
	s.want(o, order.Processing, order.FulfillmentSubmitting)
}

func TestSplitPartsAreRoutedOnTheirOwn(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	s.provider("one", "5")
	o := s.place(func(d *order.Draft) { d.Lines[0].Quantity = 7 })
	f := s.fulfillment(o)
	for _, wrong := range [][]int{nil, {7}, {3, 3}, {8, -1}, {7, 0}} {
		_, err := s.SplitFulfillment(s.ctx(), s.who, f.ID, wrong)
		wantFaults(t, err, "quantities OUT_OF_RANGE")
	}
	parts, err := s.SplitFulfillment(s.ctx(), s.who, f.ID, []int{1, 2, 4})
	must(t, err)
	if len(parts) != 3 || parts[0].ID != f.ID || parts[0].Quantity != 1 || parts[1].Quantity != 2 || parts[2].Quantity != 4 {
		t.Fatalf("parts are %+v", parts)
	}
	s.wantTasks(task.KindDispatch, task.KindDispatch, task.KindDispatch)
	total := 0
	for _, step := range s.steps() {
		total += step.Request.Quantity
	}
	if total != 7 {
		t.Errorf("%d are ordered", total)
	}
	s.wantMoney(o, "35", "0", "0")
}
