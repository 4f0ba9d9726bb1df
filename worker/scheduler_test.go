package worker_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/boostress/boostress/fulfillment"
	"github.com/boostress/boostress/internal/id"
	"github.com/boostress/boostress/internal/testkit"
	"github.com/boostress/boostress/store"
	"github.com/boostress/boostress/task"
	"github.com/boostress/boostress/worker"
)

// scheduler starts one on a store of its own.
func (e *engine) scheduler(change func(*worker.SchedulerOptions)) (stop func()) {
	e.t.Helper()
	options := worker.SchedulerOptions{Store: worker.Schedules(e.store), Log: e.log}
	if change != nil {
		change(&options)
	}
	return e.start(worker.NewScheduler(options).Run)
}

func (e *engine) account() uuid.UUID {
	e.t.Helper()
	account := id.New(id.Account)
	e.execute("INSERT INTO accounts (id, name, created_at) VALUES ($1, 'default', now())", account)
	return account
}

// schedules makes some of a kind, with more columns set, and returns their ids.
func (e *engine) schedules(account uuid.UUID, count int, name, set string) []uuid.UUID {
	e.t.Helper()
	e.execute(`INSERT INTO schedules (id, account_id, name, rule, every_ms, task_kind, next_at, created_at, updated_at)
		SELECT gen_random_uuid(), $1, $2 || n, 'INTERVAL', 1000, 'TEST', date_trunc('second', now()), now(), now()
		FROM generate_series(1, $3::int) n`, account, name, count)
	if set != "" {
		e.execute("UPDATE schedules SET "+set+" WHERE name LIKE $1 || '%'", name)
	}
	return query[uuid.UUID](e, "SELECT id FROM schedules WHERE name LIKE $1 || '%' ORDER BY id", name)
}

func TestSlotFiresOnceHoweverManySchedulersRun(t *testing.T) {
	t.Parallel()
	e := newEngine(t)
	e.schedules(e.account(), 20, "s", "")
	e.worker(nil, nil)
	announcer := e.announcer()
	for range 3 {
		e.scheduler(func(o *worker.SchedulerOptions) {
			o.AfterCommit = func(c fulfillment.Committed) { announcer.Announce(c.Tasks) }
		})
	}
	e.finished(task.Success, 80)
	if extra := query[int](e, `SELECT count(*)::int FROM task_results r WHERE schedule_id IS NOT NULL
		AND NOT EXISTS (SELECT FROM schedule_slots s WHERE s.task_id = r.id)`)[0]; extra > 0 {
		t.Errorf("%d runs belong to no slot", extra)
	}
	if wrong := query[string](e, `SELECT s.name || ': ' || s.runs || ' runs, numbers ' || array_agg(l.number ORDER BY l.number)::text
		FROM schedules s JOIN schedule_slots l ON l.schedule_id = s.id GROUP BY s.id, s.name, s.runs
		HAVING max(l.number) > count(*) OR count(DISTINCT l.number) < count(*)`); len(wrong) > 0 {
		t.Errorf("runs are not numbered one by one: %v", wrong)
	}
}

func TestMissedSlotsFireOnce(t *testing.T) {
	t.Parallel()
	e := newEngine(t)
	account := e.account()
	e.schedules(account, 1, "hourly", "every_ms = 3600000, next_at = now() - interval '10 hours'")
	e.schedules(account, 1, "broken", "rule = 'CRON', cron = 'no cron'")
	e.worker(nil, nil)
	e.sweeper(nil)
	e.scheduler(nil)
	e.finished(task.Success, 1)
	testkit.Eventually(t, patience, "the broken one stops", func() bool {
		return query[bool](e, "SELECT next_at IS NULL FROM schedules WHERE name = 'broken1'")[0]
	})
	if got := query[bool](e, "SELECT next_at > now() AND runs = 1 AND missed = 10 FROM schedules WHERE name = 'hourly1'")[0]; !got {
		t.Error("the schedule did not move on to its next slot")
	}
	testkit.Eventually(t, patience, "retention is planned", func() bool {
		return slices.Contains(query[string](e, "SELECT name FROM schedules WHERE system"), "retention")
	})
}

