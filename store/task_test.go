package store_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/boostress/boostress/internal/id"
	"github.com/boostress/boostress/store"
	"github.com/boostress/boostress/task"
)

const term = 10 * time.Second

func TestTaskInsertReturnsWhatIsStored(t *testing.T) {
	t.Parallel()
	st := openStore(t)
	order, later := id.New(id.Order), time.Now().Add(time.Hour).UTC().Truncate(time.Microsecond)
	first := newTask(func(n *task.Task) {
		n.OrderID, n.Arguments, n.UniqueKey, n.Priority = &order, json.RawMessage(`{"a": 1}`), "one", 7
	})
	same := newTask(func(n *task.Task) { n.UniqueKey = "one" })
	delayed := newTask(func(n *task.Task) { n.DueAt, n.MaxAttempts = later, 3 })

	stored := insertTasks(t, st, first, same, delayed)
	if len(stored) != 2 {
		t.Fatalf("stored %d tasks, want 2: one unique key is taken", len(stored))
	}
	now := stored[0].EnqueuedAt
	first.DueAt, first.EnqueuedAt, first.AnnouncedAt, first.State, first.MaxAttempts = now, now, &now, task.Pending, 25
	delayed.EnqueuedAt, delayed.State = now, task.Pending
	if diff := cmp.Diff([]task.Task{first, delayed}, stored); diff != "" {
		t.Errorf("stored tasks (-want +got):\n%s", diff)
	}
	stored = insertTasks(t, st, newTask(func(n *task.Task) { n.ID = uuid.Nil }))
	if minted := stored[0].ID; !time.Unix(minted.Time().UnixTime()).Equal(stored[0].EnqueuedAt.Truncate(time.Millisecond)) {
		t.Errorf("minted %s, want the time in it that the database told, %s", minted, stored[0].EnqueuedAt)
	}
	if again := insertTasks(t, st, same); len(again) != 0 {
		t.Errorf("stored %d tasks under a taken unique key", len(again))
	}
}

func TestTaskClaim(t *testing.T) {
	t.Parallel()
	st := openStore(t)
	worker := register(t, st)
	due := newTask(nil)
	delayed := newTask(func(n *task.Task) { n.DueAt = time.Now().Add(time.Hour) })
	insertTasks(t, st, due, delayed)
	ids := []uuid.UUID{due.ID, delayed.ID, id.New(id.Task)}

	if got := claim(t, st, id.New(id.Worker), ids...); len(got) != 0 {
		t.Errorf("an unknown worker claimed %d tasks", len(got))
	}
	got := claim(t, st, worker, ids...)
	if len(got) != 1 || got[0].ID != due.ID {
		t.Fatalf("claimed %v, want the due task", got)
	}
	if got[0].Attempt != 1 || got[0].State != task.Started || got[0].Token == uuid.Nil || *got[0].WorkerID != worker {
		t.Errorf("claim left %+v", got[0])
	}
	if again := claim(t, st, worker, ids...); len(again) != 0 {
		t.Errorf("claimed %d tasks that were taken", len(again))
	}
}

func TestTaskFinishNeedsTheToken(t *testing.T) {
	t.Parallel()
	st := openStore(t)
	worker := register(t, st)
	insertTasks(t, st, newTask(nil), newTask(nil))
	claimed := claim(t, st, worker, allTasks(t, st)...)
	zombie := claimed[1]
	zombie.Token = uuid.New()

	write(t, st, func(tx *store.Tx) error {
		held, err := tx.TaskLock(t.Context(), []task.Task{claimed[0], zombie})
		if err != nil {
			return err
		}
		if diff := cmp.Diff(map[uuid.UUID]bool{claimed[0].Token: true}, held); diff != "" {
			t.Errorf("held (-want +got):\n%s", diff)
		}
		done, err := tx.TaskFinish(t.Context(), []store.TaskEnd{
			{Task: claimed[0], State: task.Success, Result: json.RawMessage(`{"b": 2}`)},
			{Task: zombie, State: task.Success},
		})
		if err != nil {
			return err
		}
		if len(done) != 1 || done[0].ID != claimed[0].ID || done[0].State != task.Success || done[0].FinishedAt == nil {
			t.Errorf("finished %+v", done)
		}
		back, err := tx.TaskReschedule(t.Context(), []store.TaskRetry{{Task: zombie, DueAt: tx.Now}})
		if len(back) != 0 {
			t.Errorf("a zombie gave %v back", back)
		}
		return err
	})
	if diff := cmp.Diff([]uuid.UUID{zombie.ID}, allTasks(t, st)); diff != "" {
		t.Errorf("tasks left (-want +got):\n%s", diff)
	}
}

