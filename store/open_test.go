package store_test

import (
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/boostress/boostress/internal/id"
	"github.com/boostress/boostress/internal/testkit"
	"github.com/boostress/boostress/migrations"
	"github.com/boostress/boostress/store"
	"github.com/boostress/boostress/task"
)

// testStore is a store on a database of the test's own.
type testStore struct {
	*store.Store

	url string
}

func openStore(t testing.TB) testStore {
	t.Helper()
	url := testkit.Postgres(t, store.Migrate, schemaVersion(t))
	st, err := store.Open(t.Context(), url, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(st.Close)
	return testStore{Store: st, url: url}
}

// schemaVersion changes with the migrations.
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

func connect(t testing.TB, st testStore) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), st.url)
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

func execute(t testing.TB, st testStore, statement string, args ...any) {
	t.Helper()
	conn := connect(t, st)
	if _, err := conn.Exec(t.Context(), statement, args...); err != nil {
		t.Fatal(err)
	}
	if err := conn.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func query[T any](t testing.TB, st testStore, statement string, args ...any) []T {
	t.Helper()
	conn := connect(t, st)
	rows, err := conn.Query(t.Context(), statement, args...)
	if err != nil {
		t.Fatal(err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowTo[T])
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	return list
}

func write(t testing.TB, st testStore, do func(*store.Tx) error) {
	t.Helper()
	if err := st.Write(t.Context(), do); err != nil {
		t.Fatal(err)
	}
}

func newTask(change func(*task.Task)) task.Task {
	made := task.Task{
		ID: id.New(id.Task), AccountID: id.New(id.Account), Kind: task.KindDispatch, Queue: task.QueueDispatch,
	}
	if change != nil {
		change(&made)
	}
	return made
}

func insertTasks(t testing.TB, st testStore, tasks ...task.Task) (stored []task.Task) {
	t.Helper()
	write(t, st, func(tx *store.Tx) (err error) {
		stored, err = tx.TaskInsert(t.Context(), tasks)
		return err
	})
	return stored
}

func register(t testing.TB, st testStore) uuid.UUID {
	t.Helper()
	worker := store.Worker{ID: id.New(id.Worker), Host: "here", PID: 1, Version: "test", Queues: task.Queues()}
	if err := st.WorkerRegister(t.Context(), worker); err != nil {
		t.Fatal(err)
	}
	return worker.ID
}

func claim(t testing.TB, st testStore, worker uuid.UUID, ids ...uuid.UUID) []task.Task {
	t.Helper()
	claimed, err := st.TaskClaim(t.Context(), worker, term, ids)
	if err != nil {
		t.Fatal(err)
	}
	return claimed
}

func allTasks(t testing.TB, st testStore) []uuid.UUID {
	t.Helper()
	return query[uuid.UUID](t, st, "SELECT id FROM tasks ORDER BY id")
}

func taskState(t testing.TB, st testStore, taskID uuid.UUID) task.State {
	t.Helper()
	return task.State(query[string](t, st, "SELECT state FROM tasks WHERE id = $1", taskID)[0])
}
