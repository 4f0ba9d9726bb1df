package fulfillment_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/boostress/boostress/fulfillment"
	"github.com/boostress/boostress/order"
)

func (s *stand) update(o *order.Order, revision order.Revision) *order.Order {
	s.t.Helper()
	updated, err := s.UpdateOrder(s.ctx(), s.who, o.ID, revision)
	must(s.t, err)
	return updated
}

func TestUpdateOrder(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	o := s.place(func(d *order.Draft) { d.Budget, d.Metadata = money("50"), json.RawMessage(`{"a": 1}`) })
	deadline := time.Now().Add(time.Hour).UTC().Truncate(time.Microsecond)
	revision := order.Revision{
		Budget: money("40"), Deadline: &deadline, Priority: new(7), Metadata: json.RawMessage(`{"b":2}`),
	}
	s.update(o, revision)
	s.update(o, revision) // changes nothing
	now := s.order(o)
	if !now.Budget.Equal(amount("40")) || !now.Deadline.Equal(deadline) || now.Priority != 7 || string(now.Metadata) != `{"b": 2}` {
		t.Errorf("updated %+v", now)
	}
	if priority := query[int](s, "SELECT priority FROM tasks"); !slices.Equal(priority, []int{7}) {
		t.Errorf("the waiting task has priority %v", priority)
	}
	s.update(o, order.Revision{NoBudget: true, NoDeadline: true, NoMetadata: true})
	if now := s.order(o); now.Budget != nil || now.Deadline != nil || now.Metadata != nil || now.Priority != 7 {
		t.Errorf("updated %+v", now)
	}
	if kinds := s.kinds(o); !slices.Equal(kinds, []string{"PLACED", "ORDER_UPDATED", "ORDER_UPDATED"}) {
		t.Errorf("events are %v", kinds)
	}
	changes := query[string](s, "SELECT changes FROM events WHERE order_id = $1 AND sequence = 3", o.ID)[0]
	want := `[{"field":"budget","before":"40"},{"field":"deadline","before":"` + deadline.Format(time.RFC3339Nano) +
		`"},{"field":"metadata","before":"{\"b\": 2}"}]`
	if changes != want {
		t.Errorf("changes are %s, want %s", changes, want)
	}
}

func TestUpdateOrderRefused(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	s.provider("one", "5")
	o := s.place(func(d *order.Draft) { d.Budget = money("50") })
	s.step(fulfillment.StepCreate)
	update := func(revision order.Revision) error {
		_, err := s.UpdateOrder(s.ctx(), s.who, o.ID, revision)
		return err
	}
	past := time.Now().Add(-time.Second)
	wantFaults(t, update(order.Revision{
		Budget: &order.Money{Amount: amount("-1"), Currency: "EUR"}, Deadline: &past, Priority: new(10), Metadata: json.RawMessage(`[]`),
	}), "budget.amount INVALID", "deadline OUT_OF_RANGE", "priority OUT_OF_RANGE", "metadata INVALID", "budget.amount OUT_OF_RANGE")
	wantFaults(t, update(order.Revision{Budget: &order.Money{Amount: amount("60"), Currency: "USD"}}), "budget.currency INVALID")
	err := update(order.Revision{Budget: money("9.99"), Priority: new(3)})
	wantFaults(t, err, "budget.amount OUT_OF_RANGE")
	if !strings.Contains(err.Error(), "10.000000 EUR") && !strings.Contains(err.Error(), "10 EUR") {
		t.Errorf("the fault does not name the bound: %v", err)
	}
	if now := s.order(o); now.Priority != 0 || len(s.kinds(o)) != 2 {
		t.Errorf("a part was changed: %+v", now)
	}
	s.update(o, order.Revision{Budget: money("10")}) // what is committed is enough

	s.exec("UPDATE orders SET deadline = now()")
	s.exec("UPDATE meta SET value = (now() - interval '1 hour')::text WHERE key = 'deadline_watermark'")
	_, err = s.ApplyDeadlines(s.ctx(), 10)
	must(t, err)
	later := time.Now().Add(time.Hour)
	wantFaults(t, update(order.Revision{Deadline: &later}), "deadline CONFLICT")
	wantFaults(t, update(order.Revision{NoDeadline: true}), "deadline CONFLICT")
	s.update(o, order.Revision{Budget: money("11")}) // it runs still

	ended := s.place(nil)
	s.cancel(ended)
	_, err = s.UpdateOrder(s.ctx(), s.who, ended.ID, order.Revision{Budget: money("5"), NoDeadline: true, Priority: new(1)})
	wantFaults(t, err, "budget CONFLICT", "deadline CONFLICT", "priority CONFLICT")
	s.update(ended, order.Revision{Metadata: json.RawMessage(`{"c": 3}`)})
	s.want(ended, order.Canceled, order.FulfillmentCanceled)
}

