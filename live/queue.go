package live

import (
	"context"
	"sync"
)

// queue holds what one subscriber has not read yet, up to a limit. Who pushes never waits: a queue that is full fails
// with ErrSlow and drops what it holds, because its reader is to come back with a cursor.
type queue[T any] struct {
	wake  chan struct{} // holds one signal: something changed since the reader looked
	limit int

	mu    sync.Mutex
	items []T
	err   error // why it ended
}

func newQueue[T any](limit int) *queue[T] {
	return &queue[T]{wake: make(chan struct{}, 1), limit: limit}
}

// push appends an item and reports false where it failed the queue by that.
func (q *queue[T]) push(item T) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.err != nil {
		return true
	}
	if len(q.items) >= q.limit {
		q.end(ErrSlow)
		return false
	}
	q.items = append(q.items, item)
	q.signal()
	return true
}

// fail ends the queue, for the first time it is called.
func (q *queue[T]) fail(err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.err == nil {
		q.end(err)
	}
}

func (q *queue[T]) end(err error) {
	q.err, q.items = err, nil
	q.signal()
}

func (q *queue[T]) signal() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// take waits for items and returns all there are.
func (q *queue[T]) take(ctx context.Context) ([]T, error) {
	for {
		q.mu.Lock()
		items, err := q.items, q.err
		q.items = nil
		q.mu.Unlock()
		if err != nil {
			return nil, err
		}
		if len(items) > 0 {
			return items, nil
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-q.wake:
		}
	}
}

// failed returns why the queue ended, or nil.
func (q *queue[T]) failed() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.err
}
