package fulfillment_test

import (
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/store"
	"github.com/boostress/boostress/task"
)

func (s *stand) wantInvariants() {
	s.t.Helper()
	violations, err := s.store.Invariants(s.ctx(), time.Hour) // nobody beats for the worker's life
	must(s.t, err)
	for _, violation := range violations {
		s.t.Error(violation)
	}
}

func query[T any](s *stand, statement string, args ...any) []T {
	s.t.Helper()
	rows, err := s.pool.Query(s.ctx(), statement, args...)
	must(s.t, err)
	list, err := pgx.CollectRows(rows, pgx.RowTo[T])
	must(s.t, err)
	return list
}

func (s *stand) open(o *order.Order) *order.Case {
	s.t.Helper()
	var opened *order.Case
	must(s.t, s.store.Write(s.ctx(), func(tx *store.Tx) error {
		cases, err := tx.Cases(s.ctx(), []uuid.UUID{o.ID}, "test")
		opened = cases[o.ID]
		return err
	}))
	if opened == nil {
		s.t.Fatalf("order %s is gone", o.ID)
	}
	return opened
}

func (s *stand) order(o *order.Order) *order.Order {
	s.t.Helper()
	return s.open(o).Order
}

// fulfillment is the latest of an order.
func (s *stand) fulfillment(o *order.Order) *order.Fulfillment {
	s.t.Helper()
	list := s.open(o).Fulfillments
	return list[len(list)-1]
}

func (s *stand) attempts(f *order.Fulfillment) (attempts []*order.Attempt) {
	s.t.Helper()
	must(s.t, s.store.Write(s.ctx(), func(tx *store.Tx) error {
		found, err := tx.Attempts(s.ctx(), []uuid.UUID{f.ID})
		attempts = found[f.ID]
		return err
	}))
	return attempts
}

// want checks where an order and its latest fulfillment stand.
func (s *stand) want(o *order.Order, status order.Status, last order.FulfillmentStatus) {
	s.t.Helper()
	opened := s.open(o)
	if f := opened.Fulfillments[len(opened.Fulfillments)-1]; opened.Order.Status != status || f.Status != last {
		s.t.Errorf("order %s (%s), fulfillment %s (%s); want %s and %s",
			opened.Order.Status, opened.Order.Attention, f.Status, f.Failure, status, last)
	}
}

func (s *stand) wantMoney(o *order.Order, reserved, spent, overcharge string) {
	s.t.Helper()
	now := s.order(o)
	if !now.Reserved.Equal(amount(reserved)) || !now.Spent.Equal(amount(spent)) || !now.Overcharge.Equal(amount(overcharge)) {
		s.t.Errorf("reserved %s, spent %s, overcharge %s; want %s, %s, %s",
			now.Reserved, now.Spent, now.Overcharge, reserved, spent, overcharge)
	}
}

func (s *stand) wantAttempts(f *order.Fulfillment, want ...order.AttemptState) {
	s.t.Helper()
	var got []order.AttemptState
	for _, a := range s.attempts(f) {
		got = append(got, a.State)
	}
	if !slices.Equal(got, want) {
		s.t.Errorf("attempts are %v, want %v", got, want)
	}
}

// tasks lists the kinds of the tasks that wait or run.
func (s *stand) tasks() []string {
	s.t.Helper()
	return query[string](s, "SELECT kind FROM tasks ORDER BY kind")
}

func (s *stand) wantTasks(want ...task.Kind) {
	s.t.Helper()
	texts := make([]string, len(want))
	for i, kind := range want {
		texts[i] = string(kind)
	}
	if got := s.tasks(); !slices.Equal(got, texts) {
		s.t.Errorf("tasks are %v, want %v", got, texts)
	}
}

func (s *stand) kinds(o *order.Order) []string {
	s.t.Helper()
	return query[string](s, "SELECT kind FROM events WHERE order_id = $1 ORDER BY sequence", o.ID)
}

// age makes everything that was written so far look older.
func (s *stand) age(by time.Duration) {
	s.t.Helper()
	for _, statement := range []string{
		"UPDATE attempts SET started_at = started_at - $1::interval",
		`UPDATE fulfillments SET updated_at = updated_at - $1::interval, submitted_at = submitted_at - $1::interval,
			changed_at = changed_at - $1::interval`,
	} {
		s.exec(statement, by)
	}
}
