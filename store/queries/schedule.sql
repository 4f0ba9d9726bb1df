-- name: ScheduleSeed :exec
-- Of the oldest account, unless it has one by that name.
INSERT INTO schedules (id, account_id, name, rule, every_ms, cron, time_zone, task_kind, arguments, enabled, system,
    starts_at, ends_at, next_at, created_at, updated_at)
SELECT @id, a.id, @name, @rule, @every_ms, @cron, @time_zone, @task_kind, '{}', true, true,
    sqlc.narg('starts_at')::timestamptz, sqlc.narg('ends_at')::timestamptz, sqlc.narg('next_at')::timestamptz, now(), now()
FROM accounts a ORDER BY a.created_at, a.id LIMIT 1
ON CONFLICT ON CONSTRAINT schedules_name_key DO NOTHING;

-- name: ScheduleDue :many
SELECT * FROM schedules WHERE next_at <= now() AND enabled ORDER BY next_at, id LIMIT $1 FOR UPDATE SKIP LOCKED;

-- name: ScheduleSlot :execrows
-- Not while the task of an earlier slot, which has the same unique key, still waits or runs.
INSERT INTO schedule_slots (schedule_id, slot, task_id, fired_at)
SELECT @schedule_id::uuid, @slot::timestamptz, @task_id::uuid, @now::timestamptz
WHERE NOT EXISTS (SELECT FROM tasks t WHERE t.unique_key = @unique_key::text)
ON CONFLICT ON CONSTRAINT schedule_slots_pkey DO NOTHING;

-- name: ScheduleAdvance :exec
UPDATE schedules SET next_at = sqlc.narg('next_at')::timestamptz, last_slot = coalesce(sqlc.narg('slot'), last_slot),
    runs = runs + (sqlc.narg('slot')::timestamptz IS NOT NULL)::int
WHERE id = @id;

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
