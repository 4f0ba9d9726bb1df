package store

// finalStates and untouched are lists of a fulfillment's states, for SQL; a test holds them to the core's.
const (
	finalStates     = `'FULFILLED', 'REJECTED', 'FAILED', 'CANCELED'`
	untouchedStates = `'PENDING', 'SCHEDULED', 'UNROUTABLE'`
)

// eventRules check invariant 5, and of 6 what a feed needs to tell an order's events in their order.
func eventRules() []rule {
	return []rule{
		{5, "an order's events are numbered 1 to n without a gap, the first tells that it was placed, or drafted", `
			SELECT 'order ' || o.id || ' at ' || o.sequence || ' has ' || coalesce(e.n, 0) FROM orders o
			LEFT JOIN (SELECT order_id, count(*) AS n, min(sequence) AS low, max(sequence) AS high, sum(sequence) AS sum,
					count(*) FILTER (WHERE sequence = 1 AND kind IN ('PLACED', 'DRAFTED')) AS began,
					count(*) FILTER (WHERE kind = 'PLACED') AS placed
				FROM events GROUP BY order_id) e ON e.order_id = o.id
			WHERE e.n IS DISTINCT FROM o.sequence OR e.low <> 1 OR e.high <> o.sequence
			   OR e.sum <> o.sequence::bigint * (o.sequence + 1) / 2 OR e.began <> 1 OR e.placed > 1
			   OR e.placed = 0 AND o.status NOT IN ('DRAFT', 'CANCELED') OR e.placed = 1 AND o.status = 'DRAFT'`},
		{5, "an order is as its last event says", `
			SELECT 'order ' || o.id FROM orders o JOIN events e ON e.order_id = o.id AND e.sequence = o.sequence
			WHERE e.snapshot ->> 'status' IS DISTINCT FROM o.status
			   OR (e.snapshot ->> 'reserved')::numeric IS DISTINCT FROM o.reserved
			   OR (e.snapshot ->> 'spent')::numeric IS DISTINCT FROM o.spent
			   OR (e.snapshot ->> 'overcharge')::numeric IS DISTINCT FROM o.overcharge
			   OR (e.snapshot ->> 'budget')::numeric IS DISTINCT FROM o.budget
			   OR (e.snapshot ->> 'delivered')::int IS DISTINCT FROM o.delivered
			   OR coalesce(e.snapshot ->> 'attention', '') <> o.attention
			   OR coalesce(e.snapshot ->> 'held', 'false')::boolean <> o.held
			   OR (e.snapshot ->> 'priority')::int IS DISTINCT FROM o.priority
			   OR (e.snapshot ->> 'deadline')::timestamptz IS DISTINCT FROM o.deadline
			   OR coalesce(e.snapshot ->> 'deadlineAction', 'FINISH') <> o.deadline_action
			   OR (e.snapshot ->> 'finishedAt')::timestamptz IS DISTINCT FROM o.finished_at
			   OR e.occurred_at <> o.updated_at`},
		{5, "a fulfillment is as the last event about its status says", `
			SELECT 'fulfillment ' || f.id || ' is ' || f.status FROM fulfillments f
			LEFT JOIN (SELECT DISTINCT ON (e.fulfillment_id) e.fulfillment_id, c.change ->> 'after' AS status
				FROM events e CROSS JOIN LATERAL json_array_elements(
					CASE WHEN json_typeof(e.changes) = 'array' THEN e.changes ELSE '[]' END) c(change)
				WHERE e.fulfillment_id IS NOT NULL AND c.change ->> 'field' = 'fulfillment.status'
				ORDER BY e.fulfillment_id, e.sequence DESC) last ON last.fulfillment_id = f.id
			WHERE CASE WHEN last.status IS NOT NULL THEN last.status <> f.status
				ELSE f.status <> 'PENDING' AND (f.status <> 'SCHEDULED' OR f.scheduled_at IS NULL) END`},
		{5, "what is scheduled has its time", `
			SELECT 'fulfillment ' || id FROM fulfillments WHERE status = 'SCHEDULED' AND scheduled_at IS NULL`},
		{5, "an order's status is what its fulfillments and its flags make it", derivedStatus},
		{5, "an order has ended exactly when all of its fulfillments have", `
			SELECT 'order ' || o.id FROM orders o
			WHERE (o.finished_at IS NULL) <> (o.status = 'DRAFT' OR EXISTS (SELECT FROM fulfillments f WHERE f.order_id = o.id
				AND f.status NOT IN (` + finalStates + `)))`},
		{5, "an order is held exactly while a hold of it is open", `
			SELECT 'order ' || o.id FROM orders o
			WHERE o.held <> EXISTS (SELECT FROM holds h WHERE h.order_id = o.id AND h.released_at IS NULL)`},
		{5, "nothing is submitted while its order is held", `
			SELECT 'order ' || order_id || ' event ' || sequence FROM events
			WHERE kind = 'FULFILLMENT_SUBMITTING' AND snapshot ->> 'held' = 'true'`},
		{6, "an order's later event has the higher place in the feed", `
			SELECT 'order ' || order_id || ' event ' || sequence
			FROM (SELECT order_id, sequence, id, lag(id) OVER (PARTITION BY order_id ORDER BY sequence) AS before FROM events) e
			WHERE id <= before`},
	}
}

// derivedStatus is order.Derive once more, in other words. What was replaced counts only by what it delivered.
const derivedStatus = `
	SELECT 'order ' || o.id || ' is ' || o.status || ', not ' || t.status FROM orders o
	CROSS JOIN LATERAL (
		SELECT CASE
			WHEN open > 0 AND o.cancel_asked AND canceling > 0 THEN 'CANCELING'
			WHEN open > 0 AND delivered > 0 THEN 'PARTIALLY_FULFILLED'
			WHEN open > 0 AND (untouched < open OR failed + canceled > 0) THEN 'PROCESSING'
			WHEN open > 0 THEN 'PENDING'
			WHEN delivered >= o.quantity THEN 'FULFILLED'
			WHEN o.cancel_asked THEN 'CANCELED'
			WHEN o.expired THEN 'EXPIRED'
			WHEN failed > 0 AND delivered > 0 THEN 'PARTIALLY_FAILED'
			WHEN failed > 0 THEN 'FAILED'
			WHEN delivered > 0 THEN 'PARTIALLY_FULFILLED'
			ELSE 'CANCELED' END AS status
		FROM (SELECT coalesce(sum(f.delivered), 0) AS delivered,
				count(*) FILTER (WHERE f.status NOT IN (` + finalStates + `)) AS open,
				count(*) FILTER (WHERE f.status IN (` + untouchedStates + `)) AS untouched,
				count(*) FILTER (WHERE f.status NOT IN (` + finalStates + `)
					AND (f.cancel_asked OR f.status = 'CANCEL_REQUESTED')) AS canceling,
				count(*) FILTER (WHERE f.status = 'FAILED' AND n.id IS NULL) AS failed,
				count(*) FILTER (WHERE f.status = 'CANCELED' AND n.id IS NULL) AS canceled
			FROM fulfillments f LEFT JOIN fulfillments n ON n.replaces_id = f.id AND n.order_id = o.id
			WHERE f.order_id = o.id) tally) t
	WHERE t.status <> o.status AND (o.status <> 'DRAFT' OR o.cancel_asked OR o.expired)`
