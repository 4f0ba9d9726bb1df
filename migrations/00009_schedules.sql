-- +goose Up
-- Schedules that people make, what the records of runs tell, and control over queues and workers.
SET LOCAL lock_timeout = '5s';

ALTER TABLE schedules
    ADD COLUMN queue text NOT NULL DEFAULT 'system',
    ADD COLUMN priority smallint NOT NULL DEFAULT 0,
    ADD COLUMN max_runs bigint NOT NULL DEFAULT 0, -- 0: no limit
    ADD COLUMN jitter_ms bigint NOT NULL DEFAULT 0,
    ADD COLUMN overlap text NOT NULL DEFAULT 'SKIP',
    ADD COLUMN misfire text NOT NULL DEFAULT 'RUN_ONCE',
    ADD COLUMN misfire_limit integer NOT NULL DEFAULT 100,
    ADD COLUMN awaits uuid, -- the task whose end it waits for
    ADD COLUMN queued_slot timestamptz, -- fires once that task has ended
    ADD COLUMN skipped bigint NOT NULL DEFAULT 0, -- slots that did not fire because a run of an earlier one was not over
    ADD COLUMN missed bigint NOT NULL DEFAULT 0, -- slots that nobody was there to fire in time, and that the policy leaves out
    ADD COLUMN order_id uuid, -- what its arguments are about
    ADD COLUMN provider_id uuid,
    ADD COLUMN created_by text NOT NULL DEFAULT '', -- the actor who made it
    ADD COLUMN test_mode boolean NOT NULL DEFAULT false;
-- Whatever is paused or over is not looked at.
DROP INDEX schedules_due_idx;
CREATE INDEX schedules_due_idx ON schedules (next_at, id) WHERE next_at IS NOT NULL AND enabled;
CREATE INDEX schedules_awaits_idx ON schedules (awaits) WHERE awaits IS NOT NULL;
CREATE INDEX schedules_created_idx ON schedules (account_id, created_at, id);
CREATE INDEX schedules_next_idx ON schedules (account_id, next_at, id) WHERE next_at IS NOT NULL;

ALTER TABLE schedule_slots
    ADD COLUMN number bigint NOT NULL DEFAULT 0, -- of the run, from 1
    ADD COLUMN by_hand boolean NOT NULL DEFAULT false; -- a person ran it: the slot is the moment of that
CREATE INDEX schedule_slots_fired_idx ON schedule_slots USING brin (fired_at);

ALTER TABLE workers ADD COLUMN drain_asked_at timestamptz; -- takes no more tasks
CREATE INDEX workers_heartbeat_idx ON workers (heartbeat_at);
ALTER TABLE paused_queues ADD COLUMN paused_by text NOT NULL DEFAULT '';

-- Tasks whose run somebody asked to end. A row goes with the claim that it is about.
CREATE TABLE task_revocations (
    task_id uuid CONSTRAINT task_revocations_pkey PRIMARY KEY,
    claim_token uuid NOT NULL, -- of the run; a later run of a task that must not be given up goes on
    asked_by text NOT NULL,
    asked_at timestamptz NOT NULL
);

ALTER TABLE tasks
    ADD COLUMN name text NOT NULL DEFAULT '', -- of the schedule that began it; '': by its kind
    ADD COLUMN trace_id text NOT NULL DEFAULT '',
    ADD COLUMN error_class text NOT NULL DEFAULT '',
    ADD COLUMN error_stack text NOT NULL DEFAULT '';
CREATE INDEX tasks_schedule_idx ON tasks (schedule_id) WHERE schedule_id IS NOT NULL;

-- The words of what a run left, for full text search: whatever is no letter or digit parts words, and so does what JSON
-- escapes. What is very long is searched by its beginning. TaskFilter.Match in store cuts words the same way.
CREATE FUNCTION task_words(error text, result jsonb) RETURNS tsvector LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$ SELECT to_tsvector('simple'::regconfig,
    regexp_replace(lower(left(error, 20000)), '[^[:alnum:]]+', ' ', 'g') || ' ' ||
    regexp_replace(lower(left(coalesce(result::text, ''), 20000)), '(\\u[0-9a-f]{4}|\\[^u]|[^[:alnum:]\\])+', ' ', 'g')) $$;

