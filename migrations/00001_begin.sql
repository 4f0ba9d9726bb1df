-- +goose Up
-- Every row of a tenant carries account_id. Ids are UUIDv7 whose last byte names their kind (internal/id). Money is
-- numeric(20,6). Columns that change on the hot path are kept out of indexes, so that those updates stay heap-only.
SET LOCAL lock_timeout = '5s';

CREATE TABLE meta (
    key text CONSTRAINT meta_pkey PRIMARY KEY,
    value text NOT NULL
);
-- The epoch is part of every feed cursor: a cursor from another database, or from before a restore that made a new
-- epoch, is recognized.
INSERT INTO meta (key, value) VALUES ('epoch', gen_random_uuid()::text), ('deadline_watermark', now()::text);

CREATE TABLE accounts (
    id uuid CONSTRAINT accounts_pkey PRIMARY KEY,
    name text NOT NULL CONSTRAINT accounts_name_key UNIQUE,
    currency text NOT NULL DEFAULT 'EUR',
    created_at timestamptz NOT NULL
);

CREATE TABLE users (
    id uuid CONSTRAINT users_pkey PRIMARY KEY,
    account_id uuid NOT NULL CONSTRAINT users_account_fkey REFERENCES accounts,
    username text NOT NULL CONSTRAINT users_username_key UNIQUE,
    password_hash text NOT NULL,
    role text NOT NULL,
    created_at timestamptz NOT NULL,
    disabled_at timestamptz
);
CREATE INDEX users_account_idx ON users (account_id, id);

CREATE TABLE sessions (
    id uuid CONSTRAINT sessions_pkey PRIMARY KEY,
    account_id uuid NOT NULL,
    user_id uuid NOT NULL CONSTRAINT sessions_user_fkey REFERENCES users,
    token_hash bytea NOT NULL CONSTRAINT sessions_token_key UNIQUE,
    created_at timestamptz NOT NULL,
    last_used_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    ended_at timestamptz
);
CREATE INDEX sessions_account_idx ON sessions (account_id, id);

CREATE TABLE api_keys (
    id uuid CONSTRAINT api_keys_pkey PRIMARY KEY,
    account_id uuid NOT NULL CONSTRAINT api_keys_account_fkey REFERENCES accounts,
    name text NOT NULL,
    prefix text NOT NULL, -- the first characters, for people to recognize a key by
    key_hash bytea NOT NULL CONSTRAINT api_keys_hash_key UNIQUE,
    role text NOT NULL,
    test_mode boolean NOT NULL DEFAULT false,
    created_by text NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz,
    last_used_at timestamptz,
    revoked_at timestamptz
);
CREATE INDEX api_keys_account_idx ON api_keys (account_id, id);

CREATE TABLE audit_entries (
    id uuid CONSTRAINT audit_entries_pkey PRIMARY KEY,
    account_id uuid NOT NULL,
    actor text NOT NULL,
    action text NOT NULL,
    target_id uuid,
    details jsonb,
    created_at timestamptz NOT NULL
);
CREATE INDEX audit_entries_account_idx ON audit_entries (account_id, id);

-- What was audited stays as it was, even for the role that wrote it.
-- +goose StatementBegin
CREATE FUNCTION audit_entries_keep() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'audit entries are never changed or deleted' USING ERRCODE = 'insufficient_privilege';
END $$;
-- +goose StatementEnd
CREATE TRIGGER audit_entries_keep BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_entries
    FOR EACH STATEMENT EXECUTE FUNCTION audit_entries_keep();

CREATE TABLE providers (
    id uuid CONSTRAINT providers_pkey PRIMARY KEY,
    account_id uuid NOT NULL CONSTRAINT providers_account_fkey REFERENCES accounts,
    name text NOT NULL,
    adapter text NOT NULL,
    base_url text NOT NULL,
    credentials bytea, -- sealed JSON object
    enabled boolean NOT NULL DEFAULT true,
    simulated boolean NOT NULL DEFAULT false,
    paused_reason text NOT NULL DEFAULT '',
    paused_at timestamptz,
    timeout_ms bigint NOT NULL DEFAULT 30000,
    concurrency integer NOT NULL DEFAULT 0,
    budget numeric(20,6),
    currency text NOT NULL,
    reserved numeric(20,6) NOT NULL DEFAULT 0,
    spent numeric(20,6) NOT NULL DEFAULT 0,
    overcharge numeric(20,6) NOT NULL DEFAULT 0,
    attention text NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT providers_name_key UNIQUE (account_id, name),
    CONSTRAINT providers_budget_check CHECK (budget IS NULL OR reserved = 0 OR reserved + spent - overcharge <= budget)
) WITH (fillfactor = 50);

