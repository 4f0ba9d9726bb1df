-- name: OfferSyncInsert :exec
INSERT INTO offer_syncs (id, account_id, provider_id, mode, state, created_by, created_at)
VALUES (@id, @account_id, @provider_id, @mode, @state, @created_by, @now);

-- name: OfferSyncRunning :one
SELECT * FROM offer_syncs WHERE account_id = @account_id AND provider_id = @provider_id AND state = 'RUNNING';

-- name: OfferSyncGet :one
SELECT * FROM offer_syncs WHERE id = $1;

-- name: OfferSyncLock :one
SELECT * FROM offer_syncs WHERE id = $1 FOR NO KEY UPDATE;

-- name: OfferSyncUpdate :exec
UPDATE offer_syncs SET state = @state, added = @added, changed = @changed, disabled = @disabled, skipped = @skipped,
    error = @error, listed_at = @listed_at, decided_by = @decided_by, decided_at = @decided_at
WHERE id = @id;

-- name: OfferChangeInsert :exec
INSERT INTO offer_sync_changes (id, account_id, sync_id, kind, external_id, offer_id, name, reason, fields, offer)
SELECT unnest(@ids::uuid[]), @account_id::uuid, @sync_id::uuid, unnest(@kinds::text[]), unnest(@external_ids::text[]),
    NULLIF(unnest(@offer_ids::text[]), '')::uuid, unnest(@names::text[]), unnest(@reasons::text[]),
    unnest(@fields::text[])::jsonb, NULLIF(unnest(@offers::text[]), '')::jsonb;

-- name: OfferChangesOf :many
SELECT * FROM offer_sync_changes WHERE sync_id = $1 ORDER BY id;

-- name: OfferLockOfProvider :many
SELECT * FROM offers WHERE provider_id = $1 AND account_id = $2 ORDER BY id FOR NO KEY UPDATE;

-- name: OfferUpsert :exec
-- What a synchronization changes; all else of an offer stays as it is.
INSERT INTO offers (id, account_id, provider_id, external_id, name, category, service_type, unit_price, currency,
    min_quantity, max_quantity, available_from, available_until, sla_ms, enabled, vanished, created_at, updated_at)
SELECT unnest(@ids::uuid[]), @account_id::uuid, @provider_id::uuid, unnest(@external_ids::text[]), unnest(@names::text[]),
    unnest(@categories::text[]), unnest(@service_types::text[]), unnest(@unit_prices::text[])::numeric, @currency::text,
    unnest(@min_quantities::int[]), unnest(@max_quantities::int[]), NULLIF(unnest(@available_froms::text[]), '')::timestamptz,
    NULLIF(unnest(@available_untils::text[]), '')::timestamptz, unnest(@slas::bigint[]), unnest(@enableds::boolean[]),
    unnest(@vanished::boolean[]), @now::timestamptz, @now::timestamptz
ON CONFLICT (provider_id, external_id) DO UPDATE SET name = excluded.name, category = excluded.category,
    service_type = excluded.service_type, unit_price = excluded.unit_price, min_quantity = excluded.min_quantity,
    max_quantity = excluded.max_quantity, available_from = excluded.available_from,
    available_until = excluded.available_until, sla_ms = excluded.sla_ms, enabled = excluded.enabled,
    vanished = excluded.vanished, updated_at = excluded.updated_at;

-- name: HealthCheck :exec
INSERT INTO provider_health (provider_id, account_id, checked_at, check_error, balance, balance_currency)
VALUES (@provider_id, @account_id, @now::timestamptz, @check_error, @balance, @balance_currency)
ON CONFLICT (provider_id) DO UPDATE SET checked_at = excluded.checked_at, check_error = excluded.check_error,
    balance = excluded.balance, balance_currency = excluded.balance_currency;

-- name: TaskByUniqueKey :one
SELECT * FROM tasks WHERE unique_key = $1;

-- name: OfferDisableAll :exec
UPDATE offers SET enabled = false, updated_at = @now WHERE account_id = @account_id AND provider_id = @provider_id AND enabled;
