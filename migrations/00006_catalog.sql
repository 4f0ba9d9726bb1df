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
