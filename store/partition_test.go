package store_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/boostress/boostress/internal/id"
	"github.com/boostress/boostress/internal/testkit"
	"github.com/boostress/boostress/store"
	"github.com/boostress/boostress/task"
)

// result writes a finished run.
func result(t testing.TB, st testStore, state string, finished time.Time) uuid.UUID {
	t.Helper()
	made := id.New(id.Task)
	execute(t, st, `INSERT INTO task_results (id, account_id, kind, queue, priority, state, attempt, max_attempts, due_at, enqueued_at,
		finished_at) VALUES ($1, $2, 'EXPORT', 'system', 0, $3, 1, 1, $4, $4, $4)`, made, id.New(id.Account), state, finished)
	return made
}

func where(t testing.TB, st testStore, taskID uuid.UUID) string {
	t.Helper()
	return query[string](t, st, "SELECT tableoid::regclass::text FROM task_results WHERE id = $1", taskID)[0]
}

func names(t testing.TB, st testStore) (list []string) {
	t.Helper()
	found, err := st.Partitions(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range found {
		list = append(list, fmt.Sprintf("%s failed=%v attached=%v", p.Name, p.Failed, p.Attached))
	}
	return list
}

func TestTaskResultPartitions(t *testing.T) {
	t.Parallel()
	st := openStore(t)
	now := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC) // in the week from Monday, 2029-12-31
	early := result(t, st, "SUCCESS", now)             // nobody had made its partition: it stays in the rest
	for range 2 {
		if err := st.TaskResultPartitions(t.Context(), now, 48*time.Hour); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{
		"task_results_failed_20291231 failed=true attached=true", "task_results_done_20300103 failed=false attached=true",
		"task_results_done_20300104 failed=false attached=true",
	}
	if diff := cmp.Diff(want, names(t, st)); diff != "" {
		t.Errorf("partitions (-want +got):\n%s", diff)
	}
	for task, want := range map[uuid.UUID]string{
		early:                         "task_results_done_rest",
		result(t, st, "SUCCESS", now): "task_results_done_rest",
		result(t, st, "SUCCESS", now.AddDate(0, 0, 1)): "task_results_done_20300103",
		result(t, st, "FAILURE", now):                  "task_results_failed_20291231",
		result(t, st, "REVOKED", now):                  "task_results_failed_20291231",
		result(t, st, "REVOKED", now.AddDate(1, 0, 0)): "task_results_failed_rest",
	} {
		if got := where(t, st, task); got != want {
			t.Errorf("a result is in %s, want %s", got, want)
		}
	}
	// Each has every index of its parent.
	for _, p := range []string{"done_20300103", "done_rest", "failed_20291231"} {
		indexes := query[int](t, st, `SELECT count(*)::int FROM pg_index WHERE indrelid = ('task_results_' || $1)::regclass`, p)[0]
		parent := query[int](t, st, `SELECT count(*)::int FROM pg_index WHERE indrelid = ('task_results_' || split_part($1, '_', 1))::regclass`, p)[0]
		if indexes != parent || indexes < 17 {
			t.Errorf("%s has %d indexes, its parent %d", p, indexes, parent)
		}
	}
}

// A run that ends while its partition is being attached is refused by the rest, where it was on its way to, and is written
// in the second try.
func TestAResultMeetsItsPartitionComing(t *testing.T) {
	t.Parallel()
	st := openStore(t)
	insertTasks(t, st, newTask(nil))
	run := claim(t, st, register(t, st), allTasks(t, st)...)[0]
	finish := func() error {
		return st.Write(t.Context(), func(tx *store.Tx) error {
			_, err := tx.TaskFinish(t.Context(), []store.TaskEnd{{Task: run, State: task.Success}})
			return err
		})
	}
	sweeper := connect(t, st)
	if _, err := sweeper.Exec(t.Context(), `BEGIN; CREATE TABLE coming (LIKE task_results_done INCLUDING ALL);
		ALTER TABLE task_results_done ATTACH PARTITION coming FOR VALUES FROM ('2000-01-01') TO ('2100-01-01')`); err != nil {
		t.Fatal(err)
	}
	refused := make(chan error)
	go func() { refused <- finish() }()
	testkit.Eventually(t, term, "the run's end waits for the rest", func() bool {
		return query[bool](t, st, "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND relation = 'task_results_done_rest'::regclass)")[0]
	})
	if _, err := sweeper.Exec(t.Context(), "COMMIT"); err != nil {
		t.Fatal(err)
	}
	if err := <-refused; !store.Transient(err) {
		t.Errorf("the run's end met %v, want what may be tried again", err)
	}
	if err := finish(); err != nil || where(t, st, run.ID) != "coming" {
		t.Errorf("the run is in %s: %v", where(t, st, run.ID), err)
	}
	if err := sweeper.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// Writers and readers are never held up for long while partitions come and go, even behind somebody who reads for long.
func TestPartitionsHoldUpNobody(t *testing.T) {
	t.Parallel()
	st := openStore(t)
	const days = 8
	begin := time.Now().UTC().Truncate(24 * time.Hour)
	if err := st.TaskResultPartitions(t.Context(), begin, days*24*time.Hour); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	var mu sync.Mutex
	var longest time.Duration
	wrote := 0
	busy := func(do func(conn *pgx.Conn) error) {
		conn := connect(t, st) //nolint:contextcheck // the test's
		running.Go(func() {
			for ctx.Err() == nil {
				began := time.Now()
				if err := do(conn); err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				longest, wrote = max(longest, time.Since(began)), wrote+1
				mu.Unlock()
			}
			if err := conn.Close(context.WithoutCancel(ctx)); err != nil {
				t.Error(err)
			}
		})
	}
	for range 2 {
		busy(func(conn *pgx.Conn) error {
			_, err := conn.Exec(context.WithoutCancel(ctx), `INSERT INTO task_results (id, account_id, kind, queue, priority, state,
					attempt, max_attempts, due_at, enqueued_at, finished_at)
				SELECT gen_random_uuid(), $1, 'EXPORT', 'system', 0, 'SUCCESS', 1, 2, at - interval '2 s', at - interval '1 s', at FROM now() at`,
				uuid.New())
			return err
		})
	}
	busy(func(conn *pgx.Conn) error { // reads all for a while
		_, err := conn.Exec(context.WithoutCancel(ctx), "BEGIN; SELECT count(*), pg_sleep(0.3) FROM task_results; COMMIT")
		return err
	})
	partitions, err := st.Partitions(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range partitions[2:] {
		if p.Failed {
			continue
		}
		if err := st.DetachPartition(t.Context(), p); err != nil {
			t.Fatal(err)
		}
		if err := st.DropPartition(t.Context(), p); err != nil {
			t.Fatal(err)
		}
	}
	if err := st.TaskResultPartitions(t.Context(), begin, days*24*time.Hour); err != nil {
		t.Fatal(err)
	}
	stop()
	running.Wait()
	t.Logf("%d statements, the longest took %v", wrote, longest)
	if longest > 2*time.Second {
		t.Errorf("somebody waited for %v", longest)
	}
	if after, err := st.Partitions(t.Context()); err != nil || len(after) != len(partitions) {
		t.Errorf("%d partitions, want %d: %v", len(after), len(partitions), err)
	}
}

func TestRestIsDroppedInPieces(t *testing.T) {
	t.Parallel()
	st := openStore(t)
	now := time.Now().UTC()
	for range 5 {
		result(t, st, "SUCCESS", now.Add(-time.Hour))
	}
	kept := result(t, st, "SUCCESS", now)
	failed := result(t, st, "FAILURE", now.Add(-time.Hour))
	moved, count, err := st.DetachRest(t.Context(), false, now.Add(-time.Minute), 3)
	if err != nil || count != 3 {
		t.Fatalf("moved %d, %v", count, err)
	}
	if got := names(t, st); len(got) != 1 || got[0] != moved.Name+" failed=false attached=false" {
		t.Errorf("partitions are %v", got)
	}
	if rows, err := st.PartitionRows(t.Context(), moved, uuid.Nil, 2); err != nil || len(rows) != 2 {
		t.Errorf("read %d rows, %v", len(rows), err)
	} else if rows, err := st.PartitionRows(t.Context(), moved, rows[1].ID, 2); err != nil || len(rows) != 1 {
		t.Errorf("read %d more rows, %v", len(rows), err)
	}
	for range 2 {
		if err := st.DropPartition(t.Context(), moved); err != nil {
			t.Fatal(err)
		}
	}
	if count, err := st.DropRest(t.Context(), false, now.Add(-time.Minute), 10); err != nil || count != 2 {
		t.Errorf("dropped %d, %v", count, err)
	}
	if left := query[uuid.UUID](t, st, "SELECT id FROM task_results ORDER BY id"); !cmp.Equal(left, []uuid.UUID{kept, failed}) {
		t.Errorf("left: %v", left)
	}
}