// TestMoreBudget: what was too dear is looked at again at once.
func TestMoreBudget(t *testing.T) {
	t.Parallel()
	for name, revision := range map[string]order.Revision{"raised": {Budget: money("10")}, "lifted": {NoBudget: true}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStand(t)
			s.provider("one", "5")
			o := s.place(func(d *order.Draft) { d.Budget = money("9") })
			s.idle()
			s.want(o, order.Pending, order.FulfillmentUnroutable)
			s.update(o, order.Revision{Budget: money("8")})
			if len(s.ready()) > 0 {
				t.Error("less budget hurries it")
			}
			s.update(o, revision)
			steps, err := s.Intend(s.ctx(), s.ready())
			must(t, err)
			if len(steps) != 1 || steps[0].Kind != fulfillment.StepCreate {
				t.Errorf("steps are %+v", steps)
			}
		})
	}
}

func TestExpedite(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	s.provider("one", "5")
	o := s.place(nil)
	s.record(s.step(fulfillment.StepCreate), order.Outcome{Class: order.ClassRateLimited, RetryAfter: time.Hour})
	for range 2 { // the second changes nothing but the waits
		expedited, err := s.ExpediteOrder(s.ctx(), s.who, o.ID)
		must(t, err)
		if expedited.Priority != 9 {
			t.Errorf("expedited %+v", expedited)
		}
	}
	claimed := s.ready()
	if len(claimed) != 1 || claimed[0].Priority != 9 {
		t.Fatalf("claimed %+v", claimed)
	}
	steps, err := s.Intend(s.ctx(), claimed)
	must(t, err)
	if steps[0].Kind != fulfillment.StepCreate {
		t.Errorf("step is %+v", steps[0])
	}
	if kinds := s.kinds(o); !slices.Equal(kinds[3:], []string{"ORDER_EXPEDITED", "FULFILLMENT_SUBMITTING"}) {
		t.Errorf("events are %v", kinds)
	}
	ended := s.place(nil)
	s.cancel(ended)
	_, err = s.ExpediteOrder(s.ctx(), s.who, ended.ID)
	wantFaults(t, err, "id CONFLICT")
}

// TestExpediteWhatIsHeld: the hold still counts.
func TestExpediteWhatIsHeld(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	s.provider("one", "5")
	o := s.place(nil)
	s.hold(o, "payment", "not paid yet")
	s.idle()
	_, err := s.ExpediteOrder(s.ctx(), s.who, o.ID)
	must(t, err)
	if len(s.ready()) > 0 {
		t.Error("it is hurried, and held")
	}
}

// TestPriorityMovesLists: what waits in one priority's list is announced in the other's.
func TestPriorityMovesLists(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	o := s.place(nil)
	s.update(o, order.Revision{Priority: new(4)})
	if tasks := s.lastCommit().Tasks; len(tasks) != 1 || tasks[0].Priority != 4 || tasks[0].AnnouncedAt == nil {
		t.Errorf("announced are %+v", tasks)
	}
}

func TestNotes(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	o := s.place(nil)
	note := func(text string) error {
		_, err := s.AddOrderNote(s.ctx(), s.who, o.ID, text)
		return err
	}
	must(t, note("they called"))
	s.cancel(o)
	must(t, note("they called again"))
	wantFaults(t, note(" "), "text REQUIRED")
	wantFaults(t, note(strings.Repeat("x", 2001)), "text TOO_LONG")
	notes := query[string](s, "SELECT actor || ' ' || changes::text FROM events WHERE kind = 'NOTE_ADDED' ORDER BY sequence")
	want := []string{`key:default [{"field":"note","after":"they called"}]`, `key:default [{"field":"note","after":"they called again"}]`}
	if !slices.Equal(notes, want) {
		t.Errorf("notes are %v", notes)
	}
}
