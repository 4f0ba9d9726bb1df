-- name: UserInsert :exec
INSERT INTO users (id, account_id, username, password_hash, role, created_at)
VALUES (@id, @account_id, @username, @password_hash, @role, @created_at);

-- name: UserGetByUsername :one
SELECT id, account_id, username, password_hash, role, created_at, disabled_at FROM users WHERE username = $1;

-- name: UserGetMany :many
SELECT id, account_id, username, password_hash, role, created_at, disabled_at FROM users
WHERE account_id = $1 AND id = ANY(@ids::uuid[]) ORDER BY id;

-- name: UserFirstOfRole :one
SELECT id, account_id, username, password_hash, role, created_at, disabled_at FROM users
WHERE account_id = $1 AND role = $2 ORDER BY id LIMIT 1;

-- name: UserHold :one
-- Keeps the user as it is until the transaction ends.
SELECT id, account_id, username, password_hash, role, created_at, disabled_at FROM users WHERE id = $1 FOR SHARE;
