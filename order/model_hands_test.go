package order_test

import (
	"errors"
	"slices"
	"time"

	"pgregory.net/rapid"

	"github.com/boostress/boostress/order"
)

// hand is what a person does with one fulfillment, in whatever state. What is refused changes nothing.
func (m *model) hand(t *rapid.T, f *order.Fulfillment) {
	wish := rapid.SampledFrom([]func(*rapid.T, *order.Fulfillment) error{
		m.retryNow, m.reroute, m.reroute, m.cancelOne, m.resolve, m.splitInto, m.reschedule, m.late,
	}).Draw(t, "wish")
	err := wish(t, f)
	var refused order.Faults
	switch {
	case errors.As(err, &refused) || errors.Is(err, order.ErrFulfilled):
		if m.c.Touched() || len(m.c.New) > 0 {
			t.Fatalf("refused (%v), and yet %d events", err, len(m.c.Events))
		}
	case err != nil:
		t.Fatal(err)
	default:
		m.save(t)
	}
}

// ended reports whether nothing may be started for the order.
func (m *model) ended() bool { return m.order.CancelAsked || m.order.Expired }

func (m *model) retryNow(t *rapid.T, f *order.Fulfillment) error {
	before, replaced := *f, m.hasReplacement(f)
	next, err := m.c.RetryNow(f)
	ended := before.Status == order.FulfillmentFailed || before.Status == order.FulfillmentCanceled
	if may := ended && !m.ended() && !replaced && f.Delivered < f.Quantity; (next != nil) != may {
		t.Fatalf("retry %+v (replaced: %t): %+v, %v", before, replaced, next, err)
	}
	if next != nil && (m.c.Order.FinishedAt != nil || next.Quantity != f.Quantity-f.Delivered) {
		t.Fatalf("%+v takes over from %+v, and the order is %+v", next, f, m.c.Order)
	}
	return err
}

func (m *model) reroute(t *rapid.T, f *order.Fulfillment) error {
	before, exclude := *f, rapid.Bool().Draw(t, "exclude")
	ask, err := m.c.Reroute(f, exclude)
	if err == nil && (before.Status == order.FulfillmentUnknown || before.Status == order.FulfillmentSubmitting) {
		t.Fatalf("%s was rerouted", before.Status)
	}
	if ask && (f.Status != order.FulfillmentCancelRequested || len(m.c.New) > 0) {
		t.Fatalf("the rest went on before its provider has confirmed: %+v", f)
	}
	return err
}

func (m *model) cancelOne(t *rapid.T, f *order.Fulfillment) error {
	before := *f
	_, err := m.c.Cancel(f)
	if err != nil {
		return err
	}
	waits := before.Status.Untouched() || before.Status == order.FulfillmentRetryWait
	if waits && f.Status != order.FulfillmentCanceled || !waits && !f.Status.Final() && (!f.CancelAsked || f.RerouteAsked) {
		t.Fatalf("canceled, and yet %+v", f)
	}
	return nil
}

func (m *model) resolve(t *rapid.T, f *order.Fulfillment) error {
	generation, unknown := f.Generation, f.Status == order.FulfillmentUnknown
	as := rapid.SampledFrom([]order.Resolution{order.ResolvedAccepted, order.ResolvedAbsent}).Draw(t, "as")
	ask, err := m.c.Resolve(f, as, "x-1", "looked there")
	if unknown != (err == nil) {
		t.Fatalf("resolve %+v: %v", f, err)
	}
	if unknown && (f.Generation > generation) != (f.Status == order.FulfillmentRetryWait) {
		t.Fatalf("generation %d after %d: %+v", f.Generation, generation, f)
	}
	if ask {
		must(t, m.c.RequestCancel(f))
	}
	return err
}

func (m *model) splitInto(t *rapid.T, f *order.Fulfillment) error {
	whole := f.Quantity
	quantities := rapid.SliceOfN(rapid.IntRange(0, 3), 1, 4).Draw(t, "quantities")
	parts, err := m.c.SplitInto(f, quantities)
	if err != nil {
		return err
	}
	total := 0
	for i, part := range parts {
		total += part.Quantity
		if part.Quantity != quantities[i] || !part.Status.Untouched() || !slices.Equal(part.Excluded, f.Excluded) {
			t.Fatalf("part %d of %v is %+v", i, quantities, part)
		}
	}
	if total != whole || parts[0] != f {
		t.Fatalf("%d was split into %v", whole, quantities)
	}
	return nil
}

func (m *model) reschedule(t *rapid.T, f *order.Fulfillment) error {
	var at *time.Time
	if rapid.Bool().Draw(t, "later") {
		at = new(m.now.Add(time.Hour))
	}
	err := m.c.Reschedule(f, at)
	if err == nil && (f.Status == order.FulfillmentScheduled) != (at != nil) {
		t.Fatalf("to be sent at %v: %+v", at, f)
	}
	return err
}

// late is the sweeper, which looks for broken promises.
func (m *model) late(t *rapid.T, f *order.Fulfillment) error {
	before, broken := f.Status, f.SLAAt != nil && !f.SLAAt.After(m.now)
	ask, err := m.c.Late(f, rapid.Bool().Draw(t, "policy"))
	if missed := len(m.c.Events) > 0; missed != broken || ask && f.Status != order.FulfillmentCancelRequested {
		t.Fatalf("late: %t, %d events: %+v", broken, len(m.c.Events), f)
	}
	if ask && !before.AtProvider() {
		t.Fatalf("%s was given away on a suspicion: %+v", before, f)
	}
	return err
}

func (m *model) hasReplacement(f *order.Fulfillment) bool {
	for _, other := range m.rows {
		if other.ReplacesID != nil && *other.ReplacesID == f.ID {
			return true
		}
	}
	return false
}
