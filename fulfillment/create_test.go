package fulfillment_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/boostress/boostress/fulfillment"
	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/task"
)

func TestCreateOrder(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	deadline := time.Now().Add(time.Hour).UTC().Truncate(time.Microsecond)
	placed := s.place(func(d *order.Draft) {
		d.Reference, d.Budget, d.Deadline, d.Priority = "A-1", money("50"), &deadline, 7
		d.Destination = order.Destination{Name: "Ada", CountryCode: "GB", Attributes: []byte(`{"email":"ada@example.com"}`)}
		d.Metadata = []byte(`{"a":1}`)
		d.Lines = append(d.Lines, order.LineDraft{ServiceType: "frame", Quantity: 3, Attributes: []byte(`{"color":"red"}`)})
	})
	if placed.Status != order.Pending || placed.Quantity != 5 || placed.Sequence != 1 || placed.Currency != "EUR" ||
		placed.CreatedBy != "key:default" || !placed.Deadline.Equal(deadline) {
		t.Errorf("placed %+v", placed)
	}
	opened := s.open(placed)
	if diff := cmp.Diff(placed.Destination.Name, opened.Order.Destination.Name); diff != "" {
		t.Error(diff)
	}
	if len(opened.Fulfillments) != 2 || opened.Fulfillments[0].Quantity != 2 || opened.Fulfillments[1].Quantity != 3 {
		t.Errorf("fulfillments are %+v", opened.Fulfillments)
	}
	s.wantTasks(task.KindDispatch, task.KindDispatch)
	if len(s.committed) != 1 || len(s.committed[0].Tasks) != 2 || s.committed[0].Events != 1 || s.committed[0].Tasks[0].Priority != 7 {
		t.Errorf("announced %+v", s.committed)
	}
}

func TestCreateOrderInTestMode(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	s.who.TestMode = true
	if placed := s.place(nil); !s.order(placed).TestMode {
		t.Error("an order placed in test mode is a live one")
	}
}

func TestCreateOrderNamesFaults(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	_, err := s.CreateOrder(s.ctx(), s.who, draft(func(d *order.Draft) { d.Reference, d.Lines[0].Quantity = "", 0 }))
	wantFaults(t, err, "reference REQUIRED", "lines.0.quantity OUT_OF_RANGE")
	s.place(func(d *order.Draft) { d.Reference = "A-1" })
	_, err = s.CreateOrder(s.ctx(), s.who, draft(func(d *order.Draft) { d.Reference = "A-1" }))
	wantFaults(t, err, "reference REFERENCE_TAKEN")
	if _, err := s.CreateOrder(s.ctx(), s.account("other"), draft(func(d *order.Draft) { d.Reference = "A-1" })); err != nil {
		t.Errorf("another account can't use the reference: %v", err)
	}
}

func faultTexts(faults order.Faults) (texts []string) {
	for _, fault := range faults {
		texts = append(texts, strings.Join(fault.Field, ".")+" "+string(fault.Code))
	}
	return texts
}

func wantFaults(t *testing.T, err error, want ...string) {
	t.Helper()
	var faults order.Faults
	if err != nil && !errors.As(err, &faults) {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, faultTexts(faults)); diff != "" {
		t.Errorf("faults (-want +got):\n%s", diff)
	}
}

func TestCreateOrdersRefusesOnlyWhatIsWrong(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	s.place(func(d *order.Draft) { d.Reference = "taken" })
	drafts := []order.Draft{
		draft(nil),
		draft(func(d *order.Draft) { d.Category = "" }),
		draft(func(d *order.Draft) { d.Reference = "taken" }),
		draft(func(d *order.Draft) { d.Reference = "twice" }),
		draft(func(d *order.Draft) { d.Reference = "twice" }),
		draft(func(d *order.Draft) { d.Metadata = []byte(`{"a":`) }),
	}
	placed, faults, err := s.CreateOrders(s.ctx(), s.who, "", drafts)
	must(t, err)
	var made []bool
	for _, o := range placed {
		made = append(made, o != nil)
	}
	if diff := cmp.Diff([]bool{true, false, false, true, false, false}, made); diff != "" {
		t.Errorf("placed (-want +got):\n%s", diff)
	}
	wantFaults(t, faults.Err(), "orders.1.category REQUIRED", "orders.2.reference REFERENCE_TAKEN",
		"orders.4.reference REFERENCE_TAKEN", "orders.5.metadata INVALID")
	if placed[0].Reference != drafts[0].Reference || placed[3].Reference != "twice" {
		t.Error("orders are not in the drafts' order")
	}
}

// TestDeadlineByTheDatabasesClock: a process whose clock is slow must not place an order that is late already, which
// the deadlines' watermark may have passed.
func TestDeadlineByTheDatabasesClock(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	slow := fulfillment.New(s.store, fulfillment.Options{Clock: func() time.Time { return time.Now().Add(-2 * time.Hour) }})
	late := time.Now().Add(-time.Hour)
	_, err := slow.CreateOrder(s.ctx(), s.who, draft(func(d *order.Draft) { d.Deadline = &late }))
	wantFaults(t, err, "deadline OUT_OF_RANGE")
}

// TestSameReferencesInAnyOrder has batches with the same references, each in another order, come at the same time.
func TestSameReferencesInAnyOrder(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	var callers sync.WaitGroup
	for round := range 10 {
		var drafts []order.Draft
		for i := range 20 {
			drafts = append(drafts, draft(func(d *order.Draft) { d.Reference = fmt.Sprintf("%d-%02d", round, i) }))
		}
		backwards := slices.Clone(drafts)
		slices.Reverse(backwards)
		for _, batch := range [][]order.Draft{drafts, backwards} {
			// Services of their own, as two processes have, so that the batches don't share a transaction.
			other := fulfillment.New(s.store, fulfillment.Options{})
			callers.Go(func() {
				if _, _, err := other.CreateOrders(s.ctx(), s.who, "", batch); err != nil {
					t.Errorf("round %d: %v", round, err)
				}
			})
		}
	}
	callers.Wait()
	if stored := query[int](s, "SELECT count(*)::int FROM orders"); stored[0] != 200 {
		t.Errorf("%d orders, want 200", stored[0])
	}
}

// TestWhatIsAcceptedCanBeStored places orders whose JSON is as odd as the core lets through.
func TestWhatIsAcceptedCanBeStored(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	deep := strings.Repeat(`{"a":[`, 16) + strings.Repeat(`]}`, 16)
	for _, odd := range []string{
		`{}`, `{"":""}`, `{"a":"\\u0000"}`, `{"a":"\ud83d\ude00 \uFFFF \b\f\n\r\t\/"}`,
		`{"a":-0.0e-64,"b":1E+64,"c":` + strings.Repeat("9", 5000) + `}`,
		`{"a":1,"a":2}`, deep, `{"a":"` + strings.Repeat("ü", 8000) + `"}`, "\n{ }\t",
	} {
		value := []byte(odd)
		d := draft(func(d *order.Draft) {
			d.Metadata, d.Destination.Attributes, d.Lines[0].Attributes = value, value, value
			d.Reference += "ü\u2028\\u0000'\"%"
		})
		if _, err := s.CreateOrder(s.ctx(), s.who, d); err != nil {
			t.Errorf("%.60s: %v", odd, err)
		}
	}
}
