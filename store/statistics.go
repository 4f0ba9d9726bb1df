package store

import (
	"context"
	"encoding/binary"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/store/internal/db"
	"github.com/boostress/boostress/task"
)

// QueueCount is what of an account is in a queue.
type QueueCount struct {
	Queue   task.Queue
	Depth   int // due, and no worker has it
	Delayed int // waits for its time
	Running int
	Oldest  time.Duration // how long the oldest of Depth has been due
}

// QueueCounts counts what of an account is in each queue, empty ones included.
func (s *Store) QueueCounts(ctx context.Context, accountID uuid.UUID) ([]QueueCount, error) {
	list, err := s.queries.QueueStatistics(ctx, accountID)
	if err != nil {
		return nil, domainError("count queues", err)
	}
	counts := column(task.Queues(), func(q task.Queue) QueueCount { return QueueCount{Queue: q} })
	for _, row := range list {
		count := QueueCount{
			Queue: task.Queue(row.Queue), Depth: int(row.Depth), Delayed: int(row.Delayed), Running: int(row.Running),
			Oldest: time.Duration(row.Oldest * float64(time.Second)).Truncate(time.Millisecond),
		}
		at := slices.IndexFunc(counts, func(c QueueCount) bool { return c.Queue == count.Queue })
		if at < 0 {
			counts = append(counts, count)
			continue
		}
		counts[at] = count
	}
	return counts, nil
}

// OrderCounts counts an account's orders by status.
func (s *Store) OrderCounts(ctx context.Context, accountID uuid.UUID) (map[order.Status]int, error) {
	list, err := s.queries.OrderStatistics(ctx, accountID)
	counts := make(map[order.Status]int, len(list))
	for _, row := range list {
		counts[order.Status(row.Status)] = int(row.Count)
	}
	return counts, domainError("count orders", err)
}

// FulfillmentCounts counts an account's fulfillments by status.
func (s *Store) FulfillmentCounts(ctx context.Context, accountID uuid.UUID) (map[order.FulfillmentStatus]int, error) {
	list, err := s.queries.FulfillmentStatistics(ctx, accountID)
	counts := make(map[order.FulfillmentStatus]int, len(list))
	for _, row := range list {
		counts[order.FulfillmentStatus(row.Status)] = int(row.Count)
	}
	return counts, domainError("count fulfillments", err)
}

// AttemptCounts counts an account's calls to providers since a time by their class, "" being those without an answer.
func (s *Store) AttemptCounts(ctx context.Context, accountID uuid.UUID, since time.Time) (map[order.Class]int, error) {
	list, err := s.queries.AttemptStatistics(ctx, accountID, lowestID(since))
	counts := make(map[order.Class]int, len(list))
	for _, row := range list {
		counts[order.Class(row.Class)] = int(row.Count)
	}
	return counts, domainError("count attempts", err)
}

// lowestID returns an id that is not above any minted since a time.
func lowestID(since time.Time) uuid.UUID {
	const shift = 16 // the milliseconds are the first 48 bits
	var id uuid.UUID
	binary.BigEndian.PutUint64(id[:8], uint64(max(since.UnixMilli(), 0))<<shift)
	return id
}

// LiveWorker is a worker process that was alive lately.
type LiveWorker struct {
	Worker

	Running     int // tasks
	StartedAt   time.Time
	HeartbeatAt time.Time
}

// Workers lists the worker processes that were alive within the last hour, the latest started first, at most a hundred.
func (s *Store) Workers(ctx context.Context) ([]LiveWorker, error) {
	list, err := s.queries.WorkerList(ctx)
	return column(list, func(row db.Worker) LiveWorker {
		return LiveWorker{
			Worker: Worker{
				ID: row.ID, Host: row.Host, PID: int(row.Pid), Version: row.Version,
				Queues: column(row.Queues, func(q string) task.Queue { return task.Queue(q) }),
			},
			Running: int(row.Running), StartedAt: row.StartedAt.UTC(), HeartbeatAt: row.HeartbeatAt.UTC(),
		}
	}), domainError("list workers", err)
}

// OrdersByStatus counts the orders of all accounts. It reads the whole table: for metrics that are asked for now and then.
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
