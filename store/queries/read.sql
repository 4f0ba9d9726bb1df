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

-- name: WorkerList :many
SELECT * FROM workers WHERE heartbeat_at > now() - interval '1 hour' ORDER BY started_at DESC, id DESC LIMIT 100;

-- name: QueueStatistics :many
-- What of an account is in the queues: due and unclaimed, waiting for its time, running; and for how long the oldest
-- of the first has been due.
SELECT queue,
    count(*) FILTER (WHERE worker_id IS NULL AND due_at <= now()) AS depth,
    count(*) FILTER (WHERE worker_id IS NULL AND due_at > now()) AS delayed,
    count(*) FILTER (WHERE worker_id IS NOT NULL) AS running,
    coalesce(extract(epoch FROM now() - min(due_at) FILTER (WHERE worker_id IS NULL AND due_at <= now())), 0)::float8 AS oldest
FROM tasks WHERE account_id = $1 GROUP BY queue ORDER BY queue LIMIT 100;

-- name: OrderStatistics :many
SELECT status, count(*) AS count FROM orders WHERE account_id = $1 GROUP BY status ORDER BY status LIMIT 100;

-- name: FulfillmentStatistics :many
SELECT status, count(*) AS count FROM fulfillments WHERE account_id = $1 GROUP BY status ORDER BY status LIMIT 100;

-- name: AttemptStatistics :many
-- Since a time, given as the lowest id that was minted then: ids are in order of time, and indexed.
SELECT class, count(*) AS count FROM attempts
WHERE account_id = $1 AND id >= @since::uuid GROUP BY class ORDER BY class LIMIT 100;

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
