package resolvers

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"github.com/boostress/boostress/live"
	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/store"
)

// bulkLook is how often an operation is read where no hint comes.
const bulkLook = 2 * time.Second

// BulkOperationProgressed sends an operation as it is, and again as it gets further. Who watches the same one shares what
// is read.
func (s subscription) BulkOperationProgressed(ctx context.Context, id uuid.UUID) (<-chan *order.BulkOperation, error) {
	principal, err := who(ctx)
	if err != nil {
		return nil, err
	}
	changed, deaf := s.options.Live.Watch(id)
	shared, leave := s.progress.watch(ofAccount{principal.AccountID, id})
	source := &bulkSource{
		root: s.Root, accountID: principal.AccountID, id: id, changed: changed, shared: shared,
		ticker: time.NewTicker(bulkLook), leave: func() { deaf(); leave() },
	}
	if source.first, err = source.read(ctx, s.options.Clock()); err != nil {
		source.Close()
		return nil, err
	}
	return live.Stream(ctx, source, func(b *order.BulkOperation) *order.BulkOperation { return b }), nil
}

// bulkSource reads an operation after each hint, and from time to time without one.
type bulkSource struct {
	root      *Root
	accountID uuid.UUID
	id        uuid.UUID
	changed   <-chan struct{}
	shared    *share[*order.BulkOperation]
	ticker    *time.Ticker
	leave     func()
	first     *order.BulkOperation
	last      *order.BulkOperation
}

// Next waits until the operation got further; after its end, until ctx ends.
func (b *bulkSource) Next(ctx context.Context) (*order.BulkOperation, error) {
	if b.first != nil {
		b.last, b.first = b.first, nil
		return b.last, nil
	}
	for {
		if b.last.State.Final() {
			<-ctx.Done()
			return nil, context.Cause(ctx)
		}
		var since time.Time
		select {
		case <-b.changed:
			since = b.root.options.Clock()
		case <-b.ticker.C:
			since = b.root.options.Clock().Add(-bulkLook / 2)
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
		now, err := b.read(ctx, since)
		switch {
		case err == nil && *progressOf(now) != *progressOf(b.last):
			b.last = now
			return now, nil
		case err == nil:
		case ctx.Err() != nil || errors.Is(err, context.Canceled) || !store.Transient(err):
			return nil, err
		default:
			b.root.options.Log.WarnContext(ctx, "a bulk operation can't be read now", slog.Any("error", err))
		}
	}
}

// progress is what tells one step of an operation from the next.
type progress struct {
	state        order.BulkState
	done, failed int
	cancelAsked  bool
}

func progressOf(b *order.BulkOperation) *progress {
	return &progress{b.State, b.Done, b.Failed, b.CancelAsked}
}

// read returns the operation as it was at since or later. It fails with order.ErrNotFound.
func (b *bulkSource) read(ctx context.Context, since time.Time) (*order.BulkOperation, error) {
	found, err := b.shared.get(ctx, since, b.root.options.Clock, func(ctx context.Context) (*order.BulkOperation, error) {
		found, err := b.root.options.Store.BulkOperations(ctx, b.accountID, []uuid.UUID{b.id})
		return found[b.id], err
	})
	if err == nil && found == nil {
		err = fmt.Errorf("bulk operation %s: %w", b.id, order.ErrNotFound)
	}
	return found, err
}

// Close stops watching.
func (b *bulkSource) Close() {
	b.ticker.Stop()
	b.leave()
}
