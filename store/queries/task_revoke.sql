-- name: TaskLive :one
-- Who finishes or claims it waits, or passes it over.
SELECT * FROM tasks WHERE account_id = $1 AND id = $2 FOR UPDATE;

-- name: TaskFinished :many
SELECT * FROM task_results WHERE account_id = $1 AND id = ANY(@ids::uuid[]) ORDER BY id;

-- name: TaskEndWaiting :many
-- What a run that is long over took, or where it was, is no part of the record of one that was never to be.
WITH revoked AS (
    DELETE FROM tasks t WHERE t.id = ANY(@ids::uuid[]) AND t.claim_token IS NULL RETURNING t.*
)
INSERT INTO task_results (id, account_id, kind, name, queue, priority, state, arguments, error, error_class, order_id,
    fulfillment_id, provider_id, schedule_id, trace_id, attempt, max_attempts, due_at, enqueued_at, finished_at)
SELECT id, account_id, kind, name, queue, priority, 'REVOKED', arguments, @error::text, 'REVOKED', order_id, fulfillment_id,
    provider_id, schedule_id, trace_id, attempt, max_attempts, due_at, enqueued_at, @now::timestamptz
FROM revoked
RETURNING *;

-- name: TaskRevocationInsert :exec
INSERT INTO task_revocations (task_id, claim_token, asked_by, asked_at) VALUES (@task_id, @claim_token, @asked_by, @now)
ON CONFLICT (task_id) DO UPDATE SET claim_token = excluded.claim_token, asked_by = excluded.asked_by, asked_at = excluded.asked_at;

-- name: TaskRevocations :many
-- There are few: each is gone soon after its run has ended.
SELECT task_id, claim_token FROM task_revocations ORDER BY asked_at LIMIT 10000;

-- name: TaskRevocationsDue :many
-- Of tasks that are not owed and that nobody runs: their worker fell silent, or their run ended for a while by itself.
SELECT t.id FROM task_revocations r JOIN tasks t ON t.id = r.task_id
WHERE t.claim_token IS NULL AND NOT t.kind = ANY(@owed::text[])
ORDER BY t.id LIMIT @most::int FOR UPDATE OF t SKIP LOCKED;

-- name: TaskRevocationsDrop :exec
-- What ended, or is owed and runs anew or waits: the interruption is done.
DELETE FROM task_revocations r
WHERE NOT EXISTS (SELECT FROM tasks t
    WHERE t.id = r.task_id AND (t.claim_token = r.claim_token OR NOT t.kind = ANY(@owed::text[])));

-- name: TaskWaits :one
-- Without a lock: whoever asks may hold locks on orders, which come after those on tasks.
SELECT EXISTS (SELECT FROM tasks WHERE account_id = $1 AND id = $2) AS waits;

-- name: BulkRead :one
SELECT * FROM bulk_operations WHERE account_id = $1 AND id = $2;
