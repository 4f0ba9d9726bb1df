package scheduling_test

import (
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/schedule"
	"github.com/boostress/boostress/scheduling"
	"github.com/boostress/boostress/task"
)

func TestRunByHand(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	made := s.make(func(in *scheduling.Input) { in.Jitter = new(time.Minute) })
	_, err := s.Pause(t.Context(), s.who, made.ID)
	must(t, err)
	run, err := s.Run(t.Context(), s.who, made.ID, "")
	must(t, err)
	after := s.schedule(made)
	if !run.ByHand || run.Number != 1 || !run.Slot.Equal(run.FiredAt) || run.ScheduleID != made.ID {
		t.Errorf("the run: %+v", run)
	}
	if after.Runs != 1 || after.NextAt != nil || after.LastSlot != nil || after.Enabled {
		t.Errorf("the schedule: %+v", after)
	}
	if len(s.committed.Tasks) != 1 || s.committed.Tasks[0].ID != run.TaskID || s.committed.Tasks[0].AnnouncedAt == nil {
		t.Errorf("to be announced: %+v", s.committed.Tasks)
	}
	if len(s.committed.Fired) != 1 || s.committed.Fired[0] != made.ID {
		t.Errorf("fired: %v", s.committed.Fired)
	}
	kept, err := s.store.LatestRuns(t.Context(), s.who.AccountID, []uuid.UUID{made.ID})
	if err != nil || kept[made.ID] == nil || *kept[made.ID] != *run {
		t.Errorf("kept: %+v, %v, want %+v", kept[made.ID], err, run)
	}
}

func TestRunByHandKeepsToTheOverlap(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	for _, tt := range []struct {
		overlap schedule.Overlap
		refused bool
		left    int // of two tasks that wait and run, and the new one
		asked   int // runs that are to end
	}{
		{schedule.OverlapSkip, true, 2, 0},
		{schedule.OverlapQueue, true, 2, 0},
		{schedule.OverlapAllow, false, 3, 0},
		{schedule.OverlapCancel, false, 2, 1},
	} {
		t.Run(string(tt.overlap), func(t *testing.T) {
			t.Parallel()
			made := s.make(func(in *scheduling.Input) { in.Overlap = schedule.OverlapAllow })
			waits, err := s.Run(t.Context(), s.who, made.ID, "")
			must(t, err)
			runs, err := s.Run(t.Context(), s.who, made.ID, "")
			must(t, err)
			s.exec("UPDATE tasks SET state = 'STARTED', claim_token = $2 WHERE id = $1", runs.TaskID, uuid.New())
			_, err = s.Update(t.Context(), s.who, made.ID, scheduling.Change{Overlap: &tt.overlap})
			must(t, err)
			_, err = s.Run(t.Context(), s.who, made.ID, "")
			if tt.refused {
				wantFault(t, err, order.CodeConflict, "id")
			} else {
				must(t, err)
			}
			if got := one[int](s, "SELECT count(*)::int FROM tasks WHERE schedule_id = $1", made.ID); got != tt.left {
				t.Errorf("%d tasks are left, want %d", got, tt.left)
			}
			if got := one[int](s, `SELECT count(*)::int FROM task_revocations r JOIN tasks t ON t.id = r.task_id AND t.claim_token = r.claim_token
				WHERE t.id = $1`, runs.TaskID); got != tt.asked {
				t.Errorf("%d runs were asked to end, want %d", got, tt.asked)
			}
			if got := one[int](s, "SELECT count(*)::int FROM task_results WHERE id = $1 AND state = 'REVOKED'", waits.TaskID); got != tt.asked {
				t.Errorf("%d waiting ones were revoked, want %d", got, tt.asked)
			}
		})
	}
}

func TestRunByHandCountsAsARun(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	made := s.make(func(in *scheduling.Input) { in.Overlap, in.Rule.MaxRuns = schedule.OverlapAllow, new(2) })
	for range 2 {
		_, err := s.Run(t.Context(), s.who, made.ID, "")
		must(t, err)
	}
	if after := s.schedule(made); after.Status() != schedule.Ended {
		t.Errorf("after its last run it is %s", after.Status())
	}
	_, err := s.Run(t.Context(), s.who, made.ID, "")
	wantFault(t, err, order.CodeConflict, "id")
}

