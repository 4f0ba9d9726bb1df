-- name: PolicyLock :one
-- Whoever makes or publishes a version of an account's policies waits here for others who do.
SELECT policies_version FROM accounts WHERE id = $1 FOR NO KEY UPDATE;

-- name: PolicyInsert :one
INSERT INTO routing_policies (id, account_id, name, version, category, is_default, rules, fallback_id, late_action,
    created_by, created_at)
SELECT @id::uuid, @account_id::uuid, @name::text, coalesce(max(p.version), 0) + 1, sqlc.narg('category')::text,
    @is_default::boolean, @rules::jsonb, sqlc.narg('fallback_id')::uuid, @late_action::text, @created_by::text,
    @now::timestamptz
FROM routing_policies p WHERE p.account_id = @account_id::uuid AND p.name = @name::text
RETURNING *;

-- name: PolicyGet :one
SELECT * FROM routing_policies WHERE account_id = $1 AND id = $2;

-- name: PolicyArchive :exec
UPDATE routing_policies SET state = 'ARCHIVED', archived_at = @now::timestamptz
WHERE account_id = @account_id AND name = @name AND state = 'PUBLISHED';

-- name: PolicyPublish :one
UPDATE routing_policies SET state = 'PUBLISHED', published_at = @now::timestamptz, archived_at = NULL
WHERE account_id = @account_id AND id = @id
RETURNING *;

-- name: PolicyTurn :exec
UPDATE accounts SET policies_version = policies_version + 1 WHERE id = $1;

-- name: PolicyOfAccounts :many
-- Every version, because any names its policy; with the version of the whole.
SELECT sqlc.embed(p), a.policies_version FROM accounts a JOIN routing_policies p ON p.account_id = a.id
WHERE a.id = ANY(@account_ids::uuid[])
ORDER BY p.account_id, p.created_at DESC, p.id LIMIT 10000;

-- name: PolicyPublished :many
-- Of policies named by any of their versions, those of which a version is published.
SELECT DISTINCT named.id, named.account_id FROM routing_policies named
JOIN routing_policies p ON p.account_id = named.account_id AND p.name = named.name AND p.state = 'PUBLISHED'
WHERE named.id = ANY(@ids::uuid[])
ORDER BY named.id;

-- name: SellerFind :many
-- Which ids are those of providers or offers of an account.
SELECT p.id, true AS is_provider FROM providers p
WHERE p.account_id = @account_id AND p.id = ANY(@ids::uuid[]) AND p.deleted_at IS NULL
UNION ALL
SELECT o.id, false FROM offers o WHERE o.account_id = @account_id AND o.id = ANY(@ids::uuid[])
ORDER BY id;
