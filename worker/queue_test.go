package worker_test

import (
	"context"
	"encoding/json"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/boostress/boostress/internal/testkit"
	"github.com/boostress/boostress/store"
	"github.com/boostress/boostress/task"
	"github.com/boostress/boostress/worker"
)

func (e *engine) write(do func(*store.Tx) error) {
	e.t.Helper()
	if err := e.store.Write(e.t.Context(), do); err != nil {
		e.t.Fatal(err)
	}
}

func (e *engine) pauseQueue(queue task.Queue) {
	e.t.Helper()
	e.write(func(tx *store.Tx) error { return tx.PauseQueue(e.t.Context(), queue, "maintenance", "user:admin") })
}

func (e *engine) resumeQueue(queue task.Queue) {
	e.t.Helper()
	e.write(func(tx *store.Tx) error {
		_, err := tx.ResumeQueue(e.t.Context(), queue)
		return err
	})
}

// From the moment of the pause on nothing is claimed, whatever lists and workers know; what runs goes on; and what was
// taken from the lists in vain is not lost.
func TestPauseHoldsAtOnce(t *testing.T) {
	t.Parallel()
	e := newEngine(t)
	e.sweeper(nil)
	const workers, count = 3, 3000
	for range workers {
		e.worker(func(ctx context.Context, _ task.Task) (json.RawMessage, error) {
			pause(ctx, 20*time.Millisecond)
			return nil, nil
		}, func(o *worker.Options) { o.Slots = map[task.Queue]int{task.QueueDispatch: 20} })
	}
	now := query[time.Time](e, "SELECT now()")[0]
	delayed := newTask(func(n *task.Task) { n.DueAt = now.Add(500 * time.Millisecond) })
	e.announcer().Announce(e.insert(append(newTasks(count, nil), delayed)...))
	e.finished(task.Success, 200)
	e.pauseQueue(task.QueueDispatch)
	paused := query[time.Time](e, "SELECT clock_timestamp()")[0]
	testkit.Eventually(t, patience, "what runs ends", func() bool {
		return query[bool](e, "SELECT NOT EXISTS (SELECT FROM tasks WHERE claim_token IS NOT NULL)")[0]
	})
	e.ticks(2)
	if late := query[int](e, `SELECT count(*)::int FROM (SELECT started_at FROM task_results UNION ALL SELECT started_at FROM tasks) a
		WHERE started_at > $1`, paused)[0]; late > 0 {
		t.Errorf("%d tasks were claimed after the pause", late)
	}
	e.resumeQueue(task.QueueDispatch)
	resumed := query[time.Time](e, "SELECT clock_timestamp()")[0]
	e.finished(task.Success, count+1)
	took := query[float64](e, `SELECT extract(epoch FROM min(started_at) - $1::timestamptz)::float8 FROM task_results
		WHERE started_at > $1::timestamptz`, resumed)[0]
	t.Logf("the first one began %.2f s after the pause", took)
	if took > 2 {
		t.Errorf("the first task began %.2f s after the pause", took)
	}
	if twice := e.twice(); len(twice) > 0 {
		t.Errorf("%d tasks ran more than once", len(twice))
	}
}

// However much of a high priority comes, what is lower has a share.
func TestLowPrioritiesDontStarve(t *testing.T) {
	t.Parallel()
	e := newEngine(t)
	const each = 400
	var stored []task.Task
	for _, priority := range []int{9, 5, 0} {
		stored = append(stored, newTasks(each, func(n *task.Task) { n.Priority = priority })...)
	}
	e.announcer().Announce(e.insert(stored...))
	testkit.Eventually(t, patience, "they wait", func() bool { return e.length() == 3*each })
	var high atomic.Int32
	var middle, low, atEnd atomic.Int32
	e.worker(func(_ context.Context, run task.Task) (json.RawMessage, error) {
		switch run.Priority {
		case 9:
			if high.Add(1) == each {
				atEnd.Store(middle.Load()<<16 | low.Load())
			}
		case 5:
			middle.Add(1)
		default:
			low.Add(1)
		}
		return nil, nil
	}, func(o *worker.Options) { o.Slots = map[task.Queue]int{task.QueueDispatch: 1} })
	e.finished(task.Success, 3*each)
	m, l := atEnd.Load()>>16, atEnd.Load()&0xffff
	t.Logf("while %d of priority 9 ran, %d of 5 and %d of 0 did", each, m, l)
	// One pop in eight: a seventh of what runs in the others.
	if share := m + l; share < each/8 || share > each/5 || m == 0 || l == 0 {
		t.Errorf("while %d of priority 9 ran, %d of 5 and %d of 0 did", each, m, l)
	}
}

