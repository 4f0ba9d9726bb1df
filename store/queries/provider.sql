-- name: ProviderInsert :one
INSERT INTO providers (id, account_id, name, adapter, base_url, credentials, enabled, simulated, timeout_ms,
    concurrency, budget, day_budget, currency, rate_calls, rate_per_ms, priority, weight, created_at, updated_at)
VALUES (@id, @account_id, @name, @adapter, @base_url, @credentials, @enabled, @simulated, @timeout_ms, @concurrency,
    @budget, @day_budget, @currency, @rate_calls, @rate_per_ms, @priority, @weight, @now, @now)
RETURNING *;

-- name: ProviderUpdate :one
UPDATE providers SET name = @name, base_url = @base_url, credentials = coalesce(@credentials, credentials),
    enabled = @enabled, paused_reason = @paused_reason, paused_at = @paused_at, timeout_ms = @timeout_ms,
    concurrency = @concurrency, budget = @budget, day_budget = @day_budget, rate_calls = @rate_calls,
    rate_per_ms = @rate_per_ms, priority = @priority, weight = @weight, attention = @attention, updated_at = @now
WHERE account_id = @account_id AND id = @id
RETURNING *;

-- name: ProviderLock :one
SELECT * FROM providers WHERE account_id = $1 AND id = $2 AND deleted_at IS NULL FOR NO KEY UPDATE;

-- name: ProviderDelete :one
UPDATE providers SET deleted_at = @now, enabled = false, credentials = NULL, updated_at = @now
WHERE account_id = @account_id AND id = @id
RETURNING *;

-- name: ProviderBusy :one
-- Whether it holds, may hold, or is about to be given anything, or still has to charge. It may read the whole table:
-- providers are deleted seldom, and no step of a fulfillment should pay for an index.
SELECT EXISTS (SELECT FROM fulfillments WHERE provider_id = @id::uuid AND account_id = @account_id
    AND (finished_at IS NULL OR next_poll_at IS NOT NULL));

-- name: ProviderGet :one
SELECT * FROM providers WHERE id = $1;

-- name: ProviderGetMany :many
-- With the sums of one day and what is measured. After ProviderLockBudgeted, as a statement of its own: a join under the lock would still show
-- the day as it was before the lock was waited for.
SELECT sqlc.embed(providers), coalesce(d.reserved, 0)::numeric AS day_reserved, coalesce(d.spent, 0)::numeric AS day_spent,
    coalesce(d.overcharge, 0)::numeric AS day_overcharge, coalesce(h.ended, 0)::int AS ended, coalesce(h.fulfilled, 0)::int AS fulfilled,
    h.fulfill_ms, coalesce((SELECT max(b.open_until) FROM provider_breakers b WHERE b.provider_id = providers.id
        AND b.operation = 'CREATE' AND b.open_until > now()), 'epoch')::timestamptz AS breaker_open_until
FROM providers LEFT JOIN provider_days d ON d.provider_id = providers.id AND d.day = @day::date
LEFT JOIN provider_health h ON h.provider_id = providers.id
WHERE providers.id = ANY(@ids::uuid[]) ORDER BY providers.id;

-- name: ProviderWatch :one
-- With a mark that differs once anything differs that is shown of it: it, its sums of the day, its health, its open breakers.
SELECT sqlc.embed(p), md5(ROW(p.updated_at, p.reserved, p.spent, p.overcharge, p.open, p.attention, @day::date, d.reserved,
    d.spent, d.overcharge, h.measured_at, h.checked_at, (SELECT string_agg(concat_ws(' ', b.operation, b.worker_id, b.open_until),
        ',' ORDER BY b.operation, b.worker_id) FROM provider_breakers b
        WHERE b.provider_id = p.id AND b.open_until > now()))::text)::text AS mark
FROM providers p LEFT JOIN provider_days d ON d.provider_id = p.id AND d.day = @day::date
LEFT JOIN provider_health h ON h.provider_id = p.id
WHERE p.account_id = @account_id AND p.id = @id;

-- name: ProviderLockBudgeted :exec
SELECT id FROM providers WHERE id = ANY(@ids::uuid[]) AND (budget IS NOT NULL OR day_budget IS NOT NULL)
ORDER BY id FOR NO KEY UPDATE;

-- name: ProviderCount :exec
-- Moves the sums of the ledger, of providers and of their days, and the counts of routing, and notes why a person should look. Rows are locked in one
-- order everywhere, those with a budget first: routing has locked these already, and groups must not wait for each other
-- in a circle. Nobody moves a day without its provider's lock.
WITH moved AS (
    SELECT unnest(@ids::uuid[]) AS id, NULLIF(unnest(@days::text[]), '')::date AS day,
        unnest(@reserveds::text[])::numeric AS reserved, unnest(@spents::text[])::numeric AS spent,
        unnest(@overcharges::text[])::numeric AS overcharge, unnest(@attentions::text[]) AS attention,
        unnest(@opens::int[]) AS open, NULLIF(unnest(@chosen_ats::text[]), '')::timestamptz AS chosen_at
), held AS (
    SELECT id, account_id, day_budget FROM providers WHERE id = ANY(@ids::uuid[])
    ORDER BY budget IS NULL AND day_budget IS NULL, id FOR NO KEY UPDATE
), days AS (
    INSERT INTO provider_days AS d (provider_id, day, account_id, budget, reserved, spent, overcharge)
    SELECT moved.id, moved.day, held.account_id, held.day_budget, moved.reserved, moved.spent, moved.overcharge
    FROM moved JOIN held ON held.id = moved.id WHERE moved.day IS NOT NULL
    ON CONFLICT (provider_id, day) DO UPDATE SET reserved = d.reserved + excluded.reserved, spent = d.spent + excluded.spent,
        overcharge = d.overcharge + excluded.overcharge,
        budget = CASE WHEN excluded.reserved > 0 AND d.day = @today::date THEN excluded.budget ELSE d.budget END
)
UPDATE providers p SET reserved = p.reserved + u.reserved, spent = p.spent + u.spent, overcharge = p.overcharge + u.overcharge,
    attention = CASE WHEN p.attention = '' THEN u.attention ELSE p.attention END,
    open = p.open + u.open, chosen_at = GREATEST(p.chosen_at, u.chosen_at)
