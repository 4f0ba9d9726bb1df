// Package group commits in groups: whatever comes while one commit runs goes into the next one, with no timer. A
// lone caller waits for nothing; under load one transaction, and one flush of the log, serves many.
package group

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// ErrResults is returned when a commit gave another number of results than it had members.
var ErrResults = errors.New("commit returned another number of results than members")

// Commit writes members together and returns one result for each, in order. An error means that nothing was
// written.
type Commit[T, R any] func(ctx context.Context, members []T) ([]R, error)

// Group gathers the members of concurrent calls into commits, a bounded number of which run at a time.
type Group[T, R any] struct {
	commit Commit[T, R]
	most   int

	mu      sync.Mutex
	waiting []*member[T, R]
	lanes   int // commits that may still be started
}

type member[T, R any] struct {
	ctx    context.Context //nolint:containedctx // a queued call: its context travels with it
	item   T
	result R
	err    error
	done   chan struct{}
}

// New returns a group whose commits have no more than most members, lanes of them running at a time.
func New[T, R any](most, lanes int, commit Commit[T, R]) *Group[T, R] {
	return &Group[T, R]{commit: commit, most: most, lanes: lanes}
}

// Do has item committed and returns its result. When a commit of several fails, each of its members is committed
// alone, so that one bad member sinks no neighbor. When ctx ends first, Do returns its error and the item may or may
// not be committed.
func (g *Group[T, R]) Do(ctx context.Context, item T) (R, error) {
	m := &member[T, R]{ctx: ctx, item: item, done: make(chan struct{})}
	g.mu.Lock()
	g.waiting = append(g.waiting, m)
	lead := g.lanes > 0
	if lead {
		g.lanes--
	}
	g.mu.Unlock()
	if lead {
		go g.run()
	}
	select {
	case <-m.done:
		return m.result, m.err
	case <-ctx.Done():
		var none R
		return none, fmt.Errorf("wait for group commit: %w", ctx.Err())
	}
}

// Waiting returns how many calls wait for a commit to begin.
func (g *Group[T, R]) Waiting() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.waiting)
}

// run commits until nobody waits, then gives its lane back.
func (g *Group[T, R]) run() {
	for {
		g.mu.Lock()
		count := min(len(g.waiting), g.most)
		if count == 0 {
			g.lanes++
			g.waiting = nil
			g.mu.Unlock()
			return
		}
		batch := g.waiting[:count:count]
		g.waiting = g.waiting[count:]
		g.mu.Unlock()
		g.commitBatch(batch)
	}
}

func (g *Group[T, R]) commitBatch(batch []*member[T, R]) {
	if len(batch) > 1 && g.try(batch) == nil {
		return
	}
	for _, m := range batch {
		if err := g.try([]*member[T, R]{m}); err != nil {
			m.err = err
			close(m.done)
		}
	}
}

// try commits the batch as one and, where that worked, hands out the results. The commit runs under a context that
// outlives the callers' cancellation: others share it.
func (g *Group[T, R]) try(batch []*member[T, R]) error {
	items := make([]T, len(batch))
	for i, m := range batch {
		items[i] = m.item
	}
	results, err := g.commit(context.WithoutCancel(batch[0].ctx), items)
	if err != nil {
		return err
	}
	if len(results) != len(batch) {
		return fmt.Errorf("%w: %d for %d", ErrResults, len(results), len(batch))
	}
	for i, m := range batch {
		m.result = results[i]
		close(m.done)
	}
	return nil
}
