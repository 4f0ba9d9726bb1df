package live

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"
)

// Hints tells whoever watches a thing, in any process, that it changed. Like Results it is best effort: who watches also
// looks by itself from time to time.
type Hints struct {
	courier[uuid.UUID]

	names names
}

// NewHints returns a publisher that works while Run runs.
func NewHints(client redis.UniversalClient, options Options) *Hints {
	options = options.withDefaults()
	h := &Hints{names: names{options.Prefix}}
	h.courier = newCourier[uuid.UUID](client, options.Log, "changes", h.names.hintsWanted())
	h.send = h.publish
	return h
}

func (h *Hints) publish(ctx context.Context, ids []uuid.UUID) error {
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
