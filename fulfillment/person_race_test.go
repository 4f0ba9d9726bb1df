package fulfillment_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/boostress/boostress/fulfillment"
	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/store"
)

// dispatching has workers bring everything to providers that answer as told, until done.
func (s *stand) dispatching(done <-chan struct{}, hands *sync.WaitGroup, answer func() order.Outcome) {
	for range 6 {
		hands.Go(func() {
			worker := s.register()
			for {
				select {
				case <-done:
					return
				default:
				}
				if err := s.dispatchSome(worker, answer); err != nil && !store.Transient(err) {
					s.t.Error(err)
					return
				}
			}
		})
	}
}

func (s *stand) dispatchSome(worker uuid.UUID, answer func() order.Outcome) error {
	s.exec(`UPDATE tasks SET due_at = now() WHERE id IN (
		SELECT id FROM tasks WHERE claim_token IS NULL AND due_at > now() FOR UPDATE SKIP LOCKED)`)
	tasks, err := s.store.TaskClaimDue(s.ctx(), worker, term, "dispatch", 1+rand.IntN(6))
	if err != nil {
		return err
	}
	steps, err := s.Intend(s.ctx(), tasks)
	if err != nil {
		return err
	}
	var reports []fulfillment.Report
	for _, step := range steps {
		if step.Kind == fulfillment.StepNone {
			continue
		}
		reports = append(reports, fulfillment.Report{Step: step, Outcome: answer()})
	}
	_, err = s.Record(s.ctx(), reports)
	return err
}

// calls counts the creations of an order that ever began.
func (s *stand) calls(o *order.Order) int {
	return query[int](s, `SELECT count(*)::int FROM attempts a JOIN fulfillments f ON f.id = a.fulfillment_id
		WHERE f.order_id = $1 AND a.operation = 'CREATE'`, o.ID)[0]
}

// TestHoldAgainstDispatch: once holdOrder has answered, no call begins until the last hold is released, however many
// workers are at it; and after the release all goes on.
func TestHoldAgainstDispatch(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	s.provider("one", "1")
	done := make(chan struct{})
	var workers, people sync.WaitGroup
	var placed []*order.Order
	for range 6 {
		placed = append(placed, s.place(func(d *order.Draft) { d.Lines = slices.Repeat(d.Lines, 4) }))
	}
	s.dispatching(done, &workers, func() order.Outcome { return order.Outcome{Class: order.ClassRateLimited} })
	for _, o := range placed {
		people.Go(func() {
			for round := range 6 {
				<-time.After(rand.N(20 * time.Millisecond))
				names := []string{"payment", "fraud"}
				for _, name := range names {
					s.hold(o, name, fmt.Sprint("round ", round))
				}
				began := s.calls(o)
				for _, name := range names {
					<-time.After(rand.N(20 * time.Millisecond))
					if now := s.calls(o); now != began {
						t.Errorf("%d calls began while the order was held", now-began)
					}
					s.release(o, &name)
				}
			}
		})
	}
	people.Wait()
	before := make([]int, len(placed))
	for i, o := range placed {
		before[i] = s.calls(o)
	}
	s.eventually("every order that was released goes on", func() bool {
		for i, o := range placed {
			if s.calls(o) == before[i] {
				return false
			}
		}
		return true
	})
	close(done)
	workers.Wait()
}

// eventually waits for something, not for long.
func (s *stand) eventually(what string, holds func() bool) {
	s.t.Helper()
	late := time.After(10 * time.Second)
	for !holds() {
		select {
		case <-time.After(10 * time.Millisecond):
		case <-late:
			s.t.Errorf("not yet: %s", what)
			return
		}
	}
}

// TestCancelAgainstDispatch: once cancelOrder has answered, no creation begins, and everything comes to its end.
func TestCancelAgainstDispatch(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	s.provider("one", "1")
	done := make(chan struct{})
	var workers, people sync.WaitGroup
	s.dispatching(done, &workers, func() order.Outcome {
		if rand.IntN(2) == 0 {
			return outcome(order.ClassRetryable)
		}
		return order.Outcome{Class: order.ClassRejected, Message: "no paper"}
	})
	for range 8 {
		people.Go(func() {
			for range 6 {
				o := s.place(func(d *order.Draft) { d.Lines = slices.Repeat(d.Lines, 4) })
				<-time.After(rand.N(15 * time.Millisecond))
				s.cancel(o)
				began := s.calls(o)
				s.cancel(o)
				<-time.After(rand.N(15 * time.Millisecond))
				if now := s.calls(o); now != began {
					t.Errorf("%d calls began after the order was canceled", now-began)
				}
			}
		})
	}
	people.Wait()
	s.eventually("everything has ended", func() bool {
		return query[int](s, "SELECT count(*)::int FROM orders WHERE finished_at IS NULL")[0] == 0 && len(s.tasks()) == 0
	})
	close(done)
	workers.Wait()
}

// TestBudgetAgainstDispatch: while a budget goes up and down, what is reserved never exceeds it.
func TestBudgetAgainstDispatch(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	s.provider("one", "0.5")
	o := s.place(func(d *order.Draft) {
		d.Budget, d.Lines = money("1"), slices.Repeat(d.Lines, 100)
	})
	done := make(chan struct{})
	var workers, people sync.WaitGroup
	s.dispatching(done, &workers, func() order.Outcome { return outcome(order.ClassRetryable) })
	var refused, granted int
	var mu sync.Mutex
	for range 4 {
		people.Go(func() {
			for range 40 {
				wanted := money(strconv.Itoa(1 + rand.IntN(60)))
				updated, err := s.UpdateOrder(s.ctx(), s.who, o.ID, order.Revision{Budget: wanted})
				mu.Lock()
				if err != nil {
					wantFaults(t, err, "budget.amount OUT_OF_RANGE")
					refused++
				} else {
					granted++
					if updated.Reserved.Cmp(wanted.Amount) > 0 {
						t.Errorf("%s are reserved of %s", updated.Reserved, wanted.Amount)
					}
				}
				mu.Unlock()
			}
		})
	}
	people.Wait()
	close(done)
	workers.Wait()
	if refused == 0 || granted == 0 {
		t.Errorf("%d budgets were granted, %d refused", granted, refused)
	}
	if now := s.order(o); now.Reserved.Cmp(*now.Budget) > 0 || now.Reserved.Cmp(amount("1")) <= 0 {
		t.Errorf("%s are reserved of %s", now.Reserved, now.Budget)
	}
}
