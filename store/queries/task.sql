-- name: TaskInsert :many
-- Due tasks count as announced at the transaction's time, but for those of a crowded account, which are parked, and
-- those of a paused queue. Rows whose unique key is taken are left out of the answer.
INSERT INTO tasks (id, account_id, kind, name, queue, priority, arguments, order_id, fulfillment_id, provider_id,
    schedule_id, unique_key, trace_id, due_at, announced_at, parked, max_attempts, enqueued_at)
SELECT u.id, u.account_id, u.kind, u.name, u.queue, u.priority, u.arguments::jsonb, u.order_id::uuid,
    u.fulfillment_id::uuid, u.provider_id::uuid, u.schedule_id::uuid, u.unique_key, u.trace_id, u.due_at,
    CASE WHEN u.due_at <= @now::timestamptz AND c.account_id IS NULL AND p.queue IS NULL THEN @now::timestamptz END,
    u.due_at <= @now::timestamptz AND c.account_id IS NOT NULL, u.max_attempts, @now::timestamptz
FROM (SELECT unnest(@ids::uuid[]) AS id, unnest(@account_ids::uuid[]) AS account_id, unnest(@kinds::text[]) AS kind,
        unnest(@names::text[]) AS name, unnest(@queues::text[]) AS queue, unnest(@priorities::smallint[]) AS priority,
        NULLIF(unnest(@arguments::text[]), '') AS arguments, NULLIF(unnest(@order_ids::text[]), '') AS order_id,
        NULLIF(unnest(@fulfillment_ids::text[]), '') AS fulfillment_id,
        NULLIF(unnest(@provider_ids::text[]), '') AS provider_id,
        NULLIF(unnest(@schedule_ids::text[]), '') AS schedule_id,
        NULLIF(unnest(@unique_keys::text[]), '') AS unique_key, unnest(@trace_ids::text[]) AS trace_id,
        unnest(@due_ats::timestamptz[]) AS due_at, unnest(@max_attempts::int[]) AS max_attempts) u
LEFT JOIN task_crowds c ON c.queue = u.queue AND c.account_id = u.account_id
LEFT JOIN paused_queues p ON p.queue = u.queue
ON CONFLICT (unique_key) WHERE unique_key IS NOT NULL DO NOTHING
RETURNING id, due_at, announced_at;

-- name: TaskClaim :many
-- One statement that is a transaction of its own and commits asynchronously. Nothing of a paused queue is claimed, and
-- nothing by a worker that is to take no more, from the moment at which that was said. It changes no indexed column (parked only
-- where the sweeper parked what a list still held), so that the update stays heap-only.
UPDATE tasks t SET state = 'STARTED', attempt = t.attempt + 1, worker_id = @worker_id::uuid,
    claim_token = gen_random_uuid(), started_at = now(), parked = false
FROM (SELECT set_config('synchronous_commit', 'off', true)) relaxed
WHERE t.id = ANY(ARRAY(
    SELECT f.id FROM tasks f
    WHERE f.id = ANY(@ids::uuid[]) AND f.claim_token IS NULL AND f.due_at <= now()
      AND f.queue <> ALL(ARRAY(SELECT p.queue FROM paused_queues p))
      AND EXISTS (SELECT FROM workers w WHERE w.id = @worker_id::uuid AND w.drain_asked_at IS NULL
          AND w.heartbeat_at > now() - make_interval(secs => @term_seconds::float8))
    ORDER BY f.id FOR UPDATE SKIP LOCKED))
RETURNING t.*;

-- name: TaskLock :many
SELECT u.token::uuid AS token FROM tasks t
JOIN (SELECT unnest(@ids::uuid[]) AS id, unnest(@tokens::uuid[]) AS token) u
  ON t.id = u.id AND t.claim_token = u.token
ORDER BY t.id FOR UPDATE OF t;

-- name: TaskFinish :many
WITH u AS (
    SELECT unnest(@ids::uuid[]) AS id, unnest(@tokens::uuid[]) AS token, unnest(@states::text[]) AS end_state,
        unnest(@deads::boolean[]) AS dead, NULLIF(unnest(@results::text[]), '') AS result,
        unnest(@errors::text[]) AS error, unnest(@classes::text[]) AS error_class, unnest(@stacks::text[]) AS error_stack
), ended AS (
    DELETE FROM tasks t USING u WHERE t.id = u.id AND t.claim_token = u.token RETURNING t.*
)
INSERT INTO task_results (id, account_id, kind, name, queue, priority, state, dead, arguments, result, error, error_class,
    error_stack, order_id, fulfillment_id, provider_id, schedule_id, worker_id, trace_id, attempt, max_attempts, due_at,
    enqueued_at, started_at, finished_at)
SELECT e.id, e.account_id, e.kind, e.name, e.queue, e.priority, u.end_state, u.dead, e.arguments, u.result::jsonb, u.error,
    u.error_class, u.error_stack, e.order_id, e.fulfillment_id, e.provider_id, e.schedule_id, e.worker_id, e.trace_id,
    e.attempt, e.max_attempts, e.due_at, e.enqueued_at, e.started_at, @now::timestamptz
