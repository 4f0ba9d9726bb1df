-- +goose Up
-- Slots and drains of workers, and counts that are kept: what tasks came to, stretch by stretch, and how many things are in
-- which state.
SET LOCAL lock_timeout = '5s';

ALTER TABLE workers
    ADD COLUMN slots integer[] NOT NULL DEFAULT '{}', -- how many tasks of each of its queues it runs at a time
    ADD COLUMN stopped_at timestamptz; -- it said good-bye

-- The bucket of a length of time, by its upper bound: 2^(bucket/8) microseconds. Neighbors differ by a factor of 1.09.
CREATE FUNCTION duration_bucket(us bigint) RETURNS integer LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$ SELECT CASE WHEN us <= 1 THEN 0 ELSE ceil(8 * ln(us::float8) / ln(2::float8))::integer END $$;

-- What tasks came to in stretches of time: of ten seconds, and of what these add up to. A row is never changed.
CREATE TABLE task_rollups (
    step integer NOT NULL, -- length of the stretch in seconds
    account_id uuid NOT NULL,
    began_at timestamptz NOT NULL,
    queue text NOT NULL,
    kind text NOT NULL,
    provider_id uuid NOT NULL, -- all zero: none
    state text NOT NULL, -- in which tasks ended; '': they came in
    error_class text NOT NULL,
    count bigint NOT NULL,
    waiting integer[] NOT NULL, -- buckets and how many are in each, in turn
    running integer[] NOT NULL,
    CONSTRAINT task_rollups_pkey PRIMARY KEY (step, account_id, began_at, queue, kind, provider_id, state, error_class)
);

-- Until when the record is rolled up, by step. All begin with the first day of which there is something.
CREATE TABLE rollup_marks (
    step integer CONSTRAINT rollup_marks_pkey PRIMARY KEY,
    until timestamptz NOT NULL
);
INSERT INTO rollup_marks (step, until)
SELECT s.step, date_trunc('day', GREATEST(
    (SELECT LEAST(now(), min(finished_at)) FROM task_results), now() - interval '40 days'), 'UTC')
FROM (VALUES (10), (60), (3600), (86400)) s (step);

-- How many orders, fulfillments and calls of the last hour of an account are in which state, counted now and then.
CREATE TABLE status_counts (
    account_id uuid NOT NULL,
    noun text NOT NULL,
    status text NOT NULL,
    count bigint NOT NULL,
    CONSTRAINT status_counts_pkey PRIMARY KEY (account_id, noun, status)
);
INSERT INTO status_counts (account_id, noun, status, count)
SELECT account_id, 'order', status, count(*) FROM orders GROUP BY account_id, status
UNION ALL
SELECT account_id, 'fulfillment', status, count(*) FROM fulfillments GROUP BY account_id, status;
INSERT INTO meta (key, value) VALUES ('counted_at', now()::text);
