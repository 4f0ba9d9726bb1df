package worker_test

import (
	"slices"
	"testing"
	"time"

	"github.com/boostress/boostress/fulfillment"
	"github.com/boostress/boostress/internal/id"
	"github.com/boostress/boostress/internal/testkit"
	"github.com/boostress/boostress/task"
	"github.com/boostress/boostress/worker"
)

func TestSlotFiresOnceHoweverManySweepersLead(t *testing.T) {
	t.Parallel()
	e := newEngine(t)
	account := id.New(id.Account)
	e.execute("INSERT INTO accounts (id, name, created_at) VALUES ($1, 'default', now())", account)
	e.execute(`INSERT INTO schedules (id, account_id, name, rule, every_ms, task_kind, next_at, created_at, updated_at)
		SELECT gen_random_uuid(), $1, 's' || n, 'INTERVAL', 1000, 'TEST', date_trunc('second', now()), now(), now()
		FROM generate_series(1, 20) n`, account)
	e.worker(nil, nil)
	announcer := e.announcer()
	for _, role := range []string{"one", "two", "three"} {
		e.sweeper(func(o *worker.SweeperOptions) {
			o.Role, o.Every = role, 20*time.Millisecond
			o.AfterCommit = func(c fulfillment.Committed) { announcer.Announce(c.Tasks) }
		})
	}
	e.finished(task.Success, 80)
	got := query[string](e, `SELECT format('%s runs in %s slots', count(*), count(DISTINCT slot)) FROM schedule_slots s
		WHERE slot <= now() - interval '1 second' GROUP BY schedule_id HAVING count(*) <> count(DISTINCT slot)`)
	if len(got) > 0 {
		t.Errorf("slots fired more than once: %v", got)
	}
	if extra := query[int](e, `SELECT count(*)::int FROM task_results r WHERE schedule_id IS NOT NULL
		AND NOT EXISTS (SELECT FROM schedule_slots s WHERE s.task_id = r.id)`)[0]; extra > 0 {
		t.Errorf("%d runs belong to no slot", extra)
	}
	if runs := query[int](e, "SELECT (max(runs) - min(runs))::int FROM schedules WHERE NOT system")[0]; runs > 1 {
		t.Errorf("schedules differ by %d runs", runs)
	}
}

func TestMissedSlotsFireOnce(t *testing.T) {
	t.Parallel()
	e := newEngine(t)
	account := id.New(id.Account)
	e.execute("INSERT INTO accounts (id, name, created_at) VALUES ($1, 'default', now())", account)
	e.execute(`INSERT INTO schedules (id, account_id, name, rule, every_ms, task_kind, next_at, created_at, updated_at)
		VALUES (gen_random_uuid(), $1, 'hourly', 'INTERVAL', 3600000, 'TEST', now() - interval '10 hours', now(), now())`, account)
	e.execute(`INSERT INTO schedules (id, account_id, name, rule, cron, task_kind, next_at, created_at, updated_at)
		VALUES (gen_random_uuid(), $1, 'broken', 'CRON', 'no cron', 'TEST', date_trunc('second', now()), now(), clock_timestamp())`, account)
	e.worker(nil, nil)
	e.sweeper(nil)
	e.finished(task.Success, 1)
	testkit.Eventually(t, patience, "the broken one stops", func() bool {
		return query[bool](e, "SELECT next_at IS NULL FROM schedules WHERE name = 'broken'")[0]
	})
	if got := query[bool](e, "SELECT next_at > now() AND runs = 1 FROM schedules WHERE name = 'hourly'")[0]; !got {
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
	account, busy := id.New(id.Account), id.New(id.Schedule)
	e.execute("INSERT INTO accounts (id, name, created_at) VALUES ($1, 'default', now())", account)
	e.execute(`INSERT INTO schedules (id, account_id, name, rule, every_ms, task_kind, next_at, created_at, updated_at)
		VALUES ($1, $2, 'busy', 'INTERVAL', 1000, 'TEST', now() - interval '5 seconds', now(), now())`, busy, account)
	e.insert(newTask(func(n *task.Task) {
		n.UniqueKey, n.ScheduleID, n.DueAt = "schedule:"+busy.String(), &busy, time.Now().Add(time.Hour)
	}))
	e.sweeper(nil)
	testkit.Eventually(t, patience, "it moves on", func() bool {
		return query[bool](e, "SELECT next_at > now() FROM schedules WHERE id = $1", busy)[0]
	})
	if got := query[int](e, "SELECT (runs + (SELECT count(*) FROM schedule_slots))::int FROM schedules WHERE id = $1", busy)[0]; got != 0 {
		t.Errorf("%d slots and runs, want none", got)
	}
}