FROM ended e JOIN u ON u.id = e.id
RETURNING id;

-- name: TaskReschedule :many
UPDATE tasks t SET due_at = u.due_at, announced_at = NULL, worker_id = NULL, claim_token = NULL,
    last_error = u.error, error_class = u.error_class, error_stack = u.error_stack, attempt = t.attempt - u.refund::int,
    state = CASE WHEN u.refund AND u.error = '' AND t.attempt = 1 THEN 'PENDING' ELSE 'RETRY' END
FROM (SELECT unnest(@ids::uuid[]) AS id, unnest(@tokens::uuid[]) AS token, unnest(@due_ats::timestamptz[]) AS due_at,
        unnest(@errors::text[]) AS error, unnest(@classes::text[]) AS error_class, unnest(@stacks::text[]) AS error_stack,
        unnest(@refunds::boolean[]) AS refund) u
WHERE t.id = u.id AND t.claim_token = u.token
RETURNING t.id;

-- name: TaskTakeBack :many
-- What is claimed is never parked and was due: the partial index, queue by queue, keeps a backlog out of this. Without
-- an order, which would have the planner take another index; nobody waits for these locks.
UPDATE tasks t SET state = 'RETRY', due_at = now(), announced_at = NULL, worker_id = NULL, claim_token = NULL,
    last_error = 'its worker fell silent', error_class = 'LOST', error_stack = ''
FROM (SELECT c.id, c.worker_id, c.claim_token
      FROM (SELECT unnest(@queues::text[]) AS queue) q
      JOIN tasks c ON c.queue = q.queue AND NOT c.parked AND c.due_at <= now() AND c.claim_token IS NOT NULL
      LEFT JOIN workers w ON w.id = c.worker_id
      WHERE w.id IS NULL OR w.stopped_at IS NOT NULL OR w.heartbeat_at <= now() - make_interval(secs => @term_seconds::float8)
      LIMIT @most::int FOR UPDATE OF c SKIP LOCKED) gone
WHERE t.id = gone.id
RETURNING t.*, gone.worker_id AS old_worker_id, gone.claim_token AS old_token;

-- name: TaskRevoke :many
-- Under the locks of their orders: what is locked is being claimed, or run by somebody who waits for these, and ends by
-- itself.
WITH revoked AS (
    DELETE FROM tasks t WHERE t.id = ANY(ARRAY(
        SELECT w.id FROM tasks w
        WHERE w.fulfillment_id = ANY(@fulfillment_ids::uuid[]) AND w.kind = @kind AND w.claim_token IS NULL
        ORDER BY w.id FOR UPDATE SKIP LOCKED))
    RETURNING t.*
)
INSERT INTO task_results (id, account_id, kind, name, queue, priority, state, arguments, error, error_class, error_stack,
    order_id, fulfillment_id, provider_id, schedule_id, trace_id, attempt, max_attempts, due_at, enqueued_at, started_at,
    finished_at)
SELECT id, account_id, kind, name, queue, priority, 'REVOKED', arguments, last_error, error_class, error_stack, order_id,
    fulfillment_id, provider_id, schedule_id, trace_id, attempt, max_attempts, due_at, enqueued_at, started_at,
    @now::timestamptz
FROM revoked
RETURNING *;

-- name: TaskHurry :many
-- Has what waits run now, under the locks of their orders: what is locked is being claimed, or run by somebody who sees
-- the orders as they are then. Announced as fresh tasks are; what a crowd or a pause keeps back is the sweeper's.
UPDATE tasks t SET due_at = @now::timestamptz, announced_at = CASE WHEN waiting.listed THEN @now::timestamptz END
FROM (SELECT w.id, c.account_id IS NULL AND p.queue IS NULL AS listed FROM tasks w
      LEFT JOIN task_crowds c ON c.queue = w.queue AND c.account_id = w.account_id
      LEFT JOIN paused_queues p ON p.queue = w.queue
      WHERE w.fulfillment_id = ANY(@fulfillment_ids::uuid[]) AND w.claim_token IS NULL AND w.due_at > @now::timestamptz
      ORDER BY w.id FOR UPDATE OF w SKIP LOCKED) waiting
WHERE t.id = waiting.id
RETURNING t.*;

-- name: TaskPrioritize :many
-- Moves what waits to another priority, under the locks of their orders, and so to another list: what is due is announced
-- once more.
UPDATE tasks t SET priority = @priority::smallint,
    announced_at = CASE WHEN waiting.listed AND t.due_at <= @now::timestamptz THEN @now::timestamptz END
FROM (SELECT w.id, c.account_id IS NULL AND p.queue IS NULL AND NOT w.parked AS listed FROM tasks w
      LEFT JOIN task_crowds c ON c.queue = w.queue AND c.account_id = w.account_id
      LEFT JOIN paused_queues p ON p.queue = w.queue
      WHERE w.fulfillment_id = ANY(@fulfillment_ids::uuid[]) AND w.claim_token IS NULL AND w.priority <> @priority::smallint
      ORDER BY w.id FOR UPDATE OF w SKIP LOCKED) waiting
