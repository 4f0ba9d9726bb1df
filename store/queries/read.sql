-- What the API reads besides the lists, which are built by hand in list*.go.

-- name: OrderByReference :one
SELECT * FROM orders WHERE account_id = $1 AND reference = $2;

-- name: DecisionLatest :many
SELECT d.*
FROM (SELECT unnest(@fulfillment_ids::uuid[]) AS id) f
CROSS JOIN LATERAL (
    SELECT r.* FROM routing_decisions r WHERE r.fulfillment_id = f.id AND r.account_id = @account_id::uuid
    ORDER BY r.made_at DESC LIMIT 1) d
ORDER BY d.fulfillment_id;

-- name: QueueStatistics :many
-- What of an account is in the queues: due and unclaimed, waiting for its time, running; for how long the oldest of the
-- first has been due; and what came and went in the last minute that is rolled up. And, of all accounts, how many slots
-- workers have, and pauses.
WITH inside AS (
    SELECT t.queue,
        count(*) FILTER (WHERE worker_id IS NULL AND due_at <= now()) AS depth,
        count(*) FILTER (WHERE worker_id IS NULL AND due_at > now()) AS delayed,
        count(*) FILTER (WHERE worker_id IS NOT NULL) AS running,
        extract(epoch FROM now() - min(due_at) FILTER (WHERE worker_id IS NULL AND due_at <= now())) AS oldest
    FROM tasks t WHERE t.account_id = @account_id GROUP BY t.queue
), rates AS (
    SELECT r.queue, sum(r.count) FILTER (WHERE r.state = '') AS enqueued, sum(r.count) FILTER (WHERE r.state <> '') AS finished
    FROM rollup_marks m JOIN task_rollups r ON r.step = m.step AND r.account_id = @account_id
        AND r.began_at >= m.until - interval '1 minute' AND r.began_at < m.until
    WHERE m.step = 10 GROUP BY r.queue
), served AS (
    SELECT s.queue, sum(s.slots) AS slots
    FROM (SELECT unnest(w.queues) AS queue, unnest(w.slots) AS slots FROM workers w
        WHERE w.stopped_at IS NULL AND w.drain_asked_at IS NULL
          AND w.heartbeat_at > now() - make_interval(secs => @term_seconds::float8)) s
    GROUP BY s.queue
)
SELECT q.queue::text AS queue, coalesce(i.depth, 0)::bigint AS depth, coalesce(i.delayed, 0)::bigint AS delayed,
    coalesce(i.running, 0)::bigint AS running, coalesce(i.oldest, 0)::float8 AS oldest,
    coalesce(r.enqueued, 0)::bigint AS enqueued, coalesce(r.finished, 0)::bigint AS finished,
    coalesce(s.slots, 0)::bigint AS slots, p.paused_at, p.reason
FROM (SELECT unnest(@queues::text[]) AS queue UNION SELECT n.queue FROM inside n) q
LEFT JOIN inside i ON i.queue = q.queue LEFT JOIN rates r ON r.queue = q.queue LEFT JOIN served s ON s.queue = q.queue
LEFT JOIN paused_queues p ON p.queue = q.queue
ORDER BY q.queue LIMIT 100;

-- name: FulfillmentUnknown :many
-- Those of an account's fulfillments whose outcome is not known, with what decides about how it is found out.
SELECT f.id, sqlc.embed(p), EXISTS (SELECT FROM offers x WHERE x.id = f.offer_id) AS offered,
    (o.cancel_asked OR o.expired OR o.held OR f.cancel_asked)::boolean AS unwanted
FROM fulfillments f JOIN orders o ON o.id = f.order_id JOIN providers p ON p.id = f.provider_id
WHERE f.id = ANY(@ids::uuid[]) AND f.account_id = @account_id::uuid AND f.status = 'UNKNOWN'
ORDER BY f.id LIMIT 1000;

-- name: UnsettledCount :one
-- Of all accounts; reads every fulfillment and attempt: not to be asked often.
SELECT f.unknown, f.unknown_seconds, m.manual, m.manual_seconds
FROM (SELECT count(*) AS unknown,
        coalesce(max(extract(epoch FROM now() - coalesce(a.started_at, u.updated_at))), 0)::float8 AS unknown_seconds
    FROM fulfillments u
    LEFT JOIN LATERAL (SELECT min(c.started_at) AS started_at FROM attempts c WHERE c.fulfillment_id = u.id
        AND c.state IN ('UNKNOWN', 'RECONCILING', 'MANUAL')) a ON true
    WHERE u.status = 'UNKNOWN') f,
  (SELECT count(*) AS manual, coalesce(max(extract(epoch FROM now() - started_at)), 0)::float8 AS manual_seconds
    FROM attempts WHERE state = 'MANUAL') m;
