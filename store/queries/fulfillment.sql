-- name: FulfillmentInsert :exec
INSERT INTO fulfillments (id, account_id, order_id, line_id, replaces_id, excluded, quantity, status, generation,
    currency, scheduled_at, created_at, updated_at)
SELECT unnest(@ids::uuid[]), unnest(@account_ids::uuid[]), unnest(@order_ids::uuid[]), unnest(@line_ids::uuid[]),
    NULLIF(unnest(@replaces_ids::text[]), '')::uuid, unnest(@excluded_ids::text[])::uuid[], unnest(@quantities::int[]),
    unnest(@statuses::text[]), unnest(@generations::int[]), unnest(@currencies::text[]),
    NULLIF(unnest(@scheduled_ats::text[]), '')::timestamptz, @now::timestamptz, @now::timestamptz;

-- name: FulfillmentOfOrders :many
-- Their orders are locked by the caller, and nobody changes a fulfillment without its order's lock.
SELECT * FROM fulfillments WHERE order_id = ANY(@order_ids::uuid[]) ORDER BY order_id, id;

-- name: FulfillmentGet :one
SELECT * FROM fulfillments WHERE id = $1;

-- name: FulfillmentUpdate :execrows
UPDATE fulfillments f SET provider_id = u.provider_id::uuid, offer_id = u.offer_id::uuid, delivered = u.delivered,
    status = u.status, generation = u.generation, unit_price = u.unit_price::numeric, currency = u.currency,
    reserved = u.reserved::numeric, charged = u.charged::numeric, overcharge = u.overcharge::numeric,
    external_id = NULLIF(u.external_id, ''), external_status = u.external_status, failure = u.failure,
    attention = u.attention, cancel_asked = u.cancel_asked, updated_at = @now::timestamptz,
    submitted_at = u.submitted_at::timestamptz, changed_at = u.changed_at::timestamptz,
    next_poll_at = u.next_poll_at::timestamptz, finished_at = u.finished_at::timestamptz,
    sla_at = u.sla_at::timestamptz, sla_ms = u.sla_ms, budget_day = u.budget_day::date
FROM (SELECT unnest(@ids::uuid[]) AS id, NULLIF(unnest(@provider_ids::text[]), '') AS provider_id,
        NULLIF(unnest(@offer_ids::text[]), '') AS offer_id, unnest(@delivereds::int[]) AS delivered,
        unnest(@statuses::text[]) AS status, unnest(@generations::int[]) AS generation,
        unnest(@unit_prices::text[]) AS unit_price, unnest(@currencies::text[]) AS currency,
        unnest(@reserveds::text[]) AS reserved, unnest(@chargeds::text[]) AS charged,
        unnest(@overcharges::text[]) AS overcharge, unnest(@external_ids::text[]) AS external_id,
        unnest(@external_statuses::text[]) AS external_status, unnest(@failures::text[]) AS failure,
        unnest(@attentions::text[]) AS attention, unnest(@cancel_askeds::boolean[]) AS cancel_asked,
        NULLIF(unnest(@submitted_ats::text[]), '') AS submitted_at,
        NULLIF(unnest(@changed_ats::text[]), '') AS changed_at,
        NULLIF(unnest(@next_poll_ats::text[]), '') AS next_poll_at,
        NULLIF(unnest(@finished_ats::text[]), '') AS finished_at, NULLIF(unnest(@sla_ats::text[]), '') AS sla_at,
        unnest(@sla_mss::bigint[]) AS sla_ms,
        NULLIF(unnest(@budget_days::text[]), '') AS budget_day) u
WHERE f.id = u.id;

-- name: FulfillmentReplan :execrows
-- What people and plans change, seldom: kept out of FulfillmentUpdate, which every step of every fulfillment runs.
UPDATE fulfillments f SET quantity = u.quantity, excluded = u.excluded::uuid[], scheduled_at = u.scheduled_at::timestamptz,
    reroute_asked = u.reroute_asked, reroute_same = u.reroute_same
FROM (SELECT unnest(@ids::uuid[]) AS id, unnest(@quantities::int[]) AS quantity, unnest(@excluded_ids::text[]) AS excluded,
        NULLIF(unnest(@scheduled_ats::text[]), '') AS scheduled_at, unnest(@reroute_askeds::boolean[]) AS reroute_asked,
        unnest(@reroute_sames::boolean[]) AS reroute_same) u
WHERE f.id = u.id;

-- name: FulfillmentLate :many
-- Orders with a fulfillment of which progress was expected by now.
SELECT order_id FROM fulfillments WHERE sla_at <= @now::timestamptz ORDER BY sla_at, id LIMIT @most::int;

