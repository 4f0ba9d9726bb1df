package store

import (
	"context"
	"encoding/binary"
	"time"

	"github.com/google/uuid"

	"github.com/boostress/boostress/order"
)

// Counts tell how many things of an account are in which state.
type Counts struct {
	At           time.Time // when they were counted
	Orders       map[order.Status]int
	Fulfillments map[order.FulfillmentStatus]int
	Attempts     map[order.Class]int // calls of the hour before; "" are those without an answer
}

// attemptsFor is how far back calls to providers are counted.
const attemptsFor = time.Hour

// CountStatuses counts for Counts, and for OrdersByStatus. It reads whole tables, as long as that takes: whoever calls it
// again and again should let many times as long pass in between.
func (s *Store) CountStatuses(ctx context.Context) error {
	return s.WriteRelaxed(ctx, func(tx *Tx) error {
		// Under a name of its own: nothing else waits for it to end.
		for _, setting := range []string{
			"SET LOCAL application_name = 'boostress counts'", "SET LOCAL statement_timeout = '10min'",
			"SET LOCAL max_parallel_workers_per_gather = 0",
		} {
			if _, err := tx.tx.Exec(ctx, setting); err != nil {
				return domainError("count states", err)
			}
		}
		if _, err := tx.queries.MetaLock(ctx, metaCounted); err != nil {
			return domainError("lock counts", err)
		}
		var now time.Time
		if err := tx.tx.QueryRow(ctx, "SELECT clock_timestamp()").Scan(&now); err != nil {
			return domainError("read time", err)
		}
		if err := tx.queries.StatusCount(ctx, lowestID(now.Add(-attemptsFor))); err != nil {
			return domainError("count states", err)
		}
		return domainError("date counts", tx.queries.MetaSet(ctx, metaCounted, now.UTC().Format(time.RFC3339Nano)))
	})
}

// metaCounted is when states were counted.
const metaCounted = "counted_at"

// Counts returns what CountStatuses last counted of an account.
func (s *Store) Counts(ctx context.Context, accountID uuid.UUID) (Counts, error) {
	counts := Counts{
		Orders: make(map[order.Status]int), Fulfillments: make(map[order.FulfillmentStatus]int), Attempts: make(map[order.Class]int),
	}
	list, err := s.queries.StatusCounts(ctx, accountID)
	if err != nil || len(list) == 0 {
		return counts, domainError("read counts", err)
	}
	counts.At = list[0].CountedAt.UTC()
	for _, row := range list {
		switch row.Noun {
		case "order":
			counts.Orders[order.Status(row.Status)] = int(row.Count)
		case "fulfillment":
			counts.Fulfillments[order.FulfillmentStatus(row.Status)] = int(row.Count)
		case "attempt":
			counts.Attempts[order.Class(row.Status)] = int(row.Count)
		}
	}
	return counts, nil
}

// lowestID returns an id that is not above any minted since a time.
func lowestID(since time.Time) uuid.UUID {
	const shift = 16 // the milliseconds are the first 48 bits
	var id uuid.UUID
	binary.BigEndian.PutUint64(id[:8], uint64(max(since.UnixMilli(), 0))<<shift)
	return id
}

// OrdersByStatus returns what CountStatuses last counted of the orders of all accounts.
func (s *Store) OrdersByStatus(ctx context.Context) (map[order.Status]int64, error) {
	list, err := s.queries.OrderCountByStatus(ctx)
	if err != nil {
		return nil, domainError("count orders", err)
	}
	counts := make(map[order.Status]int64, len(list))
	for _, row := range list {
		counts[order.Status(row.Status)] = row.Orders
	}
	return counts, nil
}