CREATE TABLE offers (
    id uuid CONSTRAINT offers_pkey PRIMARY KEY,
    account_id uuid NOT NULL,
    provider_id uuid NOT NULL CONSTRAINT offers_provider_fkey REFERENCES providers,
    external_id text NOT NULL,
    name text NOT NULL,
    category text NOT NULL,
    service_type text NOT NULL,
    unit_price numeric(20,6) NOT NULL,
    currency text NOT NULL,
    min_quantity integer NOT NULL DEFAULT 1,
    max_quantity integer NOT NULL DEFAULT 0, -- 0: unlimited
    available_from timestamptz,
    available_until timestamptz,
    sla_ms bigint NOT NULL DEFAULT 0,
    cool_down_ms bigint NOT NULL DEFAULT 0,
    enabled boolean NOT NULL DEFAULT true,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT offers_external_key UNIQUE (provider_id, external_id)
);
CREATE INDEX offers_route_idx ON offers (account_id, category, service_type);
CREATE INDEX offers_account_idx ON offers (account_id, id);

CREATE TABLE orders (
    id uuid CONSTRAINT orders_pkey PRIMARY KEY,
    account_id uuid NOT NULL,
    reference text NOT NULL,
    category text NOT NULL,
    destination jsonb NOT NULL,
    status text NOT NULL,
    currency text NOT NULL,
    budget numeric(20,6),
    reserved numeric(20,6) NOT NULL DEFAULT 0,
    spent numeric(20,6) NOT NULL DEFAULT 0,
    overcharge numeric(20,6) NOT NULL DEFAULT 0,
    quantity integer NOT NULL,
    delivered integer NOT NULL DEFAULT 0,
    deadline timestamptz,
    priority smallint NOT NULL DEFAULT 0,
    metadata jsonb,
    held boolean NOT NULL DEFAULT false,
    attention text NOT NULL DEFAULT '',
    cancel_asked boolean NOT NULL DEFAULT false,
    expired boolean NOT NULL DEFAULT false,
    test_mode boolean NOT NULL DEFAULT false, -- placed with a test-mode key: simulated providers only
    sequence integer NOT NULL DEFAULT 0,
    created_by text NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    finished_at timestamptz,
    CONSTRAINT orders_reference_key UNIQUE (account_id, reference),
    CONSTRAINT orders_budget_check CHECK (budget IS NULL OR reserved = 0 OR reserved + spent - overcharge <= budget)
) WITH (fillfactor = 70);
CREATE INDEX orders_account_idx ON orders (account_id, created_at, id);
CREATE INDEX orders_attention_idx ON orders (account_id, created_at, id) WHERE attention <> '';
CREATE INDEX orders_deadline_idx ON orders (deadline) WHERE deadline IS NOT NULL;

CREATE TABLE order_lines (
    id uuid CONSTRAINT order_lines_pkey PRIMARY KEY,
    account_id uuid NOT NULL,
    order_id uuid NOT NULL,
    position integer NOT NULL,
    service_type text NOT NULL,
    quantity integer NOT NULL,
    attributes jsonb
);
CREATE INDEX order_lines_order_idx ON order_lines (order_id, position);

CREATE TABLE fulfillments (
    id uuid CONSTRAINT fulfillments_pkey PRIMARY KEY,
    account_id uuid NOT NULL,
    order_id uuid NOT NULL,
    line_id uuid NOT NULL,
    provider_id uuid,
    offer_id uuid,
    replaces_id uuid,
    excluded uuid[] NOT NULL DEFAULT '{}',
    quantity integer NOT NULL,
    delivered integer NOT NULL DEFAULT 0,
    status text NOT NULL,
    generation integer NOT NULL DEFAULT 1,
    unit_price numeric(20,6) NOT NULL DEFAULT 0,
    currency text NOT NULL,
    reserved numeric(20,6) NOT NULL DEFAULT 0,
    charged numeric(20,6) NOT NULL DEFAULT 0,
    overcharge numeric(20,6) NOT NULL DEFAULT 0,
    external_id text,
    external_status text NOT NULL DEFAULT '',
    failure text NOT NULL DEFAULT '',
    attention text NOT NULL DEFAULT '',
    cancel_asked boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    submitted_at timestamptz,
    changed_at timestamptz,
    next_poll_at timestamptz,
    finished_at timestamptz
) WITH (fillfactor = 60);
CREATE INDEX fulfillments_order_idx ON fulfillments (order_id, id);
CREATE INDEX fulfillments_account_idx ON fulfillments (account_id, created_at, id);
CREATE INDEX fulfillments_attention_idx ON fulfillments (account_id, created_at, id) WHERE attention <> '';
CREATE INDEX fulfillments_poll_idx ON fulfillments (next_poll_at) WHERE next_poll_at IS NOT NULL;
CREATE INDEX fulfillments_external_idx ON fulfillments (external_id) WHERE external_id IS NOT NULL;

