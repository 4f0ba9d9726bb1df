-- +goose Up
-- Mass changes: what was asked for, and what became of each target. New tables only.
SET LOCAL lock_timeout = '5s';

CREATE TABLE bulk_operations (
    id uuid CONSTRAINT bulk_operations_pkey PRIMARY KEY,
    account_id uuid NOT NULL CONSTRAINT bulk_operations_account_fkey REFERENCES accounts,
    kind text NOT NULL,
    state text NOT NULL,
    arguments jsonb NOT NULL, -- the input as it was given, without its idempotency key
    total integer NOT NULL,
    done integer NOT NULL DEFAULT 0, -- rows are worked off in order: done + failed is the position of the next one
    failed integer NOT NULL DEFAULT 0,
    cancel_asked boolean NOT NULL DEFAULT false,
    error text NOT NULL DEFAULT '', -- why it broke down
    created_by text NOT NULL,
    role text NOT NULL, -- of who asked for it, in whose name it goes on
    test_mode boolean NOT NULL,
    created_at timestamptz NOT NULL,
    started_at timestamptz,
    finished_at timestamptz,
    CONSTRAINT bulk_operations_progress_check CHECK (done >= 0 AND failed >= 0 AND done + failed <= total)
) WITH (fillfactor = 50);
CREATE INDEX bulk_operations_account_idx ON bulk_operations (account_id, created_at, id);
CREATE INDEX bulk_operations_finished_idx ON bulk_operations (finished_at) WHERE finished_at IS NOT NULL;

-- Up to a million for an operation. No foreign key: checking it for each row would double what making them takes. What is
-- done changes no indexed column; what has failed is found by its own index.
CREATE TABLE bulk_rows (
    operation_id uuid NOT NULL,
    position integer NOT NULL, -- from 0 without a gap
    account_id uuid NOT NULL,
    target_id uuid NOT NULL,
    outcome text NOT NULL DEFAULT 'PENDING',
    code text NOT NULL DEFAULT '', -- '': not failed
    message text NOT NULL DEFAULT '',
    CONSTRAINT bulk_rows_pkey PRIMARY KEY (operation_id, position)
) WITH (fillfactor = 70);
CREATE INDEX bulk_rows_failed_idx ON bulk_rows (operation_id, position) WHERE code <> '';
