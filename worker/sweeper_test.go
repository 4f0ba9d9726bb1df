package worker_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/boostress/boostress/internal/id"
	"github.com/boostress/boostress/internal/testkit"
	"github.com/boostress/boostress/store"
	"github.com/boostress/boostress/task"
	"github.com/boostress/boostress/worker"
)

func TestSweeperFindsWhatWasNeverPushed(t *testing.T) {
	t.Parallel()
	e := newEngine(t)
	e.worker(nil, nil)
	e.sweeper(nil)
	e.insert(newTasks(20, nil)...)
	e.finished(task.Success, 20)
}

func TestSweeperServesDelayedTasks(t *testing.T) {
	t.Parallel()
	e := newEngine(t)
	e.worker(nil, nil)
	e.sweeper(nil)
	now := query[time.Time](e, "SELECT now()")[0]
	e.announcer().Announce(e.insert(newTask(func(n *task.Task) { n.DueAt = now.Add(1500 * time.Millisecond) })))
	e.finished(task.Success, 1)
	if late := query[float64](e, "SELECT extract(epoch FROM started_at - $1::timestamptz)::float8 FROM task_results", now)[0]; late < 1.5 {
		t.Errorf("started after %v s, before it was due", late)
	}
}

// What waits in the lists is not pushed again, however long it waits; what was lost meanwhile is.
func TestSweeperKnowsWhatWaitsFromWhatIsLost(t *testing.T) {
	t.Parallel()
	e := newEngine(t)
	waiting := e.insert(newTasks(50, nil)...)
	lost := e.insert(newTasks(7, nil)...)
	e.execute("UPDATE tasks SET announced_at = now() - interval '1 minute'")
	e.execute("UPDATE tasks SET announced_at = now() - interval '2 minutes' WHERE id = ANY($1)", ids(lost))
	at := query[time.Time](e, "SELECT announced_at FROM tasks WHERE id = $1", waiting[0].ID)[0]
	for i := range waiting {
		waiting[i].AnnouncedAt = &at
	}
	e.announcer().Announce(waiting)
	testkit.Eventually(t, patience, "they wait", func() bool { return e.length() == len(waiting) })

	e.sweeper(func(o *worker.SweeperOptions) { o.Every = 50 * time.Millisecond })
	testkit.Eventually(t, patience, "lost tasks are pushed", func() bool { return e.length() >= len(waiting)+len(lost) })
	e.ticks(5)
	if got := e.length(); got != len(waiting)+len(lost) {
		t.Errorf("lists hold %d entries, want %d", got, len(waiting)+len(lost))
	}
	e.worker(nil, nil)
	e.finished(task.Success, len(waiting)+len(lost))
}

// An idle worker is told of a task at the very moment at which the sweeper has announced it: were it told before the
// commit, it would meet the lock, find nothing and forget the id, until the sweeper finds it again two seconds later.
func TestSweeperPushesAfterItsCommit(t *testing.T) {
	t.Parallel()
	e := newEngine(t)
	e.worker(nil, nil)
	e.sweeper(func(o *worker.SweeperOptions) { o.Every = 10 * time.Millisecond })
	const rounds, count = 40, 20
	for round := range rounds {
		e.insert(newTasks(count, nil)...)
		e.execute("UPDATE tasks SET announced_at = NULL, enqueued_at = now()")
		e.finished(task.Success, (round+1)*count)
	}
	const slow = "SELECT count(*)::int FROM task_results WHERE started_at - enqueued_at > interval '1.9 seconds'"
	if forgotten := query[int](e, slow)[0]; forgotten > 0 {
		t.Errorf("%d of %d tasks were forgotten and found again", forgotten, rounds*count)
	}
}

