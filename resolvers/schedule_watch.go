package resolvers

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"github.com/boostress/boostress/live"
	"github.com/boostress/boostress/schedule"
	"github.com/boostress/boostress/store"
)

// firedLook is how often the runs of a schedule are counted where no hint comes.
const firedLook = 2 * time.Second

// ScheduleFired sends the runs of a schedule that begin from now on, each once, by their numbers: these are counted
// without a gap, so that none is missed whatever becomes of the hints.
func (s subscription) ScheduleFired(ctx context.Context, id uuid.UUID) (<-chan *schedule.Run, error) {
	principal, err := who(ctx)
	if err != nil {
		return nil, err
	}
	changed, deaf := s.options.Live.Watch(id)
	count := func(ctx context.Context) (int64, error) {
		return s.options.Store.RunCount(ctx, principal.AccountID, id)
	}
	sent, err := count(ctx)
	if err != nil {
		deaf()
		return nil, err
	}
	shared, leave := s.fired.watch(ofAccount{principal.AccountID, id})
	source := &firedSource{root: s.Root, id: id, changed: changed, sent: sent, ticking: ticking[int64]{
		options: &s.options, shared: shared, ticker: time.NewTicker(firedLook), allowed: firedLook / 2, read: count,
		leave: func() { deaf(); leave() },
	}}
	return live.Stream(ctx, source, func(run schedule.Run) *schedule.Run { return &run }), nil
}

// firedSource counts the runs after each hint, and from time to time without one, and reads those that are new.
type firedSource struct {
	ticking[int64]

	root    *Root
	id      uuid.UUID
	changed <-chan struct{}
	sent    int64 // the number of the run that was sent last
	waiting []schedule.Run
}

// Next returns the next run, once it began.
func (f *firedSource) Next(ctx context.Context) (schedule.Run, error) {
	for len(f.waiting) == 0 {
		allowed := f.allowed
		select {
		case <-f.changed:
			allowed = 0
		case <-f.ticker.C:
		case <-ctx.Done():
			return schedule.Run{}, context.Cause(ctx)
		}
		if err := f.look(ctx, allowed); err != nil {
			return schedule.Run{}, err
		}
	}
	run := f.waiting[0]
	f.waiting = f.waiting[1:]
	return run, nil
}

// look reads what began since. What the record does not tell now, the next look finds.
func (f *firedSource) look(ctx context.Context, allowed time.Duration) error {
	count, done, err := f.now(ctx, allowed)
	if !done || err != nil || count <= f.sent {
		return err
	}
	runs, err := f.root.options.Store.RunsSince(ctx, f.id, f.sent, count)
	if err != nil && ctx.Err() == nil && !errors.Is(err, context.Canceled) && store.Transient(err) {
		f.options.Log.WarnContext(ctx, "the runs of a schedule can't be read now", slog.Any("error", err))
		return nil
	}
	if len(runs) > 0 {
		f.waiting, f.sent = runs, runs[len(runs)-1].Number
	}
	return err
}
