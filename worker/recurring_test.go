package worker_test

import (
	"context"
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/boostress/boostress/fulfillment"
	"github.com/boostress/boostress/internal/testkit"
	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/schedule"
	"github.com/boostress/boostress/scheduling"
	"github.com/boostress/boostress/task"
	"github.com/boostress/boostress/worker"
)

// twice runs what makes orders once more after it succeeded, as if its worker had died right then.
type twice struct{ *scheduling.Service }

// CreateOrder makes the order and forgets that it did.
func (s twice) CreateOrder(ctx context.Context, t task.Task) (*order.Order, error) {
	made, err := s.Service.CreateOrder(ctx, t)
	if err == nil && t.Attempt == 1 {
		return nil, context.DeadlineExceeded
	}
	return made, err
}

// A recurring order from its making to its last delivery: one order for each slot.
func TestRecurringOrder(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	announce := func(c fulfillment.Committed) { s.announcer.Announce(c.Tasks) }
	schedules := scheduling.New(s.store, s.service, scheduling.Options{AfterCommit: announce})
	s.worker(func(o *worker.Options) {
		o.Handlers[task.KindCreateOrder] = worker.CreateOrder(twice{schedules})
		o.Backoff = schedule.Backoff{Base: time.Millisecond, Cap: time.Millisecond}
	})
	s.sweeper(func(o *worker.SweeperOptions) { o.Upkeep = s.service })
	for range 2 {
		s.scheduler(func(o *worker.SchedulerOptions) { o.AfterCommit = announce })
	}
	made, err := schedules.Create(t.Context(), s.who, scheduling.Input{
		Name: "posters", Rule: scheduling.RuleInput{Kind: schedule.Interval, Every: new(time.Second), MaxRuns: new(3)},
		Action: task.KindCreateOrder, Overlap: schedule.OverlapAllow, Misfire: schedule.MisfireAll, MisfireLimit: 100, Enabled: true,
		Arguments: json.RawMessage(`{"order": {"reference": "P-{{run}}", "category": "prints", "destination": {"name": "Ada"},
			"lines": [{"serviceType": "poster-a3", "quantity": 2}]}}`),
	})
	if err != nil {
		t.Fatal(err)
	}
	s.fulfilled(3, patience)
	s.finishedCreates(3)
	got := query[string](s.engine, "SELECT reference || ' by ' || created_by FROM orders ORDER BY reference")
	want := []string{"P-1 by schedule:posters", "P-2 by schedule:posters", "P-3 by schedule:posters"}
	if !slices.Equal(got, want) {
		t.Errorf("orders %v, want %v", got, want)
	}
	if left := query[bool](s.engine, "SELECT runs = 3 AND next_at IS NULL FROM schedules WHERE id = $1", made.ID); !left[0] {
		t.Error("it goes on after its last run")
	}
}

// finishedCreates checks that as many tasks made orders, each in its second run.
func (s *shop) finishedCreates(count int) {
	s.t.Helper()
	testkit.Eventually(s.t, patience, "tasks make orders in their second run", func() bool {
		return query[int](s.engine, `SELECT count(*)::int FROM task_results r JOIN schedule_slots l ON l.task_id = r.id
			WHERE r.kind = 'CREATE_ORDER' AND r.state = 'SUCCESS' AND r.attempt = 2 AND r.result->>'orderId' IS NOT NULL`)[0] == count
	})
}
