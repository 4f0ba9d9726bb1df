package live

import (
	"context"
	"sync"
)

// queue holds what one subscriber has not read yet, up to a limit. Who pushes never waits.
type queue[T any] struct {
	wake  chan struct{} // holds one signal: something changed since the reader looked
	limit int

	mu      sync.Mutex
	items   []T
	pending error // to be returned once
	err     error // why it ended
}

func newQueue[T any](limit int) *queue[T] {
	return &queue[T]{wake: make(chan struct{}, 1), limit: limit}
}

// push appends an item. It reports false, and the oldest item, where the queue is full. A queue that has ended takes
// everything and keeps nothing.
func (q *queue[T]) push(item T) (oldest T, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.err != nil:
		return oldest, true
	case len(q.items) >= q.limit:
		return q.items[0], false
	}
	q.items = append(q.items, item)
	signal(q.wake)
	return oldest, true
}

// interrupt drops what the queue holds and gives its reader an error instead, once.
func (q *queue[T]) interrupt(err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.items, q.pending = nil, err
	signal(q.wake)
}

// fail ends the queue, for the first time it is called, and drops what it holds.
func (q *queue[T]) fail(err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.err == nil {
		q.items, q.err = nil, err
		signal(q.wake)
	}
}

// failed returns why the queue ended, or nil.
func (q *queue[T]) failed() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.err
}

// take waits for items and returns all there are.
func (q *queue[T]) take(ctx context.Context) ([]T, error) {
	for {
		items, err := q.poll()
		if len(items) > 0 || err != nil {
			return items, err
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-q.wake:
		}
	}
}

func (q *queue[T]) poll() ([]T, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	items, pending := q.items, q.pending
	q.items, q.pending = nil, nil
	if q.err != nil {
		return nil, q.err
	}
	return items, pending
}
