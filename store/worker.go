package store

import (
	"context"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/boostress/boostress/order"
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
	Slots   []int        // how many tasks of each of them it runs at a time
	Earlier []uuid.UUID  // ids under which the process was registered before
	Drained bool         // the process was told to take no more tasks
}

// WorkerRegister adds a worker whose first heartbeat is now. A crash of the database may undo it: then the next
// heartbeat says so.
func (s *Store) WorkerRegister(ctx context.Context, worker Worker) error {
	return s.WriteRelaxed(ctx, func(tx *Tx) error {
		return domainError("register worker", tx.queries.WorkerInsert(ctx, db.WorkerInsertParams{
			ID: worker.ID, Host: worker.Host, Pid: small(worker.PID), Version: worker.Version,
			Queues: queueNames(worker.Queues), Slots: column(worker.Slots, small),
			Earlier: append([]uuid.UUID{}, worker.Earlier...), Drained: worker.Drained,
		}))
	})
}

// WorkerBeat renews a worker's heartbeat and reports whether the worker still holds its claims: one that was silent for
// term has lost them and must register under another id.
func (s *Store) WorkerBeat(ctx context.Context, id uuid.UUID, running int, term time.Duration) (alive bool, err error) {
	err = s.WriteRelaxed(ctx, func(tx *Tx) error {
		renewed, err := tx.queries.WorkerBeat(ctx, small(running), id, term.Seconds())
		alive = renewed == 1
		return domainError("beat worker", err)
	})
	return alive, err
}

// WorkerUnregister notes that a worker stopped. What it still claims is taken back with the next sweep.
func (s *Store) WorkerUnregister(ctx context.Context, id uuid.UUID) error {
	return domainError("unregister worker", s.queries.WorkerStop(ctx, id))
}

// Directions are what the processes that run tasks are told.
type Directions struct {
	Paused []task.Queue // take nothing of these
	Drain  bool         // take nothing at all, for good
}

// WorkerDirections reads what a process is told, by the ids under which it was registered.
func (s *Store) WorkerDirections(ctx context.Context, ids []uuid.UUID) (Directions, error) {
	row, err := s.queries.WorkerOrders(ctx, append([]uuid.UUID{}, ids...))
	return Directions{
		Paused: column(row.Paused, func(name string) task.Queue { return task.Queue(name) }), Drain: row.Drain,
	}, domainError("read directions", err)
}

// DrainWorker has a worker's process take no more tasks. It fails with order.ErrNotFound for one that is not there, or
// has stopped.
func (t *Tx) DrainWorker(ctx context.Context, id uuid.UUID) error {
	drained, err := t.queries.WorkerDrain(ctx, id)
	if err == nil && drained == 0 {
		err = order.ErrNotFound
	}
	return domainError("drain worker", err)
}

// LiveWorker is a worker process as it was last heard of.
type LiveWorker struct {
	Worker

	Running      int // tasks
	StartedAt    time.Time
	HeartbeatAt  time.Time
	DrainAskedAt *time.Time
	StoppedAt    *time.Time
	Silent       bool // it gave no sign of life for a term
}

// State tells how the process stands.
func (w *LiveWorker) State() task.WorkerState {
	switch {
	case w.StoppedAt != nil:
		return task.WorkerStopped
	case w.Silent:
		return task.WorkerSilent
	case w.DrainAskedAt == nil:
		return task.WorkerRunning
	case w.Running > 0:
		return task.WorkerDraining
	default:
		return task.WorkerDrained
	}
}

func liveWorkerOf(row db.Worker, now time.Time, term time.Duration) LiveWorker {
	return LiveWorker{
		Worker: Worker{
			ID: row.ID, Host: row.Host, PID: int(row.Pid), Version: row.Version,
			Queues: column(row.Queues, func(q string) task.Queue { return task.Queue(q) }),
			Slots:  column(row.Slots, func(count int32) int { return int(count) }),
		},
		Running: int(row.Running), StartedAt: row.StartedAt.UTC(), HeartbeatAt: row.HeartbeatAt.UTC(),
		DrainAskedAt: utc(row.DrainAskedAt), StoppedAt: utc(row.StoppedAt), Silent: now.Sub(row.HeartbeatAt) >= term,
	}
}

// Workers lists the worker processes that were alive within the last hour and did not stop, the latest started first, at
// most a hundred. Those that were silent for term are told as such.
func (s *Store) Workers(ctx context.Context, term time.Duration) ([]LiveWorker, error) {
	list, err := s.queries.WorkerList(ctx)
	return column(list, func(row db.WorkerListRow) LiveWorker { return liveWorkerOf(row.Worker, row.Now, term) }),
		domainError("list workers", err)
}

// WorkersByID reads worker processes by their ids; unknown ones are missing from the answer.
func (s *Store) WorkersByID(ctx context.Context, ids []uuid.UUID, term time.Duration) (map[uuid.UUID]*LiveWorker, error) {
	list, err := s.queries.WorkerGetMany(ctx, slices.Clone(ids))
	found := make(map[uuid.UUID]*LiveWorker, len(list))
	for _, row := range list {
		found[row.Worker.ID] = new(liveWorkerOf(row.Worker, row.Now, term))
	}
	return found, domainError("read workers", err)
}