// A slot that comes while the last one's task still waits is skipped, and is nowhere taken for one that fired.
func TestSkippedSlotIsNoSlot(t *testing.T) {
	t.Parallel()
	e := newEngine(t)
	busy := e.schedules(e.account(), 1, "busy", "")[0]
	e.insert(newTask(func(n *task.Task) { n.ScheduleID, n.DueAt = &busy, time.Now().Add(time.Hour) }))
	e.scheduler(nil)
	testkit.Eventually(t, patience, "it moves on", func() bool {
		return query[bool](e, "SELECT next_at > now() FROM schedules WHERE id = $1", busy)[0]
	})
	if got := query[int](e, "SELECT (runs + (SELECT count(*) FROM schedule_slots))::int FROM schedules WHERE id = $1", busy)[0]; got != 0 {
		t.Errorf("%d slots and runs, want none", got)
	}
	if got := query[int](e, "SELECT skipped::int FROM schedules WHERE id = $1", busy)[0]; got < 1 {
		t.Error("it is not counted")
	}
}

// What waits for the end of a run fires soon after it, whatever the rule says of the time.
func TestRunsFollowEachOther(t *testing.T) {
	t.Parallel()
	e := newEngine(t)
	account := e.account()
	e.schedules(account, 1, "queue", "overlap = 'QUEUE_ONE'")
	e.schedules(account, 1, "backlog", `misfire = 'RUN_ALL', misfire_limit = 5, every_ms = 3600000,
		next_at = date_trunc('hour', now()) - interval '20 hours'`)
	e.schedules(account, 1, "after", "rule = 'AFTER_COMPLETION'")
	var most, beside atomic.Int64
	announcer := e.announcer()
	e.worker(func(_ context.Context, n task.Task) (json.RawMessage, error) {
		if n.Name == "queue1" {
			defer beside.Add(-1)
			most.Store(max(most.Load(), beside.Add(1)))
			<-time.After(1200 * time.Millisecond)
		}
		return nil, nil
	}, nil)
	e.scheduler(func(o *worker.SchedulerOptions) {
		o.AfterCommit = func(c fulfillment.Committed) { announcer.Announce(c.Tasks) }
	})
	testkit.Eventually(t, patience, "they have run", func() bool {
		return query[bool](e, `SELECT bool_and(CASE name WHEN 'backlog1' THEN runs = 5 AND queued_slot IS NULL AND NOT backlog AND missed = 16
			ELSE runs >= 4 END) FROM schedules`)[0]
	})
	if most.Load() != 1 {
		t.Errorf("%d runs at a time", most.Load())
	}
	if waits := query[float64](e, `SELECT max(extract(epoch FROM r.started_at - b.finished_at))::float8
		FROM task_results r JOIN schedule_slots s ON s.task_id = r.id JOIN schedule_slots p ON p.schedule_id = s.schedule_id
			AND p.number = s.number - 1 JOIN task_results b ON b.id = p.task_id
		WHERE r.name = 'backlog1'`)[0]; waits > 2 {
		t.Errorf("the next of a backlog began %v s after the one before", waits)
	}
	if early := query[int](e, `SELECT count(*)::int FROM schedule_slots s JOIN schedule_slots p ON p.schedule_id = s.schedule_id
			AND p.number = s.number - 1 JOIN task_results b ON b.id = p.task_id
		WHERE b.name = 'after1' AND s.slot < b.finished_at + interval '1 second'`)[0]; early > 0 {
		t.Errorf("%d slots come too soon after the run before", early)
	}
}

// One row that can't be fired holds up no other, and is not tried again and again.
func TestBadScheduleStopsNoOther(t *testing.T) {
	t.Parallel()
	e := newEngine(t)
	account := e.account()
	e.schedules(account, 10, "good", "")
	bad := e.schedules(account, 2, "bad", "next_at = now() - interval '1 minute'")
	conn, err := pgx.Connect(t.Context(), e.url)
	if err != nil {
		t.Fatal(err)
	}
	_, err = conn.Exec(t.Context(), `CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN IF NEW.name LIKE 'bad%' THEN RAISE EXCEPTION 'refused'; END IF; RETURN NEW; END $$;
		CREATE TRIGGER refuse BEFORE INSERT ON tasks FOR EACH ROW EXECUTE FUNCTION refuse()`)
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	e.worker(nil, nil)
	announcer := e.announcer()
	e.scheduler(func(o *worker.SchedulerOptions) {
		o.AfterCommit = func(c fulfillment.Committed) { announcer.Announce(c.Tasks) }
	})
	e.finished(task.Success, 25)
	if got := query[int](e, "SELECT count(*)::int FROM schedule_slots WHERE schedule_id = ANY($1)", bad)[0]; got != 0 {
		t.Errorf("%d slots of schedules that can't fire", got)
	}
	if got := query[int](e, "SELECT count(*)::int FROM schedules WHERE id = ANY($1) AND next_at < now()", bad)[0]; got != 2 {
		t.Errorf("%d of the bad ones are still due, want both", got)
	}
}

