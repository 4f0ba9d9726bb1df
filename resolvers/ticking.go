package resolvers

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/boostress/boostress/store"
)

// sharing has those who watch the same thing read it once for a moment, however many they are.
type sharing[K comparable, T any] struct {
	mu     sync.Mutex
	shared map[K]*share[T]
}

// share is what was last read of a thing that somebody watches.
type share[T any] struct {
	watchers int
	turn     chan struct{} // holds one token: whoever takes it reads
	known    bool
	at       time.Time // when the latest read began
	latest   T
}

// watch keeps what is read of a thing until leave is called.
func (s *sharing[K, T]) watch(key K) (shared *share[T], leave func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	shared = s.shared[key]
	if shared == nil {
		shared = &share[T]{turn: make(chan struct{}, 1)}
		if s.shared == nil {
			s.shared = make(map[K]*share[T])
		}
		s.shared[key] = shared
	}
	shared.watchers++
	return shared, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		shared.watchers--
		if shared.watchers == 0 {
			delete(s.shared, key)
		}
	}
}

// get returns what a read that began at since or later found, or reads.
func (s *share[T]) get(
	ctx context.Context, since time.Time, clock func() time.Time, read func(context.Context) (T, error),
) (latest T, err error) {
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-ctx.Done():
		return latest, context.Cause(ctx)
	}
	if s.known && !s.at.Before(since) {
		return s.latest, nil
	}
	at := clock()
	latest, err = read(ctx)
	if err != nil {
		return latest, err
	}
	s.latest, s.at, s.known = latest, at, true
	return latest, nil
}

// ticking reads, at every tick, what it shares with others who watch the same. What fails because the record is away is
// left out.
type ticking[T any] struct {
	options *Options
	shared  *share[T]
	leave   func()
	ticker  *time.Ticker
	allowed time.Duration // how old what another one read may be
	read    func(context.Context) (T, error)
}

// Next waits for the next tick and reads.
func (t *ticking[T]) Next(ctx context.Context) (T, error) {
	for {
		select {
		case <-t.ticker.C:
		case <-ctx.Done():
			var none T
			return none, context.Cause(ctx)
		}
		if read, done, err := t.now(ctx, t.allowed); done {
			return read, err
		}
	}
}

// now reads without waiting; done is false where the record is away.
func (t *ticking[T]) now(ctx context.Context, allowed time.Duration) (read T, done bool, err error) {
	read, err = t.shared.get(ctx, t.options.Clock().Add(-allowed), t.options.Clock, t.read)
	if err == nil || ctx.Err() != nil || errors.Is(err, context.Canceled) || !store.Transient(err) {
		return read, true, err
	}
	t.options.Log.WarnContext(ctx, "what is watched can't be read now", slog.Any("error", err))
	return read, false, nil
}

// Close stops reading.
func (t *ticking[T]) Close() {
	t.ticker.Stop()
	t.leave()
}
