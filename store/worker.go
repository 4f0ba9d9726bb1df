package store

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/boostress/boostress/store/internal/db"
	"github.com/boostress/boostress/task"
)

// Worker is a process that runs tasks, as it registers itself.
type Worker struct {
	ID      uuid.UUID
	Host    string
	PID     int
	Version string
	Queues  []task.Queue // which it serves
}

// WorkerRegister adds a worker whose first heartbeat is now. A crash of the database may undo it: then the next
// heartbeat says so.
func (s *Store) WorkerRegister(ctx context.Context, worker Worker) error {
	return s.WriteRelaxed(ctx, func(tx *Tx) error {
		return domainError("register worker", tx.queries.WorkerInsert(ctx, db.WorkerInsertParams{
			ID: worker.ID, Host: worker.Host, Pid: int32(worker.PID), //nolint:gosec // process ids fit
			Version: worker.Version, Queues: queueNames(worker.Queues),
		}))
	})
}

// WorkerBeat renews a worker's heartbeat and reports whether the worker still holds its claims: one that was silent for
// term has lost them and must register under another id.
func (s *Store) WorkerBeat(ctx context.Context, id uuid.UUID, running int, term time.Duration) (alive bool, err error) {
	err = s.WriteRelaxed(ctx, func(tx *Tx) error {
		renewed, err := tx.queries.WorkerBeat(ctx, int32(running), id, term.Seconds()) //nolint:gosec // a count
		alive = renewed == 1
		return domainError("beat worker", err)
	})
	return alive, err
}

// WorkerUnregister drops a worker. What it still claims is taken back with the next sweep.
func (s *Store) WorkerUnregister(ctx context.Context, id uuid.UUID) error {
	return domainError("unregister worker", s.queries.WorkerRemove(ctx, id))
}

// QueuePause stops a queue: it is neither announced nor popped. Pausing again replaces the reason.
func (s *Store) QueuePause(ctx context.Context, queue task.Queue, reason string) error {
	return domainError("pause queue", s.queries.QueuePause(ctx, string(queue), reason))
}

// QueueResume lets a paused queue go on.
func (s *Store) QueueResume(ctx context.Context, queue task.Queue) error {
	return domainError("resume queue", s.queries.QueueResume(ctx, string(queue)))
}

// QueuesPaused lists the paused queues.
func (s *Store) QueuesPaused(ctx context.Context) ([]task.Queue, error) {
	names, err := s.queries.QueueListPaused(ctx)
	return column(names, func(name string) task.Queue { return task.Queue(name) }), domainError("list paused queues", err)
}
