-- +goose Up
-- Schedules are listed by what they are about.
SET LOCAL lock_timeout = '5s';

CREATE INDEX schedules_order_idx ON schedules (order_id) WHERE order_id IS NOT NULL;
CREATE INDEX schedules_provider_idx ON schedules (provider_id) WHERE provider_id IS NOT NULL;
