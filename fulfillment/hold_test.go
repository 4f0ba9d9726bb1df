package fulfillment_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/boostress/boostress/fulfillment"
	"github.com/boostress/boostress/internal/id"
	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/task"
)

func (s *stand) hold(o *order.Order, name, reason string) *order.Order {
	s.t.Helper()
	held, err := s.HoldOrder(s.ctx(), s.who, o.ID, name, reason)
	must(s.t, err)
	return held
}

func (s *stand) release(o *order.Order, name *string) *order.Order {
	s.t.Helper()
	released, err := s.ReleaseOrder(s.ctx(), s.who, o.ID, name)
	must(s.t, err)
	return released
}

// ready lists what a worker may claim now, without anybody's hurry.
func (s *stand) ready() []task.Task {
	s.t.Helper()
	return s.claim()
}

func (s *stand) lastCommit() fulfillment.Committed {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.committed[len(s.committed)-1]
}

func TestHold(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	s.provider("one", "5")
	o := s.place(nil)
	if held := s.hold(o, "payment", "not paid yet"); !held.Held {
		t.Errorf("held is %+v", held)
	}
	s.hold(o, "fraud", "odd address")
	s.hold(o, "payment", "still not paid")
	s.hold(o, "payment", "still not paid") // changes nothing
	s.idle()
	if waiting := query[bool](s, "SELECT due_at > now() + interval '50 minutes' FROM tasks"); !slices.Equal(waiting, []bool{true}) {
		t.Errorf("it is looked at again soon: %v", waiting)
	}
	s.release(o, new("payment"))
	s.release(o, new("payment")) // changes nothing
	if len(s.ready()) > 0 {
		t.Error("it is dispatched while one hold is open")
	}
	if released := s.release(o, new("fraud")); released.Held {
		t.Errorf("released is %+v", released)
	}
	if tasks := s.lastCommit().Tasks; len(tasks) != 1 || tasks[0].AnnouncedAt == nil {
		t.Errorf("announced are %+v", tasks)
	}
	steps, err := s.Intend(s.ctx(), s.ready())
	must(t, err)
	if len(steps) != 1 || steps[0].Kind != fulfillment.StepCreate {
		t.Fatalf("steps are %+v", steps)
	}
	want := []string{"PLACED", "ORDER_HELD", "ORDER_HELD", "ORDER_HELD", "ORDER_RELEASED", "ORDER_RELEASED", "FULFILLMENT_SUBMITTING"}
	if kinds := s.kinds(o); !slices.Equal(kinds, want) {
		t.Errorf("events are %v", kinds)
	}
	changes := query[string](s, "SELECT changes FROM events WHERE order_id = $1 AND sequence IN (2, 4, 6) ORDER BY sequence", o.ID)
	for i, part := range []string{
		`[{"field":"held","after":"true"},{"field":"hold.payment","after":"not paid yet"}]`,
		`[{"field":"hold.payment","before":"not paid yet","after":"still not paid"}]`,
		`[{"field":"held","before":"true"},{"field":"hold.fraud","before":"odd address"}]`,
	} {
		if changes[i] != part {
			t.Errorf("changes are %s, want %s", changes[i], part)
		}
	}
	closed := query[string](s, "SELECT name || ' ' || reason || ' ' || placed_by || ', ' || released_by FROM holds ORDER BY placed_at")
	if !slices.Equal(closed, []string{"payment still not paid key:default, key:default", "fraud odd address key:default, key:default"}) {
		t.Errorf("holds are %v", closed)
	}
}

// TestHoldAgain: a name that was released is free again, and without a name every hold ends.
func TestHoldAgain(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	o := s.place(nil)
	for range 2 {
		s.hold(o, "payment", "not paid yet")
		s.hold(o, "fraud", "odd address")
		if released := s.release(o, nil); released.Held {
			t.Errorf("released is %+v", released)
		}
	}
	if count := query[int](s, "SELECT count(*)::int FROM holds WHERE released_at IS NOT NULL"); count[0] != 4 {
		t.Errorf("%d holds were released", count[0])
	}
}

