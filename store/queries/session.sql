-- name: SessionInsert :exec
INSERT INTO sessions (id, account_id, user_id, token_hash, created_at, last_used_at, expires_at)
VALUES (@id, @account_id, @user_id, @token_hash, @created_at, @created_at, @expires_at);

-- name: SessionProve :one
SELECT sqlc.embed(sessions), sqlc.embed(users), accounts.currency, now()::timestamptz AS at
FROM sessions
JOIN users ON users.id = sessions.user_id
JOIN accounts ON accounts.id = sessions.account_id
WHERE sessions.token_hash = $1;

-- name: SessionProveAgain :one
SELECT sqlc.embed(sessions), sqlc.embed(users), accounts.currency, now()::timestamptz AS at
FROM sessions
JOIN users ON users.id = sessions.user_id
JOIN accounts ON accounts.id = sessions.account_id
WHERE sessions.id = $1;

-- name: SessionEnd :execrows
UPDATE sessions SET ended_at = @now::timestamptz WHERE account_id = @account_id AND id = @id AND ended_at IS NULL;

-- name: SessionTouch :exec
-- Rows that another process touches right now are left to it, so that no two wait for each other.
WITH used AS (
    SELECT unnest(@ids::uuid[]) AS id, unnest(@used_ats::timestamptz[]) AS at, unnest(@expires_ats::timestamptz[]) AS expires_at
), held AS (
    SELECT sessions.id FROM sessions JOIN used ON used.id = sessions.id
    WHERE sessions.last_used_at < used.at AND sessions.ended_at IS NULL
    ORDER BY sessions.id FOR NO KEY UPDATE OF sessions SKIP LOCKED
)
UPDATE sessions SET last_used_at = used.at, expires_at = used.expires_at
FROM used JOIN held ON held.id = used.id
WHERE sessions.id = used.id;
