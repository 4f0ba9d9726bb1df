package live

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/boostress/boostress/order"
)

// Filter says which events a subscription gets: an account's, and of these what all further conditions allow.
type Filter struct {
	AccountID     uuid.UUID
	OrderID       *uuid.UUID
	FulfillmentID *uuid.UUID
	// Match is called for each event that the rest allows; nil allows all. It runs where the feed moves on, so it
	// must be quick and may not wait.
	Match func(*order.Event) bool
}

// From says where a subscription begins.
type From struct {
	latest bool
	after  string
}

// Now begins with what happens next.
func Now() From { return From{} }

// Latest begins with an order's latest event. It needs a Filter with an OrderID.
func Latest() From { return From{latest: true} }

// After begins behind the event of a cursor. With an OrderID in the Filter, "0" is before the first event.
func After(cursor string) From { return From{after: cursor} }

// Subscribe opens a subscription; it ends with ctx or by Close. It fails with ErrCursorInvalid, ErrCursorExpired,
// ErrClosed and, where the Filter names an order that the account does not have, order.ErrNotFound.
func (h *Hub) Subscribe(ctx context.Context, filter Filter, from From) (*Subscription, error) {
	s := &Subscription{hub: h, filter: filter, queue: newQueue[*entry](h.options.Queue)}
	if err := h.open(ctx, s); err != nil {
		return nil, fmt.Errorf("subscribe: %w", err)
	}
	s.stop = context.AfterFunc(ctx, s.end)
	if err := s.begin(ctx, from); err != nil {
		s.Close()
		return nil, fmt.Errorf("subscribe: %w", err)
	}
	return s, nil
}

// open makes the hub follow the feed, and know of a subscription, which it does not feed yet.
func (h *Hub) open(ctx context.Context, s *Subscription) error {
	for !h.admit(s) {
		if err := h.wake(ctx); err != nil {
			return err
		}
	}
	return s.queue.failed()
}

// admit reports false where the hub does not follow the feed.
func (h *Hub) admit(s *Subscription) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		s.queue.fail(ErrClosed)
		return true
	}
	if h.active {
		h.readers.open[s] = struct{}{}
		s.epoch = h.epoch
		h.metrics.subscriptions.WithLabelValues(s.kind()).Inc()
	}
	return h.active
}

// begin goes to where the subscription starts.
func (s *Subscription) begin(ctx context.Context, from From) error {
	var start cursor
	if from.after != "" && from.after != fromTheBegin {
		var err error
		if start, err = s.hub.options.Cursors.decode(from.after); err != nil {
			return err
		}
		if start.epoch != s.epoch {
			return fmt.Errorf("%w: of another epoch", ErrCursorExpired)
		}
	}
	switch {
	case s.filter.OrderID != nil:
		return s.beginOrder(ctx, from, start)
	case from.latest || from.after == fromTheBegin:
		return fmt.Errorf("%w: this needs an order", ErrCursorInvalid)
	case from.after == "":
		s.join()
		s.caught = time.Now()
		return nil
	case start.position == nil:
		return fmt.Errorf("%w: it is of one order", ErrCursorInvalid)
	default:
		s.loaded, s.position = *start.position, *start.position
		s.more = s.replay
		return s.replay(ctx)
	}
}

// join makes the hub feed the subscription from now on.
func (s *Subscription) join() {
	s.hub.mu.Lock()
	defer s.hub.mu.Unlock()
	s.position = s.hub.position
	s.joinLocked()
}

func (s *Subscription) joinLocked() {
	s.more = nil
	s.hub.readers.join(s)
}
