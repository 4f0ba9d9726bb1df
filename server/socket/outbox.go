package socket

import (
	"context"
	"errors"
	"sync"
	"time"
)

var (
	errSlow   = errors.New("the outbox stayed full")
	errClosed = errors.New("the socket is closed")
	errFull   = errors.New("the outbox is full")
)

// outbox holds what is to be written, bounded in messages and bytes, those being written included.
type outbox struct {
	maxCount, maxBytes int
	patience           time.Duration
	wake               chan struct{} // holds one signal for the writer: there is something

	mu     sync.Mutex
	items  [][]byte
	count  int
	bytes  int
	closed bool
	room   chan struct{} // closed when something was written; nil: nobody waits
}

func newOutbox(o Options) *outbox {
	return &outbox{
		maxCount: o.MaxQueueMessages, maxBytes: o.MaxQueueBytes, patience: o.SlowAfter, wake: make(chan struct{}, 1),
	}
}

// put waits for room and queues a frame. It fails with errSlow where no room was made for too long, with errClosed, and
// as ctx ends.
func (b *outbox) put(ctx context.Context, item []byte) error {
	room, err := b.try(item)
	if !errors.Is(err, errFull) {
		return err
	}
	late := time.NewTimer(b.patience)
	defer late.Stop()
	for errors.Is(err, errFull) {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-late.C:
			return errSlow
		case <-room:
			room, err = b.try(item)
		}
	}
	return err
}

// try queues a frame. Where it fails with errFull it returns what is closed when there may be room.
func (b *outbox) try(item []byte) (<-chan struct{}, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.closed:
		return nil, errClosed
	case b.count > 0 && (b.count >= b.maxCount || b.bytes+len(item) > b.maxBytes):
		if b.room == nil {
			b.room = make(chan struct{})
		}
		return b.room, errFull
	}
	b.items = append(b.items, item)
	b.count++
	b.bytes += len(item)
	b.signal()
	return nil, nil //nolint:nilnil // there is nothing to wait for
}

func (b *outbox) signal() {
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// take returns all that waits; each is to be reported as written.
func (b *outbox) take() [][]byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	items := b.items
	b.items = nil
	return items
}

// written makes room.
func (b *outbox) written(item []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.count--
	b.bytes -= len(item)
	b.makeRoom()
}

// close refuses what comes and, where drop is set, forgets what waits.
func (b *outbox) close(drop bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	if drop {
		b.items = nil
	}
	b.makeRoom()
	b.signal()
}

func (b *outbox) makeRoom() {
	if b.room != nil {
		close(b.room)
		b.room = nil
	}
}