FROM held JOIN (SELECT id, sum(reserved) AS reserved, sum(spent) AS spent, sum(overcharge) AS overcharge,
        max(attention) AS attention, sum(open) AS open, max(chosen_at) AS chosen_at
        FROM moved GROUP BY id) u ON u.id = held.id
WHERE p.id = held.id;

-- name: ProviderDays :many
SELECT * FROM provider_days WHERE account_id = @account_id AND provider_id = ANY(@ids::uuid[]) AND day = @day::date
ORDER BY provider_id;

-- name: OfferInsert :one
INSERT INTO offers (id, account_id, provider_id, external_id, name, category, service_type, unit_price, currency,
    min_quantity, max_quantity, available_from, available_until, sla_ms, cool_down_ms, regions, priority, weight,
    enabled, created_at, updated_at)
VALUES (@id, @account_id, @provider_id, @external_id, @name, @category, @service_type, @unit_price, @currency,
    @min_quantity, @max_quantity, @available_from, @available_until, @sla_ms, @cool_down_ms, @regions, @priority, @weight,
    @enabled, @now, @now)
RETURNING *;

-- name: OfferUpdate :one
UPDATE offers SET name = @name, category = @category, service_type = @service_type, unit_price = @unit_price,
    min_quantity = @min_quantity, max_quantity = @max_quantity, available_from = @available_from,
    available_until = @available_until, sla_ms = @sla_ms, cool_down_ms = @cool_down_ms, regions = @regions,
    priority = @priority, weight = @weight, enabled = @enabled, vanished = @vanished, updated_at = @now
WHERE account_id = @account_id AND id = @id
RETURNING *;

-- name: OfferLock :one
SELECT * FROM offers WHERE account_id = $1 AND id = $2 FOR NO KEY UPDATE;

-- name: OfferSetEnabled :many
-- Locked in one order, so that two such changes wait for each other rather than in a circle.
WITH held AS (
    SELECT o.id FROM offers o WHERE o.account_id = @account_id AND o.id = ANY(@ids::uuid[])
    ORDER BY o.id FOR NO KEY UPDATE
)
UPDATE offers SET enabled = @enabled, vanished = false, updated_at = @now
FROM held WHERE offers.id = held.id
RETURNING offers.*;

-- name: OfferCandidates :many
-- With the version of the account's policies, which tells whether what is known of them still holds, and what is measured.
SELECT sqlc.embed(offers), accounts.policies_version, h.fulfill_ms FROM offers
JOIN accounts ON accounts.id = offers.account_id
LEFT JOIN offer_health h ON h.offer_id = offers.id
JOIN (SELECT unnest(@account_ids::uuid[]) AS account_id, unnest(@categories::text[]) AS category,
        unnest(@service_types::text[]) AS service_type) wanted
  ON offers.account_id = wanted.account_id AND offers.category = wanted.category
    AND offers.service_type = wanted.service_type
ORDER BY offers.id LIMIT 10000;

-- name: OfferLockCooling :many
-- Of offers that rest between two fulfillments only one group at a time may see when that ends.
SELECT id, given_at FROM offers WHERE id = ANY(@ids::uuid[]) ORDER BY id FOR NO KEY UPDATE;

-- name: OfferGiven :exec
UPDATE offers SET given_at = @now::timestamptz WHERE id = ANY(@ids::uuid[]);

-- name: OfferBounds :many
-- The quantities that enabled offers allow, by what is wanted; most 0: unlimited.
SELECT o.account_id, o.category, o.service_type, min(o.min_quantity)::int AS least,
    (CASE WHEN min(o.max_quantity) = 0 THEN 0 ELSE max(o.max_quantity) END)::int AS most
FROM offers o
JOIN providers p ON p.id = o.provider_id AND p.deleted_at IS NULL
JOIN (SELECT DISTINCT unnest(@account_ids::uuid[]) AS account_id, unnest(@categories::text[]) AS category,
        unnest(@service_types::text[]) AS service_type) w
  ON o.account_id = w.account_id AND o.category = w.category AND o.service_type = w.service_type
WHERE o.enabled
GROUP BY o.account_id, o.category, o.service_type
ORDER BY o.account_id, o.category, o.service_type;

-- name: OfferGetMany :many
SELECT * FROM offers WHERE id = ANY(@ids::uuid[]) ORDER BY id;

-- name: ProviderByName :one
SELECT * FROM providers WHERE account_id = $1 AND name = $2 AND deleted_at IS NULL;

-- name: ProviderWithCredentials :one
SELECT id FROM providers WHERE credentials IS NOT NULL ORDER BY id LIMIT 1;
