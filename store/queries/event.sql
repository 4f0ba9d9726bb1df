-- name: EventAhead :many
-- What is not visible in a snapshot, given by its end and what was running, and where the feed stands in this
-- statement's own. Transaction ids that this server has not given out yet came with a restore from another.
SELECT id, xid::text AS xid, account_id, order_id, fulfillment_id, sequence, kind, actor, occurred_at, changes, snapshot,
    pg_current_snapshot()::text AS head, pg_current_wal_insert_lsn()::text AS lsn
FROM events
WHERE xid >= CAST(@ends::text AS xid8) AND xid < pg_snapshot_xmax(pg_current_snapshot())
    OR xid = ANY(CAST(@running::text[] AS xid8[]))
ORDER BY id LIMIT $1;

-- name: EventRefs :many
-- What is visible in a snapshot, but not in an earlier one, given by its end and what was running.
SELECT id, xid::text AS xid FROM events
WHERE (xid >= CAST(@ends::text AS xid8) AND xid < CAST(@snapshot_ends::text AS xid8) OR xid = ANY(CAST(@running::text[] AS xid8[])))
    AND pg_visible_in_snapshot(xid, (SELECT CAST(@snapshot::text AS pg_snapshot))) AND id > @after::bigint
    AND (account_id = sqlc.narg('account')::uuid OR sqlc.narg('account')::uuid IS NULL)
ORDER BY id LIMIT $1;

-- name: EventGetMany :many
SELECT e.id, e.xid::text AS xid, e.account_id, e.order_id, e.fulfillment_id, e.sequence, e.kind, e.actor, e.occurred_at,
    e.changes, e.snapshot
FROM (SELECT unnest(@xids::text[])::xid8 AS xid, unnest(@ids::bigint[]) AS id) wanted
JOIN events e ON e.xid = wanted.xid AND e.id = wanted.id
ORDER BY e.id;

-- name: EventOfOrder :many
SELECT id, xid::text AS xid, account_id, order_id, fulfillment_id, sequence, kind, actor, occurred_at, changes, snapshot
FROM events WHERE order_id = $2 AND account_id = $3 AND sequence > @after::int
ORDER BY sequence LIMIT $1;

-- name: EventLatestOfOrder :one
SELECT id, xid::text AS xid, account_id, order_id, fulfillment_id, sequence, kind, actor, occurred_at, changes, snapshot
FROM events WHERE order_id = $1 AND account_id = $2
ORDER BY sequence DESC LIMIT 1;

-- name: EventSnapshot :one
SELECT pg_current_snapshot()::text AS head, pg_current_wal_insert_lsn()::text AS lsn;

-- name: EventHead :one
-- What the epoch is made of: our own mark, and the identity of the server, its line and the database. And it makes sure
-- that all up to an LSN is on disk; it writes a record of its own only where nobody else has seen to that.
SELECT coalesce((SELECT value FROM meta WHERE key = 'epoch'), '')::text AS epoch,
    (SELECT system_identifier FROM pg_control_system())::text AS system,
    substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8)::text AS timeline,
    (current_database() || ':' || 'meta'::regclass::oid)::text AS database,
    coalesce((SELECT value FROM meta WHERE key = 'feed_floor'), '0')::text AS floor,
    (CASE WHEN pg_current_wal_flush_lsn() < CAST(@lsn::text AS pg_lsn)
        THEN set_config('synchronous_commit', 'local', true) || pg_logical_emit_message(true, 'boostress', '')
        ELSE '' END)::text AS flushed;

-- name: EventForget :one
-- Raises the floor to the latest of the transactions whose events go.
WITH gone AS (
    DELETE FROM events WHERE order_id = ANY(@order_ids::uuid[]) RETURNING xid
), latest AS (
    SELECT xid FROM gone ORDER BY xid DESC LIMIT 1
), raised AS (
    INSERT INTO meta (key, value) SELECT 'feed_floor', xid::text FROM latest
    ON CONFLICT ON CONSTRAINT meta_pkey DO UPDATE SET value = excluded.value
    WHERE meta.value::numeric < excluded.value::numeric
)
SELECT count(*) FROM gone;
