package store

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/boostress/boostress/internal/id"
	"github.com/boostress/boostress/schedule"
	"github.com/boostress/boostress/store/internal/db"
)

// An order's own schedules are no rows: when its quantities are released and its providers are asked stands in its
// fulfillments. Here they are made to look like rows, so that they are listed among those.

// ownSchedule is one of the two, by what its columns are; those that it leaves out are as in defaults.
type ownSchedule struct {
	kind    id.Kind
	columns map[string]string
	of      string // what is known of the order's fulfillments, as p
}

const (
	ofProvider = "provider_id"
	none       = "0::bigint"
)

func ownDefaults() map[string]string {
	return map[string]string{
		"account_id": "o.account_id", "every_ms": none, "cron": "''", "time_zone": "''",
		"arguments": "jsonb_build_object('orderId', o.id)", "system": "true", "starts_at": "NULL::timestamptz",
		"ends_at": "NULL::timestamptz", "last_slot": "NULL::timestamptz", "created_at": "o.created_at", "updated_at": "o.updated_at",
		"priority": "o.priority", "max_runs": none, "jitter_ms": none, "awaits": "NULL::uuid",
		"queued_slot": "NULL::timestamptz", "backlog": "false", "skipped": none, "missed": none, "order_id": "o.id",
		"created_by": "'system'", "test_mode": "o.test_mode",
	}
}

// ownKinds: a held order releases nothing, but what its providers have is polled. Each slice of all lines is one run.
func ownKinds() []ownSchedule {
	return []ownSchedule{
		{id.OrderPacing, map[string]string{
			"name": "'pacing of ' || o.reference", "rule": "'PACING'", "task_kind": "'PROCESS_ORDER'", "queue": "'dispatch'",
			"overlap": "'ALLOW'", "misfire": "'RUN_ALL'", "misfire_limit": "1000", "enabled": "NOT o.held",
			"next_at": "CASE WHEN NOT o.held THEN p.at END", "runs": "p.runs", ofProvider: "NULL::uuid",
		}, `SELECT min(f.scheduled_at) FILTER (WHERE f.status = 'SCHEDULED') AS at,
            count(DISTINCT f.scheduled_at) FILTER (WHERE f.status <> 'SCHEDULED') AS runs
        FROM fulfillments f WHERE f.order_id = o.id AND f.scheduled_at IS NOT NULL`},
		{id.OrderPolling, map[string]string{
			"name": "'polling of ' || o.reference", "rule": "'POLLING'", "task_kind": "'POLL_PROVIDER'", "queue": "'status'",
			"overlap": "'SKIP'", "misfire": "'RUN_ONCE'", "misfire_limit": "1", "enabled": "true",
			"next_at": "p.at", "runs": none, ofProvider: "p.provider_id",
		}, `SELECT min(f.next_poll_at) AS at,
            CASE WHEN count(DISTINCT f.provider_id) = 1 THEN (array_agg(f.provider_id))[1] END AS provider_id
        FROM fulfillments f WHERE f.order_id = o.id AND f.next_poll_at IS NOT NULL`},
	}
}

// ownSchedules selects what looks like rows of schedules. Their ids are the order's but for the last byte, the kind.
func ownSchedules() string {
	selects := make([]string, 0, len(ownKinds()))
	for _, own := range ownKinds() {
		columns := ownDefaults()
		columns["id"] = fmt.Sprintf("overlay(o.id::text PLACING '%02x' FROM 35)::uuid", byte(own.kind))
		maps.Copy(columns, own.columns)
		list := make([]string, 0, len(columns))
		for column := range strings.SplitSeq(columnsOf[db.Schedule]("s"), ", ") {
			name := strings.TrimPrefix(column, "s.")
			list = append(list, columns[name]+" AS "+name)
		}
		selects = append(selects, fmt.Sprintf("SELECT %s FROM orders o CROSS JOIN LATERAL (%s) p WHERE p.at IS NOT NULL",
			strings.Join(list, ", "), own.of))
	}
	return strings.Join(selects, " UNION ALL ")
}

// OwnSchedules reads the own schedules of an account's orders, by order.
func (s *Store) OwnSchedules(
	ctx context.Context, accountID uuid.UUID, orderIDs []uuid.UUID,
) (map[uuid.UUID][]*schedule.Schedule, error) {
	w := of(accountID)
	w.add("t.order_id = ANY(?)", orderIDs)
	tab := schedules("(" + ownSchedules() + ")")
	list, err := tab.read(ctx, s, fmt.Sprintf("SELECT %s FROM %s t WHERE %s ORDER BY t.id",
		columnsOf[db.Schedule]("t"), tab.from, w), w.args)
	if err != nil {
		return nil, err
	}
	own := make(map[uuid.UUID][]*schedule.Schedule, len(orderIDs))
	for _, one := range list {
		own[*one.OrderID] = append(own[*one.OrderID], one)
	}
	return own, nil
}

// Releases reads when quantities of an account's orders are to be released, by order, each moment once.
func (s *Store) Releases(ctx context.Context, accountID uuid.UUID, orderIDs []uuid.UUID) (map[uuid.UUID][]time.Time, error) {
	list, err := s.queries.FulfillmentReleases(ctx, accountID, orderIDs)
	if err != nil {
		return nil, domainError("read releases", err)
	}
	releases := make(map[uuid.UUID][]time.Time, len(orderIDs))
	for _, row := range list {
		releases[row.OrderID] = append(releases[row.OrderID], row.At.UTC())
	}
	return releases, nil
}