-- Finished runs, in partitions by how they ended and when: each is dropped as a whole once it is past its keep.
ALTER TABLE task_results RENAME TO old_task_results;
ALTER TABLE old_task_results RENAME CONSTRAINT task_results_pkey TO old_task_results_pkey;
ALTER INDEX task_results_account_idx RENAME TO old_task_results_account_idx;
CREATE TABLE task_results (
    id uuid NOT NULL,
    account_id uuid NOT NULL,
    kind text NOT NULL,
    name text NOT NULL DEFAULT '',
    queue text NOT NULL,
    priority smallint NOT NULL,
    state text NOT NULL,
    dead boolean NOT NULL DEFAULT false,
    arguments jsonb,
    result jsonb,
    error text NOT NULL DEFAULT '',
    error_class text NOT NULL DEFAULT '',
    error_stack text NOT NULL DEFAULT '',
    order_id uuid,
    fulfillment_id uuid,
    provider_id uuid,
    schedule_id uuid,
    worker_id uuid,
    trace_id text NOT NULL DEFAULT '',
    attempt integer NOT NULL,
    max_attempts integer NOT NULL,
    due_at timestamptz NOT NULL, -- of the latest run
    enqueued_at timestamptz NOT NULL,
    started_at timestamptz,
    finished_at timestamptz NOT NULL,
    waiting_us bigint GENERATED ALWAYS AS ((extract(epoch FROM started_at - due_at) * 1000000)::bigint) STORED,
    running_us bigint GENERATED ALWAYS AS ((extract(epoch FROM finished_at - started_at) * 1000000)::bigint) STORED,
    CONSTRAINT task_results_pkey PRIMARY KEY (id, state, finished_at)
) PARTITION BY LIST (state);
CREATE TABLE task_results_done PARTITION OF task_results FOR VALUES IN ('SUCCESS') PARTITION BY RANGE (finished_at);
CREATE TABLE task_results_failed PARTITION OF task_results FOR VALUES IN ('FAILURE', 'REVOKED') PARTITION BY RANGE (finished_at);
-- What comes while no partition was made for its time.
CREATE TABLE task_results_done_rest PARTITION OF task_results_done DEFAULT;
CREATE TABLE task_results_failed_rest PARTITION OF task_results_failed DEFAULT;

-- For each order of the list, of all and of what is seldom. Dispatches, nearly all there are, are in none of the latter.
CREATE INDEX task_results_account_idx ON task_results (account_id, id);
CREATE INDEX task_results_finished_idx ON task_results (account_id, finished_at, id);
CREATE INDEX task_results_started_idx ON task_results (account_id, started_at, id);
CREATE INDEX task_results_running_idx ON task_results (account_id, running_us, id);
CREATE INDEX task_results_waiting_idx ON task_results (account_id, waiting_us, id);
CREATE INDEX task_results_order_idx ON task_results (order_id, id) WHERE order_id IS NOT NULL;
CREATE INDEX task_results_provider_idx ON task_results (provider_id, id) WHERE provider_id IS NOT NULL;
CREATE INDEX task_results_worker_idx ON task_results (worker_id, id) WHERE worker_id IS NOT NULL;
CREATE INDEX task_results_schedule_idx ON task_results (schedule_id, id) WHERE schedule_id IS NOT NULL;
CREATE INDEX task_results_kind_idx ON task_results (account_id, kind, id) WHERE kind <> 'DISPATCH';
CREATE INDEX task_results_queue_idx ON task_results (account_id, queue, id) WHERE kind <> 'DISPATCH';
CREATE INDEX task_results_name_idx ON task_results (account_id, name, id) WHERE name <> '';
CREATE INDEX task_results_priority_idx ON task_results (account_id, priority, id) WHERE priority > 0;
CREATE INDEX task_results_attempt_idx ON task_results (account_id, attempt, id) WHERE attempt > 1;
CREATE INDEX task_results_class_idx ON task_results (account_id, error_class, id) WHERE error_class <> '';
CREATE INDEX task_results_trace_idx ON task_results (trace_id, id) WHERE trace_id <> '';
CREATE INDEX task_results_words_idx ON task_results USING gin (task_words(error, result))
    WHERE error <> '' OR result IS NOT NULL;
-- Failures are few, and looked for in more ways.
CREATE INDEX task_results_failed_state_idx ON task_results_failed (account_id, state, id);
CREATE INDEX task_results_failed_dead_idx ON task_results_failed (account_id, dead, id);
CREATE INDEX task_results_failed_kind_idx ON task_results_failed (account_id, kind, id);
CREATE INDEX task_results_failed_queue_idx ON task_results_failed (account_id, queue, id);

INSERT INTO task_results (id, account_id, kind, queue, priority, state, dead, arguments, result, error, error_class,
    order_id, fulfillment_id, provider_id, schedule_id, worker_id, attempt, max_attempts, due_at, enqueued_at, started_at,
    finished_at)
SELECT id, account_id, kind, queue, priority, state, dead, arguments, result, error,
    CASE state WHEN 'FAILURE' THEN 'INTERNAL' ELSE '' END, order_id, fulfillment_id, provider_id, schedule_id, worker_id, attempt,
    max_attempts, enqueued_at, enqueued_at, started_at, finished_at
FROM old_task_results;
DROP TABLE old_task_results;
