package live

import (
	"context"

	"github.com/google/uuid"
)

type markKey struct{}

// mark is where the feed was when an operation began.
type mark struct {
	epoch    string
	position position
}

// Mark returns a context that remembers how far this hub has read the feed. Called before an operation reads anything,
// it lets the operation's cursors continue the whole feed: what comes behind the mark may be known to the reader, but
// nothing is missing. While nobody follows the feed the mark is up to Options.Check old.
func (h *Hub) Mark(ctx context.Context) context.Context {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.epoch == "" {
		return ctx
	}
	return context.WithValue(ctx, markKey{}, mark{h.epoch, h.position})
}

// EventCursor returns the cursor of an order's event with a sequence, for clients that read first and subscribe then:
// the order continues right behind it. The account's whole feed continues from the context's Mark; without one the
// cursor is good for the order only. It fails where the epoch has to be read first and that fails.
func (h *Hub) EventCursor(ctx context.Context, orderID uuid.UUID, sequence int) (string, error) {
	value := cursor{orderID: orderID, sequence: sequence}
	if marked, ok := ctx.Value(markKey{}).(mark); ok {
		value.epoch, value.position = marked.epoch, &marked.position
	} else {
		epoch, err := h.Epoch(ctx)
		if err != nil {
			return "", err
		}
		value.epoch = epoch
	}
	return h.options.Cursors.encode(value)
}
