-- name: ResultOfFulfillments :many
SELECT * FROM fulfillment_results WHERE account_id = $1 AND fulfillment_id = ANY(@fulfillment_ids::uuid[])
ORDER BY fulfillment_id, created_at, external_id;

-- name: ResultKnown :many
-- Of fulfillments whose orders are locked.
SELECT * FROM fulfillment_results WHERE fulfillment_id = ANY(@fulfillment_ids::uuid[]);

-- name: ResultReveal :one
-- One result, and whether its order is one of test mode.
SELECT sqlc.embed(r), o.test_mode FROM fulfillment_results r
JOIN fulfillments f ON f.id = r.fulfillment_id JOIN orders o ON o.id = f.order_id
WHERE r.account_id = $1 AND r.id = $2;

-- name: ResultSave :exec
INSERT INTO fulfillment_results (id, account_id, fulfillment_id, external_id, kind, label, value, url, carrier, secret, sealed,
    created_at, updated_at)
SELECT unnest(@ids::uuid[]), unnest(@account_ids::uuid[]), unnest(@fulfillment_ids::uuid[]), unnest(@external_ids::text[]),
    unnest(@kinds::text[]), unnest(@labels::text[]), unnest(@result_values::text[]), unnest(@urls::text[]),
    unnest(@carriers::text[]), unnest(@secrets::boolean[]), NULLIF(unnest(@seals::bytea[]), ''::bytea), @now, @now
ON CONFLICT ON CONSTRAINT fulfillment_results_external_key DO UPDATE
SET kind = excluded.kind, label = excluded.label, value = excluded.value, url = excluded.url, carrier = excluded.carrier,
    secret = excluded.secret, sealed = excluded.sealed, updated_at = excluded.updated_at;
