package worker_test

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/boostress/boostress/account"
	"github.com/boostress/boostress/fulfillment"
	"github.com/boostress/boostress/internal/id"
	"github.com/boostress/boostress/internal/request"
	"github.com/boostress/boostress/internal/testkit"
	"github.com/boostress/boostress/store"
	"github.com/boostress/boostress/task"
	"github.com/boostress/boostress/worker"
)

// obedience is how soon a run must have ended whose end was asked for.
const obedience = 5 * time.Second

// revoke asks for the end of a task, as a process does that runs no tasks.
func (e *engine) revoke(t task.Task) (*task.Task, error) {
	e.t.Helper()
	elsewhere, err := store.Open(e.t.Context(), e.url, store.Options{})
	if err != nil {
		e.t.Fatal(err)
	}
	defer elsewhere.Close()
	who := account.Principal{AccountID: t.AccountID, Actor: "user:admin", Role: account.Admin}
	return fulfillment.New(elsewhere, fulfillment.Options{}).RevokeTask(e.t.Context(), who, t.ID)
}

const revokedEnd = "REVOKED: REVOKED somebody asked for its end"

// ended tells how tasks ended, in the order of tasks.
func (e *engine) ended(tasks ...task.Task) (texts []string) {
	e.t.Helper()
	for _, t := range tasks {
		texts = append(texts, query[string](e, `SELECT coalesce(min(format('%s: %s %s', state, error_class, error)), 'none')
			FROM task_results WHERE id = $1`, t.ID)...)
	}
	return texts
}

func TestRevokedRunEndsOnAnotherHost(t *testing.T) {
	t.Parallel()
	e := newEngine(t)
	began := make(chan task.Task, 10)
	var mu sync.Mutex
	causes := map[uuid.UUID]error{}
	wait := func(ctx context.Context, run task.Task) (json.RawMessage, error) {
		began <- run
		<-ctx.Done()
		mu.Lock()
		defer mu.Unlock()
		causes[run.ID] = context.Cause(ctx)
		return nil, ctx.Err()
	}
	e.worker(wait, nil)
	e.worker(wait, nil)
	stored := e.insert(newTasks(6, nil)...)
	e.announcer().Announce(stored)
	for range stored {
		<-began
	}
	asked := time.Now()
	running, err := e.revoke(stored[2])
	if err != nil || !running.RevokeAsked || running.State != task.Started {
		t.Fatalf("asked for: %+v, %v", running, err)
	}
	e.finished(task.Revoked, 1)
	took := time.Since(asked)
	t.Logf("it ended after %v", took)
	if took > obedience {
		t.Errorf("it ended after %v", took)
	}
	if diff := cmp.Diff([]string{revokedEnd, "none"}, e.ended(stored[2], stored[3])); diff != "" {
		t.Errorf("ends (-want +got):\n%s", diff)
	}
	mu.Lock()
	if len(causes) != 1 || !errors.Is(causes[stored[2].ID], context.Canceled) {
		t.Errorf("ended: %v", causes)
	}
	mu.Unlock()
	if left := query[int](e, "SELECT count(*)::int FROM tasks")[0]; left != len(stored)-1 {
		t.Errorf("%d tasks are left", left)
	}
	for _, other := range stored {
		if other.ID != stored[2].ID {
			if _, err := e.revoke(other); err != nil {
				t.Error(err)
			}
		}
	}
	e.finished(task.Revoked, len(stored))
}

// What was done all the same is kept, as is what failed by itself before it was told.
func TestRevocationThatComesTooLate(t *testing.T) {
	t.Parallel()
	e := newEngine(t)
	began := make(chan task.Task, 1)
	e.worker(func(ctx context.Context, run task.Task) (json.RawMessage, error) {
		began <- run
		<-ctx.Done()
		return json.RawMessage(`"done"`), nil
	}, nil)
	stored := e.insert(newTask(nil))
	e.announcer().Announce(stored)
	<-began
	if _, err := e.revoke(stored[0]); err != nil {
		t.Fatal(err)
	}
	e.finished(task.Success, 1)
	if _, err := e.revoke(stored[0]); err == nil {
		t.Error("what has ended was revoked")
	}
}

// A task whose worker dies before it obeys is not run again.
func TestRevokedTaskOfADeadWorker(t *testing.T) {
	t.Parallel()
	e := newEngine(t)
	dead := store.Worker{ID: id.New(id.Worker), Host: "elsewhere", PID: 1, Version: "test", Queues: task.Queues()}
	if err := e.store.WorkerRegister(t.Context(), dead); err != nil {
		t.Fatal(err)
	}
	stored := e.insert(newTasks(2, nil)...)
	if claimed, err := e.store.TaskClaim(t.Context(), dead.ID, worker.DefaultTerm, ids(stored)); err != nil || len(claimed) != 2 {
		t.Fatalf("claimed %v, %v", claimed, err)
	}
	if _, err := e.revoke(stored[0]); err != nil {
		t.Fatal(err)
	}
	e.execute("UPDATE workers SET heartbeat_at = 'epoch' WHERE id = $1", dead.ID)
	e.worker(nil, nil)
	e.sweeper(nil)
	e.finished(task.Revoked, 1)
	e.finished(task.Success, 1)
	if diff := cmp.Diff([]string{revokedEnd, "SUCCESS:  "}, e.ended(stored...)); diff != "" {
		t.Errorf("ends (-want +got):\n%s", diff)
	}
	testkit.Eventually(t, patience, "nothing is asked for any more", func() bool {
		return query[int](e, "SELECT count(*)::int FROM task_revocations")[0] == 0
	})
}

// A task that is owed is interrupted, once, and runs again.
func TestRevokedTaskThatIsOwed(t *testing.T) {
	t.Parallel()
	e := newEngine(t)
	e.sweeper(nil)
	runs := make(chan task.Task, 3)
	e.worker(nil, func(o *worker.Options) {
		first := true
		o.Handlers[task.KindDispatch] = worker.Each(func(ctx context.Context, run task.Task) (json.RawMessage, error) {
			runs <- run
			if first {
				first = false
				<-ctx.Done()
			}
			return nil, ctx.Err()
		})
	})
	stored := e.insert(newTask(func(n *task.Task) { n.Kind = task.KindDispatch }))
	e.announcer().Announce(stored)
	<-runs
	if _, err := e.revoke(stored[0]); err != nil {
		t.Fatal(err)
	}
	e.finished(task.Success, 1)
	if again := <-runs; again.ID != stored[0].ID || again.Attempt != 1 || len(runs) > 0 {
		t.Errorf("it ran again: %+v, and %d times more", again, len(runs))
	}
	testkit.Eventually(t, patience, "the interruption is done", func() bool {
		return query[int](e, "SELECT count(*)::int FROM task_revocations")[0] == 0
	})
}

func TestRunsBelongToTheirTrace(t *testing.T) {
	t.Parallel()
	e := newEngine(t)
	traces := make(chan string, 2)
	e.worker(func(ctx context.Context, _ task.Task) (json.RawMessage, error) {
		traces <- request.TraceID(ctx)
		return nil, nil
	}, nil)
	e.announcer().Announce(e.insert(newTask(func(n *task.Task) { n.TraceID = "t1" })))
	if got := <-traces; got != "t1" {
		t.Errorf("the run belongs to %q", got)
	}
}
