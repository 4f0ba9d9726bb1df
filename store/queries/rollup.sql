-- name: RollupBound :one
-- Until when nothing more can be finished: what is finished carries the time at which its transaction began. What hangs
-- for a minute is not waited for: statements and idle transactions are ended long before.
SELECT GREATEST(now() - interval '1 minute', LEAST(now() - interval '2 seconds', (
    SELECT min(a.xact_start) FROM pg_catalog.pg_stat_activity a
    WHERE a.datname = current_database() AND a.application_name = 'boostress' AND a.pid <> pg_backend_pid())))::timestamptz AS bound,
    now()::timestamptz AS now;

-- name: RollupMarks :many
SELECT step, until FROM rollup_marks ORDER BY step;

-- name: RollupMark :one
SELECT until FROM rollup_marks WHERE step = $1 FOR UPDATE;

-- name: RollupAdvance :exec
UPDATE rollup_marks SET until = $2 WHERE step = $1;

-- name: RollupFinished :many
-- What was finished, by what it was and how it ended: how many (part 3), how many waited (1) and ran (2) for how long.
-- Account by account, for that is how the record is indexed.
SELECT r.began_at::timestamptz AS began_at, r.account_id, r.queue, r.kind, r.provider_id, r.state, r.error_class,
    grouping(r.waiting, r.running)::int AS part, coalesce(r.waiting, r.running, -1)::int AS bucket, count(*) AS count
FROM (
    SELECT t.account_id, t.queue, t.kind, t.state, t.error_class,
        coalesce(t.provider_id, '00000000-0000-0000-0000-000000000000') AS provider_id,
        date_bin('10 seconds', t.finished_at, 'epoch') AS began_at,
        duration_bucket(t.waiting_us) AS waiting, duration_bucket(t.running_us) AS running
    FROM accounts a JOIN task_results t ON t.account_id = a.id
    WHERE t.finished_at >= @begins::timestamptz AND t.finished_at < @ends::timestamptz) r
GROUP BY GROUPING SETS (
    (r.began_at, r.account_id, r.queue, r.kind, r.provider_id, r.state, r.error_class),
    (r.began_at, r.account_id, r.queue, r.kind, r.provider_id, r.state, r.error_class, r.waiting),
    (r.began_at, r.account_id, r.queue, r.kind, r.provider_id, r.state, r.error_class, r.running))
ORDER BY 1, 2, 3, 4, 5, 6, 7, 8, 9;

-- name: RollupEnqueued :many
-- What came in, whether it is finished or not: found by its id, which is as old, but for a difference of clocks.
SELECT date_bin('10 seconds', e.enqueued_at, 'epoch')::timestamptz AS began_at, e.account_id, e.queue, e.kind,
    coalesce(e.provider_id, '00000000-0000-0000-0000-000000000000')::uuid AS provider_id, count(*) AS count
FROM (
    SELECT t.account_id, t.queue, t.kind, t.provider_id, t.enqueued_at FROM tasks t
    WHERE t.id >= @lowest::uuid AND t.id < @highest::uuid
    UNION ALL
    SELECT t.account_id, t.queue, t.kind, t.provider_id, t.enqueued_at
    FROM accounts a JOIN task_results t ON t.account_id = a.id
    WHERE t.id >= @lowest::uuid AND t.id < @highest::uuid AND t.finished_at >= @begins::timestamptz) e
WHERE e.enqueued_at >= @begins::timestamptz AND e.enqueued_at < @ends::timestamptz
GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5;

-- name: RollupList :many
SELECT r.* FROM accounts a JOIN task_rollups r ON r.account_id = a.id
WHERE r.step = @step AND r.began_at >= @begins::timestamptz AND r.began_at < @ends::timestamptz
ORDER BY r.account_id, r.began_at;

-- name: RollupOfAccount :many
SELECT r.* FROM (SELECT unnest(@steps::int[]) AS step, unnest(@begins::timestamptz[]) AS begins, unnest(@ends::timestamptz[]) AS ends) p
JOIN task_rollups r ON r.step = p.step AND r.account_id = @account_id AND r.began_at >= p.begins AND r.began_at < p.ends
ORDER BY r.began_at;

-- name: RollupForget :execrows
DELETE FROM task_rollups WHERE ctid = ANY(ARRAY(
    SELECT t.ctid FROM accounts a CROSS JOIN LATERAL (
        SELECT r.ctid FROM task_rollups r
        WHERE r.step = @step AND r.account_id = a.id AND r.began_at < @before::timestamptz LIMIT 10000) t
    LIMIT 10000));

-- name: StatusCount :exec
-- Reads whole tables, but for calls, which are those since a time, given as the lowest id that was minted then.
WITH counted AS (
    SELECT o.account_id, 'order' AS noun, o.status, count(*) AS count FROM orders o GROUP BY o.account_id, o.status
    UNION ALL
    SELECT f.account_id, 'fulfillment', f.status, count(*) FROM fulfillments f GROUP BY f.account_id, f.status
    UNION ALL
    SELECT a.account_id, 'attempt', a.class, count(*) FROM attempts a WHERE a.id >= @since::uuid GROUP BY a.account_id, a.class
), gone AS (
    DELETE FROM status_counts s WHERE NOT EXISTS (
        SELECT FROM counted c WHERE c.account_id = s.account_id AND c.noun = s.noun AND c.status = s.status)
)
INSERT INTO status_counts AS s (account_id, noun, status, count) SELECT account_id, noun, status, count FROM counted
ON CONFLICT (account_id, noun, status) DO UPDATE SET count = excluded.count WHERE s.count <> excluded.count;

-- name: StatusCounts :many
SELECT m.value::timestamptz AS counted_at, coalesce(s.noun, '') AS noun, coalesce(s.status, '') AS status,
    coalesce(s.count, 0)::bigint AS count
FROM meta m LEFT JOIN status_counts s ON s.account_id = @account_id
WHERE m.key = 'counted_at' ORDER BY s.noun, s.status LIMIT 1000;

-- name: OrderCountByStatus :many
SELECT status, sum(count)::bigint AS orders FROM status_counts WHERE noun = 'order' GROUP BY status ORDER BY status;
