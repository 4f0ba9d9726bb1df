-- +goose Up
-- What people and plans do with single fulfillments, and what providers deliver besides the goods.
SET LOCAL lock_timeout = '5s';

ALTER TABLE fulfillments
    ADD COLUMN reroute_same boolean NOT NULL DEFAULT false, -- of reroute_asked: even to the same provider
    ADD COLUMN sla_ms bigint NOT NULL DEFAULT 0; -- progress is promised within; 0: no promise

CREATE INDEX fulfillments_sla_idx ON fulfillments (sla_at) WHERE sla_at IS NOT NULL;
