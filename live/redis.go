package live

import (
	"context"
	"errors"
	"net"
	"time"

	"github.com/redis/go-redis/v9"
)

// How long a silent connection is trusted before it is asked, and again before it is given up.
const redisSilence = 3 * time.Second

// listener receives what is published on some channels.
type listener struct {
	client   redis.UniversalClient
	channels []string
	retry    time.Duration
	// changed is told when the channels begin to be heard, with nil, and when they no longer are.
	changed func(error)
	// heard is given each message; while it waits, so does Redis.
	heard func(channel, payload string)
}

// listen runs until ctx ends. What is published while the connection is away is not heard.
func (l listener) listen(ctx context.Context) {
	for ctx.Err() == nil {
		if err := l.connection(ctx); ctx.Err() == nil {
			l.changed(err)
		}
		pause(ctx, l.retry)
	}
}

// connection listens until the connection breaks.
func (l listener) connection(ctx context.Context) error {
	subscribed := l.client.Subscribe(ctx, l.channels...)
	stop := context.AfterFunc(ctx, func() { _ = subscribed.Close() }) // ends a Receive that waits
	defer func() {
		if stop() {
			_ = subscribed.Close() // it is given up either way
		}
	}()
	asked, left := false, len(l.channels)
	for {
		message, err := subscribed.ReceiveTimeout(ctx, redisSilence)
		var late net.Error
		switch {
		case errors.As(err, &late) && late.Timeout() && !asked:
			asked = true
			if err := subscribed.Ping(ctx); err != nil {
				return err //nolint:wrapcheck // reported as it is
			}
			continue
		case err != nil:
			return err //nolint:wrapcheck // reported as it is
		}
		asked = false
		switch message := message.(type) {
		case *redis.Subscription:
			left--
			if left == 0 {
				l.changed(nil)
			}
		case *redis.Message:
			l.heard(message.Channel, message.Payload)
		}
	}
}

// pause waits, unless ctx ends.
func pause(ctx context.Context, length time.Duration) {
	timer := time.NewTimer(length)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
