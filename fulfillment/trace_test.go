package fulfillment_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/boostress/boostress/internal/request"
	"github.com/boostress/boostress/order"
)

// TestEachRequestKeepsItsTrace has requests share transactions: the tasks of each belong to its own trace, or to none.
func TestEachRequestKeepsItsTrace(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	const count = 40
	want := make(map[string]string, count)
	var callers sync.WaitGroup
	for i := range count {
		reference, trace := fmt.Sprint("A-", i), fmt.Sprint("trace-", i)
		if i%4 == 0 {
			trace = ""
		}
		want[reference] = trace
		callers.Go(func() {
			_, err := s.CreateOrder(request.WithTrace(s.ctx(), trace), s.who, draft(func(d *order.Draft) { d.Reference = reference }))
			if err != nil {
				t.Error(err)
			}
		})
	}
	callers.Wait()
	got := make(map[string]string, count)
	for _, row := range query[string](s, "SELECT o.reference || ' ' || t.trace_id FROM tasks t JOIN orders o ON o.id = t.order_id") {
		var reference, trace string
		_, _ = fmt.Sscan(row, &reference, &trace)
		got[reference] = trace
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("traces (-want +got):\n%s", diff)
	}
}
