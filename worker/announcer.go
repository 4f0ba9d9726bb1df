package worker

import (
	"context"
	"log/slog"
	"time"

	"github.com/boostress/boostress/task"
)

const (
	announceQueue = 1024                   // batches that may wait for the announcer
	announceBatch = 1000                   // tasks in one round trip
	announceAfter = 250 * time.Millisecond // how long Redis is left alone after it failed
	announceTime  = time.Second            // for one round trip
)

// Announcer pushes the ids of committed tasks to the workers' lists, without its callers ever waiting for it: what it
// can't take or push it drops and counts, and the sweeper announces it within seconds.
type Announcer struct {
	lists   *Lists
	log     *slog.Logger
	metrics *Metrics
	waiting chan []task.Task // full: further batches are dropped
}

// NewAnnouncer returns an announcer; it pushes nothing until it runs.
func NewAnnouncer(lists *Lists, log *slog.Logger, metrics *Metrics) *Announcer {
	return &Announcer{lists: lists, log: log, metrics: metrics, waiting: make(chan []task.Task, announceQueue)}
}

// Announce has the tasks pushed soon, those of them that are to be: see store's TaskInsert. Call it after the commit: a
// worker that is told before finds nothing, and forgets it. It never blocks.
func (a *Announcer) Announce(tasks []task.Task) {
	fresh := make([]task.Task, 0, len(tasks))
	for i := range tasks {
		if tasks[i].AnnouncedAt != nil {
			fresh = append(fresh, tasks[i])
		}
	}
	if len(fresh) == 0 {
		return
	}
	select {
	case a.waiting <- fresh:
	default:
		a.metrics.announced("dropped", len(fresh))
	}
}

// Run pushes until ctx ends, and then what is waiting.
func (a *Announcer) Run(ctx context.Context) error {
	lengths := make(map[listID]int64)
	var awayUntil time.Time
	for {
		var batch []task.Task
		select {
		case batch = <-a.waiting:
		case <-ctx.Done():
			a.flush(ctx, lengths)
			return nil
		}
		batch = a.fill(batch)
		if time.Now().Before(awayUntil) {
			a.metrics.announced("dropped", len(batch))
			continue
		}
		if !a.push(ctx, batch, lengths) {
			awayUntil = time.Now().Add(announceAfter)
		}
	}
}

// fill adds what is waiting to a batch.
func (a *Announcer) fill(batch []task.Task) []task.Task {
	for len(batch) < announceBatch {
		select {
		case more := <-a.waiting:
			batch = append(batch, more...)
		default:
			return batch
		}
	}
	return batch
}

func (a *Announcer) flush(ctx context.Context, lengths map[listID]int64) {
	for {
		batch := a.fill(nil)
		if len(batch) == 0 || !a.push(ctx, batch, lengths) {
			return
		}
	}
}

func (a *Announcer) push(ctx context.Context, batch []task.Task, lengths map[listID]int64) bool {
	// Not ended by ctx: what is committed is pushed even while the process stops.
	pushing, cancel := context.WithTimeout(context.WithoutCancel(ctx), announceTime)
	defer cancel()
	dropped, err := a.lists.push(pushing, batch, lengths)
	if err != nil {
		a.metrics.announced("dropped", len(batch))
		a.log.WarnContext(ctx, "tasks not announced, the sweeper will", "count", len(batch), "error", err)
		return false
	}
	a.metrics.announced("dropped", dropped)
	a.metrics.announced("pushed", len(batch)-dropped)
	return true
}
