-- name: HealthMeasure :exec
-- Bounded whatever the tables hold: the latest calls by their ids, and of each stretch of time a few fulfillments.
WITH latest AS (
    SELECT provider_id, class, latency_us FROM attempts
    WHERE attempts.id >= @calls_since::uuid AND class <> '' ORDER BY attempts.id DESC LIMIT @most_calls::int
), calls AS (
    SELECT provider_id, count(*) AS calls, count(*) FILTER (WHERE class IN ('ACCEPTED', 'DUPLICATE')) AS succeeded,
        percentile_cont(0.5) WITHIN GROUP (ORDER BY latency_us) AS p50,
        percentile_cont(0.95) WITHIN GROUP (ORDER BY latency_us) AS p95
    FROM latest GROUP BY provider_id
), failures AS (
    SELECT provider_id, jsonb_object_agg(class, count) AS classes
    FROM (SELECT provider_id, class, count(*) FROM latest WHERE class NOT IN ('ACCEPTED', 'DUPLICATE') GROUP BY 1, 2) one
    GROUP BY provider_id
), sample AS (
    SELECT f.provider_id, f.status, f.submitted_at, f.finished_at
    FROM (SELECT unnest(@stretch_begins::uuid[]) AS begins, unnest(@stretch_ends::uuid[]) AS ends) s
    CROSS JOIN LATERAL (SELECT * FROM fulfillments i WHERE i.id >= s.begins AND i.id < s.ends
        ORDER BY i.id LIMIT @stretch_most::int) f
    WHERE f.provider_id IS NOT NULL AND f.finished_at IS NOT NULL AND f.status IN ('FULFILLED', 'FAILED', 'REJECTED')
), results AS (
    SELECT provider_id, count(*) AS ended, count(*) FILTER (WHERE status = 'FULFILLED') AS fulfilled,
        percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM finished_at - submitted_at))
            FILTER (WHERE status = 'FULFILLED') AS seconds
    FROM sample GROUP BY provider_id
)
INSERT INTO provider_health AS h (provider_id, account_id, measured_at, calls, succeeded, failures, latency_p50_us,
    latency_p95_us, ended, fulfilled, fulfill_ms)
SELECT p.id, p.account_id, now(), coalesce(c.calls, 0), coalesce(c.succeeded, 0), coalesce(x.classes, '{}'), c.p50::bigint,
    c.p95::bigint, coalesce(r.ended, 0), coalesce(r.fulfilled, 0), (1000 * r.seconds)::bigint
FROM providers p LEFT JOIN calls c ON c.provider_id = p.id LEFT JOIN failures x ON x.provider_id = p.id
LEFT JOIN results r ON r.provider_id = p.id
ORDER BY p.id
ON CONFLICT (provider_id) DO UPDATE SET measured_at = excluded.measured_at, calls = excluded.calls,
    succeeded = excluded.succeeded, failures = excluded.failures, latency_p50_us = excluded.latency_p50_us,
    latency_p95_us = excluded.latency_p95_us, ended = excluded.ended, fulfilled = excluded.fulfilled,
    fulfill_ms = excluded.fulfill_ms;

-- name: HealthMeasureOffers :exec
WITH sample AS (
    SELECT f.offer_id, f.submitted_at, f.finished_at
    FROM (SELECT unnest(@stretch_begins::uuid[]) AS begins, unnest(@stretch_ends::uuid[]) AS ends) s
    CROSS JOIN LATERAL (SELECT * FROM fulfillments i WHERE i.id >= s.begins AND i.id < s.ends
        ORDER BY i.id LIMIT @stretch_most::int) f
    WHERE f.status = 'FULFILLED' AND f.submitted_at IS NOT NULL AND f.finished_at IS NOT NULL
)
INSERT INTO offer_health AS h (offer_id, account_id, fulfill_ms)
SELECT o.id, o.account_id, (1000 * percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM s.finished_at - s.submitted_at)))::bigint
FROM sample s JOIN offers o ON o.id = s.offer_id GROUP BY o.id, o.account_id ORDER BY o.id
ON CONFLICT (offer_id) DO UPDATE SET fulfill_ms = excluded.fulfill_ms WHERE h.fulfill_ms <> excluded.fulfill_ms;

-- name: HealthGetMany :many
SELECT * FROM provider_health WHERE account_id = @account_id AND provider_id = ANY(@ids::uuid[]) ORDER BY provider_id;

-- name: BreakerOpen :exec
INSERT INTO provider_breakers (provider_id, operation, worker_id, account_id, open_until)
VALUES (@provider_id, @operation, @worker_id, @account_id, now() + make_interval(secs => @seconds::float8))
ON CONFLICT (provider_id, operation, worker_id) DO UPDATE SET open_until = excluded.open_until;

-- name: BreakerClose :exec
DELETE FROM provider_breakers WHERE provider_id = @provider_id AND operation = @operation AND worker_id = @worker_id;

-- name: BreakerForget :exec
-- Of workers that are gone nobody closes them.
DELETE FROM provider_breakers WHERE open_until < now() - interval '10 minutes';

-- name: BreakerList :many
SELECT provider_id, operation, max(open_until)::timestamptz AS open_until, count(*)::int AS workers FROM provider_breakers
WHERE account_id = @account_id AND provider_id = ANY(@ids::uuid[]) AND open_until > now()
GROUP BY provider_id, operation ORDER BY provider_id, operation;
