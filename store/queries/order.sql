-- name: OrderInsert :many
-- Rows whose reference is taken are left out of the answer.
INSERT INTO orders (id, account_id, reference, category, destination, status, currency, budget, quantity, deadline,
    priority, metadata, test_mode, sequence, created_by, deadline_action, routing_policy_id, pacing, created_at, updated_at)
SELECT unnest(@ids::uuid[]), unnest(@account_ids::uuid[]), unnest(@refs::text[]), unnest(@categories::text[]),
    unnest(@destinations::text[])::jsonb, unnest(@statuses::text[]), unnest(@currencies::text[]),
    NULLIF(unnest(@budgets::text[]), '')::numeric, unnest(@quantities::int[]),
    NULLIF(unnest(@deadlines::text[]), '')::timestamptz, unnest(@priorities::smallint[]),
    NULLIF(unnest(@metadatas::text[]), '')::jsonb, unnest(@test_modes::boolean[]), unnest(@sequences::int[]),
    unnest(@created_bys::text[]), unnest(@deadline_actions::text[]), NULLIF(unnest(@routing_policy_ids::text[]), '')::uuid,
    NULLIF(unnest(@pacings::text[]), '')::jsonb, @now::timestamptz, @now::timestamptz
ON CONFLICT ON CONSTRAINT orders_reference_key DO NOTHING
RETURNING id;

-- name: OrderLock :many
SELECT * FROM orders WHERE id = ANY(@ids::uuid[]) ORDER BY id FOR NO KEY UPDATE;

-- name: OrderGet :one
SELECT * FROM orders WHERE account_id = $1 AND id = $2;

-- name: OrderGetMany :many
SELECT * FROM orders WHERE account_id = $1 AND id = ANY(@ids::uuid[]) ORDER BY id;

-- name: OrderUpdate :execrows
UPDATE orders o SET status = u.status, reserved = u.reserved::numeric, spent = u.spent::numeric,
    overcharge = u.overcharge::numeric, delivered = u.delivered, attention = u.attention,
    cancel_asked = u.cancel_asked, expired = u.expired, sequence = u.sequence, updated_at = @now::timestamptz,
    finished_at = CASE WHEN u.finished THEN coalesce(o.finished_at, @now::timestamptz) END
FROM (SELECT unnest(@ids::uuid[]) AS id, unnest(@statuses::text[]) AS status, unnest(@reserveds::text[]) AS reserved,
        unnest(@spents::text[]) AS spent, unnest(@overcharges::text[]) AS overcharge,
        unnest(@delivereds::int[]) AS delivered, unnest(@attentions::text[]) AS attention,
        unnest(@cancel_askeds::boolean[]) AS cancel_asked, unnest(@expired_flags::boolean[]) AS expired,
        unnest(@sequences::int[]) AS sequence, unnest(@finisheds::boolean[]) AS finished) u
WHERE o.id = u.id;

-- name: OrderSettings :execrows
-- What people change, seldom: kept out of OrderUpdate, which every step of every order runs.
UPDATE orders o SET budget = u.budget::numeric, deadline = u.deadline::timestamptz, priority = u.priority,
    metadata = u.metadata::jsonb, held = u.held, deadline_action = u.deadline_action,
    routing_policy_id = u.routing_policy_id::uuid, pacing = u.pacing::jsonb
FROM (SELECT unnest(@ids::uuid[]) AS id, NULLIF(unnest(@budgets::text[]), '') AS budget,
        NULLIF(unnest(@deadlines::text[]), '') AS deadline, unnest(@priorities::smallint[]) AS priority,
        NULLIF(unnest(@metadatas::text[]), '') AS metadata, unnest(@helds::boolean[]) AS held,
        unnest(@deadline_actions::text[]) AS deadline_action,
        NULLIF(unnest(@routing_policy_ids::text[]), '') AS routing_policy_id,
        NULLIF(unnest(@pacings::text[]), '') AS pacing) u
WHERE o.id = u.id;

-- name: OrderPastDeadline :many
-- A draft's deadline matters once it is placed.
SELECT id FROM orders
WHERE deadline > @after::timestamptz AND deadline <= @now::timestamptz AND finished_at IS NULL AND NOT expired AND status <> 'DRAFT'
ORDER BY deadline, id LIMIT @most::int;

-- name: LineInsert :exec
INSERT INTO order_lines (id, account_id, order_id, position, service_type, quantity, attributes)
SELECT unnest(@ids::uuid[]), unnest(@account_ids::uuid[]), unnest(@order_ids::uuid[]), unnest(@positions::int[]),
    unnest(@service_types::text[]), unnest(@quantities::int[]), NULLIF(unnest(@attributes::text[]), '')::jsonb;

-- name: LineGetMany :many
SELECT * FROM order_lines WHERE id = ANY(@ids::uuid[]) ORDER BY id;

-- name: LineOfOrder :many
-- At most 100.
SELECT * FROM order_lines WHERE order_id = $1 ORDER BY position;

-- name: DeadlineWatermark :one
SELECT value::timestamptz AS watermark FROM meta WHERE key = 'deadline_watermark' FOR UPDATE;

-- name: DeadlineAdvance :exec
UPDATE meta SET value = (@watermark::timestamptz)::text WHERE key = 'deadline_watermark';

-- name: LineOfOrders :many
SELECT * FROM order_lines WHERE account_id = @account_id AND order_id = ANY(@order_ids::uuid[])
ORDER BY order_id, position LIMIT @most::int;
