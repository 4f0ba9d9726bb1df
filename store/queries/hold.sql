-- name: HoldOpenOfOrders :many
-- At most 20 of an order are open.
SELECT * FROM holds WHERE account_id = $1 AND order_id = ANY(@order_ids::uuid[]) AND released_at IS NULL
ORDER BY order_id, placed_at, id;

-- name: HoldSave :exec
INSERT INTO holds (id, account_id, order_id, name, reason, placed_by, placed_at, released_by, released_at)
SELECT unnest(@ids::uuid[]), unnest(@account_ids::uuid[]), unnest(@order_ids::uuid[]), unnest(@names::text[]),
    unnest(@reasons::text[]), unnest(@placed_bys::text[]), unnest(@placed_ats::timestamptz[]),
    NULLIF(unnest(@released_bys::text[]), ''), NULLIF(unnest(@released_ats::text[]), '')::timestamptz
ON CONFLICT ON CONSTRAINT holds_pkey DO UPDATE
SET reason = excluded.reason, released_by = excluded.released_by, released_at = excluded.released_at;
