package store_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/boostress/boostress/internal/id"
	"github.com/boostress/boostress/internal/testkit"
	"github.com/boostress/boostress/store"
	"github.com/boostress/boostress/task"
)

// rollAll counts all that is over until bound.
func rollAll(t testing.TB, st testStore, bound time.Time) {
	t.Helper()
	for step := range task.Steps() {
		for more := true; more; {
			var err error
			if _, more, err = st.RollUp(t.Context(), step, bound); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// newAccount adds one.
func newAccount(t testing.TB, st testStore) uuid.UUID {
	t.Helper()
	made := id.New(id.Account)
	execute(t, st, "INSERT INTO accounts (id, name, created_at) VALUES ($1, ($1::uuid)::text, now())", made)
	return made
}

// fillRecord inserts random tasks of some accounts that came in, and were mostly finished, since a time; ids are as old as
// the clocks of those who made them have it.
func fillRecord(t testing.TB, st testStore, accounts []uuid.UUID, since time.Time, span time.Duration, count int) {
	t.Helper()
	const random = `(SELECT n, ($1::uuid[])[1 + (n * 7) % cardinality($1::uuid[])] AS account_id,
			$2::timestamptz + random() * $3::float8 * interval '1 second' AS enqueued_at,
			('{DISPATCH,POLL_PROVIDER,BULK}'::text[])[1 + n % 3] AS kind, ('{dispatch,status,system}'::text[])[1 + n % 3] AS queue,
			('{SUCCESS,SUCCESS,SUCCESS,FAILURE,REVOKED}'::text[])[1 + n % 5] AS state,
			CASE WHEN n % 4 > 0 THEN ('00000000-0000-7000-8000-00000000000' || n % 4)::uuid END AS provider_id,
			power(10, 5 * random())::int * interval '10 microseconds' AS waited,
			power(10, 6 * random())::int * interval '10 microseconds' AS ran, (random() - 0.5) * interval '20 seconds' AS skew
		FROM generate_series(1, $4::int) n OFFSET 0) r`
	const minted = `(lpad(to_hex((extract(epoch FROM enqueued_at + skew) * 1000)::bigint), 12, '0') ||
		'7' || substr(md5(n::text || random()), 1, 3) || '8' || substr(md5(random()::text), 1, 15))::uuid`
	execute(t, st, `INSERT INTO task_results (id, account_id, kind, queue, priority, state, error_class, provider_id, attempt, max_attempts,
			enqueued_at, due_at, started_at, finished_at)
		SELECT `+minted+`, account_id, kind, queue, 0, state, CASE WHEN state = 'FAILURE' THEN ('{STORE,TIMEOUT}'::text[])[1 + n % 2] ELSE '' END,
			provider_id, 1, 25, enqueued_at, enqueued_at + '0 s', CASE WHEN n % 11 > 0 THEN enqueued_at + waited END, enqueued_at + waited + ran
		FROM `+random, accounts, since, span.Seconds(), count)
	execute(t, st, `INSERT INTO tasks (id, account_id, kind, queue, provider_id, due_at, enqueued_at)
		SELECT `+minted+`, account_id, kind, queue, provider_id, enqueued_at + '0 s', enqueued_at FROM `+random,
		accounts, since, span.Seconds(), count/10)
}

// Whatever is counted is what the record says, in each step and for each window: all of it, once, and nobody else's.
func TestRollupsEqualTheRecord(t *testing.T) {
	t.Parallel()
	st := openStore(t)
	mine, others := newAccount(t, st), newAccount(t, st)
	now := time.Now().UTC().Add(-time.Hour)
	start := now.Add(-26 * time.Hour).Truncate(24 * time.Hour)
	execute(t, st, "UPDATE rollup_marks SET until = $1", start)
	fillRecord(t, st, []uuid.UUID{mine, others, mine}, start, now.Sub(start), 4000)
	fillRecord(t, st, []uuid.UUID{mine, others}, now.Add(-time.Hour), time.Hour, 4000)
	fillRecord(t, st, []uuid.UUID{mine, others}, now.Add(-2*time.Minute), 2*time.Minute, 1000)
	rollAll(t, st, now)

	marks, err := st.RollupMarks(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for i, step := range task.Steps() {
		if want := now.Truncate(step.Length); !marks[i].Equal(want) {
			t.Errorf("steps of %v are made until %v, want %v", step.Length, marks[i], want)
		}
		compareStep(t, st, step, marks[i])
	}
	for _, w := range []task.Window{
		{Part: 10 * time.Second, Parts: 6},
		{Part: time.Minute, Parts: 60},
		{Part: time.Hour, Parts: 24},
		{Part: 3 * time.Hour, Parts: 56},
		{Part: 24 * time.Hour, Parts: 30},
	} {
		got, err := st.TaskStatistics(t.Context(), mine, w, marks)
		if err != nil {
			t.Fatal(err)
		}
		compareWindow(t, st, mine, w, got)
	}
}

const counted = `SELECT concat_ws(' ', date_bin(make_interval(secs => $1), %[1]s, 'epoch'), account_id, queue, kind,
	coalesce(provider_id, '00000000-0000-0000-0000-000000000000'), %[2]s, count(*)) FROM %[3]s WHERE %[1]s < $2
	GROUP BY date_bin(make_interval(secs => $1), %[1]s, 'epoch'), account_id, queue, kind, provider_id %[4]s ORDER BY 1`

// compareStep compares all rollups of a step with the record.
func compareStep(t *testing.T, st testStore, step task.Step, until time.Time) {
	t.Helper()
	seconds := step.Length.Seconds()
	want := query[string](t, st, fmt.Sprintf(counted, "finished_at", "state || ' ' || error_class", "task_results", ", state, error_class"),
		seconds, until)
	const all = "(SELECT account_id, queue, kind, provider_id, enqueued_at FROM task_results UNION ALL SELECT account_id, queue, kind, " +
		"provider_id, enqueued_at FROM tasks) a"
	came := query[string](t, st, fmt.Sprintf(counted, "enqueued_at", "'' || ' ' || ''", all, ""), seconds, until)
	const rolled = `SELECT concat_ws(' ', began_at, account_id, queue, kind, provider_id, state || ' ' || error_class, count)
		FROM task_rollups WHERE step = $1 AND (state <> '') = $2 ORDER BY 1`
	for finished, wanted := range map[bool][]string{true: want, false: came} {
		got := query[string](t, st, rolled, int(seconds), finished)
		if diff := cmp.Diff(wanted, got); diff != "" || len(got) == 0 {
			t.Errorf("steps of %v, finished %v (-record +rolled up):\n%.2000s", step.Length, finished, diff)
		}
	}
}

// compareWindow compares statistics with plain counts of the record.
func compareWindow(t *testing.T, st testStore, mine uuid.UUID, w task.Window, got *task.Statistics) {
	t.Helper()
	const where = ` FROM task_results WHERE account_id = $1 AND finished_at >= $2 AND finished_at < $3 `
	record := func(statement string) string {
		return strings.Join(query[string](t, st, statement, mine, got.From, got.Until), ", ")
	}
	figures := func(f *task.Figures) string { return fmt.Sprint(f.Finished, f.Succeeded, f.Failed, f.Revoked) }
	const sums = `concat_ws(' ', count(*), count(*) FILTER (WHERE state = 'SUCCESS'), count(*) FILTER (WHERE state = 'FAILURE'),
		count(*) FILTER (WHERE state = 'REVOKED'))`
	if want := record("SELECT " + sums + where); figures(&got.Total) != want {
		t.Errorf("%v: total is %s, want %s", w, figures(&got.Total), want)
	}
	for queue, f := range got.Queues {
		if want := record("SELECT " + sums + where + "AND queue = '" + string(queue) + "'"); figures(f) != want {
			t.Errorf("%v: queue %s is %s, want %s", w, queue, figures(f), want)
		}
	}
	for provider, f := range got.Providers {
		if want := record("SELECT " + sums + where + "AND provider_id = '" + provider.String() + "'"); figures(f) != want {
			t.Errorf("%v: provider %s is %s, want %s", w, provider, figures(f), want)
		}
	}
	var points int64
	for i := range got.Points {
		points += got.Points[i].Finished
	}
	if points != got.Total.Finished || len(got.Queues) != 3 || len(got.Kinds) != 3 || len(got.Providers) == 0 {
		t.Errorf("%v: points sum up to %d of %d; %d queues, %d kinds, %d providers", w, points, got.Total.Finished, len(got.Queues),
			len(got.Kinds), len(got.Providers))
	}
	for _, part := range []float64{0.5, 0.9, 0.99, 1} {
		for column, h := range map[string]*task.Histogram{"waiting_us": &got.Total.Waiting, "running_us": &got.Total.Running} {
			exact := query[int64](t, st, fmt.Sprintf("SELECT percentile_disc(%v) WITHIN GROUP (ORDER BY %s)%sAND started_at IS NOT NULL", part,
				column, where), mine, got.From, got.Until)[0]
			told, ok := h.Percentile(part)
			if micros := float64(told.Microseconds()); !ok || micros < float64(exact) || micros > 1.1*float64(exact)+1 {
				t.Errorf("%v: %v of %s is %d µs, told as %v", w, part, column, exact, told)
			}
		}
	}
}

// However many roll up at once, wherever they are ended, and whatever is being finished meanwhile: each is counted once.
func TestRollupsCountOnce(t *testing.T) {
	t.Parallel()
	st := openStore(t)
	one := newAccount(t, st)
	worker := register(t, st)
	execute(t, st, "UPDATE rollup_marks SET until = date_trunc('day', now(), 'UTC')")
	rollAll(t, st, time.Now().Add(-time.Minute))
	done := make(chan struct{})
	defer time.AfterFunc(14*time.Second, func() { close(done) }).Stop()
	var working, rolling sync.WaitGroup
	for range 3 {
		working.Go(func() { finishTasks(t, st, one, worker, done) })
	}
	for range 3 {
		rolling.Go(func() {
			for !linger(done, 50*time.Millisecond) {
				// Some are ended in the middle.
				trying, cancel := context.WithTimeout(t.Context(), time.Duration(10+rand.IntN(500))*time.Millisecond)
				bound, _, err := st.RollupBound(trying)
				for step := range task.Steps() {
					if err == nil {
						_, _, err = st.RollUp(trying, step, bound)
					}
				}
				cancel()
			}
		})
	}
	working.Wait()
	rolling.Wait()
	until := query[time.Time](t, st, "SELECT date_bin('10 seconds', max(finished_at), 'epoch') + interval '10 seconds' FROM task_results")[0]
	testkit.Eventually(t, 30*time.Second, "all is over", func() bool {
		bound, _, err := st.RollupBound(t.Context())
		return err == nil && !bound.Before(until)
	})
	rollAll(t, st, until)
	want := query[int](t, st, "SELECT count(*)::int FROM task_results")[0]
	for name, state := range map[string]string{"finished": "<> ''", "enqueued": "= ''"} {
		if got := query[int](t, st, "SELECT sum(count)::int FROM task_rollups WHERE step = 10 AND state "+state)[0]; got != want {
			t.Errorf("%d of %d %s tasks are counted", got, want, name)
		}
	}
	t.Logf("%d tasks", want)
	compareStep(t, st, task.Steps()[0], until)
}

// finishTasks makes and finishes tasks, now and then by a slow transaction, until done.
func finishTasks(t *testing.T, st testStore, account, worker uuid.UUID, done <-chan struct{}) {
	t.Helper()
	ctx := t.Context()
	for round := 0; !linger(done, 0); round++ {
		made := newTask(func(n *task.Task) { n.AccountID = account })
		write(t, st, func(tx *store.Tx) error {
			_, err := tx.TaskInsert(ctx, []task.Task{made})
			return err
		})
		if alive, err := st.WorkerBeat(ctx, worker, 1, term); !alive || err != nil {
			t.Errorf("the worker is not alive: %v", err)
			return
		}
		claimed := claim(t, st, worker, made.ID)
		write(t, st, func(tx *store.Tx) error {
			if round%50 == 0 {
				linger(done, 3*time.Second)
			}
			_, err := tx.TaskFinish(ctx, []store.TaskEnd{{Task: claimed[0], State: task.Success}})
			return err
		})
	}
}

// linger lets a while pass, and reports whether all is done.
func linger(done <-chan struct{}, while time.Duration) bool {
	timer := time.NewTimer(while)
	defer timer.Stop()
	select {
	case <-done:
		return true
	case <-timer.C:
		return false
	}
}

// A transaction that began and has not ended holds back what is over, for a minute.
func TestRollupsWaitForWhatRuns(t *testing.T) {
	t.Parallel()
	st := openStore(t)
	bound := func() time.Time {
		t.Helper()
		bound, now, err := st.RollupBound(t.Context())
		if err != nil || now.Sub(bound) < 2*time.Second || now.Sub(bound) > time.Minute+time.Second {
			t.Fatalf("at %v it is over until %v, %v", now, bound, err)
		}
		return bound
	}
	before := bound()
	var began time.Time
	write(t, st, func(tx *store.Tx) error {
		began = tx.Now
		testkit.Eventually(t, 10*time.Second, "time goes by", func() bool { return bound().Equal(began) && time.Since(began) > 3*time.Second })
		return nil
	})
	testkit.Eventually(t, 10*time.Second, "it goes on", func() bool { return bound().After(began) })
	if !before.Before(began) {
		t.Errorf("before, it was over until %v", before)
	}
}

// What is past its keep goes, but nothing that is not counted in longer steps yet.
func TestForgetRollups(t *testing.T) {
	t.Parallel()
	st := openStore(t)
	one := newAccount(t, st)
	now := time.Now().UTC().Truncate(24 * time.Hour)
	execute(t, st, "UPDATE rollup_marks SET until = $1", now)
	execute(t, st, `INSERT INTO task_rollups (step, account_id, began_at, queue, kind, provider_id, state, error_class, count, waiting, running)
		SELECT s.step, $1, $2::timestamptz - s.step * interval '1 second' * n, 'q', 'K', '00000000-0000-0000-0000-000000000000', '', '', 1, '{}', '{}'
		FROM (VALUES (10), (60), (3600), (86400)) s (step), generate_series(1, 5000) n`, one, now)
	left := func() string {
		t.Helper()
		if err := st.ForgetRollups(t.Context()); err != nil {
			t.Fatal(err)
		}
		return strings.Join(query[string](t, st, "SELECT step || ': ' || count(*) FROM task_rollups GROUP BY step ORDER BY step"), ", ")
	}
	execute(t, st, "UPDATE rollup_marks SET until = $1::timestamptz - interval '3 hours' WHERE step = 60", now)
	if got, want := left(), "10: 1080, 60: 4500, 3600: 2400, 86400: 1000"; got != want {
		t.Errorf("left are %s, want %s", got, want)
	}
	execute(t, st, "UPDATE rollup_marks SET until = $1", now)
	if got, want := left(), "10: 720, 60: 4320, 3600: 2400, 86400: 1000"; got != want {
		t.Errorf("left are %s, want %s", got, want)
	}
}
