package store

import (
	"context"
	"time"
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
