package order_test

import (
	"reflect"
	"strings"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"pgregory.net/rapid"

	"github.com/boostress/boostress/order"
)

// see is what a provider says, at any time: in time, late, twice, out of order or absurd.
func (m *model) see(t *rapid.T, f *order.Fulfillment) {
	seen := said().Draw(t, "seen")
	before := *f
	ask, err := m.c.Observe(f, seen)
	if err != nil {
		t.Fatalf("observe %+v in %s: %v", seen, before.Status, err)
	}
	if ask {
		must(t, m.c.RequestCancel(f))
	}
	if f.Delivered < before.Delivered || before.Status.Final() && f.Status != before.Status {
		t.Fatalf("%+v took a step back: %+v after %+v", seen, f, before)
	}
	if stale(before, seen) && len(m.c.Events) > 0 {
		t.Fatalf("%+v is stale and changed %+v: %s", seen, before, cmp.Diff(before, *f, exact()))
	}
	m.save(t)
	m.sameAgain(t, f.ID, seen)
}

// stale says, in its own way, what must change nothing: what was said of something that no provider has, of an
// earlier state, or of a smaller part.
func stale(f order.Fulfillment, seen order.ExternalOrder) bool {
	ranks := map[order.ExternalState]int{
		order.ExternalAccepted: 1, order.ExternalInProgress: 2, order.ExternalPartial: 3, order.ExternalCanceling: 3,
	}
	reached := map[order.FulfillmentStatus]int{
		order.FulfillmentSubmitted: 1, order.FulfillmentInProgress: 2, order.FulfillmentPartiallyFulfilled: 3,
	}
	rank, going := ranks[seen.State]
	switch f.Status {
	case order.FulfillmentPending, order.FulfillmentScheduled, order.FulfillmentUnroutable, order.FulfillmentRetryWait:
		return true
	case order.FulfillmentFulfilled, order.FulfillmentRejected, order.FulfillmentFailed, order.FulfillmentCanceled:
		return going
	default:
		return going && seen.Delivered <= f.Delivered && rank < reached[f.Status] ||
			going && seen.Delivered > 0 && seen.Delivered < f.Delivered
	}
}

// sameAgain checks that a duplicate changes nothing.
func (m *model) sameAgain(t *rapid.T, fulfillmentID uuid.UUID, seen order.ExternalOrder) {
	m.open()
	f := m.c.Find(fulfillmentID)
	before := *f
	if _, err := m.c.Observe(f, seen); err != nil {
		t.Fatalf("observe again: %v", err)
	}
	if len(m.c.Events) > 0 || len(m.c.Entries) > 0 || !reflect.DeepEqual(before, *f) {
		t.Fatalf("the same %+v again changed something: %s", seen, cmp.Diff(before, *f, exact()))
	}
}

func said() *rapid.Generator[order.ExternalOrder] {
	return rapid.Custom(func(t *rapid.T) order.ExternalOrder {
		state := rapid.SampledFrom([]order.ExternalState{
			order.ExternalAccepted, order.ExternalInProgress, order.ExternalPartial, order.ExternalFulfilled, order.ExternalRejected,
			order.ExternalFailed, order.ExternalCanceling, order.ExternalCanceled, order.ExternalOther,
		}).Draw(t, "state")
		seen := order.ExternalOrder{
			ExternalID: "x-1", State: state, RawStatus: strings.ToLower(string(state)), Delivered: rapid.IntRange(-1, 6).Draw(t, "delivered"),
			Reroutable: rapid.Bool().Draw(t, "reroutable"),
		}
		if rapid.Bool().Draw(t, "charged") {
			charge := order.Money{Amount: micros(50_000_000).Draw(t, "charge"), Currency: "EUR"}
			switch rapid.IntRange(0, 9).Draw(t, "oddity") {
			case 0:
				charge.Currency = "USD"
			case 1:
				charge.Amount = charge.Amount.Neg()
			case 2:
				charge.Amount = amount("0.12345678")
			case 3:
				charge.Amount = amount("9999999999999")
			}
			seen.Charge = &charge
		}
		return seen
	})
}
