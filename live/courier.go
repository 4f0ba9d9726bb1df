package live

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
)

// couriersWaiting is how many loads may wait to be sent; what comes beyond is dropped.
const couriersWaiting = 256

// courier carries things to whoever watches, in any process. It is best effort, unlike the feed: there is no replay, and
// what comes while Redis is away, too fast, or in the first second of the first watcher, is not carried. While nobody
// watches nothing is sent.
type courier[T any] struct {
	client  redis.UniversalClient
	log     *slog.Logger
	what    string // it carries, for the log
	watched string // the key that is there while somebody watches
	send    func(context.Context, []T) error
	dropped func(count int)
	waiting chan []T
	wanted  atomic.Bool
}

func newCourier[T any](client redis.UniversalClient, log *slog.Logger, what, watched string) courier[T] {
	return courier[T]{
		client: client, log: log, what: what, watched: watched, dropped: func(int) {},
		waiting: make(chan []T, couriersWaiting),
	}
}

// Publish is to be called after each commit that has something to tell. It never waits and never fails. Nobody may
// change the slice afterwards.
func (c *courier[T]) Publish(load []T) {
	if len(load) == 0 || !c.wanted.Load() {
		return
	}
	select {
	case c.waiting <- load:
	default:
		c.dropped(len(load))
	}
}

// Run publishes until ctx ends, and returns nil.
func (c *courier[T]) Run(ctx context.Context) error {
	tick := time.NewTicker(wantedEvery)
	defer tick.Stop()
	down := false
	for {
		var err error
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			err = c.look(ctx)
		case load := <-c.waiting:
			err = c.bounded(ctx, load)
		}
		if err != nil && !down && ctx.Err() == nil {
			c.log.WarnContext(ctx, "watchers can't be told", "of", c.what, "error", err)
		}
		down = err != nil
	}
}

func (c *courier[T]) bounded(ctx context.Context, load []T) error {
	ctx, cancel := context.WithTimeout(ctx, redisTimeout)
	defer cancel()
	return c.send(ctx, load)
}

// look notes whether anybody watches.
func (c *courier[T]) look(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, redisTimeout)
	defer cancel()
	count, err := c.client.Exists(ctx, c.watched).Result()
	c.wanted.Store(err == nil && count > 0)
	if err != nil {
		return fmt.Errorf("ask for watchers: %w", err)
	}
	return nil
}
