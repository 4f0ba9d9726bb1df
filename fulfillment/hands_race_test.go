package fulfillment_test

import (
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/boostress/boostress/fulfillment"
	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/task"
)

// TestHandsAgainstWorkers has a person and workers at the same fulfillment at the same time, again and again. Whoever
// comes first, everything must hold (see newStand), and the provider must have one order for each unit at most.
func TestHandsAgainstWorkers(t *testing.T) {
	t.Parallel()
	for name, race := range map[string]struct {
		reach func(*stand) *order.Order
		hands []string
	}{
		"reroute and dispatch": {func(s *stand) *order.Order { return s.place(nil) }, []string{"reroute"}},
		"reroute and retry":    {func(s *stand) *order.Order { return s.created(outcome(order.ClassRetryable)) }, []string{"reroute"}},
		"split and dispatch":   {func(s *stand) *order.Order { return s.place(nil) }, []string{"split"}},
		"reschedule and dispatch": {
			func(s *stand) *order.Order { return s.created(outcome(order.ClassRetryable)) }, []string{"reschedule", "now"},
		},
		"retry and cancel": {
			func(s *stand) *order.Order { return s.created(outcome(order.ClassRejected)) }, []string{"retry", "cancel order", "retry"},
		},
		"resolve and reconcile": {
			func(s *stand) *order.Order { return s.created(outcome(order.ClassUnknown)) }, []string{"resolve accepted"},
		},
		"resolve both ways": {
			func(s *stand) *order.Order { return s.created(outcome(order.ClassUnknown)) },
			[]string{"resolve absent", "resolve accepted"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStand(t)
			s.provider("one", "5")
			s.provider("two", "5")
			for range 15 {
				o := race.reach(s)
				f := s.fulfillment(o)
				s.hurry()
				var all sync.WaitGroup
				for range 2 {
					all.Go(func() { s.workOnce() })
				}
				for _, hand := range race.hands {
					all.Go(func() {
						<-time.After(rand.N(3 * time.Millisecond))
						s.lay(hand, o, f)
					})
				}
				all.Wait()
				s.wantInvariants()
				for range 3 { // what is left must not be in the next round's way
					s.hurry()
					s.workOnce()
				}
				s.exec("UPDATE tasks SET due_at = 'infinity'")
			}
		})
	}
}

func (s *stand) lay(hand string, o *order.Order, f *order.Fulfillment) {
	var err error
	if hand == "cancel order" {
		_, err = s.CancelOrder(s.ctx(), s.who, o.ID)
	} else {
		_, err = s.hands()[hand](&order.Fulfillment{ID: f.ID})
	}
	if err := allowed(err); err != nil {
		s.t.Errorf("%s: %v", hand, err)
	}
}

// workOnce claims what is due, and has its provider take it.
func (s *stand) workOnce() {
	claimed, err := s.store.TaskClaimDue(s.ctx(), s.worker, alive, task.QueueDispatch, 100)
	if err != nil {
		s.t.Error(err)
		return
	}
	steps, err := s.Intend(s.ctx(), claimed)
	if err != nil {
		s.t.Error(err)
		return
	}
	for _, step := range steps {
		answer := accepted("x-" + step.Attempt.Key)
		if step.Kind == fulfillment.StepCancel {
			answer = order.Outcome{Class: order.ClassAccepted, Order: seen(step.ExternalID, order.ExternalCanceled, 0, nil)}
		}
		if step.Kind == fulfillment.StepNone {
			continue
		}
		if errs, err := s.Record(s.ctx(), []fulfillment.Report{{Step: step, Outcome: answer}}); err != nil || errs[0] != nil {
			s.t.Error(err, errs)
		}
	}
}