// However often it is asked for under one key, and at once, it runs once.
func TestRunByHandOnce(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	made, other := s.make(func(in *scheduling.Input) { in.Overlap = schedule.OverlapAllow }), s.make(nil)
	runs := make([]*schedule.Run, 4)
	var all sync.WaitGroup
	for i := range runs {
		all.Go(func() {
			var err error
			if runs[i], err = s.Run(t.Context(), s.who, made.ID, "k"); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	for _, run := range runs {
		if run == nil || *run != *runs[0] {
			t.Errorf("%+v, want %+v", run, runs[0])
		}
	}
	if got := one[int](s, "SELECT count(*)::int FROM tasks WHERE schedule_id = $1", made.ID); got != 1 {
		t.Errorf("%d tasks, want 1", got)
	}
	_, err := s.Run(t.Context(), s.who, other.ID, "k")
	wantFault(t, err, order.CodeIdempotencyKeyReused, "idempotencyKey")
}

func TestActionsOfSchedules(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	made := s.make(func(in *scheduling.Input) {
		in.Name, in.Action, in.Overlap = "weekly", task.KindCreateOrder, schedule.OverlapAllow
		in.Arguments = arguments(`{"order": {"reference": "W-{{run}}", "category": "prints", "destination": {},
			"lines": [{"serviceType": "poster-a3", "quantity": 2}], "isDraft": true}}`)
	})
	for range 2 {
		_, err := s.Run(t.Context(), s.who, made.ID, "")
		must(t, err)
	}
	first := s.committed.Tasks[0]
	placed, err := s.CreateOrder(t.Context(), first)
	must(t, err)
	if placed.Reference != "W-1" || placed.CreatedBy != "schedule:weekly" || placed.Currency != "EUR" || placed.TestMode {
		t.Errorf("made %+v", placed)
	}
	again, err := s.CreateOrder(t.Context(), first)
	if err != nil || again.ID != placed.ID {
		t.Errorf("a second run made %v, %v", again, err)
	}
	next, err := s.CreateOrder(t.Context(), s.committed.Tasks[1])
	if err != nil || next.Reference != "W-2" {
		t.Errorf("the next slot made %v, %v", next, err)
	}

	process := task.Task{AccountID: s.who.AccountID, Name: "hurry", Arguments: arguments(`{"orderId": "` + placed.ID.String() + `"}`)}
	done, err := s.ProcessOrder(t.Context(), process)
	if err != nil || !done.Placed || done.Retried != 0 {
		t.Errorf("a draft: %+v, %v", done, err)
	}
	s.exec("UPDATE fulfillments SET status = 'UNROUTABLE' WHERE order_id = $1", placed.ID)
	done, err = s.ProcessOrder(t.Context(), process)
	if err != nil || done.Placed || done.Retried != 1 {
		t.Errorf("what found no offer: %+v, %v", done, err)
	}
	s.exec("UPDATE fulfillments SET status = 'SUBMITTED' WHERE order_id = $1", placed.ID)
	done, err = s.ProcessOrder(t.Context(), process)
	if err != nil || done.Placed || done.Retried != 0 {
		t.Errorf("what a provider has: %+v, %v", done, err)
	}
}

func TestOrdersOfATestModeScheduleAreInTestMode(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	who := s.as("OPERATOR", true)
	made, err := s.Create(t.Context(), who, hourly(func(in *scheduling.Input) {
		in.Action, in.Arguments = task.KindCreateOrder, arguments(`{"order": {"reference": "T-{{run}}", "category": "prints", "destination": {},
			"lines": [{"serviceType": "poster-a3", "quantity": 2}]}}`)
	}))
	must(t, err)
	_, err = s.Run(t.Context(), who, made.ID, "")
	must(t, err)
	placed, err := s.CreateOrder(t.Context(), s.committed.Tasks[0])
	if err != nil || !placed.TestMode {
		t.Errorf("made %+v, %v", placed, err)
	}
	theirs := s.place(nil)
	_, err = s.ProcessOrder(t.Context(), task.Task{
		AccountID: s.who.AccountID, Arguments: arguments(`{"orderId": "` + theirs.ID.String() + `", "run": {"testMode": true}}`),
	})
	wantFault(t, err, order.CodeForbidden, "id")
}

func TestSyncInTheTaskOfASchedule(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	provider := s.provider()
	made := s.make(func(in *scheduling.Input) {
		in.Action, in.Overlap = task.KindSyncOffers, schedule.OverlapAllow
		in.Arguments = arguments(`{"providerId": "` + provider.ID.String() + `", "mode": "PROPOSE"}`)
	})
	for range 2 {
		_, err := s.Run(t.Context(), s.who, made.ID, "")
		must(t, err)
	}
	s.exec("UPDATE tasks SET state = 'STARTED', claim_token = $1", uuid.Max)
	mine, others := s.committed.Tasks[0], s.committed.Tasks[1]
	mine.Token = uuid.New()
	if _, _, err := s.BeginSync(t.Context(), mine); err == nil {
		t.Error("it began for somebody who has no claim")
	}
	mine.Token, others.Token = uuid.Max, uuid.Max
	begun, ours, err := s.BeginSync(t.Context(), mine)
	if err != nil || !ours || begun.CreatedBy != "schedule:"+made.Name {
		t.Fatalf("began %+v, %v, %v", begun, ours, err)
	}
	if got := one[uuid.UUID](s, "SELECT (arguments->>'syncId')::uuid FROM tasks WHERE id = $1", mine.ID); got != begun.ID {
		t.Errorf("the task remembers %v, want %v", got, begun.ID)
	}
	running, ours, err := s.BeginSync(t.Context(), others)
	if err != nil || ours || running.ID != begun.ID {
		t.Errorf("beside it, %+v, %v, %v", running, ours, err)
	}
	s.exec("UPDATE tasks SET arguments = jsonb_set(arguments, '{mode}', '\"APPLY\"') WHERE id = $1", others.ID)
	others.Arguments = arguments(`{"providerId": "` + provider.ID.String() + `", "mode": "APPLY"}`)
	_, _, err = s.BeginSync(t.Context(), others)
	wantFault(t, err, order.CodeConflict, "providerId")
}