// A worker that is told to take no more finishes what it runs, takes nothing even when it registers anew, and ends at
// once when it is stopped.
func TestDrainedWorkerTakesNoMore(t *testing.T) {
	t.Parallel()
	e := newEngine(t)
	e.sweeper(nil)
	began, finish := make(chan struct{}, 1), make(chan struct{})
	stop := e.worker(func(ctx context.Context, _ task.Task) (json.RawMessage, error) {
		began <- struct{}{}
		<-finish
		return json.RawMessage(`"first"`), ctx.Err()
	}, nil)
	announcer := e.announcer()
	announcer.Announce(e.insert(newTask(nil)))
	<-began
	drained := query[uuid.UUID](e, "SELECT id FROM workers")[0]
	e.write(func(tx *store.Tx) error { return tx.DrainWorker(t.Context(), drained) })
	at := query[time.Time](e, "SELECT clock_timestamp()")[0]
	announcer.Announce(e.insert(newTasks(50, nil)...))
	e.ticks(3)
	if claimed := query[int](e, "SELECT count(*)::int FROM tasks WHERE started_at > $1", at)[0]; claimed > 0 {
		t.Errorf("it claimed %d tasks", claimed)
	}
	close(finish)
	e.finished(task.Success, 1)
	testkit.Eventually(t, patience, "it runs none", func() bool { return e.state(drained) == task.WorkerDrained })

	e.execute("UPDATE workers SET heartbeat_at = now() - interval '1 minute'")
	testkit.Eventually(t, patience, "it registers anew", func() bool {
		return query[int](e, "SELECT count(*)::int FROM workers WHERE drain_asked_at IS NOT NULL")[0] == 2
	})
	e.ticks(2)
	if left := query[int](e, "SELECT count(*)::int FROM tasks WHERE claim_token IS NULL")[0]; left != 50 {
		t.Errorf("%d tasks are left to others, want 50", left)
	}
	stopping := time.Now()
	stop()
	if took := time.Since(stopping); took > time.Second {
		t.Errorf("it took %v to stop", took)
	}
	// Another one finds them all.
	e.worker(nil, nil)
	e.finished(task.Success, 51)
}

// A worker that is asked to drain after it fell silent is told all the same.
func TestDrainOfAnEarlierRegistration(t *testing.T) {
	t.Parallel()
	e := newEngine(t)
	registry := prometheus.NewRegistry()
	e.worker(nil, func(o *worker.Options) { o.Metrics = worker.NewMetrics(registry) })
	testkit.Eventually(t, patience, "it is registered", func() bool { return len(query[int](e, "SELECT pid FROM workers")) == 1 })
	first := query[uuid.UUID](e, "SELECT id FROM workers")[0]
	e.execute("UPDATE workers SET heartbeat_at = now() - interval '1 minute'")
	testkit.Eventually(t, patience, "it registers anew", func() bool { return len(query[int](e, "SELECT pid FROM workers")) == 2 })
	e.write(func(tx *store.Tx) error { return tx.DrainWorker(t.Context(), first) })
	testkit.Eventually(t, patience, "it knows", func() bool {
		return strings.Contains(gather(t, registry), "boostress_worker_draining 1\n")
	})
	e.announcer().Announce(e.insert(newTask(func(n *task.Task) { n.Queue = task.QueueStatus })))
	e.worker(nil, func(o *worker.Options) { o.Slots = map[task.Queue]int{task.QueueStatus: 1} })
	e.finished(task.Success, 1)
	other := query[bool](e, `SELECT w.queues = '{status}' FROM task_results r JOIN workers w ON w.id = r.worker_id`)
	if len(other) != 1 || !other[0] {
		t.Error("it took a task")
	}
}

func (e *engine) state(id uuid.UUID) task.WorkerState {
	e.t.Helper()
	found, err := e.store.WorkersByID(e.t.Context(), []uuid.UUID{id}, worker.DefaultTerm)
	if err != nil {
		e.t.Fatal(err)
	}
	if found[id] == nil {
		return ""
	}
	return found[id].State()
}
