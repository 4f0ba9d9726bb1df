package fulfillment_test

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/boostress/boostress/fulfillment"
	"github.com/boostress/boostress/internal/id"
	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/task"
)

// sketched is an order that is not placed yet.
func (s *stand) sketched(change func(*order.Draft)) *order.Order {
	s.t.Helper()
	return s.place(func(d *order.Draft) {
		d.IsDraft = true
		if change != nil {
			change(d)
		}
	})
}

func TestDraft(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	s.provider("one", "5")
	o := s.sketched(func(d *order.Draft) { d.Lines = slices.Repeat(d.Lines, 3) })
	if o.Status != order.Drafted || o.FinishedAt != nil || len(s.open(o).Fulfillments) > 0 {
		t.Errorf("drafted %+v", o)
	}
	s.idle()
	s.wantTasks()
	s.update(o, order.Revision{Budget: money("30")})
	s.hold(o, "payment", "not paid yet")
	s.release(o, nil)
	for range 2 { // the second changes nothing
		placed, err := s.PlaceOrder(s.ctx(), s.who, o.ID)
		must(t, err)
		if placed.Status != order.Pending {
			t.Errorf("placed %+v", placed)
		}
	}
	if tasks := s.tasks(); len(tasks) != 3 {
		t.Errorf("tasks are %v", tasks)
	}
	if kinds := s.kinds(o); !slices.Equal(kinds, []string{"DRAFTED", "ORDER_UPDATED", "ORDER_HELD", "ORDER_RELEASED", "PLACED"}) {
		t.Errorf("events are %v", kinds)
	}
	s.steps()
	s.want(o, order.Processing, order.FulfillmentSubmitting)
	s.wantMoney(o, "30", "0", "0")
}

func TestDraftRefused(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	place := func(o *order.Order) error {
		_, err := s.PlaceOrder(s.ctx(), s.who, o.ID)
		return err
	}
	_, err := s.CreateOrder(s.ctx(), s.who, draft(func(d *order.Draft) { d.IsDraft, d.Category = true, "" }))
	wantFaults(t, err, "category REQUIRED")
	_, err = s.CreateOrder(s.ctx(), s.who, draft(func(d *order.Draft) { d.DeadlineAction = "EXPLODE" }))
	wantFaults(t, err, "deadlineAction INVALID")

	o := s.sketched(func(d *order.Draft) { d.Reference = "once" })
	_, err = s.CreateOrder(s.ctx(), s.who, draft(func(d *order.Draft) { d.Reference = "once" }))
	wantFaults(t, err, "reference REFERENCE_TAKEN")
	_, err = s.ExpediteOrder(s.ctx(), s.who, o.ID)
	wantFaults(t, err, "id CONFLICT")

	soon := time.Now().Add(time.Hour)
	late := s.sketched(func(d *order.Draft) { d.Deadline = &soon })
	s.exec("UPDATE orders SET deadline = now() - interval '1 hour' WHERE deadline IS NOT NULL")
	s.exec("UPDATE meta SET value = (now() - interval '2 hours')::text WHERE key = 'deadline_watermark'")
	if count, err := s.ApplyDeadlines(s.ctx(), 100); count != 0 || err != nil {
		t.Errorf("%d drafts expire, %v", count, err)
	}
	if err = place(late); !strings.Contains(err.Error(), "updateOrder") {
		t.Errorf("the fault names no remedy: %v", err)
	}
	wantFaults(t, err, "id CONFLICT")
	s.update(late, order.Revision{NoDeadline: true})
	must(t, place(late))

	if canceled := s.cancel(o); canceled.Status != order.Canceled || canceled.FinishedAt == nil {
		t.Errorf("canceled %+v", canceled)
	}
	s.cancel(o)
	wantFaults(t, place(o), "id CONFLICT")
	if kinds := s.kinds(o); !slices.Equal(kinds, []string{"DRAFTED", "CANCEL_REQUESTED"}) {
		t.Errorf("events are %v", kinds)
	}
	if _, err = s.PlaceOrder(s.ctx(), s.account("other"), s.sketched(nil).ID); !errors.Is(err, order.ErrNotFound) {
		t.Errorf("another account's draft: %v", err)
	}
	if _, err = s.PlaceOrder(s.ctx(), s.who, id.New(id.Order)); !errors.Is(err, order.ErrNotFound) {
		t.Errorf("no order at all: %v", err)
	}
}

// TestPlaceAgainstCancel: of many who place and cancel a draft at once, each sees it placed once or canceled once.
func TestPlaceAgainstCancel(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	for range 20 {
		o := s.sketched(nil)
		var people sync.WaitGroup
		for i := range 8 {
			people.Go(func() {
				var err error
				if i%2 == 0 {
					_, err = s.PlaceOrder(s.ctx(), s.who, o.ID)
				} else {
					_, err = s.CancelOrder(s.ctx(), s.who, o.ID)
				}
				var faults order.Faults
				if err != nil && (i%2 > 0 || !errors.As(err, &faults)) {
					t.Error(err)
				}
			})
		}
		people.Wait()
		if opened := s.open(o); opened.Order.Status != order.Canceled || len(opened.Fulfillments) > 1 {
			t.Errorf("%+v with %d fulfillments", opened.Order, len(opened.Fulfillments))
		}
	}
	s.wantTasks()
}

// TestDeadlineThatCancels asks the providers to cancel what they have once the deadline has passed.
func TestDeadlineThatCancels(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	s.provider("one", "5")
	soon := time.Now().Add(time.Hour)
	o, f := s.submitted(func(d *order.Draft) { d.Deadline = &soon })
	s.update(o, order.Revision{DeadlineAction: order.DeadlineCancel})
	s.exec("UPDATE orders SET deadline = now() - interval '1 second'")
	_, err := s.ApplyDeadlines(s.ctx(), 10)
	must(t, err)
	s.want(o, order.Processing, order.FulfillmentCancelRequested)
	s.wantTasks(task.KindCancel)
	step := s.step(fulfillment.StepCancel)
	s.record(step, order.Outcome{Class: order.ClassAccepted, Order: seen(f.ExternalID, order.ExternalCanceled, 1, money("5"))})
	s.want(o, order.Expired, order.FulfillmentCanceled)
	s.wantMoney(o, "0", "5", "0")
}

// TestDeadlineThatCancelsACall: what was on its way is asked for as soon as it is known to be there.
func TestDeadlineThatCancelsACall(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	s.provider("one", "5")
	soon := time.Now().Add(time.Hour)
	o := s.place(func(d *order.Draft) { d.Deadline, d.DeadlineAction = &soon, order.DeadlineCancel })
	step := s.step(fulfillment.StepCreate)
	s.exec("UPDATE orders SET deadline = now() - interval '1 second'")
	_, err := s.ApplyDeadlines(s.ctx(), 10)
	must(t, err)
	s.record(step, accepted("x"))
	s.want(o, order.Processing, order.FulfillmentCancelRequested)
	s.record(s.step(fulfillment.StepCancel), outcome(order.ClassRejected))
	s.want(o, order.Processing, order.FulfillmentInProgress)
	s.observe(s.fulfillment(o), seen("x", order.ExternalFulfilled, 2, money("10")))
	s.want(o, order.Fulfilled, order.FulfillmentFulfilled)
}
