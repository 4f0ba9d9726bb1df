-- +goose Up
-- A queued slot may be the first of a row of late ones.
SET LOCAL lock_timeout = '5s';

ALTER TABLE schedules ADD COLUMN backlog boolean NOT NULL DEFAULT false; -- what was due since queued_slot waits with it