func TestHoldRefused(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	o := s.place(nil)
	hold := func(name, reason string) error {
		_, err := s.HoldOrder(s.ctx(), s.who, o.ID, name, reason)
		return err
	}
	wantFaults(t, hold("", ""), "name REQUIRED", "reason REQUIRED")
	wantFaults(t, hold(strings.Repeat("x", 121), "y"), "name TOO_LONG")
	for i := range 20 {
		must(t, hold(strings.Repeat("x", i+1), "y"))
	}
	wantFaults(t, hold("one more", "y"), "name OUT_OF_RANGE")
	must(t, hold("x", "another reason"))
	_, err := s.ReleaseOrder(s.ctx(), s.who, o.ID, new(""))
	wantFaults(t, err, "name REQUIRED")
	s.cancel(o)
	wantFaults(t, hold("late", "y"), "id CONFLICT")
	if released := s.release(o, nil); released.Held {
		t.Errorf("what has ended can't be released: %+v", released)
	}
	if _, err := s.HoldOrder(s.ctx(), s.account("other"), o.ID, "a", "b"); !errors.Is(err, order.ErrNotFound) {
		t.Errorf("another account's order: %v", err)
	}
	_, err = s.HoldOrder(s.ctx(), s.who, id.New(id.Order), "a", "b")
	if !errors.Is(err, order.ErrNotFound) {
		t.Errorf("no order at all: %v", err)
	}
	tester := s.who
	tester.TestMode = true
	_, err = s.HoldOrder(s.ctx(), tester, s.place(nil).ID, "a", "b")
	wantFaults(t, err, "id FORBIDDEN")
}

// TestHoldWhileUnknown: what became of a call is found out all the same, by a lookup where there is one.
func TestHoldWhileUnknown(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		can  order.Capabilities
		kind fulfillment.StepKind
	}{
		"lookup": {order.Capabilities{Idempotency: order.IdempotencyNative, Lookup: true}, fulfillment.StepFind},
		"keys":   {native, fulfillment.StepCreate},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, o, _ := unknown(t, test.can)
			s.hold(o, "payment", "not paid yet")
			s.record(s.step(test.kind), accepted("x"))
			s.want(o, order.Processing, order.FulfillmentSubmitted)
			s.observe(s.fulfillment(o), seen("x", order.ExternalFulfilled, 2, money("1")))
			s.want(o, order.Fulfilled, order.FulfillmentFulfilled)
		})
	}
}

// TestHoldBetweenCalls: what a provider asked to send again later, or refused, goes nowhere while the order is held.
func TestHoldBetweenCalls(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]order.Outcome{
		"retry": outcome(order.ClassRetryable), "elsewhere": {Class: order.ClassRejected, Reroutable: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStand(t)
			s.provider("one", "5")
			s.provider("two", "6")
			o := s.place(nil)
			step := s.step(fulfillment.StepCreate)
			s.hold(o, "payment", "not paid yet")
			s.record(step, answer)
			s.idle()
			s.release(o, nil)
			steps, err := s.Intend(s.ctx(), s.ready())
			must(t, err)
			if len(steps) != 1 || steps[0].Kind != fulfillment.StepCreate {
				t.Errorf("steps are %+v", steps)
			}
		})
	}
}

// TestReleaseOfMany has a queue that is stopped, and an account that has enough in the lists: nothing is announced then.
func TestReleaseOfMany(t *testing.T) {
	t.Parallel()
	for name, statement := range map[string]string{
		"paused":  "INSERT INTO paused_queues (queue) VALUES ('dispatch')",
		"crowded": "INSERT INTO task_crowds (queue, account_id) SELECT 'dispatch', account_id FROM orders",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStand(t)
			o := s.place(nil)
			s.hold(o, "payment", "not paid yet")
			s.idle()
			s.exec(statement)
			s.release(o, nil)
			if tasks := s.lastCommit().Tasks; len(tasks) != 1 || tasks[0].AnnouncedAt != nil || tasks[0].DueAt.After(time.Now()) {
				t.Errorf("hurried are %+v", tasks)
			}
		})
	}
}
