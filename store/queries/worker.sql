-- name: WorkerInsert :exec
INSERT INTO workers (id, host, pid, version, queues) VALUES (@id, @host, @pid, @version, @queues::text[]);

-- name: WorkerBeat :execrows
-- A worker that was silent for a whole term has lost its claims: it must register anew.
UPDATE workers SET heartbeat_at = now(), running = @running
WHERE id = @id AND heartbeat_at > now() - make_interval(secs => @term_seconds::float8);

-- name: WorkerExpire :exec
-- What it still claims is taken back at once.
UPDATE workers SET heartbeat_at = 'epoch', running = 0 WHERE id = $1;

-- name: WorkerDelete :exec
DELETE FROM workers w WHERE w.heartbeat_at < @before::timestamptz
  AND NOT EXISTS (SELECT FROM tasks t WHERE t.worker_id = w.id);

-- name: QueuePause :exec
INSERT INTO paused_queues (queue, reason) VALUES ($1, $2) ON CONFLICT (queue) DO UPDATE SET reason = excluded.reason;

-- name: QueueResume :exec
DELETE FROM paused_queues WHERE queue = $1;

-- name: QueueListPaused :many
SELECT queue FROM paused_queues ORDER BY queue;
