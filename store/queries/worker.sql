-- name: WorkerInsert :exec
INSERT INTO workers (id, host, pid, version, queues) VALUES (@id, @host, @pid, @version, @queues::text[]);

-- name: WorkerBeat :execrows
-- A worker that was silent for a whole term has lost its claims: it must register anew.
UPDATE workers SET heartbeat_at = now(), running = @running
WHERE id = @id AND heartbeat_at > now() - make_interval(secs => @term_seconds::float8);

-- name: WorkerRemove :exec
-- What a missing worker still claims is taken back with the next sweep.
DELETE FROM workers WHERE id = $1;

-- name: WorkerDelete :execrows
DELETE FROM workers WHERE heartbeat_at < @before::timestamptz;

-- name: QueuePause :exec
INSERT INTO paused_queues (queue, reason) VALUES ($1, $2) ON CONFLICT (queue) DO UPDATE SET reason = excluded.reason;

-- name: QueueResume :exec
DELETE FROM paused_queues WHERE queue = $1;

-- name: QueueListPaused :many
SELECT queue FROM paused_queues ORDER BY queue;
