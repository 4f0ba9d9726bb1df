package worker

import (
	"context"
	"time"

	"github.com/boostress/boostress/task"
)

// rollupsAtOnce is how many transactions of a step one tick makes, where much is to be made up for.
const rollupsAtOnce = 24

// rollUp counts what was finished since, for statistics.
func (s *Sweeper) rollUp(ctx context.Context) error {
	bound, now, err := s.Store.RollupBound(ctx)
	if err != nil {
		return err
	}
	for step := range task.Steps() {
		for range rollupsAtOnce {
			until, more, err := s.Store.RollUp(ctx, step, bound)
			if err != nil {
				return err
			}
			if step == 0 {
				s.Metrics.rollupLag.Set(now.Sub(until).Seconds())
			}
			if !more {
				break
			}
		}
	}
	return nil
}

const (
	countLeast = 2 * time.Second
	countPart  = 20 // at most one part in so many of the time goes into counting states
)

// counting returns what counts how many things are in which state: the longer that takes, the more seldom.
func (s *Sweeper) counting() func(context.Context) error {
	var next time.Time
	return func(ctx context.Context) error {
		began := time.Now()
		if began.Before(next) {
			return nil
		}
		err := s.Store.CountStatuses(ctx)
		next = time.Now().Add(max(countLeast, (countPart-1)*time.Since(began)))
		return err
	}
}
