package order_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"github.com/boostress/boostress/order"
)

// person changes the order as people do, at any time.
func (m *model) person(t *rapid.T) {
	m.open()
	rapid.SampledFrom([]func(*rapid.T){m.hold, m.hold, m.release, m.release, m.expedite, m.note, m.revise}).Draw(t, "wish")(t)
}

// begin places the order, at once or after it was a draft for a while; of some drafts nothing becomes.
func (m *model) begin(t *rapid.T) {
	m.open()
	if rapid.Bool().Draw(t, "at once") {
		must(t, m.c.PlaceInSlices(m.lines, m.slices(t)))
		m.save(t)
		return
	}
	must(t, m.c.Draft())
	m.save(t)
	for rapid.IntRange(0, 3).Draw(t, "another wish") > 0 {
		m.open()
		rapid.SampledFrom([]func(*rapid.T){m.hold, m.release, m.note, m.revise, m.cancel, m.expire}).Draw(t, "wish for a draft")(t)
		m.check(t)
	}
	m.open()
	ready, err := m.c.CheckPlace()
	late := m.order.Deadline != nil && !m.order.Deadline.After(m.now)
	if canceled := m.order.CancelAsked; ready == (canceled || late) || (err == nil) != ready {
		t.Fatalf("place %+v: %t, %v", m.order, ready, err)
	}
	if ready {
		must(t, m.c.PlaceInSlices(m.lines, m.slices(t)))
		m.save(t)
	}
}

// slices releases some lines unit by unit, the first at once.
func (m *model) slices(t *rapid.T) map[uuid.UUID][]order.Slice {
	laid := map[uuid.UUID][]order.Slice{}
	for _, line := range m.lines {
		if rapid.Bool().Draw(t, "all at once") {
			continue
		}
		for unit := range line.Quantity {
			at := m.now.Add(time.Duration(unit) * 5 * time.Hour)
			laid[line.ID] = append(laid[line.ID], order.Slice{Quantity: 1, At: at})
		}
	}
	return laid
}

// saveOrder writes the order's row as the store does: its settings only where they are to be written.
func (m *model) saveOrder() {
	before := m.order
	m.order = *m.c.Order
	if !m.c.Settings {
		m.order.Budget, m.order.Deadline, m.order.DeadlineAction = before.Budget, before.Deadline, before.DeadlineAction
		m.order.Priority, m.order.Metadata, m.order.Held = before.Priority, before.Metadata, before.Held
	}
}

func (m *model) saveHolds() {
	for _, changed := range m.c.ChangedHolds {
		m.holds = slices.DeleteFunc(m.holds, func(h order.Hold) bool { return h.ID == changed.ID })
		if changed.ReleasedAt == nil {
			m.holds = append(m.holds, *changed)
		}
	}
}

// holdNames are few, so that the same comes again.
func holdNames() *rapid.Generator[string] {
	return rapid.SampledFrom([]string{"payment", "fraud", "stock"})
}

func (m *model) hold(t *rapid.T) {
	name, reason := holdNames().Draw(t, "name"), rapid.SampledFrom([]string{"not yet", "still not"}).Draw(t, "reason")
	err := m.c.Hold(name, reason)
	if ended := m.order.FinishedAt != nil; ended != (err != nil) {
		t.Fatalf("hold an order that is %s: %v", m.order.Status, err)
	}
	if err != nil {
		return
	}
	m.save(t)
	m.open()
	if err := m.c.Hold(name, reason); err != nil || m.c.Touched() {
		t.Fatalf("the same hold again: %v, %v", err, m.c.Events)
	}
}

func (m *model) release(t *rapid.T) {
	var name *string
	if rapid.Bool().Draw(t, "one") {
		name = new(holdNames().Draw(t, "name"))
	}
	want := slices.DeleteFunc(slices.Clone(m.holds), func(h order.Hold) bool { return name == nil || h.Name == *name })
	must(t, m.c.Release(name))
	if m.c.Touched() != (len(want) < len(m.holds)) {
		t.Fatalf("release %v of %v: %v", name, m.holds, m.c.Events)
	}
	m.save(t)
	if len(m.holds) != len(want) || m.order.Held != (len(want) > 0) {
		t.Fatalf("held: %t by %v, want by %v", m.order.Held, m.holds, want)
	}
}

