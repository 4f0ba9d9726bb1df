-- name: ScheduleSeed :exec
-- Of the oldest account, unless it has one by that name.
INSERT INTO schedules (id, account_id, name, rule, every_ms, cron, time_zone, task_kind, arguments, queue, overlap, misfire,
    misfire_limit, enabled, system, starts_at, ends_at, next_at, created_by, created_at, updated_at)
SELECT @id, a.id, @name, @rule, @every_ms, @cron, @time_zone, @task_kind, '{}', @queue, @overlap, @misfire,
    @misfire_limit, true, true, sqlc.narg('starts_at')::timestamptz, sqlc.narg('ends_at')::timestamptz,
    sqlc.narg('next_at')::timestamptz, @created_by, now(), now()
FROM accounts a ORDER BY a.created_at, a.id LIMIT 1
ON CONFLICT ON CONSTRAINT schedules_name_key DO NOTHING;

-- name: ScheduleWait :one
-- Seconds until something may be done; negative: nothing is due at any time that is known.
SELECT CASE
    WHEN EXISTS (SELECT FROM schedules a
        WHERE a.awaits IS NOT NULL AND a.enabled AND a.id <> ALL(@aside::uuid[])
          AND NOT EXISTS (SELECT FROM tasks t WHERE t.id = a.awaits)) THEN 0
    ELSE coalesce((SELECT GREATEST(extract(epoch FROM d.next_at - now()), 0) FROM schedules d
        WHERE d.next_at IS NOT NULL AND d.enabled AND d.id <> ALL(@aside::uuid[])
        ORDER BY d.next_at, d.id LIMIT 1), -1) END::float8 AS seconds;

-- name: ScheduleDue :many
-- Those of which a slot is due, then those whose awaited task has ended. Both come as they are once they are locked.
SELECT * FROM (
    SELECT s.* FROM schedules s
    WHERE s.next_at <= now() AND s.enabled AND s.id <> ALL(@aside::uuid[])
    ORDER BY s.next_at, s.id LIMIT @most::int FOR UPDATE SKIP LOCKED) due
UNION ALL
SELECT * FROM (
    SELECT s.* FROM schedules s
    WHERE s.awaits IS NOT NULL AND s.enabled AND s.id <> ALL(@aside::uuid[]) AND (s.next_at IS NULL OR s.next_at > now())
      AND NOT EXISTS (SELECT FROM tasks t WHERE t.id = s.awaits)
    ORDER BY s.awaits LIMIT @most::int FOR UPDATE OF s SKIP LOCKED) released
LIMIT @most::int;

-- name: ScheduleLive :many
SELECT t.schedule_id::uuid AS schedule_id, t.id FROM tasks t
WHERE t.schedule_id = ANY(@schedule_ids::uuid[]) ORDER BY t.id;

-- name: ScheduleTaken :many
SELECT s.schedule_id, s.slot, s.task_id FROM schedule_slots s
JOIN (SELECT unnest(@schedule_ids::uuid[]) AS schedule_id, unnest(@slots::timestamptz[]) AS slot) u
  ON u.schedule_id = s.schedule_id AND u.slot = s.slot
ORDER BY s.schedule_id, s.slot;

-- name: ScheduleFire :execrows
INSERT INTO schedule_slots (schedule_id, slot, task_id, fired_at, number)
SELECT unnest(@schedule_ids::uuid[]), unnest(@slots::timestamptz[]), unnest(@task_ids::uuid[]), @now::timestamptz,
    unnest(@numbers::bigint[])
ON CONFLICT ON CONSTRAINT schedule_slots_pkey DO NOTHING;

-- name: ScheduleAdvance :exec
UPDATE schedules s SET next_at = u.next_at::timestamptz, queued_slot = u.queued_slot::timestamptz, backlog = u.backlog,
    awaits = u.awaits::uuid, last_slot = coalesce(u.last_slot::timestamptz, s.last_slot), runs = s.runs + u.fired,
    skipped = s.skipped + u.skipped, missed = s.missed + u.missed
FROM (SELECT unnest(@ids::uuid[]) AS id, NULLIF(unnest(@next_ats::text[]), '') AS next_at,
        NULLIF(unnest(@queued_slots::text[]), '') AS queued_slot, unnest(@backlogs::boolean[]) AS backlog,
        NULLIF(unnest(@awaits::text[]), '') AS awaits, NULLIF(unnest(@last_slots::text[]), '') AS last_slot,
        unnest(@fired::bigint[]) AS fired, unnest(@skipped::bigint[]) AS skipped, unnest(@missed::bigint[]) AS missed) u
WHERE s.id = u.id;

-- name: ScheduleRevoke :many
-- Those that wait. What is locked is being claimed.
WITH revoked AS (
    DELETE FROM tasks t WHERE t.id = ANY(ARRAY(
        SELECT w.id FROM tasks w
        WHERE w.schedule_id = ANY(@schedule_ids::uuid[]) AND w.claim_token IS NULL
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

-- name: ScheduleInterrupt :exec
-- Those that run are to end.
INSERT INTO task_revocations (task_id, claim_token, asked_by, asked_at)
SELECT t.id, t.claim_token, @asked_by::text, @now::timestamptz FROM tasks t
WHERE t.schedule_id = ANY(@schedule_ids::uuid[]) AND t.claim_token IS NOT NULL
ORDER BY t.id
ON CONFLICT ON CONSTRAINT task_revocations_pkey DO UPDATE
    SET claim_token = EXCLUDED.claim_token, asked_by = EXCLUDED.asked_by, asked_at = EXCLUDED.asked_at
    WHERE task_revocations.claim_token <> EXCLUDED.claim_token;

-- name: ScheduleUnrevoked :many
-- Schedules of which a task is neither: it was locked, because it was being claimed, and nobody knows by which token yet.
SELECT DISTINCT t.schedule_id::uuid FROM tasks t
LEFT JOIN task_revocations r ON r.task_id = t.id AND r.claim_token = t.claim_token
WHERE t.schedule_id = ANY(@schedule_ids::uuid[]) AND r.task_id IS NULL
ORDER BY 1;

-- name: ForgetKeys :execrows
DELETE FROM idempotency_keys WHERE ctid = ANY(ARRAY(
    SELECT i.ctid FROM idempotency_keys i WHERE i.created_at < @before::timestamptz LIMIT 10000));

-- name: ForgetReceipts :execrows
DELETE FROM webhook_receipts WHERE ctid = ANY(ARRAY(
    SELECT w.ctid FROM webhook_receipts w WHERE w.received_at < @before::timestamptz LIMIT 10000));

-- name: ForgetSlots :execrows
-- Never a schedule's latest one.
DELETE FROM schedule_slots s WHERE s.fired_at < @before::timestamptz
  AND s.slot < (SELECT max(l.slot) FROM schedule_slots l WHERE l.schedule_id = s.schedule_id);

-- name: SlotBefore :one
-- Of one schedule, that fired.
SELECT slot FROM schedule_slots WHERE schedule_id = $1 AND slot < $2 ORDER BY slot DESC LIMIT 1;