func TestTaskReschedule(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		retry   store.TaskRetry
		state   task.State
		attempt int // of the next run
	}{
		"failure":     {store.TaskRetry{Error: "down"}, task.Retry, 2},
		"refund":      {store.TaskRetry{Error: "wait", Refund: true}, task.Retry, 1},
		"not started": {store.TaskRetry{Refund: true}, task.Pending, 1},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			st := openStore(t)
			worker := register(t, st)
			insertTasks(t, st, newTask(nil))
			test.retry.Task = claim(t, st, worker, allTasks(t, st)...)[0]
			write(t, st, func(tx *store.Tx) error {
				test.retry.DueAt = tx.Now
				back, err := tx.TaskReschedule(t.Context(), []store.TaskRetry{test.retry})
				if !back[test.retry.Task.ID] {
					t.Error("the task was not given back")
				}
				return err
			})
			if state := taskState(t, st, test.retry.Task.ID); state != test.state {
				t.Errorf("state is %s, want %s", state, test.state)
			}
			next := claim(t, st, worker, test.retry.Task.ID)
			if len(next) != 1 || next[0].Attempt != test.attempt || next[0].Error != test.retry.Error {
				t.Errorf("next run is %+v", next)
			}
			if next[0].Token == test.retry.Task.Token {
				t.Error("the next claim has the token of the one before")
			}
		})
	}
}

func TestTaskTakeBack(t *testing.T) {
	t.Parallel()
	st := openStore(t)
	alive, silent := register(t, st), register(t, st)
	mine, theirs, lost := newTask(nil), newTask(nil), newTask(nil)
	insertTasks(t, st, mine, theirs, lost)
	claim(t, st, alive, mine.ID)
	before := claim(t, st, silent, theirs.ID)[0]
	unknown := register(t, st)
	claim(t, st, unknown, lost.ID)
	execute(t, st, "UPDATE workers SET heartbeat_at = now() - interval '11 s' WHERE id = $1", silent)
	execute(t, st, "DELETE FROM workers WHERE id = $1", unknown)

	var taken []task.Task
	write(t, st, func(tx *store.Tx) (err error) {
		taken, err = tx.TaskTakeBack(t.Context(), term, 100)
		return err
	})
	ids := map[uuid.UUID]uuid.UUID{}
	for _, one := range taken {
		ids[one.ID] = one.Token
	}
	if len(ids) != 2 || ids[theirs.ID] != before.Token || ids[lost.ID] == uuid.Nil {
		t.Fatalf("took back %+v, want those of the silent and the unknown worker with their tokens", taken)
	}
	write(t, st, func(tx *store.Tx) error {
		done, err := tx.TaskFinish(t.Context(), []store.TaskEnd{{Task: before, State: task.Success}})
		if len(done) != 0 {
			t.Error("a zombie's late write finished a task")
		}
		return err
	})
	if again := claim(t, st, alive, theirs.ID, lost.ID); len(again) != 2 || again[0].Attempt != 2 {
		t.Errorf("claimed again: %+v", again)
	}
}

func TestTaskRevoke(t *testing.T) {
	t.Parallel()
	st := openStore(t)
	worker := register(t, st)
	fulfillment := id.New(id.Fulfillment)
	of := func(kind task.Kind) task.Task {
		return newTask(func(n *task.Task) { n.FulfillmentID, n.Kind = &fulfillment, kind })
	}
	running, waiting, other := of(task.KindDispatch), of(task.KindDispatch), of(task.KindCancel)
	insertTasks(t, st, running, waiting, other)
	claim(t, st, worker, running.ID)
	write(t, st, func(tx *store.Tx) error {
		revoked, err := tx.TaskRevoke(t.Context(), []uuid.UUID{fulfillment}, task.KindDispatch)
		if len(revoked) != 1 || revoked[0].ID != waiting.ID || revoked[0].State != task.Revoked {
			t.Errorf("revoked %+v", revoked)
		}
		return err
	})
	if left := allTasks(t, st); len(left) != 2 {
		t.Errorf("%d tasks are left, want the running one and the one of another kind", len(left))
	}
}

// Nothing of a paused queue is claimed, and nothing by a worker that is to be drained: not by ids, and not without.
func TestClaimsThatAreHeld(t *testing.T) {
	t.Parallel()
	st := openStore(t)
	free, drained := register(t, st), register(t, st)
	write(t, st, func(tx *store.Tx) error { return tx.DrainWorker(t.Context(), drained) })
	due := insertTasks(t, st, newTask(nil), newTask(nil))
	execute(t, st, "UPDATE tasks SET parked = true WHERE id = $1", due[1].ID)
	claims := func(worker uuid.UUID) int {
		t.Helper()
		direct, err := st.TaskClaimDue(t.Context(), worker, term, queue, 1)
		if err != nil {
			t.Fatal(err)
		}
		return len(direct) + len(claim(t, st, worker, due[0].ID, due[1].ID))
	}
	if got := claims(drained); got > 0 {
		t.Errorf("a drained worker claims %d tasks", got)
	}
	pauseQueue(t, st)
	if got := claims(free); got > 0 {
		t.Errorf("%d tasks of a paused queue are claimed", got)
	}
	write(t, st, func(tx *store.Tx) error {
		_, err := tx.ResumeQueue(t.Context(), queue)
		return err
	})
	if got := claims(free); got != 2 {
		t.Errorf("%d tasks are claimed, want both", got)
	}
}
