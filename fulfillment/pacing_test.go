package fulfillment_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/boostress/boostress/fulfillment"
	"github.com/boostress/boostress/order"
)

// paced is an order of so many posters, released in slices until a deadline.
func (s *stand) paced(quantity int, until time.Duration, pacing order.Pacing) *order.Order {
	s.t.Helper()
	deadline := time.Now().Add(until)
	return s.place(func(d *order.Draft) {
		d.Deadline, d.Pacing, d.Lines[0].Quantity = &deadline, &pacing, quantity
	})
}

// slices lists an order's fulfillments, each as its status, quantity and the whole minutes until it is sent.
func (s *stand) slices(o *order.Order) []string {
	s.t.Helper()
	return query[string](s, `SELECT status || ' ' || quantity || ' ' || round(extract(epoch FROM scheduled_at - $2) / 60)
		FROM fulfillments WHERE order_id = $1 ORDER BY scheduled_at, id`, o.ID, o.CreatedAt)
}

func TestPacing(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	s.provider("one", "5")
	o := s.paced(10, 4*time.Hour, order.Pacing{Mode: order.PaceEven, Slices: 4})
	if got := s.slices(o); !slices.Equal(got, []string{"PENDING 3 0", "SCHEDULED 3 60", "SCHEDULED 2 120", "SCHEDULED 2 180"}) {
		t.Errorf("slices are %v", got)
	}
	// What is not due is left alone, and where it is looked at all the same it goes on waiting.
	tasks := s.ready()
	if len(tasks) != 1 {
		t.Fatalf("claimed %+v", tasks)
	}
	steps, err := s.Intend(s.ctx(), tasks)
	must(t, err)
	if len(steps) != 1 || steps[0].Request.Quantity != 3 {
		t.Fatalf("steps are %+v", steps)
	}
	s.idle()
	if states := query[string](s, "SELECT DISTINCT state FROM tasks WHERE claim_token IS NULL"); !slices.Equal(states, []string{"PENDING"}) {
		t.Errorf("waiting tasks are %v", states)
	}
	if due := query[bool](s, "SELECT bool_and(t.due_at = f.scheduled_at) FROM tasks t JOIN fulfillments f ON f.id = t.fulfillment_id "+
		"WHERE t.claim_token IS NULL"); !due[0] {
		t.Error("the tasks are not due when their slices are")
	}
	s.record(steps[0], accepted("x"))
	s.want(o, order.Processing, order.FulfillmentScheduled)

	// An hour passes.
	s.exec("UPDATE fulfillments SET scheduled_at = scheduled_at - interval '61 minutes' WHERE scheduled_at IS NOT NULL")
	steps = slices.DeleteFunc(s.steps(), func(one fulfillment.Step) bool { return one.Kind == fulfillment.StepNone })
	if len(steps) != 1 || steps[0].Request.Quantity != 3 {
		t.Fatalf("steps are %+v", steps)
	}
	if canceled := s.cancel(o); canceled.Status != order.Canceling {
		t.Errorf("canceled %+v", canceled)
	}
	if open := query[int](s, "SELECT count(*)::int FROM fulfillments WHERE status = 'SCHEDULED'"); open[0] > 0 {
		t.Errorf("%d slices are still to be sent", open[0])
	}
}

func TestPacingByWeights(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	o := s.paced(100, 3*time.Hour, order.Pacing{Mode: order.PaceWeighted, Weights: []int{1, 0, 3}})
	if got := s.slices(o); !slices.Equal(got, []string{"PENDING 25 0", "SCHEDULED 75 120"}) {
		t.Errorf("slices are %v", got)
	}
}