// A slot that fires revokes what waits and asks for the end of what runs; it waits for what is just being claimed.
func TestSlotRevokesWhatRuns(t *testing.T) {
	t.Parallel()
	e := newEngine(t)
	one := e.schedules(e.account(), 1, "cancel", "overlap = 'CANCEL_RUNNING', every_ms = 3600000, next_at = now()")[0]
	of := func(n *task.Task) { n.ScheduleID = &one }
	waiting, running, claimed := e.insert(newTask(of))[0], e.insert(newTask(of))[0], e.insert(newTask(of))[0]
	e.execute("UPDATE tasks SET state = 'STARTED', worker_id = gen_random_uuid(), claim_token = gen_random_uuid() WHERE id = $1", running.ID)
	conn, err := pgx.Connect(t.Context(), e.url)
	if err != nil {
		t.Fatal(err)
	}
	claiming, err := conn.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := claiming.Exec(t.Context(), `UPDATE tasks SET state = 'STARTED', worker_id = gen_random_uuid(),
		claim_token = gen_random_uuid() WHERE id = $1`, claimed.ID); err != nil {
		t.Fatal(err)
	}
	told := make(chan fulfillment.Committed, 10)
	e.scheduler(func(o *worker.SchedulerOptions) { o.AfterCommit = func(c fulfillment.Committed) { told <- c } })
	results := (<-told).Results
	if fired := query[int](e, "SELECT runs::int FROM schedules WHERE id = $1", one)[0]; fired != 0 {
		t.Error("it fired beside a run that nobody revoked")
	}
	if err := errors.Join(claiming.Commit(t.Context()), conn.Close(t.Context())); err != nil {
		t.Fatal(err)
	}
	last := <-told
	if len(last.Fired) != 1 || last.Fired[0] != one || len(last.Tasks) != 1 {
		t.Errorf("told of %v and %d tasks", last.Fired, len(last.Tasks))
	}
	if len(results) != 1 || results[0].ID != waiting.ID || results[0].State != task.Revoked {
		t.Errorf("revoked: %+v", results)
	}
	asked := query[uuid.UUID](e, `SELECT t.id FROM task_revocations r JOIN tasks t ON t.id = r.task_id AND t.claim_token = r.claim_token
		ORDER BY t.id`)
	want := []uuid.UUID{running.ID, claimed.ID}
	slices.SortFunc(want, func(a, b uuid.UUID) int { return slices.Compare(a[:], b[:]) })
	if !slices.Equal(asked, want) {
		t.Errorf("asked for the end of %v, want %v", asked, want)
	}
}

// The statements of a firing are as many for a hundred schedules as for one.
func TestStatementsDoNotGrowWithSchedules(t *testing.T) {
	t.Parallel()
	var counts []int64
	for _, schedules := range []int{1, 100} {
		e := newEngine(t)
		e.schedules(e.account(), schedules, "s", "every_ms = 3600000")
		var counted counter
		st, err := store.Open(t.Context(), e.url, store.Options{Tracer: &counted})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(st.Close)
		told := make(chan int64)
		stop := e.scheduler(func(o *worker.SchedulerOptions) {
			o.Store = worker.Schedules(st)
			o.AfterCommit = func(c fulfillment.Committed) {
				if len(c.Fired) != schedules {
					t.Errorf("%d fired, want %d", len(c.Fired), schedules)
				}
				told <- counted.Load()
			}
		})
		counts = append(counts, <-told)
		stop()
	}
	if counts[0] != counts[1] || counts[0] > 9 {
		t.Errorf("one schedule costs %d statements, a hundred %d", counts[0], counts[1])
	}
}

// counter counts statements.
type counter struct{ atomic.Int64 }

func (c *counter) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	c.Add(1)
	return ctx
}

func (*counter) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}
