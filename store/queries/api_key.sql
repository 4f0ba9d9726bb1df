-- name: APIKeyInsert :exec
INSERT INTO api_keys (id, account_id, name, prefix, key_hash, role, test_mode, created_by, created_at, expires_at)
VALUES (@id, @account_id, @name, @prefix, @key_hash, @role, @test_mode, @created_by, @created_at, @expires_at);

-- name: APIKeyGetMany :many
SELECT id, account_id, name, prefix, key_hash, role, test_mode, created_by, created_at, expires_at, last_used_at, revoked_at
FROM api_keys WHERE account_id = $1 AND id = ANY(@ids::uuid[]) ORDER BY id;

-- name: APIKeyLock :one
SELECT id, account_id, name, prefix, key_hash, role, test_mode, created_by, created_at, expires_at, last_used_at, revoked_at
FROM api_keys WHERE account_id = $1 AND id = $2 FOR NO KEY UPDATE;

-- name: APIKeyProve :one
SELECT sqlc.embed(api_keys), accounts.currency, now()::timestamptz AS at
FROM api_keys JOIN accounts ON accounts.id = api_keys.account_id
WHERE api_keys.key_hash = $1;

-- name: APIKeyProveAgain :one
SELECT sqlc.embed(api_keys), accounts.currency, now()::timestamptz AS at
FROM api_keys JOIN accounts ON accounts.id = api_keys.account_id
WHERE api_keys.id = $1;

-- name: APIKeyRevoke :exec
UPDATE api_keys SET revoked_at = @now::timestamptz WHERE id = @id;

-- name: APIKeyTouch :exec
-- Rows that another process touches right now are left to it, so that no two wait for each other.
WITH used AS (
    SELECT unnest(@ids::uuid[]) AS id, unnest(@used_ats::timestamptz[]) AS at
), held AS (
    SELECT api_keys.id FROM api_keys JOIN used ON used.id = api_keys.id
    WHERE api_keys.last_used_at IS NULL OR api_keys.last_used_at < used.at
    ORDER BY api_keys.id FOR NO KEY UPDATE OF api_keys SKIP LOCKED
)
UPDATE api_keys SET last_used_at = used.at
FROM used JOIN held ON held.id = used.id
WHERE api_keys.id = used.id;
