package worker

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/boostress/boostress/fulfillment"
	"github.com/boostress/boostress/task"
)

// Bulking works off bulk operations; *fulfillment.Service does it.
type Bulking interface {
	// WorkBulk works off some rows in a transaction and reports whether there are more. See fulfillment.ErrStale.
	WorkBulk(ctx context.Context, t task.Task) (more bool, err error)
	// FailBulk ends the task and its operation.
	FailBulk(ctx context.Context, t task.Task, broke task.Breakdown) error
}

const (
	// A task goes on for at most so long. Then it queues up again, so that long operations leave room for what else is
	// in their queue.
	bulkFor   = 10 * time.Second
	bulkPause = 2 * time.Second // after a breakdown that came after progress
)

// Bulk returns the handler of BULK tasks.
func Bulk(service Bulking) Handler { return bulker{service} }

type bulker struct{ service Bulking }

// Handle works the tasks' operations off side by side.
func (b bulker) Handle(ctx context.Context, tasks []task.Task, end func(int, Result)) {
	var running sync.WaitGroup
	for place, t := range tasks {
		running.Go(func() {
			end(place, b.run(runOf(ctx, &t), t))
		})
	}
	running.Wait()
}

// run works off rows until none is left, the time for one task is over, or the run is to end.
func (b bulker) run(ctx context.Context, t task.Task) Result {
	if t.Attempt > t.MaxAttempts { // its workers died of it
		return b.fail(ctx, t, errNoAttempt)
	}
	progressed := false
	for began := time.Now(); time.Since(began) < bulkFor; {
		more := false
		err := guard(func() (err error) {
			more, err = b.service.WorkBulk(ctx, t)
			return err
		})
		switch {
		case err == nil && !more, errors.Is(err, fulfillment.ErrStale):
			return Result{Settled: true}
		case err == nil:
			progressed, t.Attempt = true, 1
		case progressed && ctx.Err() == nil:
			return Result{Err: &LaterError{After: bulkPause, Reason: text(err), Free: true, Class: classOf(err)}}
		case ctx.Err() == nil && t.Attempt >= t.MaxAttempts:
			return b.fail(ctx, t, err)
		default:
			return Result{Err: err}
		}
	}
	return Result{Err: &LaterError{Free: true}}
}

// fail gives the operation up, however long the database needs to take that in.
func (b bulker) fail(ctx context.Context, t task.Task, reason error) Result {
	recording := lasting(ctx)
	err := persist(recording, func() error { return b.service.FailBulk(recording, t, breakdownOf(reason)) })
	if err != nil && !errors.Is(err, fulfillment.ErrStale) {
		return Result{Err: err}
	}
	return Result{Settled: true}
}
