-- +goose Up
-- What the engine needs to know of orders, fulfillments, providers and offers besides their first shape. Columns with a
-- constant default: no table is rewritten, and the locks are short.
SET LOCAL lock_timeout = '5s';

ALTER TABLE orders
    ADD COLUMN deadline_action text NOT NULL DEFAULT 'FINISH', -- what a passed deadline does to what is at providers
    ADD COLUMN routing_policy_id uuid, -- NULL: its category's, or the account's default
    ADD COLUMN pacing jsonb; -- NULL: all at once

ALTER TABLE fulfillments
    ADD COLUMN scheduled_at timestamptz, -- not to be sent before; NULL: at once
    ADD COLUMN sla_at timestamptz, -- progress is expected by then; NULL: nothing is promised
    ADD COLUMN reroute_asked boolean NOT NULL DEFAULT false, -- once its provider has canceled it, the rest goes elsewhere
    ADD COLUMN budget_day date; -- of the provider's daily budget that its reservation counts against

ALTER TABLE ledger_entries ADD COLUMN day date; -- the fulfillment's budget_day

ALTER TABLE providers
    ADD COLUMN day_budget numeric(20,6),
    ADD COLUMN rate_calls integer NOT NULL DEFAULT 0, -- calls in each rate_per_ms, over all processes; 0: unlimited
    ADD COLUMN rate_per_ms bigint NOT NULL DEFAULT 0,
    ADD COLUMN priority smallint NOT NULL DEFAULT 0,
    ADD COLUMN weight integer NOT NULL DEFAULT 1;

ALTER TABLE offers
    ADD COLUMN regions text[] NOT NULL DEFAULT '{}', -- countries that it is delivered to; empty: all
    ADD COLUMN priority smallint NOT NULL DEFAULT 0,
    ADD COLUMN weight integer NOT NULL DEFAULT 1;
