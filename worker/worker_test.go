package worker_test

import (
	"context"
	"encoding/json"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/boostress/boostress/fulfillment"
	"github.com/boostress/boostress/internal/testkit"
	"github.com/boostress/boostress/schedule"
	"github.com/boostress/boostress/task"
	"github.com/boostress/boostress/worker"
)

func TestTaskRunsOnceAnnounced(t *testing.T) {
	t.Parallel()
	e := newEngine(t)
	told := make(chan task.Task, 1)
	e.worker(func(_ context.Context, run task.Task) (json.RawMessage, error) {
		return run.Arguments, nil
	}, func(o *worker.Options) {
		o.AfterCommit = func(c fulfillment.Committed) { told <- c.Results[0] }
	})
	stored := e.insert(newTask(func(n *task.Task) { n.Arguments = json.RawMessage(`{"a": 1}`) }))
	e.announcer().Announce(stored)
	result := <-told
	if result.ID != stored[0].ID || result.State != task.Success || string(result.Result) != `{"a": 1}` || result.Attempt != 1 {
		t.Errorf("result: %+v", result)
	}
	e.finished(task.Success, 1)
}

func TestClaimsAreExclusive(t *testing.T) {
	t.Parallel()
	e := newEngine(t)
	const workers, count = 8, 2000
	for range workers {
		e.worker(nil, nil)
	}
	stored := e.insert(newTasks(count, nil)...)
	announcer := e.announcer()
	for range 3 { // duplicates are harmless
		announcer.Announce(stored)
	}
	e.finished(task.Success, count)
	if twice := e.twice(); len(twice) > 0 {
		t.Errorf("%d tasks ran more than once", len(twice))
	}
	if left := query[int](e, "SELECT count(*)::int FROM tasks")[0]; left != 0 {
		t.Errorf("%d tasks are left", left)
	}
}

func TestHigherPrioritiesGoFirst(t *testing.T) {
	t.Parallel()
	e := newEngine(t)
	const lowest = 3
	var stored []task.Task
	// No more of them than there are pops in a row that begin at the highest.
	for priority := lowest; priority <= task.MaxPriority; priority++ {
		stored = append(stored, newTask(func(n *task.Task) { n.Priority = priority }))
	}
	e.announcer().Announce(e.insert(stored...))
	order := make(chan int, len(stored))
	e.worker(func(_ context.Context, run task.Task) (json.RawMessage, error) {
		order <- run.Priority
		return nil, nil
	}, func(o *worker.Options) { o.Slots = map[task.Queue]int{task.QueueDispatch: 1} })
	for want := task.MaxPriority; want >= lowest; want-- {
		if got := <-order; got != want {
			t.Errorf("ran priority %d, want %d", got, want)
		}
	}
}

func TestFailedTaskIsTriedAgain(t *testing.T) {
	t.Parallel()
	e := newEngine(t)
	e.sweeper(nil)
	e.worker(func(_ context.Context, run task.Task) (json.RawMessage, error) {
		if run.Attempt < 3 {
			return nil, errors.New("not yet\x00, says \xff")
		}
		return json.RawMessage(`"done"`), nil
	}, func(o *worker.Options) { o.Backoff = schedule.Backoff{Base: time.Millisecond, Cap: time.Millisecond} })
	e.announcer().Announce(e.insert(newTask(nil)))
	e.finished(task.Success, 1)
	if got := query[int](e, "SELECT attempt FROM task_results")[0]; got != 3 {
		t.Errorf("it took %d attempts, want 3", got)
	}
}

func TestLaterDoesNotCountAsAttempt(t *testing.T) {
	t.Parallel()
	e := newEngine(t)
	e.sweeper(nil)
	var runs atomic.Int32
	e.worker(func(context.Context, task.Task) (json.RawMessage, error) {
		if runs.Add(1) < 3 {
			return nil, &worker.LaterError{After: time.Millisecond, Reason: "limited", Free: true}
		}
		return nil, nil
	}, nil)
	e.announcer().Announce(e.insert(newTask(func(n *task.Task) { n.MaxAttempts = 1 })))
	e.finished(task.Success, 1)
	if got := query[int](e, "SELECT attempt FROM task_results")[0]; got != 1 {
		t.Errorf("it took %d attempts, want 1", got)
	}
}

func TestPoisonTaskDiesAndNeighborsProgress(t *testing.T) {
	t.Parallel()
	e := newEngine(t)
	e.sweeper(nil)
	poison := newTask(func(n *task.Task) { n.MaxAttempts = 3 })
	e.worker(func(_ context.Context, run task.Task) (json.RawMessage, error) {
		if run.ID == poison.ID {
			panic("poison")
		}
		return nil, nil
	}, func(o *worker.Options) { o.Backoff = schedule.Backoff{Base: time.Millisecond, Cap: time.Millisecond} })
	e.announcer().Announce(e.insert(append(newTasks(50, nil), poison)...))
	e.finished(task.Success, 50)
	e.finished(task.Failure, 1)
	got := query[string](e, "SELECT format('%s %s %s', attempt, dead, error) FROM task_results WHERE id = $1", poison.ID)
	if diff := cmp.Diff([]string{"3 t panic: poison"}, got); diff != "" {
		t.Errorf("dead task (-want +got):\n%s", diff)
	}
}

