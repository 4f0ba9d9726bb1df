-- +goose Up
-- Named reasons that keep orders from being dispatched. Those that were released stay, for the record.
SET LOCAL lock_timeout = '5s';

CREATE TABLE holds (
    id uuid CONSTRAINT holds_pkey PRIMARY KEY,
    account_id uuid NOT NULL,
    order_id uuid NOT NULL,
    name text NOT NULL,
    reason text NOT NULL,
    placed_by text NOT NULL,
    placed_at timestamptz NOT NULL,
    released_by text,
    released_at timestamptz,
    CONSTRAINT holds_released_check CHECK ((released_by IS NULL) = (released_at IS NULL))
);
CREATE UNIQUE INDEX holds_open_idx ON holds (order_id, name) WHERE released_at IS NULL;
CREATE INDEX holds_order_idx ON holds (order_id, id);
