package live

import (
	"context"
	"sync"
)

// Source is what Stream reads: *Subscription, *ResultSubscription.
type Source[E any] interface {
	Next(ctx context.Context) (E, error)
	Close()
}

// Stream passes on what a source brings, converted, until ctx or the source ends; then it closes the source and the
// channel. Why the source ended, End tells the transport.
func Stream[E, T any](ctx context.Context, source Source[E], convert func(E) T) <-chan T {
	out := make(chan T) // unbuffered: what waits, waits in the source
	go func() {
		defer close(out)
		defer source.Close()
		for {
			next, err := source.Next(ctx)
			if err != nil {
				if ctx.Err() == nil {
					End(ctx, err)
				}
				return
			}
			select {
			case <-ctx.Done():
				return
			case out <- convert(next):
			}
		}
	}()
	return out
}

type endingKey struct{}

type ending struct {
	mu  sync.Mutex
	err error
}

// WithEnding returns a context in which End can say why a subscription ended, and a function that returns what it said.
// A transport makes one for each subscription: a channel of events can be closed, but gives no reason.
func WithEnding(ctx context.Context) (context.Context, func() error) {
	e := &ending{}
	return context.WithValue(ctx, endingKey{}, e), func() error {
		e.mu.Lock()
		defer e.mu.Unlock()
		return e.err
	}
}

// End says why a subscription ends, before its channel is closed. The first reason counts.
func End(ctx context.Context, err error) {
	e, ok := ctx.Value(endingKey{}).(*ending)
	if !ok {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.err == nil {
		e.err = err
	}
}