func (m *model) expedite(t *rapid.T) {
	err := m.c.Expedite()
	for _, f := range m.c.Fulfillments {
		if err == nil && f.Status == order.FulfillmentScheduled {
			t.Fatalf("expedited, and it is still to be sent later: %+v", f)
		}
	}
	if no := m.order.FinishedAt != nil || m.order.Status == order.Drafted; no != (err != nil) {
		t.Fatalf("expedite an order that is %s: %v", m.order.Status, err)
	}
	m.save(t)
}

func (m *model) note(t *rapid.T) {
	must(t, m.c.Note(rapid.SampledFrom([]string{"they called", "they called again"}).Draw(t, "text")))
	if note := m.c.Events[0].Note(); note == nil || *note == "" {
		t.Fatalf("the event has no note: %+v", m.c.Events)
	}
	m.save(t)
}

// revise asks for changes of all sorts; what is not allowed changes nothing.
func (m *model) revise(t *rapid.T) {
	var r order.Revision
	committed := add(t, m.order.Reserved, m.order.Spent, m.order.Overcharge.Neg())
	money, late := false, false
	switch rapid.IntRange(0, 2).Draw(t, "budget") {
	case 0:
		r.NoBudget = true
	case 1:
		amount := add(t, micros(60_000_000).Draw(t, "budget"), amount("0.000001"))
		r.Budget = &order.Money{Amount: amount, Currency: "EUR"}
		money = amount.Cmp(committed) < 0
	}
	if rapid.Bool().Draw(t, "with a deadline") {
		at := m.now.Add(time.Duration(rapid.IntRange(-1, 3).Draw(t, "deadline")) * time.Hour)
		r.Deadline = &at
		late = !at.After(m.now) || m.order.Expired
	}
	if rapid.Bool().Draw(t, "with a priority") {
		r.Priority = new(rapid.IntRange(0, 9).Draw(t, "priority"))
	}
	if rapid.Bool().Draw(t, "with an action") {
		r.DeadlineAction = rapid.SampledFrom([]order.DeadlineAction{order.DeadlineFinish, order.DeadlineCancel}).Draw(t, "action")
		late = late || m.order.Expired
	}
	settings := r.NoBudget || r.Budget != nil || r.Deadline != nil || r.Priority != nil || r.DeadlineAction != ""
	r.Metadata = json.RawMessage(rapid.SampledFrom([]string{`{"a": 1}`, `{"a":1}`, `{"b": 2}`}).Draw(t, "metadata"))
	err := m.c.Revise(r)
	if refused := money || late || settings && m.order.FinishedAt != nil; refused != (err != nil) {
		t.Fatalf("revise %+v of %+v: %v", r, m.order, err)
	}
	if faults := order.Faults(nil); err != nil && !errors.As(err, &faults) {
		t.Fatal(err)
	}
	if err == nil {
		m.save(t)
		m.reopen()
		if err := m.c.Revise(r); err != nil || m.c.Touched() {
			t.Fatalf("the same revision again: %v, %v", err, m.c.Events)
		}
	}
}

// compareSettings holds what events told of the order's settings to its row.
func (m *model) compareSettings(t *rapid.T, shown map[string]string) {
	want := map[string]string{
		"budget": "", "deadline": "", "priority": strconv.Itoa(m.order.Priority),
		"deadlineAction": string(m.order.DeadlineAction), "metadata": string(m.order.Metadata), "held": "",
	}
	if m.order.Budget != nil {
		want["budget"] = plain(*m.order.Budget)
	}
	if m.order.Deadline != nil {
		want["deadline"] = m.order.Deadline.Format(time.RFC3339Nano)
	}
	if len(m.holds) > 0 {
		want["held"] = "true"
	}
	for _, name := range []string{"payment", "fraud", "stock"} {
		want["hold."+name] = ""
	}
	ids := map[uuid.UUID]bool{}
	for _, hold := range m.holds {
		want["hold."+hold.Name] = hold.Reason
		if ids[hold.ID] || hold.ReleasedAt != nil {
			t.Fatalf("holds are %+v", m.holds)
		}
		ids[hold.ID] = true
	}
	for name, value := range want {
		if was, known := shown[name]; known && was != value {
			t.Fatalf("%s is %q, and the events say %q", name, value, was)
		}
	}
}
