package worker

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/boostress/boostress/internal/request"
	"github.com/boostress/boostress/task"
)

const (
	// How often a process looks whether somebody asked for the end of what it runs, and how long a look may take.
	revokeEvery   = time.Second
	revokeTimeout = 2 * time.Second
)

// errRevoked is why a run's context ends when somebody asked for its end.
var errRevoked = fmt.Errorf("%s: %w", task.RevokedMessage, context.Canceled)

// run is one claimed task on its way.
type run struct {
	task task.Task
	ctx  context.Context //nolint:containedctx // of this run alone
	end  context.CancelCauseFunc
}

func newRun(ctx context.Context, t task.Task) *run {
	ctx, end := context.WithCancelCause(request.WithTrace(ctx, t.TraceID))
	return &run{task: t, ctx: ctx, end: end}
}

// cause is why the run was interrupted; nil: it was not.
func (r *run) cause() error {
	if r.ctx.Err() == nil {
		return nil
	}
	return context.Cause(r.ctx)
}

// runs are those of a process, by claim.
type runs struct {
	mu      sync.Mutex
	byClaim map[uuid.UUID]*run
}

type runsKey struct{}

// begin gives each of some claimed tasks a context of its own, which belongs to the task's trace.
func (s *runs) begin(ctx context.Context, tasks []task.Task) (context.Context, []*run) {
	begun := make([]*run, len(tasks))
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byClaim == nil {
		s.byClaim = make(map[uuid.UUID]*run)
	}
	for i, t := range tasks {
		begun[i] = newRun(ctx, t)
		s.byClaim[t.Token] = begun[i]
	}
	return context.WithValue(ctx, runsKey{}, s), begun
}

func (s *runs) forget(one *run) {
	one.end(nil)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byClaim[one.task.Token] == one {
		delete(s.byClaim, one.task.Token)
	}
}

func (s *runs) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.byClaim)
}

// runOf returns the context of one task's run, of those that a handler was given together.
func runOf(ctx context.Context, t *task.Task) context.Context {
	s, ok := ctx.Value(runsKey{}).(*runs)
	if !ok {
		return ctx
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if one := s.byClaim[t.Token]; one != nil {
		return one.ctx
	}
	return ctx
}

// revoke ends the runs of tasks whose end was asked for, given with the claims that were meant. Of a task that is owed no
// other run is meant.
func (s *runs) revoke(asked map[uuid.UUID]uuid.UUID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for claim, one := range s.byClaim {
		if token, wanted := asked[one.task.ID]; wanted && (token == claim || !one.task.Kind.Owed()) {
			one.end(errRevoked)
		}
	}
}

// heed looks, while something runs, whether its end was asked for, until ctx ends.
func (w *Worker) heed(ctx context.Context) {
	failing := false
	for wait(ctx, revokeEvery) {
		if w.runs.count() == 0 {
			continue
		}
		asking, cancel := context.WithTimeout(ctx, revokeTimeout)
		asked, err := w.Store.TaskRevocations(asking)
		cancel()
		if failed := err != nil && !errors.Is(ctx.Err(), context.Canceled); failed != failing {
			if failing = failed; failed {
				w.Log.WarnContext(ctx, "nobody can end tasks", "error", err)
			}
		}
		w.runs.revoke(asked)
	}
}