// TestPacingKeepsToTheOffers: no slice is smaller than any offer takes; what is disabled, or of another service, does not
// count.
func TestPacingKeepsToTheOffers(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	first, second, third := s.provider("one", "5"), s.provider("two", "5"), s.provider("three", "5")
	for provider, least := range map[*order.Provider]int{first: 30, second: 40, third: 1} {
		s.exec("UPDATE offers SET min_quantity = $2, max_quantity = 50, enabled = $3 WHERE provider_id = $1", provider.ID, least, least > 1)
	}
	o := s.paced(100, time.Hour, order.Pacing{Mode: order.PaceEven, Slices: 10})
	if got := s.slices(o); !slices.Equal(got, []string{"PENDING 34 0", "SCHEDULED 33 20", "SCHEDULED 33 40"}) {
		t.Errorf("slices are %v", got)
	}
	o = s.paced(100, time.Hour, order.Pacing{Mode: order.PaceWeighted, Weights: []int{8, 1, 1}})
	if got := s.slices(o); !slices.Equal(got, []string{"PENDING 50 0", "SCHEDULED 50 20"}) {
		t.Errorf("slices are %v", got)
	}
}

func TestPacingWithinHours(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	now := time.Now().UTC()
	later := (now.Hour() + 3) % 24
	window := &order.PacingWindow{TimeZone: "UTC", From: later, To: later + 1}
	o := s.place(func(d *order.Draft) { d.Pacing = &order.Pacing{Mode: order.PaceASAP, Window: window} })
	f := s.fulfillment(o)
	if f.Status != order.FulfillmentScheduled || f.Quantity != 2 || f.ScheduledAt.Hour() != later || f.ScheduledAt.Minute() != 0 {
		t.Errorf("it is sent at %v: %+v", f.ScheduledAt, f)
	}
	window = &order.PacingWindow{TimeZone: "UTC", From: now.Hour(), To: now.Hour() + 2}
	o = s.place(func(d *order.Draft) { d.Pacing = &order.Pacing{Mode: order.PaceASAP, Window: window} })
	if f := s.fulfillment(o); f.Status != order.FulfillmentPending {
		t.Errorf("the window is open, and it waits: %+v", f)
	}
}

func TestPacingRefused(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	later := func(wait time.Duration) *time.Time { return new(time.Now().Add(wait)) }
	for name, test := range map[string]struct {
		pacing   order.Pacing
		deadline *time.Time
		lines    int
		want     []string
	}{
		"no deadline":       {order.Pacing{Mode: order.PaceEven, Slices: 2}, nil, 1, []string{"deadline REQUIRED"}},
		"far deadline":      {order.Pacing{Mode: order.PaceEven, Slices: 2}, later(367 * 24 * time.Hour), 1, []string{"deadline OUT_OF_RANGE"}},
		"no mode":           {order.Pacing{}, nil, 1, []string{"pacing.mode INVALID"}},
		"slices at once":    {order.Pacing{Mode: order.PaceASAP, Slices: 2}, nil, 1, []string{"pacing.mode INVALID"}},
		"one slice":         {order.Pacing{Mode: order.PaceEven, Slices: 1}, nil, 1, []string{"pacing.slices OUT_OF_RANGE"}},
		"too many":          {order.Pacing{Mode: order.PaceEven, Slices: 101}, nil, 1, []string{"pacing.slices OUT_OF_RANGE"}},
		"weights of equals": {order.Pacing{Mode: order.PaceEven, Slices: 2, Weights: []int{1, 1}}, nil, 1, []string{"pacing.weights INVALID"}},
		"one weight":        {order.Pacing{Mode: order.PaceWeighted, Weights: []int{1}}, nil, 1, []string{"pacing.weights OUT_OF_RANGE"}},
		"bad weights": {
			order.Pacing{Mode: order.PaceWeighted, Slices: 3, Weights: []int{-1, 1_000_001}},
			nil, 1,
			[]string{"pacing.weights.0 OUT_OF_RANGE", "pacing.weights.1 OUT_OF_RANGE", "pacing.slices INVALID"},
		},
		"no weight at all": {order.Pacing{Mode: order.PaceWeighted, Weights: []int{0, 0}}, nil, 1, []string{"pacing.weights OUT_OF_RANGE"}},
		"bad window": {
			order.Pacing{Mode: order.PaceASAP, Window: &order.PacingWindow{
				TimeZone: "Mars/Base", From: 24, To: 24, Days: []order.Weekday{"MOONDAY"},
			}},
			nil, 1,
			[]string{
				"pacing.window.timeZone INVALID", "pacing.window.from OUT_OF_RANGE", "pacing.window.to INVALID", "pacing.window.days.0 INVALID",
			},
		},
		"window stays closed": {
			order.Pacing{Mode: order.PaceEven, Slices: 2, Window: &order.PacingWindow{
				TimeZone: "UTC", From: time.Now().UTC().Add(2 * time.Hour).Hour(), To: time.Now().UTC().Add(2*time.Hour).Hour() + 1,
			}},
			later(time.Minute), 1,
			[]string{"pacing.window OUT_OF_RANGE"},
		},
		"too many in all": {order.Pacing{Mode: order.PaceEven, Slices: 100}, later(time.Hour), 11, []string{"pacing OUT_OF_RANGE"}},
	} {
		_, err := s.CreateOrder(s.ctx(), s.who, draft(func(d *order.Draft) {
			d.Deadline, d.Pacing, d.Lines[0].Quantity = test.deadline, &test.pacing, 100
			d.Lines = slices.Repeat(d.Lines, test.lines)
		}))
		t.Log(name)
		wantFaults(t, err, test.want...)
	}
	if left := query[int](s, "SELECT count(*)::int FROM orders"); left[0] > 0 {
		t.Errorf("%d orders were placed", left[0])
	}
}