// A result that Postgres refuses sinks neither the worker nor the others that were committed with it.
func TestBadResultSinksNoNeighbor(t *testing.T) {
	t.Parallel()
	e := newEngine(t)
	const count = 100
	stored := e.insert(newTasks(count, func(n *task.Task) { n.MaxAttempts = 1 })...)
	bad := stored[count/2].ID
	all := make(chan struct{})
	var started atomic.Int32
	e.worker(func(_ context.Context, run task.Task) (json.RawMessage, error) {
		if started.Add(1) == count {
			close(all)
		}
		<-all
		if run.ID == bad {
			return json.RawMessage(`{"broken`), nil
		}
		return nil, nil
	}, nil)
	e.announcer().Announce(stored)
	e.finished(task.Success, count-1)
	e.finished(task.Failure, 1)
	if got := query[uuid.UUID](e, "SELECT id FROM task_results WHERE dead"); len(got) != 1 || got[0] != bad {
		t.Errorf("dead: %v, want %v", got, bad)
	}
}

func TestUnknownKindWaitsForAnotherBuild(t *testing.T) {
	t.Parallel()
	e := newEngine(t)
	e.worker(nil, nil)
	e.announcer().Announce(e.insert(newTask(func(n *task.Task) { n.Kind = "FROM_THE_FUTURE" })))
	testkit.Eventually(t, patience, "it is given back", func() bool {
		return query[bool](e, "SELECT attempt = 0 AND claim_token IS NULL AND due_at > now() + interval '50 s' FROM tasks")[0]
	})
}

func TestStoppedWorkerFinishesWhatItRuns(t *testing.T) {
	t.Parallel()
	e := newEngine(t)
	began, finish := make(chan struct{}), make(chan struct{})
	stop := e.worker(func(ctx context.Context, _ task.Task) (json.RawMessage, error) {
		close(began)
		<-finish
		return nil, ctx.Err()
	}, nil)
	e.announcer().Announce(e.insert(newTask(nil)))
	<-began
	stopped := make(chan struct{})
	go func() {
		stop()
		close(stopped)
	}()
	testkit.Eventually(t, patience, "heartbeats go on", func() bool {
		return len(query[int](e, "SELECT pid FROM workers WHERE stopped_at IS NULL")) == 1
	})
	close(finish)
	<-stopped
	e.finished(task.Success, 1)
	if left := query[int](e, "SELECT pid FROM workers WHERE stopped_at IS NULL"); len(left) != 0 {
		t.Error("a worker that stopped is still registered")
	}
}

func TestStoppedWorkerInterruptsAfterItsGrace(t *testing.T) {
	t.Parallel()
	e := newEngine(t)
	began := make(chan struct{})
	stop := e.worker(func(ctx context.Context, _ task.Task) (json.RawMessage, error) {
		close(began)
		<-ctx.Done()
		return nil, ctx.Err()
	}, func(o *worker.Options) { o.Grace = 50 * time.Millisecond })
	e.announcer().Announce(e.insert(newTask(nil)))
	<-began
	stop()
	got := query[string](e, "SELECT format('%s %s %s', state, attempt, claim_token IS NULL) FROM tasks")
	if diff := cmp.Diff([]string{"RETRY 0 t"}, got); diff != "" {
		t.Errorf("task (-want +got):\n%s", diff)
	}
}

func TestPausedQueueIsNotServed(t *testing.T) {
	t.Parallel()
	e := newEngine(t)
	stored := e.insert(newTask(nil), newTask(func(n *task.Task) { n.Queue = task.QueueStatus }))
	e.pauseQueue(task.QueueDispatch)
	e.sweeper(nil)
	e.worker(nil, nil)
	e.announcer().Announce(stored)
	e.finished(task.Success, 1)
	if left := query[string](e, "SELECT queue FROM tasks"); len(left) != 1 || left[0] != string(task.QueueDispatch) {
		t.Errorf("left: %v", left)
	}
	e.resumeQueue(task.QueueDispatch)
	e.finished(task.Success, 2)
}

// A worker that lost its claims while it ran goes on running; what it comes to counts no more.
func TestZombiesLateWriteChangesNothing(t *testing.T) {
	t.Parallel()
	e := newEngine(t)
	e.sweeper(nil)
	began, wake, ended := make(chan struct{}), make(chan struct{}), make(chan struct{})
	stop := e.worker(func(ctx context.Context, run task.Task) (json.RawMessage, error) {
		if run.Attempt > 1 {
			return json.RawMessage(`"second"`), nil
		}
		close(began)
		<-ctx.Done() // its worker noticed
		if err := worker.Check(ctx); !errors.Is(err, worker.ErrSilent) {
			t.Errorf("a silent worker may still send: %v", err)
		}
		<-wake
		close(ended)
		return json.RawMessage(`"zombie"`), nil
	}, nil)
	e.announcer().Announce(e.insert(newTask(nil)))
	<-began
	e.execute("UPDATE workers SET heartbeat_at = now() - interval '1 minute'")
	e.finished(task.Success, 1)
	close(wake)
	<-ended
	stop() // waits for the zombie's write
	if diff := cmp.Diff([]string{`2 "second"`}, query[string](e, "SELECT attempt || ' ' || result::text FROM task_results")); diff != "" {
		t.Errorf("results (-want +got):\n%s", diff)
	}
}
