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
