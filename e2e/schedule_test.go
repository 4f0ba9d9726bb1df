package e2e_test

import (
	"testing"

	"github.com/boostress/boostress/internal/failpoint"
	"github.com/boostress/boostress/internal/testkit"
)

// everySecond makes a schedule that fires once a second.
func (c *cluster) everySecond() {
	c.t.Helper()
	query[string](c, `INSERT INTO schedules (id, created_at, account_id, updated_at, name, rule, every_ms, task_kind, next_at)
		SELECT gen_random_uuid(), now(), a.id, now(), 'second', 'INTERVAL', 1000, 'RETENTION', now() FROM accounts a LIMIT 1
		RETURNING id::text`)
}

func (c *cluster) slots() int {
	c.t.Helper()
	return query[int](c, `SELECT count(l.slot)::int FROM schedule_slots l JOIN schedules s ON s.id = l.schedule_id
		WHERE s.name = 'second'`)[0]
}

// fired checks that each slot that fired left one task, once.
func (c *cluster) fired(least int) {
	c.t.Helper()
	testkit.Eventually(c.t, patience, "slots have fired", func() bool { return c.slots() >= least })
	query[int](c, "UPDATE schedules SET enabled = false WHERE name = 'second' RETURNING 1")
	testkit.Eventually(c.t, patience, "their tasks have run", func() bool {
		return query[int](c, "SELECT count(*)::int FROM tasks WHERE schedule_id IN (SELECT id FROM schedules WHERE name = 'second')")[0] == 0
	})
	for _, wrong := range query[string](c, `SELECT format('slot %s of task %s ran %s times', l.slot, l.task_id, count(r.id))
		FROM schedules s JOIN schedule_slots l ON l.schedule_id = s.id LEFT JOIN task_results r ON r.id = l.task_id
		WHERE s.name = 'second' GROUP BY l.slot, l.task_id HAVING count(r.id) > 1`) {
		c.t.Error(wrong)
	}
	counts := query[int](c, `SELECT unnest(ARRAY[s.runs, (SELECT count(*) FROM task_results r WHERE r.schedule_id = s.id),
		(SELECT count(DISTINCT l.task_id) FROM schedule_slots l JOIN task_results r ON r.id = l.task_id WHERE l.schedule_id = s.id)])::int
		FROM schedules s WHERE s.name = 'second'`)
	if counts[0] != counts[1] || counts[1] != counts[2] {
		c.t.Errorf("fired %d times, %d tasks ran, of %d slots: want the same", counts[0], counts[1], counts[2])
	}
	c.t.Logf("%d slots fired once each", counts[0])
}

// TestSchedulerKilledAroundASlot kills a scheduler that has taken a slot, before and after it commits; later on, two run.
func TestSchedulerKilledAroundASlot(t *testing.T) {
	t.Parallel()
	c := faultyCluster(t)
	c.sandboxes(behavior{Instant: true})
	c.api()
	c.worker()
	c.everySecond()
	for _, point := range []failpoint.Point{failpoint.SlotBeforeCommit, failpoint.SlotAfterCommit} {
		doomed := c.scheduler(at(point, ":3"))
		doomed.killed()
		if slots := c.slots(); slots < 1 { // some may have been skipped, on a busy machine
			t.Errorf("%s: %d slots", point, slots)
		}
	}
	c.scheduler()
	c.scheduler()
	c.fired(c.slots() + 3)
	c.invariants()
}

// TestClocksApart runs nodes whose clocks are two hours off, one of which jumps there while it works, and kills one:
// leases and slots go by the database's time.
func TestClocksApart(t *testing.T) {
	t.Parallel()
	const ahead, behind, jump = "BOOSTRESS_CLOCK_OFFSET=2h", "BOOSTRESS_CLOCK_OFFSET=-2h", "BOOSTRESS_CLOCK_OFFSET=2h@3s"
	c := faultyCluster(t)
	c.sandboxes(behavior{LatencyMS: span{100, 300}})
	c.api(ahead)
	c.scheduler(ahead)
	c.scheduler(behind)
	c.everySecond()
	doomed := c.worker(behind)
	c.worker(ahead)
	jumping := c.worker(jump)
	placed, err := place(t.Context(), c.client, "clock", 100)
	must(t, err)
	c.inFlight(10)
	doomed.kill()
	jumping.says("missed its heartbeats")
	more, err := place(t.Context(), c.client, "later", 100)
	must(t, err)
	c.settled(recovery)
	c.audit(append(placed, more...))
	if taken := query[int](c, "SELECT count(*)::int FROM workers WHERE heartbeat_at > now() + interval '1 minute'")[0]; taken > 0 {
		t.Errorf("%d workers beat in the future", taken)
	}
	c.fired(3)
}
