package live

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"
)

// hintsWaiting is how many hints may wait to be published; what comes beyond is dropped.
const hintsWaiting = 256

// Hints tells whoever watches a thing, in any process, that it changed. Like Results it is best effort: who watches also
// looks by itself from time to time.
type Hints struct {
	client  redis.UniversalClient
	names   names
	log     *slog.Logger
	waiting chan []uuid.UUID
	wanted  atomic.Bool
}

// NewHints returns a publisher that works while Run runs.
func NewHints(client redis.UniversalClient, options Options) *Hints {
	options = options.withDefaults()
	return &Hints{
		client: client, names: names{options.Prefix}, log: options.Log, waiting: make(chan []uuid.UUID, hintsWaiting),
	}
}

// Publish is to be called after each commit that changed things. It never waits and never fails.
func (h *Hints) Publish(ids []uuid.UUID) {
	if len(ids) == 0 || !h.wanted.Load() {
		return
	}
	select {
	case h.waiting <- ids:
	default:
	}
}

// Run publishes until ctx ends, and returns nil.
func (h *Hints) Run(ctx context.Context) error {
	tick := time.NewTicker(wantedEvery)
	defer tick.Stop()
	down := false
	for {
		var err error
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			err = h.look(ctx)
		case ids := <-h.waiting:
			err = h.publish(ctx, ids)
		}
		if err != nil && !down && ctx.Err() == nil {
			h.log.WarnContext(ctx, "changes can't be hinted at", "error", err)
		}
		down = err != nil
	}
}

// look notes whether anybody watches.
func (h *Hints) look(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, redisTimeout)
	defer cancel()
	count, err := h.client.Exists(ctx, h.names.hintsWanted()).Result()
	h.wanted.Store(err == nil && count > 0)
	if err != nil {
		return fmt.Errorf("ask for watchers: %w", err)
	}
	return nil
}

func (h *Hints) publish(ctx context.Context, ids []uuid.UUID) error {
	ctx, cancel := context.WithTimeout(ctx, redisTimeout)
	defer cancel()
	texts := make([]string, len(ids))
	for i, id := range ids {
		texts[i] = id.String()
	}
	if err := h.client.Publish(ctx, h.names.hints(), strings.Join(texts, " ")).Err(); err != nil {
		return fmt.Errorf("publish hints: %w", err)
	}
	return nil
}

// hinted are the watchers of things, by the thing's id.
type hinted struct {
	mu  sync.Mutex
	all map[uuid.UUID]map[chan struct{}]struct{}
}

// Watch returns a channel that holds a signal once the thing may have changed since it was last taken from, until leave
// is called.
func (h *Hub) Watch(id uuid.UUID) (changed <-chan struct{}, leave func()) {
	to := make(chan struct{}, 1)
	h.hinted.mu.Lock()
	defer h.hinted.mu.Unlock()
	if h.hinted.all[id] == nil {
		h.hinted.all[id] = make(map[chan struct{}]struct{})
	}
	h.hinted.all[id][to] = struct{}{}
	signal(h.wanting)
	return to, func() {
		h.hinted.mu.Lock()
		defer h.hinted.mu.Unlock()
		delete(h.hinted.all[id], to)
		if len(h.hinted.all[id]) == 0 {
			delete(h.hinted.all, id)
		}
	}
}

func (h *hinted) watched() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.all) > 0
}

// hear passes hints on to who watches.
func (h *hinted) hear(payload string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for text := range strings.FieldsSeq(payload) {
		if id, err := uuid.Parse(text); err == nil {
			for to := range h.all[id] {
				signal(to)
			}
		}
	}
}
