-- name: AuditInsert :exec
INSERT INTO audit_entries (id, account_id, actor, action, target_id, details, created_at)
VALUES (@id, @account_id, @actor, @action, @target_id, @details, @created_at);

-- name: AuditGetMany :many
SELECT id, account_id, actor, action, target_id, details, created_at FROM audit_entries
WHERE account_id = $1 AND id = ANY(@ids::uuid[]) ORDER BY id;

-- name: AuditInsertRefusal :exec
-- A refused try belongs to the account of the user that it names, or to the first account where it names nobody. One
-- statement for both, so that the time it takes doesn't tell who exists.
INSERT INTO audit_entries (id, account_id, actor, action, target_id, details, created_at)
SELECT @id::uuid, coalesce(users.account_id, first.id), @actor::text, @action::text, users.id, @details::jsonb,
    @created_at::timestamptz
FROM (SELECT id FROM accounts ORDER BY created_at, id LIMIT 1) AS first
LEFT JOIN users ON users.username = @username;
