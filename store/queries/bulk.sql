-- name: BulkInsert :exec
INSERT INTO bulk_operations (id, account_id, kind, state, arguments, total, created_by, role, test_mode, created_at)
VALUES (@id, @account_id, @kind, @state, @arguments, @total, @created_by, @role, @test_mode, @now);

-- name: BulkLock :one
SELECT * FROM bulk_operations WHERE account_id = $1 AND id = $2 FOR NO KEY UPDATE;

-- name: BulkUpdate :exec
UPDATE bulk_operations SET state = @state, done = @done, failed = @failed, cancel_asked = @cancel_asked, error = @error,
    started_at = @started_at, finished_at = @finished_at
WHERE id = @id;

-- name: BulkRowInsert :exec
INSERT INTO bulk_rows (operation_id, position, account_id, target_id)
SELECT @operation_id::uuid, u.place - 1, @account_id::uuid, u.id
FROM unnest(@target_ids::uuid[]) WITH ORDINALITY AS u (id, place);

-- name: BulkRowNext :many
SELECT * FROM bulk_rows WHERE operation_id = $1 AND position >= $2 ORDER BY position LIMIT $3;

-- name: BulkTargets :many
SELECT target_id FROM bulk_rows WHERE account_id = $1 AND operation_id = $2 ORDER BY position LIMIT $3;

-- name: BulkRowSettle :execrows
-- Rows that somebody settled before are not counted.
UPDATE bulk_rows r SET outcome = u.outcome, code = u.code, message = u.message
FROM (SELECT unnest(@positions::int[]) AS position, unnest(@outcomes::text[]) AS outcome, unnest(@codes::text[]) AS code,
        unnest(@messages::text[]) AS message) u
WHERE r.operation_id = @operation_id AND r.position = u.position AND r.outcome = 'PENDING';

-- name: BulkOrdersOf :many
SELECT id, order_id FROM fulfillments WHERE account_id = @account_id AND id = ANY(@ids::uuid[]) ORDER BY id;

-- name: BulkTaskRevoke :many
-- The operation's task, unless it runs.
WITH revoked AS (
    DELETE FROM tasks t
    WHERE t.id = (SELECT f.id FROM tasks f WHERE f.unique_key = @unique_key::text AND f.claim_token IS NULL
        FOR UPDATE SKIP LOCKED)
    RETURNING t.*
)
INSERT INTO task_results (id, account_id, kind, name, queue, priority, state, arguments, error, error_class, error_stack,
    trace_id, attempt, max_attempts, due_at, enqueued_at, started_at, finished_at)
SELECT id, account_id, kind, name, queue, priority, 'REVOKED', arguments, last_error, error_class, error_stack, trace_id,
    attempt, max_attempts, due_at, enqueued_at, started_at, @now::timestamptz
FROM revoked
RETURNING *;

-- name: TaskProgressed :exec
-- A run that got further starts counting its breakdowns anew.
UPDATE tasks SET attempt = 1 WHERE id = @id AND claim_token = @token::uuid;

-- name: BulkRowForget :execrows
-- Rows go first: an operation without them is dropped next.
DELETE FROM bulk_rows WHERE ctid = ANY(ARRAY(
    SELECT r.ctid FROM bulk_operations o JOIN bulk_rows r ON r.operation_id = o.id
    WHERE o.finished_at < @before::timestamptz LIMIT 10000));

-- name: BulkForget :execrows
DELETE FROM bulk_operations WHERE ctid = ANY(ARRAY(
    SELECT o.ctid FROM bulk_operations o
    WHERE o.finished_at < @before::timestamptz
      AND NOT EXISTS (SELECT FROM bulk_rows r WHERE r.operation_id = o.id)
    LIMIT 10000));
