package store

import (
	"context"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/boostress/boostress/store/internal/db"
	"github.com/boostress/boostress/task"
)

// PauseQueue stops a queue: it is neither announced nor claimed. Pausing again replaces the reason.
func (t *Tx) PauseQueue(ctx context.Context, queue task.Queue, reason, by string) error {
	return domainError("pause queue", t.queries.QueuePause(ctx, string(queue), reason, by))
}

// ResumeQueue lets a paused queue go on, and reports whether it was paused.
func (t *Tx) ResumeQueue(ctx context.Context, queue task.Queue) (paused bool, err error) {
	resumed, err := t.queries.QueueResume(ctx, string(queue))
	return resumed > 0, domainError("resume queue", err)
}

// QueuesPaused lists the paused queues.
func (s *Store) QueuesPaused(ctx context.Context) ([]task.Queue, error) {
	names, err := s.queries.QueueListPaused(ctx)
	return column(names, func(name string) task.Queue { return task.Queue(name) }), domainError("list paused queues", err)
}

// Queue is a lane of tasks, with what of an account is in it.
type Queue struct {
	Name     task.Queue
	Depth    int           // due, and no worker has it
	Oldest   time.Duration // how long the oldest of them has been due
	Delayed  int           // waits for its time
	Running  int
	Enqueued int // in the last minute that is rolled up
	Finished int
	Slots    int        // over all accounts and live workers
	PausedAt *time.Time // nil: it is not
	Reason   string     // of the pause
}

// Queues tells how the queues stand, with what of an account is in them, empty ones included. Workers that were silent
// for term don't count.
func (s *Store) Queues(ctx context.Context, accountID uuid.UUID, term time.Duration) ([]Queue, error) {
	known := task.Queues()
	list, err := s.queries.QueueStatistics(ctx, queueNames(known), accountID, term.Seconds())
	if err != nil {
		return nil, domainError("count queues", err)
	}
	queues := column(list, func(row db.QueueStatisticsRow) Queue {
		return Queue{
			Name: task.Queue(row.Queue), Depth: int(row.Depth), Delayed: int(row.Delayed), Running: int(row.Running),
			Oldest:   time.Duration(row.Oldest * float64(time.Second)).Truncate(time.Millisecond),
			Enqueued: int(row.Enqueued), Finished: int(row.Finished), Slots: int(row.Slots), PausedAt: utc(row.PausedAt),
			Reason: value(row.Reason),
		}
	})
	// In the order in which they are known.
	rank := func(q Queue) int { return (slices.Index(known, q.Name) + len(known) + 1) % (len(known) + 1) }
	slices.SortStableFunc(queues, func(a, b Queue) int { return rank(a) - rank(b) })
	return queues, nil
}
