-- +goose Up
-- Day budgets, breakers, health and catalogs of providers. New tables, and columns with a constant default: the locks are
-- short.
SET LOCAL lock_timeout = '5s';

-- What a provider's ledger entries of one day (UTC) add up to: those of the reservations made on it, whenever they were
-- charged or released. Moved by the statement that moves the provider's own sums, under the provider's lock.
CREATE TABLE provider_days (
    provider_id uuid NOT NULL,
    day date NOT NULL,
    account_id uuid NOT NULL,
    budget numeric(20,6), -- the provider's day budget when something was last reserved of it; NULL: unlimited
    reserved numeric(20,6) NOT NULL DEFAULT 0,
    spent numeric(20,6) NOT NULL DEFAULT 0,
    overcharge numeric(20,6) NOT NULL DEFAULT 0,
    CONSTRAINT provider_days_pkey PRIMARY KEY (provider_id, day),
    CONSTRAINT provider_days_budget_check CHECK (budget IS NULL OR reserved = 0 OR reserved + spent - overcharge <= budget)
) WITH (fillfactor = 50);

-- Which workers leave a provider alone because it failed too often, and until when. Written when a breaker opens or closes.
CREATE TABLE provider_breakers (
    provider_id uuid NOT NULL,
    operation text NOT NULL,
    worker_id uuid NOT NULL, -- of the process whose breaker it is
    account_id uuid NOT NULL,
    open_until timestamptz NOT NULL,
    CONSTRAINT provider_breakers_pkey PRIMARY KEY (provider_id, operation, worker_id)
);

-- How providers do, measured every few seconds, and what their last check found.
CREATE TABLE provider_health (
    provider_id uuid CONSTRAINT provider_health_pkey PRIMARY KEY,
    account_id uuid NOT NULL,
    measured_at timestamptz, -- NULL: not yet
    calls integer NOT NULL DEFAULT 0,
    succeeded integer NOT NULL DEFAULT 0, -- of the calls
    failures jsonb NOT NULL DEFAULT '{}', -- the other calls by class
    latency_p50_us bigint,
    latency_p95_us bigint,
    ended integer NOT NULL DEFAULT 0, -- fulfillments of the sample
    fulfilled integer NOT NULL DEFAULT 0, -- of these
    fulfill_ms bigint, -- median from submission to fulfillment
    checked_at timestamptz,
    check_error text NOT NULL DEFAULT '',
    balance numeric(20,6),
    balance_currency text NOT NULL DEFAULT ''
);

-- The same of offers, for routing by speed; only where there is something to tell.
CREATE TABLE offer_health (
    offer_id uuid CONSTRAINT offer_health_pkey PRIMARY KEY,
    account_id uuid NOT NULL,
    fulfill_ms bigint NOT NULL
);

-- A deleted provider is hidden and given nothing, and its name is free; its history stays. What still holds money of it
-- can't be deleted, and nothing can be reserved of a deleted one, whoever read it before.
ALTER TABLE providers ADD COLUMN deleted_at timestamptz;
ALTER TABLE providers DROP CONSTRAINT providers_name_key;
CREATE UNIQUE INDEX providers_name_key ON providers (account_id, name) WHERE deleted_at IS NULL;
ALTER TABLE providers ADD CONSTRAINT providers_deleted_check CHECK (deleted_at IS NULL OR reserved = 0) NOT VALID;

ALTER TABLE offers ADD COLUMN vanished boolean NOT NULL DEFAULT false; -- disabled because it was listed no more

-- Comparisons of a provider's offers with what it lists.
CREATE TABLE offer_syncs (
    id uuid CONSTRAINT offer_syncs_pkey PRIMARY KEY,
    account_id uuid NOT NULL,
    provider_id uuid NOT NULL CONSTRAINT offer_syncs_provider_fkey REFERENCES providers,
    mode text NOT NULL, -- APPLY or PROPOSE
    state text NOT NULL, -- RUNNING, PROPOSED, APPLIED, DISCARDED or FAILED
    added integer NOT NULL DEFAULT 0,
    changed integer NOT NULL DEFAULT 0,
    disabled integer NOT NULL DEFAULT 0,
    skipped integer NOT NULL DEFAULT 0,
    error text NOT NULL DEFAULT '',
    created_by text NOT NULL,
    created_at timestamptz NOT NULL,
    listed_at timestamptz,
    decided_by text NOT NULL DEFAULT '',
    decided_at timestamptz
);
CREATE INDEX offer_syncs_provider_idx ON offer_syncs (provider_id, created_at, id);
CREATE UNIQUE INDEX offer_syncs_running_key ON offer_syncs (provider_id) WHERE state = 'RUNNING';

CREATE TABLE offer_sync_changes (
    id uuid CONSTRAINT offer_sync_changes_pkey PRIMARY KEY,
    account_id uuid NOT NULL,
    sync_id uuid NOT NULL CONSTRAINT offer_sync_changes_sync_fkey REFERENCES offer_syncs,
    kind text NOT NULL, -- ADD, CHANGE, DISABLE or SKIP
    external_id text NOT NULL,
    offer_id uuid, -- NULL: it is not there yet
    name text NOT NULL,
    reason text NOT NULL DEFAULT '',
    fields jsonb NOT NULL, -- before and after
    offer jsonb -- as it becomes; NULL: nothing is to be done
);
CREATE INDEX offer_sync_changes_sync_idx ON offer_sync_changes (sync_id, id);
