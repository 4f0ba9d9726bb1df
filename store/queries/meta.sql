-- name: MetaGet :one
SELECT value FROM meta WHERE key = $1;

-- name: MetaSet :exec
UPDATE meta SET value = $2 WHERE key = $1;

-- name: MetaLock :one
SELECT value FROM meta WHERE key = $1 FOR UPDATE;