WHERE t.id = waiting.id
RETURNING t.*;

-- name: TaskClaimDue :many
-- Claims without a list.
UPDATE tasks t SET state = 'STARTED', attempt = t.attempt + 1, worker_id = @worker_id::uuid,
    claim_token = gen_random_uuid(), started_at = now()
WHERE t.id = ANY(ARRAY(
    SELECT f.id FROM tasks f
    WHERE f.queue = @queue AND NOT f.parked AND f.due_at <= now() AND f.claim_token IS NULL
      AND NOT EXISTS (SELECT FROM paused_queues p WHERE p.queue = @queue)
      AND EXISTS (SELECT FROM workers w WHERE w.id = @worker_id::uuid AND w.drain_asked_at IS NULL
          AND w.heartbeat_at > now() - make_interval(secs => @term_seconds::float8))
    ORDER BY f.due_at LIMIT @most::int FOR UPDATE SKIP LOCKED))
RETURNING t.*;

-- name: TaskClaimParked :many
-- The same for what was parked.
UPDATE tasks t SET state = 'STARTED', attempt = t.attempt + 1, worker_id = @worker_id::uuid,
    claim_token = gen_random_uuid(), started_at = now(), parked = false
WHERE t.id = ANY(ARRAY(
    SELECT f.id FROM tasks f
    WHERE f.queue = @queue AND f.parked
      AND NOT EXISTS (SELECT FROM paused_queues p WHERE p.queue = @queue)
      AND EXISTS (SELECT FROM workers w WHERE w.id = @worker_id::uuid AND w.drain_asked_at IS NULL
          AND w.heartbeat_at > now() - make_interval(secs => @term_seconds::float8))
    ORDER BY f.account_id, f.priority DESC, f.due_at LIMIT @most::int FOR UPDATE SKIP LOCKED))
RETURNING t.*;

-- name: TaskAnnounce :many
-- Due, unclaimed tasks that no list holds: never announced, or well before the oldest entry of their priority's list
-- (before now, where that is empty: its time is in the future then). Those of crowded accounts are parked instead. A
-- transaction of its own that commits asynchronously.
UPDATE tasks t SET (announced_at, parked) = (
    SELECT CASE WHEN count(c.account_id) = 0 THEN now() END, count(c.account_id) > 0
    FROM task_crowds c WHERE c.queue = t.queue AND c.account_id = t.account_id)
FROM (SELECT set_config('synchronous_commit', 'off', true)) relaxed
WHERE t.id = ANY(ARRAY(
    SELECT f.id FROM tasks f
    WHERE f.queue = @queue AND NOT f.parked AND f.due_at <= now() AND f.claim_token IS NULL
      AND (f.announced_at IS NULL
          OR f.announced_at < LEAST(now(), (@oldest::timestamptz[])[f.priority + 1]) - interval '2 seconds')
    ORDER BY f.due_at LIMIT @most::int FOR UPDATE SKIP LOCKED))
RETURNING t.id, t.priority, t.announced_at;

-- name: TaskCrowd :exec
-- An account that has enough waiting in the lists is crowded from now on.
INSERT INTO task_crowds (queue, account_id)
SELECT f.queue, f.account_id FROM tasks f
WHERE f.queue = @queue AND NOT f.parked AND f.due_at <= now() AND f.claim_token IS NULL
  AND f.announced_at >= LEAST(now(), (@oldest::timestamptz[])[f.priority + 1]) - interval '2 seconds'
GROUP BY f.queue, f.account_id HAVING count(f.id) >= @enough::int
ON CONFLICT DO NOTHING;

-- name: TaskCrowds :one
SELECT count(c.account_id) FROM task_crowds c WHERE c.queue = @queue;

-- name: TaskUncrowd :exec
-- One of which few are parked is not; those are announced with the next look. Where it still has enough in the lists, it is
-- crowded again by the next statement. Waiting for none to be parked would keep an account crowded, and all of its tasks
-- waiting for the next look, for as long as it adds some between two looks.
DELETE FROM task_crowds c
WHERE c.queue = @queue
  AND (SELECT count(p.id) FROM (
      SELECT t.id FROM tasks t WHERE t.queue = c.queue AND t.account_id = c.account_id AND t.parked LIMIT @few::int) p) < @few::int;

-- name: TaskCount :many
-- Reads every task: not to be asked often.
SELECT queue, (count(*) FILTER (WHERE claim_token IS NULL AND due_at <= now()))::bigint AS waiting,
    (count(*) FILTER (WHERE claim_token IS NOT NULL))::bigint AS running,
    (count(*) FILTER (WHERE due_at > now()))::bigint AS delayed,
    coalesce(extract(epoch FROM now() - min(due_at) FILTER (WHERE claim_token IS NULL AND due_at <= now())), 0)::float8
        AS oldest_seconds
FROM tasks GROUP BY queue ORDER BY queue;