func TestFlushedRedisLosesNothing(t *testing.T) {
	t.Parallel()
	stack := testkit.Stack(t)
	if err := store.Migrate(t.Context(), stack.DatabaseURL); err != nil {
		t.Fatal(err)
	}
	e := engineOn(t, stack.DatabaseURL, stack.RedisURL, "")
	e.sweeper(nil)
	e.worker(func(ctx context.Context, _ task.Task) (json.RawMessage, error) {
		pause(ctx, 10*time.Millisecond)
		return nil, nil
	}, func(o *worker.Options) { o.Slots = map[task.Queue]int{task.QueueDispatch: 20} })
	const count = 1000
	announcer := e.announcer()
	for range 10 {
		announcer.Announce(e.insert(newTasks(count/10, nil)...))
		if err := e.redis.FlushAll(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
	}
	began := time.Now()
	e.finished(task.Success, count)
	t.Logf("%d tasks done %v after the last flush", count, time.Since(began))
	if twice := e.twice(); len(twice) > 0 {
		t.Errorf("%d tasks ran more than once", len(twice))
	}
}

func TestTasksRunWithoutRedis(t *testing.T) {
	t.Parallel()
	stack := testkit.Stack(t)
	if err := store.Migrate(t.Context(), stack.DatabaseURL); err != nil {
		t.Fatal(err)
	}
	e := engineOn(t, stack.DatabaseURL, stack.RedisURL, "")
	e.sweeper(nil)
	for range 3 {
		e.worker(nil, nil)
	}
	announcer := e.announcer()
	total := 0
	place := func(count int) {
		t.Helper()
		announcer.Announce(e.insert(newTasks(count, nil)...))
		total += count
		began := time.Now()
		e.finished(task.Success, total)
		t.Logf("%d tasks took %v", count, time.Since(began))
	}
	place(50)
	t.Log("frozen")
	if err := stack.Redis.Pause(); err != nil {
		t.Fatal(err)
	}
	place(50)
	if err := stack.Redis.Resume(); err != nil {
		t.Fatal(err)
	}
	place(50)
	t.Log("killed")
	if err := stack.Redis.Kill(t.Context()); err != nil {
		t.Fatal(err)
	}
	place(500)
	if err := stack.Redis.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	place(50)
	if twice := e.twice(); len(twice) > 0 {
		t.Errorf("%d tasks ran more than once", len(twice))
	}
}

// A task of an account with little to do does not wait behind all that another account has.
func TestAccountsAreServedInTurn(t *testing.T) {
	t.Parallel()
	e := newEngine(t)
	e.sweeper(nil)
	busy, quiet := id.New(id.Account), id.New(id.Account)
	announcer := e.announcer()
	add := func(account uuid.UUID, count int) {
		t.Helper()
		announcer.Announce(e.insert(newTasks(count, func(n *task.Task) { n.AccountID = account })...))
	}
	const backlog = 6000
	add(busy, 1500)
	testkit.Eventually(t, patience, "the account is crowded", func() bool {
		return query[int](e, "SELECT count(*)::int FROM task_crowds")[0] == 1
	})
	add(busy, backlog-1500)
	if parked := query[int](e, "SELECT count(*)::int FROM tasks WHERE parked")[0]; parked != backlog-1500 {
		t.Errorf("%d tasks are parked, want %d", parked, backlog-1500)
	}
	add(quiet, 1)
	var before []uuid.UUID
	done := make(chan struct{})
	e.worker(func(_ context.Context, run task.Task) (json.RawMessage, error) {
		switch {
		case run.AccountID == quiet:
			close(done)
		case !closed(done):
			e.mu.Lock()
			before = append(before, run.ID)
			e.mu.Unlock()
		}
		return nil, nil
	}, func(o *worker.Options) { o.Slots = map[task.Queue]int{task.QueueDispatch: 50} })
	<-done
	e.mu.Lock()
	waited := len(before)
	e.mu.Unlock()
	if waited > 2100 {
		t.Errorf("the quiet account waited for %d of the other's %d tasks", waited, backlog)
	}
	e.finished(task.Success, backlog+1)
	testkit.Eventually(t, patience, "nobody is crowded any more", func() bool {
		return query[int](e, "SELECT count(*)::int FROM task_crowds")[0] == 0
	})
}

func TestSilentWorkersClaimsAreTakenBack(t *testing.T) {
	t.Parallel()
	e := newEngine(t)
	ghost := store.Worker{ID: id.New(id.Worker), Host: "gone", PID: 1, Version: "test", Queues: task.Queues()}
	if err := e.store.WorkerRegister(t.Context(), ghost); err != nil {
		t.Fatal(err)
	}
	stored := e.insert(newTasks(30, nil)...)
	claimed, err := e.store.TaskClaim(t.Context(), ghost.ID, worker.DefaultTerm, ids(stored))
	if err != nil || len(claimed) != 30 {
		t.Fatal(len(claimed), err)
	}
	e.execute("UPDATE workers SET heartbeat_at = now() - interval '9 s'")
	e.worker(nil, nil)
	e.sweeper(nil)
	e.finished(task.Success, 30)
	late := query[float64](e, `SELECT extract(epoch FROM max(r.started_at) - w.heartbeat_at)::float8 FROM task_results r, workers w
		WHERE w.id = $1 GROUP BY w.heartbeat_at`, ghost.ID)[0]
	if late < 10 || late > 15 {
		t.Errorf("claims were taken back %v s after the last heartbeat, want 10 to 15", late)
	}
	// The ghost comes back: what it knows counts no more.
	err = e.store.Write(t.Context(), func(tx *store.Tx) error {
		held, err := tx.TaskLock(t.Context(), claimed)
		if len(held) != 0 {
			t.Errorf("a zombie still holds %d claims", len(held))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestAnotherSweeperTakesTheLead(t *testing.T) {
	t.Parallel()
	e := newEngine(t)
	e.worker(nil, nil)
	stop := e.sweeper(nil)
	e.insert(newTask(nil))
	e.finished(task.Success, 1)
	e.sweeper(nil)
	stop()
	e.insert(newTask(nil))
	e.finished(task.Success, 2)
	// The next one loses its connection.
	query[bool](e, `SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'
		AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`)
	e.insert(newTask(nil))
	e.finished(task.Success, 3)
}

func TestTaskResultsGoToTheDaysPartition(t *testing.T) {
	t.Parallel()
	e := newEngine(t)
	e.sweeper(nil)
	today := "task_results_done_" + query[time.Time](e, "SELECT now()")[0].UTC().Format("20060102")
	testkit.Eventually(t, patience, "the day's partition is made", func() bool {
		return query[bool](e, "SELECT to_regclass($1) IS NOT NULL", today)[0]
	})
	e.worker(nil, nil)
	e.announcer().Announce(e.insert(newTask(nil)))
	e.finished(task.Success, 1)
	want := []string{today}
	if diff := cmp.Diff(want, query[string](e, "SELECT tableoid::regclass::text FROM task_results")); diff != "" {
		t.Errorf("partition (-want +got):\n%s", diff)
	}
}

func ids(tasks []task.Task) []uuid.UUID {
	list := make([]uuid.UUID, len(tasks))
	for i := range tasks {
		list[i] = tasks[i].ID
	}
	return list
}

// length counts the entries in the lists of the dispatch queue.
func (e *engine) length() int {
	e.t.Helper()
	total := 0
	keys, err := e.redis.Keys(e.t.Context(), e.prefix+"*").Result()
	if err != nil {
		e.t.Fatal(err)
	}
	for _, key := range keys {
		total += int(e.redis.LLen(e.t.Context(), key).Val())
	}
	return total
}

// ticks lets the sweeper's next ticks pass: a task that nobody serves is announced in each of them anew.
func (e *engine) ticks(count int) {
	e.t.Helper()
	canary := e.insert(newTask(func(n *task.Task) { n.Queue = task.QueueSystem }))
	for range count {
		e.execute("UPDATE tasks SET announced_at = NULL WHERE id = $1", canary[0].ID)
		testkit.Eventually(e.t, patience, "the sweeper ticks", func() bool {
			return query[bool](e, "SELECT announced_at IS NOT NULL FROM tasks WHERE id = $1", canary[0].ID)[0]
		})
	}
	e.execute("DELETE FROM tasks WHERE id = $1", canary[0].ID)
	e.redis.Del(e.t.Context(), e.prefix+"boostress:{q:system}:p0")
}

func closed(done <-chan struct{}) bool {
	select {
	case <-done:
		return true
	default:
		return false
	}
}

func pause(ctx context.Context, while time.Duration) {
	timer := time.NewTimer(while)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