CREATE TABLE attempts (
    id uuid CONSTRAINT attempts_pkey PRIMARY KEY,
    account_id uuid NOT NULL,
    fulfillment_id uuid NOT NULL,
    provider_id uuid NOT NULL,
    operation text NOT NULL,
    key text NOT NULL, -- a function of fulfillment, provider, generation and operation
    call_number integer NOT NULL,
    state text NOT NULL,
    class text NOT NULL DEFAULT '',
    message text NOT NULL DEFAULT '',
    latency_us bigint NOT NULL DEFAULT 0,
    request jsonb,
    response jsonb,
    started_at timestamptz NOT NULL,
    finished_at timestamptz,
    CONSTRAINT attempts_call_key UNIQUE (fulfillment_id, key, call_number)
) WITH (fillfactor = 70);

CREATE TABLE routing_decisions (
    fulfillment_id uuid NOT NULL,
    made_at timestamptz NOT NULL,
    account_id uuid NOT NULL,
    offer_id uuid, -- NULL: nothing matched
    candidates jsonb NOT NULL,
    CONSTRAINT routing_decisions_pkey PRIMARY KEY (fulfillment_id, made_at)
);

CREATE TABLE ledger_entries (
    id uuid CONSTRAINT ledger_entries_pkey PRIMARY KEY,
    account_id uuid NOT NULL,
    order_id uuid NOT NULL,
    fulfillment_id uuid NOT NULL,
    provider_id uuid NOT NULL,
    kind text NOT NULL,
    currency text NOT NULL,
    reserved numeric(20,6) NOT NULL DEFAULT 0,
    spent numeric(20,6) NOT NULL DEFAULT 0,
    overcharge numeric(20,6) NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL
);
CREATE INDEX ledger_entries_order_idx ON ledger_entries (order_id, id);

CREATE SEQUENCE events_id_seq AS bigint;
CREATE TABLE events (
    id bigint NOT NULL DEFAULT nextval('events_id_seq'),
    xid xid8 NOT NULL DEFAULT pg_current_xact_id(), -- what the feed is read by
    account_id uuid NOT NULL,
    order_id uuid NOT NULL,
    fulfillment_id uuid,
    sequence integer NOT NULL,
    kind text NOT NULL,
    actor text NOT NULL,
    occurred_at timestamptz NOT NULL,
    changes json NOT NULL,
    snapshot json NOT NULL,
    CONSTRAINT events_pkey PRIMARY KEY (xid, id),
    CONSTRAINT events_sequence_key UNIQUE (order_id, sequence)
);

CREATE TABLE schedules (
    id uuid CONSTRAINT schedules_pkey PRIMARY KEY,
    account_id uuid NOT NULL CONSTRAINT schedules_account_fkey REFERENCES accounts,
    name text NOT NULL,
    rule text NOT NULL, -- INTERVAL, CRON or ONCE
    every_ms bigint NOT NULL DEFAULT 0,
    cron text NOT NULL DEFAULT '',
    time_zone text NOT NULL DEFAULT 'UTC',
    task_kind text NOT NULL,
    arguments jsonb NOT NULL DEFAULT '{}',
    enabled boolean NOT NULL DEFAULT true,
    system boolean NOT NULL DEFAULT false,
    starts_at timestamptz,
    ends_at timestamptz,
    next_at timestamptz, -- NULL: never again
    last_slot timestamptz,
    runs bigint NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT schedules_name_key UNIQUE (account_id, name)
);
CREATE INDEX schedules_due_idx ON schedules (next_at) WHERE next_at IS NOT NULL;

CREATE TABLE schedule_slots (
    schedule_id uuid NOT NULL,
    slot timestamptz NOT NULL,
    task_id uuid NOT NULL,
    fired_at timestamptz NOT NULL,
    CONSTRAINT schedule_slots_pkey PRIMARY KEY (schedule_id, slot)
);

