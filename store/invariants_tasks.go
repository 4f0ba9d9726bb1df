package store

import (
	"fmt"
	"time"
)

// progressRules check what invariant 7 promises in the end: that nothing is stuck.
func progressRules() []rule {
	return []rule{
		{7, "what waits for a provider, or for an answer, has a task", `
			SELECT 'fulfillment ' || f.id || ' is ' || f.status FROM fulfillments f
			WHERE f.status IN ('PENDING', 'SCHEDULED', 'UNROUTABLE', 'RETRY_WAIT', 'SUBMITTING', 'UNKNOWN')
			  AND NOT EXISTS (SELECT FROM tasks t WHERE t.fulfillment_id = f.id AND t.kind = 'DISPATCH')
			  AND NOT (f.status = 'UNKNOWN' AND f.attention <> ''
				AND EXISTS (SELECT FROM attempts a WHERE a.fulfillment_id = f.id AND a.state = 'MANUAL'))`},
		{7, "what is at a provider, or waits for its charge, is read again", `
			SELECT 'fulfillment ' || f.id || ' is ' || f.status FROM fulfillments f
			WHERE f.next_poll_at IS NULL
			  AND (f.status IN ('SUBMITTED', 'IN_PROGRESS', 'PARTIALLY_FULFILLED', 'CANCEL_REQUESTED')
				OR f.status = 'FULFILLED' AND f.reserved > 0)`},
		{7, "no deadline was passed over", `
			SELECT 'order ' || o.id FROM orders o
			WHERE o.finished_at IS NULL AND NOT o.expired AND o.status <> 'DRAFT'
			  AND o.deadline <= (SELECT value::timestamptz FROM meta WHERE key = 'deadline_watermark')`},
	}
}

// claimRules check invariant 8. A claim has a few terms' grace: the sweeper looks every second, and may be changing.
func claimRules(term time.Duration) []rule {
	const grace = 3
	return []rule{
		{8, "a task that runs has a worker and a token, and no other has", `
			SELECT 'task ' || id FROM tasks
			WHERE (worker_id IS NULL) <> (claim_token IS NULL) OR (state = 'STARTED') <> (claim_token IS NOT NULL)`},
		{8, "no claim outlives its worker's term by far", fmt.Sprintf(`
			SELECT 'task ' || t.id FROM tasks t LEFT JOIN workers w ON w.id = t.worker_id
			WHERE t.claim_token IS NOT NULL
			  AND coalesce(w.heartbeat_at, t.started_at) < now() - interval '%d milliseconds'`, grace*term.Milliseconds())},
		{8, "a task ends once", `
			SELECT 'task ' || id FROM task_results GROUP BY id HAVING count(*) > 1
			UNION
			SELECT 'task ' || t.id FROM tasks t JOIN task_results r ON r.id = t.id`},
		{8, "a cancellation that is on its way has a task", `
			SELECT 'attempt ' || a.id FROM attempts a
			WHERE a.operation = 'CANCEL' AND a.state = 'IN_FLIGHT'
			  AND NOT EXISTS (SELECT FROM tasks t WHERE t.fulfillment_id = a.fulfillment_id AND t.kind = 'CANCEL')`},
	}
}

// scheduleRules check invariant 9. That a slot is there once is its primary key.
func scheduleRules() []rule {
	return []rule{
		{9, "a slot has one run", `
			SELECT 'schedule ' || schedule_id || ' slot ' || slot FROM schedule_slots
			GROUP BY schedule_id, slot HAVING count(*) > 1`},
		{9, "a run belongs to one slot", `
			SELECT 'task ' || task_id FROM schedule_slots GROUP BY task_id HAVING count(*) > 1`},
		{9, "the runs of a schedule have numbers of their own", `
			SELECT 'schedule ' || schedule_id || ' run ' || number FROM schedule_slots WHERE number > 0
			GROUP BY schedule_id, number HAVING count(*) > 1`},
		{9, "a slot that waits in the queue awaits the end of a run", `
			SELECT 'schedule ' || id FROM schedules WHERE queued_slot IS NOT NULL AND awaits IS NULL`},
		{9, "a slot that fired within a day has its task or its result", `
			SELECT 'schedule ' || s.schedule_id || ' slot ' || s.slot FROM schedule_slots s
			WHERE s.fired_at > now() - interval '1 day'
			  AND NOT EXISTS (SELECT FROM tasks t WHERE t.id = s.task_id)
			  AND NOT EXISTS (SELECT FROM task_results r WHERE r.id = s.task_id)`},
	}
}
