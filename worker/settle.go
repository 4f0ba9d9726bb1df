package worker

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/boostress/boostress/fulfillment"
	"github.com/boostress/boostress/internal/group"
	"github.com/boostress/boostress/schedule"
	"github.com/boostress/boostress/store"
	"github.com/boostress/boostress/task"
)

const (
	settleMost  = 500 // ends in one transaction
	settleLanes = 2   // such transactions at a time
)

// settler writes the ends of runs, in groups.
type settler struct {
	store   *store.Store
	after   func(fulfillment.Committed)
	backoff schedule.Backoff
	group   *group.Group[settlement, bool]
}

// settlement is either an end or a retry.
type settlement struct {
	end   *store.TaskEnd
	retry *later
}

// later is a retry whose due time counts from the transaction's.
type later struct {
	store.TaskRetry

	wait time.Duration
}

func newSettler(st *store.Store, after func(fulfillment.Committed), backoff schedule.Backoff) *settler {
	s := &settler{store: st, after: after, backoff: backoff}
	s.group = group.New(settleMost, settleLanes, s.commit)
	return s
}

func (s *settler) commit(ctx context.Context, members []settlement) ([]bool, error) {
	held := make([]bool, len(members))
	var results []task.Task
	err := guard(func() error {
		return s.store.Write(ctx, func(tx *store.Tx) (err error) {
			results, err = s.write(ctx, tx, members, held)
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("settle tasks: %w", err)
	}
	if len(results) > 0 {
		s.after(fulfillment.Committed{Results: results})
	}
	return held, nil
}

func (s *settler) write(ctx context.Context, tx *store.Tx, members []settlement, held []bool) ([]task.Task, error) {
	var ends []store.TaskEnd
	var retries []store.TaskRetry
	for _, m := range members {
		if m.end != nil {
			ends = append(ends, *m.end)
			continue
		}
		retry := m.retry.TaskRetry
		retry.DueAt = tx.Now.Add(m.retry.wait)
		retries = append(retries, retry)
	}
	results, err := tx.TaskFinish(ctx, ends)
	if err != nil {
		return nil, err
	}
	back, err := tx.TaskReschedule(ctx, retries)
	if err != nil {
		return nil, err
	}
	for i := range results {
		back[results[i].ID] = true
	}
	for i, m := range members {
		if m.end != nil {
			held[i] = back[m.end.Task.ID]
		} else {
			held[i] = back[m.retry.Task.ID]
		}
	}
	return results, nil
}

// plan decides what a run's result means for its task, and names it for the metrics. cause is why the run was interrupted;
// nil: it was not.
func (s *settler) plan(t task.Task, result Result, cause error) (settlement, string) {
	if result.Err == nil {
		return settlement{end: &store.TaskEnd{Task: t, State: task.Success, Result: result.Value}}, "success"
	}
	broke := breakdownOf(result.Err)
	retry := store.TaskRetry{Task: t, Error: broke.Message, Class: broke.Class, Stack: broke.Stack}
	end := store.TaskEnd{Task: t, State: task.Failure, Dead: true, Error: broke.Message, Class: broke.Class, Stack: broke.Stack}
	var wanted *LaterError
	switch {
	case errors.Is(cause, errRevoked) && !t.Kind.Owed():
		end.State, end.Dead, end.Class, end.Error = task.Revoked, false, task.ErrorRevoked, task.RevokedMessage
		return settlement{end: &end}, "revoked"
	case errors.As(result.Err, &wanted) && (wanted.Free || t.Attempt < t.MaxAttempts):
		retry.Error, retry.Refund = clean(wanted.Reason, longestError), wanted.Free
		return settlement{retry: &later{retry, wanted.After}}, "later"
	case cause != nil:
		retry = store.TaskRetry{Task: t, Error: "interrupted", Refund: true}
		return settlement{retry: &later{TaskRetry: retry}}, "interrupted"
	case t.Attempt >= t.MaxAttempts || final(result.Err):
		return settlement{end: &end}, "dead"
	default:
		return settlement{retry: &later{retry, s.backoff.Wait(t.Attempt, rand.Float64())}}, "retry" //nolint:gosec // jitter
	}
}

// final reports whether another run would come to the same.
func final(err error) bool {
	failed, known := errors.AsType[*FailedError](err)
	return known && failed.Final
}

// persist calls do until it succeeds, fails for good or ctx ends: a database that is away for a while must not lose what
// a run came to.
func persist(ctx context.Context, do func() error) error {
	for pause := persistFirst; ; pause = min(2*pause, persistMost) {
		err := do()
		if err == nil || !store.Transient(err) || !wait(ctx, pause) {
			return err
		}
	}
}

const (
	persistFirst = 50 * time.Millisecond
	persistMost  = 2 * time.Second
)
