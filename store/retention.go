package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Forgotten counts what was dropped.
type Forgotten struct {
	Keys     int64 `json:"idempotencyKeys"`
	Receipts int64 `json:"webhookReceipts"`
	Slots    int64 `json:"scheduleSlots"`
	Workers  int64 `json:"workers"`
	Bulk     int64 `json:"bulkOperations"`
}

// Keep says how long things are kept, by the database's clock. Orders are kept; what was handed over for a fulfillment goes
// with it, by the table's reference.
type Keep struct {
	Keys     time.Duration // idempotency keys, from their creation
	Receipts time.Duration // webhook receipts, from their arrival
	Slots    time.Duration // schedule slots, from their firing; a schedule's latest one stays
	Workers  time.Duration // workers, from their last heartbeat
	Bulk     time.Duration // bulk operations with their rows, from their end
}

// Forget drops what is older than what is to be kept, up to 10,000 rows of a kind in one statement. It goes on until
// nothing is left to drop or ctx ends.
func (s *Store) Forget(ctx context.Context, keep Keep) (Forgotten, error) {
	var total Forgotten
	var now time.Time
	if err := s.pool.QueryRow(ctx, "SELECT now()").Scan(&now); err != nil {
		return total, domainError("read time", err)
	}
	for _, part := range []struct {
		name  string
		drop  func(context.Context, time.Time) (int64, error)
		keep  time.Duration
		count *int64
	}{
		{"idempotency keys", s.queries.ForgetKeys, keep.Keys, &total.Keys},
		{"webhook receipts", s.queries.ForgetReceipts, keep.Receipts, &total.Receipts},
		{"schedule slots", s.queries.ForgetSlots, keep.Slots, &total.Slots},
		{"workers", s.queries.WorkerDelete, keep.Workers, &total.Workers},
		{"rows of bulk operations", s.queries.BulkRowForget, keep.Bulk, new(int64)},
		{"bulk operations", s.queries.BulkForget, keep.Bulk, &total.Bulk},
	} {
		for {
			dropped, err := part.drop(ctx, now.Add(-part.keep))
			*part.count += dropped
			if err != nil {
				return total, domainError("forget "+part.name, err)
			}
			if dropped == 0 {
				break
			}
		}
	}
	return total, nil
}

const day = 24 * time.Hour

// The kinds of partitions of task results, and how much time each partition covers: what went well comes in great numbers
// and is kept for a shorter time.
func taskPartitions() map[string]time.Duration {
	return map[string]time.Duration{"task_results_done": day, "task_results_failed": 7 * day}
}

// TaskResultPartitions makes the partitions of the task results from now until ahead. What results are in a rest partition
// already stays there.
func (s *Store) TaskResultPartitions(ctx context.Context, now time.Time, ahead time.Duration) error {
	for parent, covers := range taskPartitions() {
		for from := now.UTC().Truncate(covers); !from.After(now.Add(ahead)); from = from.Add(covers) {
			if err := s.taskResultPartition(ctx, parent, from, covers); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *Store) taskResultPartition(ctx context.Context, parent string, from time.Time, covers time.Duration) error {
	name := parent + "_" + from.Format("20060102")
	quoted := pgx.Identifier{name}.Sanitize()
	var exists bool
	if err := s.pool.QueryRow(ctx, "SELECT to_regclass($1) IS NOT NULL", name).Scan(&exists); err != nil || exists {
		return domainError("look for partition", err)
	}
	// Attaching, unlike creating in place, locks neither readers nor writers of the other partitions out.
	err := s.Write(ctx, func(tx *Tx) error {
		for _, statement := range []string{
			"SET LOCAL lock_timeout = '2s'",
			fmt.Sprintf("CREATE TABLE %s (LIKE %s INCLUDING ALL)", quoted, parent),
			fmt.Sprintf("ALTER TABLE %s ATTACH PARTITION %s FOR VALUES FROM ('%s') TO ('%s')",
				parent, quoted, from.Format(time.RFC3339), from.Add(covers).Format(time.RFC3339)),
		} {
			if _, err := tx.tx.Exec(ctx, statement); err != nil {
				return domainError("make partition "+name, err)
			}
		}
		return nil
	})
	var refused *pgconn.PgError
	if errors.As(err, &refused) && (refused.Code == checkViolation || refused.Code == duplicateTable) {
		return nil
	}
	return err
}

const (
	checkViolation = "23514" // the rest partition has rows of that time
	duplicateTable = "42P07" // somebody else was faster
)