-- name: FulfillmentDuePolls :many
SELECT * FROM fulfillments
WHERE next_poll_at <= now() AND provider_id = @provider_id::uuid
ORDER BY next_poll_at, id LIMIT $1;

-- name: FulfillmentPollProviders :many
-- Which providers have something due, among the most overdue.
SELECT DISTINCT provider_id::uuid AS provider_id, account_id
FROM (SELECT provider_id, account_id FROM fulfillments WHERE next_poll_at <= now() ORDER BY next_poll_at LIMIT 10000) due;

-- name: FulfillmentHint :many
-- Under the orders' locks, in id order, as with every change of a fulfillment.
WITH held AS (
    SELECT o.id FROM orders o
    WHERE o.id IN (SELECT h.order_id FROM fulfillments h
        WHERE h.provider_id = @provider_id::uuid AND h.next_poll_at IS NOT NULL
          AND (h.external_id = ANY(@external_ids::text[]) OR h.id = ANY(@ids::uuid[])))
    ORDER BY o.id FOR NO KEY UPDATE
)
UPDATE fulfillments f SET next_poll_at = now() FROM held
WHERE f.order_id = held.id AND f.provider_id = @provider_id::uuid AND f.next_poll_at > now()
  AND (f.external_id = ANY(@external_ids::text[]) OR f.id = ANY(@ids::uuid[]))
RETURNING f.id;

-- name: AttemptInsert :exec
INSERT INTO attempts (id, account_id, fulfillment_id, provider_id, operation, key, call_number, state, started_at)
SELECT unnest(@ids::uuid[]), unnest(@account_ids::uuid[]), unnest(@fulfillment_ids::uuid[]),
    unnest(@provider_ids::uuid[]), unnest(@operations::text[]), unnest(@keys::text[]), unnest(@call_numbers::int[]),
    unnest(@states::text[]), @now::timestamptz;

-- name: AttemptUpdate :execrows
UPDATE attempts a SET state = u.state, class = u.class, message = u.message, latency_us = u.latency_us,
    request = coalesce(u.request::jsonb, a.request), response = coalesce(u.response::jsonb, a.response),
    finished_at = CASE WHEN u.finished THEN @now::timestamptz END
FROM (SELECT unnest(@ids::uuid[]) AS id, unnest(@states::text[]) AS state, unnest(@classes::text[]) AS class,
        unnest(@messages::text[]) AS message, unnest(@latencies::bigint[]) AS latency_us,
        NULLIF(unnest(@requests::text[]), '') AS request, NULLIF(unnest(@responses::text[]), '') AS response,
        unnest(@finisheds::boolean[]) AS finished) u
WHERE a.id = u.id;

-- name: AttemptDrop :exec
DELETE FROM attempts WHERE id = ANY(@ids::uuid[]) AND state = 'IN_FLIGHT';

-- name: AttemptOfFulfillments :many
SELECT * FROM attempts WHERE fulfillment_id = ANY(@fulfillment_ids::uuid[])
ORDER BY fulfillment_id, started_at, call_number;

-- name: DecisionInsert :exec
INSERT INTO routing_decisions (fulfillment_id, made_at, account_id, offer_id, candidates, policy_id, policy_version,
    scorers, passed, quantity, considered, cost, expected_ms)
SELECT unnest(@fulfillment_ids::uuid[]), @now::timestamptz, unnest(@account_ids::uuid[]),
    NULLIF(unnest(@offer_ids::text[]), '')::uuid, unnest(@candidates::text[])::jsonb,
    NULLIF(unnest(@policy_ids::text[]), '')::uuid, unnest(@policy_versions::int[]), unnest(@scorers::text[])::text[],
    NULLIF(unnest(@passed::text[]), '')::jsonb, unnest(@quantities::int[]), unnest(@considered::int[]),
    NULLIF(unnest(@costs::text[]), '')::numeric, NULLIF(unnest(@expected_ms::text[]), '')::bigint
ON CONFLICT DO NOTHING;

-- name: LedgerInsert :exec
INSERT INTO ledger_entries (id, account_id, order_id, fulfillment_id, provider_id, kind, currency, reserved, spent,
    overcharge, day, created_at)
SELECT unnest(@ids::uuid[]), unnest(@account_ids::uuid[]), unnest(@order_ids::uuid[]),
    unnest(@fulfillment_ids::uuid[]), unnest(@provider_ids::uuid[]), unnest(@kinds::text[]),
    unnest(@currencies::text[]), unnest(@reserveds::text[])::numeric, unnest(@spents::text[])::numeric,
    unnest(@overcharges::text[])::numeric, NULLIF(unnest(@days::text[]), '')::date, @now::timestamptz;

