package e2e_test

import (
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/boostress/boostress/internal/failpoint"
	"github.com/boostress/boostress/internal/testkit"
)

// manySchedules makes schedules that fire once a second, whatever runs, and make up for whatever was missed.
func (c *cluster) manySchedules(count int) {
	c.t.Helper()
	query[string](c, `INSERT INTO schedules (id, created_at, account_id, updated_at, name, rule, every_ms, task_kind, overlap,
			misfire, misfire_limit, starts_at, next_at)
		SELECT gen_random_uuid(), now(), a.id, now(), 'each' || n, 'INTERVAL', 1000, 'RETENTION', 'ALLOW', 'RUN_ALL', 1000, s.at, s.at
		FROM accounts a, generate_series(1, $1::int) n, LATERAL (SELECT date_trunc('second', now()) + make_interval(secs => n::float8 / $1::int)
			AS at) s WHERE a.id = (SELECT min(id::text)::uuid FROM accounts) RETURNING id::text`, count)
}

// eachSlotOnce checks that no slot of them is missing, and that each has one task, which has run once at most.
func (c *cluster) eachSlotOnce() {
	c.t.Helper()
	query[int](c, "UPDATE schedules SET enabled = false WHERE name LIKE 'each%' RETURNING 1")
	for _, wrong := range query[string](c, `SELECT format('schedule %s: %s runs, %s slots of %s, %s tasks', s.name, s.runs, count(l.slot),
			extract(epoch FROM s.next_at - s.starts_at)::int, sum(r.tasks))
		FROM schedules s JOIN schedule_slots l ON l.schedule_id = s.id
		JOIN LATERAL (SELECT (SELECT count(*) FROM tasks t WHERE t.id = l.task_id)
			+ (SELECT count(*) FROM task_results d WHERE d.id = l.task_id) AS tasks) r ON true
		WHERE s.name LIKE 'each%' GROUP BY s.id, s.name, s.runs, s.next_at, s.starts_at
		HAVING count(l.slot) <> extract(epoch FROM s.next_at - s.starts_at)::int OR s.runs <> count(l.slot)
			OR min(r.tasks) <> 1 OR max(r.tasks) <> 1`) {
		c.t.Error(wrong)
	}
	for _, extra := range query[string](c, `SELECT format('task %s of %s is no slot''s', t.id, t.name) FROM (
			SELECT id, name FROM tasks UNION ALL SELECT id, name FROM task_results) t
		WHERE t.name LIKE 'each%' AND NOT EXISTS (SELECT FROM schedule_slots l WHERE l.task_id = t.id)`) {
		c.t.Error(extra)
	}
	c.t.Log(query[string](c, `SELECT format('%s slots fired once each; lateness in ms: p50 %s, p99 %s, at most %s', count(*),
			round(percentile_cont(0.5) WITHIN GROUP (ORDER BY ms)), round(percentile_cont(0.99) WITHIN GROUP (ORDER BY ms)), round(max(ms)))
		FROM (SELECT 1000 * extract(epoch FROM l.fired_at - l.slot)::float8 AS ms FROM schedule_slots l JOIN schedules s ON s.id = l.schedule_id
			WHERE s.name LIKE 'each%') late`)[0])
}

// latest returns how late the latest of the slots since a time fired, those that have not fired yet included.
func (c *cluster) latest(since time.Time) time.Duration {
	c.t.Helper()
	return time.Duration(query[float64](c, `SELECT greatest(
			(SELECT max(extract(epoch FROM l.fired_at - l.slot)) FROM schedule_slots l JOIN schedules s ON s.id = l.schedule_id
				WHERE s.name LIKE 'each%' AND l.slot >= $1),
			(SELECT max(extract(epoch FROM now() - next_at)) FROM schedules WHERE name LIKE 'each%'))::float8`, since)[0] *
		float64(time.Second))
}

// stopped waits until the process has been stopped by the signal that a failpoint sends it.
func (p *process) stopped() {
	p.t.Helper()
	testkit.Eventually(p.t, patience, p.name+" is stopped", func() bool {
		state, err := exec.CommandContext(p.t.Context(), "ps", "-o", "stat=", "-p", strconv.Itoa(p.cmd.Process.Pid)).Output()
		must(p.t, err)
		return strings.HasPrefix(string(state), "T")
	})
}

// TestSchedulersTakeOver runs three schedulers whose clocks are hours apart. One of them is killed, or frozen until it is
// given up, in the middle of a firing and anywhere else, again and again. No slot is lost or fires twice, and none is later
// than five seconds.
func TestSchedulersTakeOver(t *testing.T) {
	t.Parallel()
	c := faultyCluster(t)
	c.sandboxes(behavior{Instant: true})
	c.api()
	c.worker()
	const ahead, behind, jump = "BOOSTRESS_CLOCK_OFFSET=2h", "BOOSTRESS_CLOCK_OFFSET=-2h", "BOOSTRESS_CLOCK_OFFSET=-5h@3s"
	c.scheduler(ahead)
	c.scheduler(jump)
	c.manySchedules(40)
	const failover = 5 * time.Second
	for _, fault := range []string{
		string(failpoint.SlotBeforeCommit) + ":20", string(failpoint.SlotBeforeCommit) + ":20:stop",
		string(failpoint.SlotAfterCommit) + ":20", string(failpoint.SlotAfterCommit) + ":20:stop", "SIGKILL", "SIGSTOP",
	} {
		doomed := c.scheduler(behind, "BOOSTRESS_FAILPOINT="+fault)
		begun := query[time.Time](c, "SELECT now()")[0]
		switch {
		case fault == "SIGKILL":
			<-time.After(time.Second) // it fires meanwhile, and dies wherever it is
			doomed.kill()
		case fault == "SIGSTOP":
			<-time.After(time.Second)
			doomed.signal(syscall.SIGSTOP)
			doomed.stopped()
			<-time.After(failover)
			doomed.signal(syscall.SIGCONT)
		case strings.HasSuffix(fault, ":stop"):
			doomed.stopped()
			<-time.After(failover)
			doomed.signal(syscall.SIGCONT)
		default:
			doomed.killed()
		}
		<-time.After(time.Second) // what it held up fires, and what it was about to write is refused
		late := c.latest(begun)
		t.Logf("%s: the latest slot fired %v late", fault, late.Round(time.Millisecond))
		if late > failover {
			t.Errorf("%s: a slot fired %v late, at most %v are allowed", fault, late, failover)
		}
		doomed.kill()
	}
	c.eachSlotOnce()
	c.invariants()
}
