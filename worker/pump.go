package worker

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/boostress/boostress/internal/failpoint"
	"github.com/boostress/boostress/task"
)

const (
	mostClaims   = 100 // tasks in one claim
	popWait      = time.Second
	directLeast  = 250 * time.Millisecond
	directMost   = time.Second
	unknownDelay = time.Minute // until a kind that this build can't run is tried again, elsewhere perhaps
)

// pump brings the tasks of one queue to their handlers.
type pump struct {
	worker *Worker
	queue  task.Queue
	slots  *slots
	hard   context.Context //nolint:containedctx // ends when results are written no more

	away    bool      // Redis is: tasks are claimed directly
	hungry  bool      // the last direct claim left more behind
	askedAt time.Time // when Redis was last asked whether it is back
	turns   turns     // of pops
}

// run claims and starts tasks until ctx ends.
func (p *pump) run(ctx context.Context) {
	w := p.worker
	for {
		l, err := w.lives.wait(ctx)
		if err != nil {
			return
		}
		free, err := p.slots.wait(ctx)
		if err != nil {
			return
		}
		if err := w.brake.wait(ctx, p.queue); err != nil {
			return
		}
		tasks, err := p.take(ctx, l, min(free, mostClaims))
		if err != nil && ctx.Err() == nil {
			w.Log.WarnContext(ctx, "no tasks claimed", "queue", p.queue, "error", err)
			p.pause(ctx)
		}
		p.start(l, tasks) //nolint:contextcheck // what runs ends with its life, and not with the pump
	}
}

// pause lets a while pass that differs from worker to worker, so that they don't all ask at once.
func (p *pump) pause(ctx context.Context) bool {
	return wait(ctx, directLeast+rand.N(directMost-directLeast)) //nolint:gosec // jitter
}

// take claims up to most tasks: what the list names, or, while Redis is away, what is due.
func (p *pump) take(ctx context.Context, l *life, most int) ([]task.Task, error) {
	if p.away && !p.back(ctx) {
		return p.takeDue(ctx, l, most)
	}
	w := p.worker
	taken, err := w.Lists.pop(ctx, p.queue, p.turns.next(), most, popWait)
	if err != nil && !errors.Is(err, errEntry) {
		if ctx.Err() == nil {
			p.away, p.hungry = true, true
			w.Log.WarnContext(ctx, "redis is away, tasks are claimed directly", "queue", p.queue, "error", err)
		}
		return nil, nil
	}
	if len(taken.ids) == 0 {
		return nil, nil
	}
	if w.brake.holds(p.queue) {
		return nil, w.Lists.putBack(ctx, taken)
	}
	tasks, err := w.Store.TaskClaim(context.WithoutCancel(ctx), l.id, w.Term, taken.ids)
	w.Metrics.claimed(p.queue, "list", tasks)
	if err == nil && len(tasks) == 0 && w.brake.look(ctx) == nil && w.brake.holds(p.queue) {
		return nil, w.Lists.putBack(ctx, taken) // that is why nothing was claimed
	}
	return tasks, err
}

// back asks, not too often, whether Redis is there again.
func (p *pump) back(ctx context.Context) bool {
	if time.Since(p.askedAt) < directLeast {
		return false
	}
	p.askedAt = time.Now()
	if p.worker.Lists.ping(ctx) != nil {
		return false
	}
	p.away = false
	p.worker.Log.InfoContext(ctx, "redis is back", "queue", p.queue)
	return true
}

// takeDue claims without a list: again at once while there is plenty, else after a pause.
func (p *pump) takeDue(ctx context.Context, l *life, most int) ([]task.Task, error) {
	if !p.hungry && !p.pause(ctx) {
		return nil, nil
	}
	w := p.worker
	tasks, err := w.Store.TaskClaimDue(context.WithoutCancel(ctx), l.id, w.Term, p.queue, most)
	w.Metrics.claimed(p.queue, "direct", tasks)
	p.hungry = len(tasks) == most
	return tasks, err
}

// start hands claimed tasks to the handlers of their kinds.
func (p *pump) start(l *life, tasks []task.Task) {
	if len(tasks) > 0 {
		failpoint.Hit(failpoint.WorkerClaimed)
	}
	p.slots.take(len(tasks))
	p.worker.Metrics.running.WithLabelValues(string(p.queue)).Add(float64(len(tasks)))
	kinds := make(map[task.Kind][]task.Task)
	for _, t := range tasks {
		kinds[t.Kind] = append(kinds[t.Kind], t)
	}
	for kind, batch := range kinds {
		handler := p.worker.Handlers[kind]
		if handler == nil {
			handler = Each(postpone)
		}
		p.worker.running.Go(func() { p.handle(l, handler, batch) })
	}
}

// postpone leaves a kind that this build does not know to another one.
func postpone(_ context.Context, t task.Task) (json.RawMessage, error) {
	return nil, &LaterError{After: unknownDelay, Reason: "this worker can't run " + string(t.Kind), Free: true}
}

func (p *pump) handle(l *life, handler Handler, tasks []task.Task) {
	began := time.Now()
	ended := make([]atomic.Bool, len(tasks))
	ctx, runs := p.worker.runs.begin(l.ctx, tasks)
	end := func(place int, result Result) {
		if !ended[place].Swap(true) {
			p.end(runs[place], result, time.Since(began))
		}
	}
	err := guard(func() error {
		handler.Handle(ctx, tasks, end)
		return nil
	})
	for place := range tasks {
		end(place, Result{Err: cmp.Or(err, errUnended)})
	}
}

var errUnended = errors.New("its handler forgot it")

// end writes how a run ended and frees its slot.
func (p *pump) end(r *run, result Result, took time.Duration) {
	w, t := p.worker, r.task
	defer func() {
		w.runs.forget(r)
		p.slots.give()
		w.Metrics.running.WithLabelValues(string(p.queue)).Dec()
	}()
	if result.Settled {
		w.Metrics.ended(t.Kind, "settled", took)
		return
	}
	log := func() *slog.Logger { return w.Log.With("task", t.ID, "kind", t.Kind, "attempt", t.Attempt) }
	if failure, ok := errors.AsType[*panicked](result.Err); ok {
		log().ErrorContext(r.ctx, "task panicked", "error", result.Err, "stack", string(failure.stack))
	}
	planned, outcome := w.settler.plan(t, result, r.cause())
	held, err := p.settle(planned)
	if err != nil && p.hard.Err() == nil {
		// Nothing but its own content can be wrong with it now: keep at least that it failed.
		log().ErrorContext(r.ctx, "task not settled as it ended", "error", err)
		planned, outcome = w.settler.plan(t, Result{Err: err}, nil)
		held, err = p.settle(planned)
	}
	switch {
	case err != nil:
		outcome = "lost"
		log().ErrorContext(r.ctx, "task not settled", "error", err)
	case !held:
		outcome = "stale"
	case outcome == "dead":
		log().ErrorContext(r.ctx, "task failed for good", "error", result.Err)
	case outcome == "retry":
		log().WarnContext(r.ctx, "task failed and will be tried again", "error", result.Err)
	}
	w.Metrics.ended(t.Kind, outcome, took)
}

func (p *pump) settle(planned settlement) (held bool, err error) {
	err = persist(p.hard, func() (err error) {
		held, err = p.worker.settler.group.Do(p.hard, planned)
		return err
	})
	return held, err
}
