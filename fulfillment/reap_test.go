package fulfillment_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/boostress/boostress/fulfillment"
	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/task"
)

func TestAcceptedWithoutAnAdapterIsKept(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	s.provider("one", "5")
	o := s.place(nil)
	step := s.step(fulfillment.StepCreate)
	s.breakAdapters(true)
	s.record(step, accepted("x"))
	s.want(o, order.Processing, order.FulfillmentSubmitted)
	if f := s.fulfillment(o); f.NextPollAt == nil {
		t.Errorf("never read again: %+v", f)
	}
}

func TestReap(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	s.setCapabilities(s.provider("one", "5"), native)
	claimedOnly, inFlight := s.place(nil), s.place(nil)
	gone := s.register()
	tasks := s.claimFor(gone)
	var sent []task.Task
	for _, one := range tasks {
		if *one.OrderID == inFlight.ID {
			sent = append(sent, one)
		}
	}
	steps, err := s.Intend(s.ctx(), sent)
	must(t, err)
	if count, err := s.Reap(s.ctx(), term, 100); count != 0 || err != nil {
		t.Fatalf("reaped %d of a worker that is alive, %v", count, err)
	}
	s.exec("UPDATE workers SET heartbeat_at = now() - interval '11 seconds' WHERE id = $1", gone)
	if count, err := s.Reap(s.ctx(), term, 100); count != 2 || err != nil {
		t.Fatalf("reaped %d, %v", count, err)
	}
	s.want(claimedOnly, order.Pending, order.FulfillmentPending)
	s.want(inFlight, order.Processing, order.FulfillmentUnknown)
	s.wantAttempts(s.fulfillment(inFlight), order.AttemptUnknown)
	if a := s.attempts(s.fulfillment(inFlight))[0]; a.Class != order.ClassUnknown || a.Message == "" || a.FinishedAt != nil {
		t.Errorf("attempt is %+v", a)
	}
	errs, err := s.Record(s.ctx(), []fulfillment.Report{{Step: steps[0], Outcome: accepted("late")}})
	must(t, err)
	if errs[0] == nil {
		t.Error("a zombie's late reply was recorded")
	}
	next := s.steps()
	if len(next) != 2 {
		t.Fatalf("steps are %+v", next)
	}
	again := slices.IndexFunc(next, func(one fulfillment.Step) bool { return *one.Task.OrderID == inFlight.ID })
	if next[again].Attempt.Key != steps[0].Attempt.Key || next[again].Attempt.CallNumber != 2 {
		t.Errorf("reconciled by %+v", next[again].Attempt)
	}
	if count, err := s.Reap(s.ctx(), term, 100); count != 0 || err != nil {
		t.Errorf("reaped %d again, %v", count, err)
	}
	s.report(
		fulfillment.Report{Step: next[0], Outcome: accepted("a")}, fulfillment.Report{Step: next[1], Outcome: accepted("b")},
	)
	s.want(inFlight, order.Processing, order.FulfillmentSubmitted)
}

// TestTaskThatComesTwiceInAGroup is intended once: what the first intent wrote is not in what the second would read.
func TestTaskThatComesTwiceInAGroup(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	s.provider("one", "5")
	o := s.place(nil)
	tasks := s.claim()
	steps, err := s.Intend(s.ctx(), append(tasks, tasks...))
	must(t, err)
	if len(steps) != 2 || steps[0].Kind != fulfillment.StepCreate || steps[1].Kind != fulfillment.StepNone {
		t.Fatalf("steps are %+v", steps)
	}
	s.want(o, order.Processing, order.FulfillmentSubmitting)
	s.record(steps[0], accepted("x"))
	s.want(o, order.Processing, order.FulfillmentSubmitted)
}

// TestOldRunOfTheSameWorker has a worker lose its claim, beat again and claim the task anew: what its old run comes to is
// not taken for the new one's, though both are the same worker's. See failpoint.ClaimToken.
func TestOldRunOfTheSameWorker(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	s.provider("one", "5")
	o := s.place(nil)
	old := s.step(fulfillment.StepCreate)
	s.exec("UPDATE workers SET heartbeat_at = 'epoch' WHERE id = $1", s.worker)
	_, err := s.Reap(s.ctx(), term, 100)
	must(t, err)
	s.exec("UPDATE workers SET heartbeat_at = now() WHERE id = $1", s.worker)
	again := s.step(fulfillment.StepCreate)
	errs, err := s.Record(s.ctx(), []fulfillment.Report{{Step: old, Outcome: outcome(order.ClassRetryable)}})
	if err != nil || !errors.Is(errs[0], fulfillment.ErrStale) {
		t.Errorf("the old run's outcome: got %v, %v, want ErrStale", errs, err)
	}
	s.record(again, accepted("x"))
	s.want(o, order.Processing, order.FulfillmentSubmitted)
}

// TestOldAndNewRunInAGroup has what both runs of a task came to recorded together, and one of them twice: a claim that
// holds does not speak for one that doesn't.
func TestOldAndNewRunInAGroup(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	s.provider("one", "5")
	o := s.place(nil)
	old := s.step(fulfillment.StepCreate)
	s.exec("UPDATE workers SET heartbeat_at = 'epoch' WHERE id = $1", s.worker)
	_, err := s.Reap(s.ctx(), term, 100)
	must(t, err)
	s.exec("UPDATE workers SET heartbeat_at = now() WHERE id = $1", s.worker)
	again := s.step(fulfillment.StepCreate)
	report := fulfillment.Report{Step: again, Outcome: accepted("x")}
	errs, err := s.Record(s.ctx(), []fulfillment.Report{{Step: old, Outcome: outcome(order.ClassRejected)}, report, report})
	if err != nil || !errors.Is(errs[0], fulfillment.ErrStale) || errs[1] != nil || !errors.Is(errs[2], fulfillment.ErrStale) {
		t.Errorf("got %v, %v, want ErrStale, nil and ErrStale", errs, err)
	}
	s.want(o, order.Processing, order.FulfillmentSubmitted)
}

// TestReapIsBounded takes back as many as it may, and the rest with the next sweep.
func TestReapIsBounded(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	s.provider("one", "5")
	for range 5 {
		s.place(nil)
	}
	s.steps()
	s.exec("UPDATE workers SET heartbeat_at = 'epoch'")
	for _, want := range []int{3, 2, 0} {
		if count, err := s.Reap(s.ctx(), term, 3); count != want || err != nil {
			t.Errorf("reaped %d, %v, want %d", count, err, want)
		}
	}
	lost := query[int](s, "SELECT count(*)::int FROM fulfillments WHERE status = 'UNKNOWN'")
	if lost[0] != 5 {
		t.Errorf("%d fulfillments are unknown, want 5", lost[0])
	}
}

// TestWorkerThatGaveUpBetween has a task come to another worker without its claim having been reaped: its call is in
// flight still, as far as the rows tell.
func TestWorkerThatGaveUpBetween(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	s.setCapabilities(s.provider("one", "5"), lookup)
	o := s.place(nil)
	s.step(fulfillment.StepCreate)
	s.exec("UPDATE tasks SET claim_token = NULL, worker_id = NULL, state = 'RETRY'")
	find := s.step(fulfillment.StepFind)
	s.want(o, order.Processing, order.FulfillmentUnknown)
	s.wantAttempts(s.fulfillment(o), order.AttemptReconciling)
	s.record(find, accepted("x"))
	s.want(o, order.Processing, order.FulfillmentSubmitted)
}