CREATE TABLE workers (
    id uuid CONSTRAINT workers_pkey PRIMARY KEY,
    host text NOT NULL,
    pid integer NOT NULL,
    version text NOT NULL,
    queues text[] NOT NULL,
    running integer NOT NULL DEFAULT 0,
    started_at timestamptz NOT NULL DEFAULT now(),
    heartbeat_at timestamptz NOT NULL DEFAULT now()
);

-- Queues that an operator stopped: neither announced nor popped.
CREATE TABLE paused_queues (
    queue text CONSTRAINT paused_queues_pkey PRIMARY KEY,
    reason text NOT NULL DEFAULT '',
    paused_at timestamptz NOT NULL DEFAULT now()
);

-- Waiting and running tasks: the outbox. A claim changes no indexed column.
CREATE TABLE tasks (
    id uuid CONSTRAINT tasks_pkey PRIMARY KEY,
    account_id uuid NOT NULL,
    kind text NOT NULL,
    queue text NOT NULL,
    priority smallint NOT NULL DEFAULT 0,
    state text NOT NULL DEFAULT 'PENDING',
    arguments jsonb,
    order_id uuid,
    fulfillment_id uuid,
    provider_id uuid,
    schedule_id uuid,
    unique_key text,
    due_at timestamptz NOT NULL DEFAULT now(),
    announced_at timestamptz DEFAULT now(), -- NULL: the sweeper shall announce it
    parked boolean NOT NULL DEFAULT false, -- due, but its account has enough announced: see task_crowds
    attempt integer NOT NULL DEFAULT 0,
    max_attempts integer NOT NULL DEFAULT 25,
    worker_id uuid,
    claim_token uuid,
    last_error text NOT NULL DEFAULT '',
    enqueued_at timestamptz NOT NULL DEFAULT now(),
    started_at timestamptz
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_cost_delay = 0);
CREATE INDEX tasks_due_idx ON tasks (queue, due_at) WHERE NOT parked;
CREATE INDEX tasks_parked_idx ON tasks (queue, account_id, priority DESC, due_at, id) WHERE parked;
CREATE INDEX tasks_fulfillment_idx ON tasks (fulfillment_id) WHERE fulfillment_id IS NOT NULL;
CREATE UNIQUE INDEX tasks_unique_idx ON tasks (unique_key) WHERE unique_key IS NOT NULL;

-- Accounts with as many announced, unclaimed tasks in a queue as they may have. Their further tasks are parked, and the
-- sweeper announces those account by account in turn.
CREATE TABLE task_crowds (
    queue text NOT NULL,
    account_id uuid NOT NULL,
    CONSTRAINT task_crowds_pkey PRIMARY KEY (queue, account_id)
);

CREATE TABLE task_results (
    id uuid NOT NULL,
    account_id uuid NOT NULL,
    kind text NOT NULL,
    queue text NOT NULL,
    priority smallint NOT NULL,
    state text NOT NULL,
    dead boolean NOT NULL DEFAULT false,
    arguments jsonb,
    result jsonb,
    error text NOT NULL DEFAULT '',
    order_id uuid,
    fulfillment_id uuid,
    provider_id uuid,
    schedule_id uuid,
    worker_id uuid,
    attempt integer NOT NULL,
    max_attempts integer NOT NULL,
    enqueued_at timestamptz NOT NULL,
    started_at timestamptz,
    finished_at timestamptz NOT NULL,
    CONSTRAINT task_results_pkey PRIMARY KEY (id, finished_at)
) PARTITION BY RANGE (finished_at);
CREATE TABLE task_results_rest PARTITION OF task_results DEFAULT;
CREATE INDEX task_results_account_idx ON task_results (account_id, id);

CREATE TABLE idempotency_keys (
    account_id uuid NOT NULL,
    mutation text NOT NULL,
    key text NOT NULL,
    body_hash bytea NOT NULL,
    result_ids uuid[] NOT NULL,
    created_at timestamptz NOT NULL,
    CONSTRAINT idempotency_keys_pkey PRIMARY KEY (account_id, mutation, key)
);
CREATE INDEX idempotency_keys_created_idx ON idempotency_keys (created_at);

CREATE TABLE webhook_receipts (
    provider_id uuid NOT NULL,
    delivery_id text NOT NULL,
    received_at timestamptz NOT NULL,
    CONSTRAINT webhook_receipts_pkey PRIMARY KEY (provider_id, delivery_id)
);
CREATE INDEX webhook_receipts_received_idx ON webhook_receipts (received_at);
