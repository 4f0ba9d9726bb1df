package live

import (
	"context"
	"time"
)

// How long a wish for the feed or for results lasts, and how often it is made again.
const (
	wantedFor   = 3500 * time.Millisecond
	wantedEvery = time.Second
)

// listen takes what is published for hubs.
func (h *Hub) listen(ctx context.Context) {
	listener{
		client: h.client, channels: []string{h.names.feed(), h.names.results(), h.names.hints()}, retry: h.options.Poll,
		changed: func(err error) { h.heard(ctx, err) },
		heard: func(channel, payload string) {
			to := h.messages
			switch channel {
			case h.names.results():
				to = h.tasks
			case h.names.hints():
				h.hinted.hear(payload)
				return
			}
			select {
			case <-ctx.Done():
			case to <- payload:
			}
		},
	}.listen(ctx)
}

// heard notes whether Redis is heard. What was missed in between, Postgres tells.
func (h *Hub) heard(ctx context.Context, err error) {
	h.mu.Lock()
	before := h.down
	h.down = err != nil
	h.mu.Unlock()
	signal(h.kick)
	switch {
	case err != nil && !before:
		h.log.WarnContext(ctx, "redis is away, the live feed polls postgres", "error", err)
	case err == nil && before:
		h.log.InfoContext(ctx, "redis is back, the live feed listens again")
	}
}

// want tells the relay and the publishers of results, by keys that don't live long, that somebody listens.
func (h *Hub) want(ctx context.Context) {
	tick := time.NewTicker(wantedEvery)
	defer tick.Stop()
	for {
		rung := false
		select {
		case <-ctx.Done():
			return
		case <-h.wanting:
			rung = true
		case <-tick.C:
		}
		h.mu.Lock()
		follows, watches := h.active, len(h.watchers) > 0
		h.mu.Unlock()
		if follows {
			h.wish(ctx, h.names.feedWanted())
		}
		if watches {
			h.wish(ctx, h.names.resultsWanted())
		}
		if h.hinted.watched() {
			h.wish(ctx, h.names.hintsWanted())
		}
		if rung && follows {
			asking, cancel := context.WithTimeout(ctx, redisTimeout)
			_ = h.client.Publish(asking, h.names.bell(), "").Err() // the relay looks by itself soon
			cancel()
		}
	}
}

// wish sets a key. Without Redis nobody would read it; the listener reports that.
func (h *Hub) wish(ctx context.Context, key string) {
	ctx, cancel := context.WithTimeout(ctx, redisTimeout)
	defer cancel()
	_ = h.client.Set(ctx, key, 1, wantedFor).Err()
}
