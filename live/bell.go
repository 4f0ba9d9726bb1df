package live

import (
	"context"
	"log/slog"
	"time"

	"github.com/redis/go-redis/v9"
)

// How far apart rings are at least: many commits share one.
const ringEvery = 2 * time.Millisecond

// Bell tells the relay that something was committed. It is a hint: the relay looks by itself four times a second.
type Bell struct {
	client redis.UniversalClient
	names  names
	log    *slog.Logger
	rung   chan struct{} // holds one signal; a ring while one waits is the same ring
}

// NewBell returns a bell that rings while Run runs.
func NewBell(client redis.UniversalClient, options Options) *Bell {
	options = options.withDefaults()
	return &Bell{client: client, names: names{options.Prefix}, log: options.Log, rung: make(chan struct{}, 1)}
}

// Ring is to be called after each commit that wrote events. It never waits and never fails.
func (b *Bell) Ring() { signal(b.rung) }

// Run carries the rings to Redis until ctx ends, and returns nil. Those that Redis does not take are lost.
func (b *Bell) Run(ctx context.Context) error {
	down := false
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-b.rung:
		}
		err := b.publish(ctx)
		if err != nil && !down && ctx.Err() == nil {
			b.log.WarnContext(ctx, "commits can't be announced to the live feed", "error", err)
		}
		down = err != nil
		pause(ctx, ringEvery)
	}
}

func (b *Bell) publish(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, redisTimeout)
	defer cancel()
	return b.client.Publish(ctx, b.names.bell(), "").Err()
}
