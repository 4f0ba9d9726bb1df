package worker_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io/fs"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"github.com/boostress/boostress/fulfillment"
	"github.com/boostress/boostress/internal/id"
	"github.com/boostress/boostress/internal/testkit"
	"github.com/boostress/boostress/migrations"
	"github.com/boostress/boostress/store"
	"github.com/boostress/boostress/task"
	"github.com/boostress/boostress/worker"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, testkit.LeakOptions()...) }

const patience = 20 * time.Second

// engine is a database and a Redis with lists of the test's own, and what runs on them.
type engine struct {
	t     testing.TB
	url   string
	store *store.Store
	redis *redis.Client
	lists *worker.Lists
	log   *slog.Logger

	prefix string // of every key in Redis

	mu   sync.Mutex
	runs map[uuid.UUID]int // by task
}

func newEngine(t testing.TB) *engine {
	t.Helper()
	address, prefix := testkit.Redis(t)
	return engineOn(t, testkit.Postgres(t, store.Migrate, schemaVersion(t)), address, prefix)
}

func engineOn(t testing.TB, url, address, prefix string) *engine {
	t.Helper()
	options, err := redis.ParseURL(address)
	if err != nil {
		t.Fatal(err)
	}
	options.ContextTimeoutEnabled = true
	options.MaxRetries = -1
	client := redis.NewClient(options)
	t.Cleanup(func() {
		if err := client.Close(); err != nil {
			t.Error(err)
		}
	})
	st, err := store.Open(t.Context(), url, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(st.Close)
	return &engine{
		t: t, url: url, store: st, redis: client, prefix: prefix, lists: worker.NewLists(client, prefix),
		log: slog.New(slog.NewTextHandler(t.Output(), nil)), runs: map[uuid.UUID]int{},
	}
}

func schemaVersion(t testing.TB) string {
	t.Helper()
	sum := sha256.New()
	err := fs.WalkDir(migrations.FS, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := fs.ReadFile(migrations.FS, path)
		sum.Write(content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// start runs a service and returns how to stop it and wait for its end; the test's end does so, too.
func (e *engine) start(run func(context.Context) error) (stop func()) {
	e.t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(e.t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			e.t.Error(err)
		}
	})
	e.t.Cleanup(stop)
	return stop
}

// worker starts one that runs tasks of kind test with run.
func (e *engine) worker(run func(context.Context, task.Task) (json.RawMessage, error), change func(*worker.Options)) (stop func()) {
	e.t.Helper()
	options := worker.Options{
		Store: e.store, Lists: e.lists, Log: e.log, Version: "test",
		Handlers: map[task.Kind]worker.Handler{kind: worker.Each(e.counted(run)), task.KindRetention: worker.Retention(e.store, "")},
	}
	if change != nil {
		change(&options)
	}
	return e.start(worker.New(options).Run)
}

const kind = task.Kind("TEST")

// counted counts the runs of each task.
func (e *engine) counted(
	run func(context.Context, task.Task) (json.RawMessage, error),
) func(context.Context, task.Task) (json.RawMessage, error) {
	return func(ctx context.Context, t task.Task) (json.RawMessage, error) {
		e.mu.Lock()
		e.runs[t.ID]++
		e.mu.Unlock()
		if run == nil {
			return nil, nil
		}
		return run(ctx, t)
	}
}

func (e *engine) sweeper(change func(*worker.SweeperOptions)) (stop func()) {
	e.t.Helper()
	options := worker.SweeperOptions{Store: e.store, Lists: e.lists, Upkeep: upkeep{e.store}, Log: e.log}
	if change != nil {
		change(&options)
	}
	return e.start(worker.NewSweeper(options).Run)
}

// upkeep takes back claims, and knows of no orders.
type upkeep struct{ store *store.Store }

func (u upkeep) Reap(ctx context.Context, term time.Duration, limit int) (int, error) {
	return fulfillment.New(u.store, fulfillment.Options{}).Reap(ctx, term, limit)
}

func (upkeep) ApplyDeadlines(context.Context, int) (int, error) { return 0, nil }

func (upkeep) ApplySLAs(context.Context, int) (int, error) { return 0, nil }

func (upkeep) EnsurePolls(context.Context) error { return nil }

// announcer starts one.
func (e *engine) announcer() *worker.Announcer {
	e.t.Helper()
	announcer := worker.NewAnnouncer(e.lists, e.log, worker.NewMetrics(nil))
	e.start(announcer.Run)
	return announcer
}

func newTask(change func(*task.Task)) task.Task {
	made := task.Task{ID: id.New(id.Task), AccountID: id.New(id.Account), Kind: kind, Queue: task.QueueDispatch}
	if change != nil {
		change(&made)
	}
	return made
}

func newTasks(count int, change func(*task.Task)) []task.Task {
	tasks := make([]task.Task, count)
	for i := range tasks {
		tasks[i] = newTask(change)
	}
	return tasks
}

// insert adds tasks and announces nothing.
func (e *engine) insert(tasks ...task.Task) (stored []task.Task) {
	e.t.Helper()
	err := e.store.Write(e.t.Context(), func(tx *store.Tx) (err error) {
		stored, err = tx.TaskInsert(e.t.Context(), tasks)
		return err
	})
	if err != nil {
		e.t.Fatal(err)
	}
	return stored
}

func (e *engine) execute(statement string, args ...any) {
	e.t.Helper()
	query[int](e, "WITH done AS ("+statement+" RETURNING 1) SELECT count(*)::int FROM done", args...)
}

func query[T any](e *engine, statement string, args ...any) []T {
	e.t.Helper()
	conn, err := pgx.Connect(e.t.Context(), e.url)
	if err != nil {
		e.t.Fatal(err)
	}
	rows, err := conn.Query(e.t.Context(), statement, args...)
	if err != nil {
		e.t.Fatal(err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowTo[T])
	if err != nil {
		e.t.Fatal(err)
	}
	if err := conn.Close(e.t.Context()); err != nil {
		e.t.Fatal(err)
	}
	return list
}

// finished waits until as many tasks have ended, by state.
func (e *engine) finished(state task.State, count int) {
	e.t.Helper()
	got := 0
	defer func() {
		if e.t.Failed() {
			e.t.Logf("%d tasks ended as %s; left: %v", got, state,
				query[string](e, "SELECT format('%s %s %s %s', kind, state, attempt, last_error) FROM tasks LIMIT 5"))
		}
	}()
	testkit.Eventually(e.t, patience, "tasks end as "+string(state), func() bool {
		got = query[int](e, "SELECT count(*)::int FROM task_results WHERE state = $1", string(state))[0]
		return got >= count
	})
}

// twice lists the tasks that ran more than once.
func (e *engine) twice() (tasks []uuid.UUID) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for id, runs := range e.runs {
		if runs > 1 {
			tasks = append(tasks, id)
		}
	}
	return tasks
}
