package worker

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/boostress/boostress/store"
	"github.com/boostress/boostress/task"
)

// askEvery is how often a process looks what it is told.
const askEvery = time.Second

// directed is where it is told.
type directed interface {
	WorkerDirections(ctx context.Context, ids []uuid.UUID) (store.Directions, error)
}

// brake holds the pumps of this process while their queue is paused, and for good once it was told to take no more
// tasks. What runs goes on. It only spares them the trouble: the record lets them claim nothing anyway.
type brake struct {
	store   directed
	lives   *lives
	log     *slog.Logger
	metrics *Metrics

	mu      sync.Mutex
	looked  bool // once at least
	drained bool
	paused  map[task.Queue]bool
	changed chan struct{} // closed when any of this changes
}

func newBrake(directed directed, lives *lives, log *slog.Logger, metrics *Metrics) *brake {
	return &brake{store: directed, lives: lives, log: log, metrics: metrics, changed: make(chan struct{})}
}

// run looks from time to time until ctx ends.
func (b *brake) run(ctx context.Context) {
	for {
		if _, err := b.lives.wait(ctx); err != nil {
			return
		}
		if err := b.look(ctx); err != nil && ctx.Err() == nil {
			b.log.WarnContext(ctx, "worker does not know what it is told", "error", err)
		}
		if !wait(ctx, askEvery) {
			return
		}
	}
}

// look asks what this process is told.
func (b *brake) look(ctx context.Context) error {
	asking, cancel := context.WithTimeout(ctx, askEvery)
	defer cancel()
	told, err := b.store.WorkerDirections(asking, b.lives.known())
	if err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if told.Drain && !b.drained {
		b.drained = true
		b.lives.drain()
		b.metrics.draining.Set(1)
		b.log.InfoContext(ctx, "worker was told to take no more tasks")
	}
	b.looked, b.paused = true, make(map[task.Queue]bool, len(told.Paused))
	for _, queue := range told.Paused {
		b.paused[queue] = true
	}
	close(b.changed)
	b.changed = make(chan struct{})
	return nil
}

// holds reports whether nothing of a queue is to be taken, as far as is known.
func (b *brake) holds(queue task.Queue) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return !b.looked || b.drained || b.paused[queue]
}

// wait returns once tasks of a queue may be taken. It fails when ctx ends.
func (b *brake) wait(ctx context.Context, queue task.Queue) error {
	for {
		b.mu.Lock()
		free, changed := b.looked && !b.drained && !b.paused[queue], b.changed
		b.mu.Unlock()
		if free {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