// TestDraftWithPacing: a draft is laid out when it is placed.
func TestDraftWithPacing(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	o := s.sketched(func(d *order.Draft) { d.Pacing = &order.Pacing{Mode: order.PaceEven, Slices: 2} })
	_, err := s.PlaceOrder(s.ctx(), s.who, o.ID)
	wantFaults(t, err, "id CONFLICT")
	if !strings.Contains(err.Error(), "deadline") {
		t.Errorf("the fault does not name the deadline: %v", err)
	}
	deadline := time.Now().Add(2 * time.Hour)
	s.update(o, order.Revision{Deadline: &deadline})
	_, err = s.PlaceOrder(s.ctx(), s.who, o.ID)
	must(t, err)
	if got := s.slices(o); !slices.Equal(got, []string{"PENDING 1 0", "SCHEDULED 1 60"}) {
		t.Errorf("slices are %v", got)
	}
}

// TestExpediteSendsSlicesNow, also after a hold.
func TestExpediteSendsSlicesNow(t *testing.T) {
	t.Parallel()
	for _, held := range []bool{false, true} {
		s := newStand(t)
		s.provider("one", "5")
		o := s.paced(10, 4*time.Hour, order.Pacing{Mode: order.PaceEven, Slices: 4})
		if held {
			s.hold(o, "payment", "not paid yet")
		}
		_, err := s.ExpediteOrder(s.ctx(), s.who, o.ID)
		must(t, err)
		if held {
			if calls, err := s.Intend(s.ctx(), s.ready()); err != nil || calls[0].Kind != fulfillment.StepNone {
				t.Fatalf("%v, calls %+v", err, calls)
			}
			s.release(o, nil)
		}
		if steps, err := s.Intend(s.ctx(), s.ready()); err != nil || len(steps) != 4 || steps[3].Kind != fulfillment.StepCreate {
			t.Errorf("held %t: %v, steps %+v", held, err, steps)
		}
	}
}

// TestDeadlineDropsSlices: what was not sent by then is given up, its tasks with it.
func TestDeadlineDropsSlices(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	o := s.paced(10, 4*time.Hour, order.Pacing{Mode: order.PaceEven, Slices: 4})
	s.exec("UPDATE orders SET deadline = now() - interval '1 second'")
	_, err := s.ApplyDeadlines(s.ctx(), 10)
	must(t, err)
	s.want(o, order.Expired, order.FulfillmentCanceled)
	s.wantTasks()
}