-- name: EventInsert :exec
-- In the order given: an order's later event gets the higher id.
INSERT INTO events (account_id, order_id, fulfillment_id, sequence, kind, actor, occurred_at, changes, snapshot)
SELECT unnest(@account_ids::uuid[]), unnest(@order_ids::uuid[]), NULLIF(unnest(@fulfillment_ids::text[]), '')::uuid,
    unnest(@sequences::int[]), unnest(@kinds::text[]), unnest(@actors::text[]), @now::timestamptz,
    unnest(@changes::text[])::json, unnest(@snapshots::text[])::json;

-- name: IdempotencyLock :many
-- Tries the keys' transaction-level locks; false: the first request is still running.
SELECT pg_try_advisory_xact_lock(k.hash) AS locked FROM (SELECT unnest(@hashes::bigint[]) AS hash) k;

-- name: IdempotencyGet :many
SELECT i.* FROM idempotency_keys i
JOIN (SELECT unnest(@account_ids::uuid[]) AS account_id, unnest(@mutations::text[]) AS mutation,
        unnest(@keys::text[]) AS key) k
  ON i.account_id = k.account_id AND i.mutation = k.mutation AND i.key = k.key
ORDER BY i.key;

-- name: IdempotencyInsert :exec
INSERT INTO idempotency_keys (account_id, mutation, key, body_hash, result_ids, created_at)
SELECT unnest(@account_ids::uuid[]), unnest(@mutations::text[]), unnest(@keys::text[]), unnest(@body_hashes::bytea[]),
    unnest(@result_ids::text[])::uuid[], @now::timestamptz;

-- name: WebhookReceipt :execrows
INSERT INTO webhook_receipts (provider_id, delivery_id, received_at) VALUES ($1, $2, now())
ON CONFLICT DO NOTHING;

-- name: TaskHurryUnroutable :exec
-- What is locked is being claimed, or hurried by somebody else.
UPDATE tasks t SET due_at = now(), announced_at = NULL
FROM (SELECT w.id FROM tasks w JOIN fulfillments f ON f.id = w.fulfillment_id
      WHERE w.account_id = @account_id AND w.kind = 'DISPATCH' AND w.state = 'RETRY' AND w.claim_token IS NULL
        AND f.status = 'UNROUTABLE'
      ORDER BY w.id FOR UPDATE OF w SKIP LOCKED) waiting
WHERE t.id = waiting.id;

-- name: FulfillmentExternalLock :exec
-- Of those who give the same order of a provider to a fulfillment, one after the other.
SELECT pg_advisory_xact_lock(hashtextextended((@provider_id::uuid)::text || ' ' || @external_id::text, 7));

-- name: FulfillmentByExternal :many
SELECT id FROM fulfillments WHERE external_id = @external_id::text AND provider_id = @provider_id::uuid ORDER BY id LIMIT 2;

-- name: TaskDispatching :many
-- For which of these fulfillments a DISPATCH task waits, or is claimed. Their orders are locked by the caller.
SELECT fulfillment_id::uuid AS fulfillment_id, bool_or(claim_token IS NOT NULL)::boolean AS claimed FROM tasks
WHERE fulfillment_id = ANY(@fulfillment_ids::uuid[]) AND kind = 'DISPATCH' GROUP BY 1 ORDER BY 1;

-- name: TaskMove :exec
-- What is locked is being claimed: its worker will find the fulfillment as it is then.
UPDATE tasks t SET due_at = w.due_at, announced_at = NULL, parked = false
FROM (SELECT f.id, u.due_at FROM tasks f
      JOIN (SELECT unnest(@fulfillment_ids::uuid[]) AS fulfillment_id, unnest(@due_ats::timestamptz[]) AS due_at) u
        ON u.fulfillment_id = f.fulfillment_id
      WHERE f.kind = 'DISPATCH' AND f.claim_token IS NULL
      ORDER BY f.id FOR UPDATE OF f SKIP LOCKED) w
WHERE t.id = w.id;

-- name: FulfillmentReleases :many
-- When what waits for its time is sent, each time once.
SELECT DISTINCT order_id, scheduled_at::timestamptz AS at FROM fulfillments
WHERE account_id = @account_id AND order_id = ANY(@order_ids::uuid[]) AND status = 'SCHEDULED' AND scheduled_at IS NOT NULL
ORDER BY order_id, at;
