-- name: ScheduleInsert :exec
INSERT INTO schedules (id, account_id, name, rule, every_ms, cron, time_zone, task_kind, arguments, enabled, system,
    starts_at, ends_at, next_at, queue, priority, max_runs, jitter_ms, overlap, misfire, misfire_limit, order_id,
    provider_id, created_by, test_mode, created_at, updated_at)
VALUES (@id, @account_id, @name, @rule, @every_ms, @cron, @time_zone, @task_kind, @arguments, @enabled, false,
    sqlc.narg('starts_at'), sqlc.narg('ends_at'), sqlc.narg('next_at'), @queue, @priority, @max_runs, @jitter_ms, @overlap,
    @misfire, @misfire_limit, sqlc.narg('order_id'), sqlc.narg('provider_id'), @created_by, @test_mode, @now, @now);

-- name: ScheduleLock :one
SELECT * FROM schedules WHERE account_id = $1 AND id = $2 FOR UPDATE;

-- name: ScheduleUpdate :exec
UPDATE schedules SET name = @name, rule = @rule, every_ms = @every_ms, cron = @cron, time_zone = @time_zone,
    arguments = @arguments, enabled = @enabled, starts_at = sqlc.narg('starts_at'), ends_at = sqlc.narg('ends_at'),
    next_at = sqlc.narg('next_at'), queued_slot = sqlc.narg('queued_slot'), backlog = @backlog, awaits = sqlc.narg('awaits'), runs = @runs,
    queue = @queue, priority = @priority, max_runs = @max_runs, jitter_ms = @jitter_ms, overlap = @overlap,
    misfire = @misfire, misfire_limit = @misfire_limit, order_id = sqlc.narg('order_id'),
    provider_id = sqlc.narg('provider_id'), updated_at = @updated_at
WHERE id = @id;

-- name: ScheduleDelete :exec
DELETE FROM schedules WHERE id = $1;

-- name: ScheduleRunInsert :exec
INSERT INTO schedule_slots (schedule_id, slot, task_id, fired_at, number, by_hand)
VALUES (@schedule_id, @slot, @task_id, @fired_at, @number, @by_hand);

-- name: ScheduleRunByHand :one
SELECT schedule_id, slot, task_id, fired_at, number, by_hand FROM schedule_slots
WHERE schedule_id = @schedule_id AND task_id = @task_id AND by_hand AND slot > @since ORDER BY slot DESC LIMIT 1;

-- name: ScheduleRunLatest :many
SELECT r.schedule_id, r.slot, r.task_id, r.fired_at, r.number, r.by_hand FROM schedules p
JOIN schedule_slots r ON r.schedule_id = p.id
    AND r.slot = (SELECT max(s.slot) FROM schedule_slots s WHERE s.schedule_id = p.id)
WHERE p.account_id = @account_id AND p.id = ANY(@schedule_ids::uuid[]) ORDER BY p.id;

-- name: ScheduleRunCount :one
SELECT runs FROM schedules WHERE account_id = $1 AND id = $2;

-- name: ScheduleRunsSince :many
-- The runs above a number among the latest slots, by their number.
SELECT schedule_id, slot, task_id, fired_at, number, by_hand FROM (
    SELECT s.schedule_id, s.slot, s.task_id, s.fired_at, s.number, s.by_hand FROM schedule_slots s
    WHERE s.schedule_id = @schedule_id ORDER BY s.slot DESC LIMIT @most::int) r
WHERE number > @number::bigint ORDER BY number;

-- name: ScheduleTaskAdopt :execrows
-- Has a running task stand for something that was begun in it.
UPDATE tasks SET unique_key = @unique_key::text, arguments = coalesce(arguments, '{}') || @more::jsonb
WHERE id = @id AND claim_token = @claim_token::uuid;
