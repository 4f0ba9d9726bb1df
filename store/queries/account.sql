-- name: AccountInsert :exec
INSERT INTO accounts (id, name, currency, created_at) VALUES ($1, $2, $3, $4);

-- name: AccountGet :one
SELECT * FROM accounts WHERE id = $1;

-- name: AccountGetByName :one
SELECT * FROM accounts WHERE name = $1;

-- name: AccountFirst :one
SELECT id FROM accounts ORDER BY created_at, id LIMIT 1;

-- name: ProvisionLock :exec
-- Processes that provision the same database at once wait here for each other, until their transactions end.
SELECT pg_advisory_xact_lock(hashtextextended('boostress provision', 0));
