-- name: WorkerInsert :exec
-- What its process was told under earlier ids holds.
INSERT INTO workers (id, host, pid, version, queues, slots, drain_asked_at)
VALUES (@id, @host, @pid, @version, @queues::text[], @slots::int[],
    coalesce((SELECT min(w.drain_asked_at) FROM workers w WHERE w.id = ANY(@earlier::uuid[])), CASE WHEN @drained::boolean THEN now() END));

-- name: WorkerBeat :execrows
-- A worker that was silent for a whole term has lost its claims: it must register anew.
UPDATE workers SET heartbeat_at = now(), running = @running
WHERE id = @id AND stopped_at IS NULL AND heartbeat_at > now() - make_interval(secs => @term_seconds::float8);

-- name: WorkerStop :exec
-- What a stopped worker still claims is taken back with the next sweep.
UPDATE workers SET stopped_at = now(), running = 0 WHERE id = $1;

-- name: WorkerDrain :execrows
UPDATE workers SET drain_asked_at = coalesce(drain_asked_at, now()) WHERE id = $1 AND stopped_at IS NULL;

-- name: WorkerOrders :one
-- What a process is told, by the ids under which it was registered: which queues are paused, and whether it is to take no
-- more tasks.
SELECT ARRAY(SELECT p.queue FROM paused_queues p ORDER BY p.queue)::text[] AS paused,
    EXISTS (SELECT FROM workers w WHERE w.id = ANY(@ids::uuid[]) AND w.drain_asked_at IS NOT NULL) AS drain;

-- name: WorkerList :many
SELECT sqlc.embed(w), now()::timestamptz AS now FROM workers w WHERE heartbeat_at > now() - interval '1 hour' AND stopped_at IS NULL
ORDER BY started_at DESC, id DESC LIMIT 100;

-- name: WorkerGetMany :many
SELECT sqlc.embed(w), now()::timestamptz AS now FROM workers w WHERE id = ANY(@ids::uuid[]) ORDER BY id;

-- name: WorkerDelete :execrows
DELETE FROM workers WHERE heartbeat_at < @before::timestamptz;

-- name: QueuePause :exec
INSERT INTO paused_queues (queue, reason, paused_by) VALUES ($1, $2, $3)
ON CONFLICT (queue) DO UPDATE SET reason = excluded.reason, paused_by = excluded.paused_by;

-- name: QueueResume :execrows
DELETE FROM paused_queues WHERE queue = $1;

-- name: QueueListPaused :many
SELECT queue FROM paused_queues ORDER BY queue;
