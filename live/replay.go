package live

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/boostress/boostress/internal/feed"
	"github.com/boostress/boostress/order"
)

// A reader that comes back catches up in two stages: from Postgres while what it lacks is no longer in the hub's ring,
// then from the ring, whose end it joins the live feed at.

// replay loads the next page that the reader lacks.
func (s *Subscription) replay(ctx context.Context) error {
	s.position = s.loaded // all of it was handed out, or not wanted
	if len(s.block) > 0 {
		return s.readBlock(ctx)
	}
	h := s.hub
	h.mu.Lock()
	kept, base := h.ring.covers(s.loaded) && h.ring.aligned(s.loaded), h.ring.base
	target := h.position.to // behind the oldest entry, even where the hub is in the middle of a window that the ring can't hold
	h.mu.Unlock()
	if kept {
		s.number, s.skip = base, s.loaded
		s.more = s.replayRing
		return s.replayRing(ctx)
	}
	return s.findBlock(ctx, target)
}

// findBlock finds what the reader lacks: of the window that it is in the middle of, or else up to target.
func (s *Subscription) findBlock(ctx context.Context, target feed.Snapshot) error {
	s.window = feed.Window{From: s.loaded.from, To: s.loaded.to, After: s.loaded.id, AccountID: &s.filter.AccountID}
	if s.loaded.whole() {
		s.window.To, s.window.After = target, 0
	}
	h := s.hub
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case h.replays <- struct{}{}:
	}
	refs, head, err := h.history.FeedRefs(ctx, s.window, refsSize)
	<-h.replays
	switch {
	case err != nil:
		return err
	case head.Epoch != s.epoch:
		return fmt.Errorf("%w: of another epoch", ErrCursorExpired)
	case !s.window.From.SeesBelow(head.Floor):
		return fmt.Errorf("%w: later events were removed", ErrCursorExpired)
	}
	s.block, s.blockEnds = refs, len(refs) < refsSize
	if len(refs) == 0 {
		s.loaded = at(s.window.To)
	}
	return nil
}

// readBlock reads the next page of what was found.
func (s *Subscription) readBlock(ctx context.Context) error {
	page := s.block[:min(pageSize, len(s.block))]
	records, err := s.hub.history.FeedRecords(ctx, page)
	if err != nil {
		return err
	}
	if len(records) < len(page) {
		return fmt.Errorf("%w: later events were removed", ErrCursorExpired)
	}
	s.block = s.block[len(page):]
	before := s.loaded
	for i, record := range records {
		s.loaded = position{from: s.window.From, to: s.window.To, id: record.ID}
		if s.blockEnds && len(s.block) == 0 && i == len(records)-1 {
			s.loaded = at(s.window.To)
		}
		if e := newEntry(record, s.loaded); !before.read(record.XID, record.ID) && s.accepts(e) {
			s.ready = append(s.ready, e)
		}
	}
	return nil
}

// replayRing loads the next page from the hub's ring. Behind the last it joins the live feed.
func (s *Subscription) replayRing(ctx context.Context) error {
	h := s.hub
	h.mu.Lock()
	page, kept := h.ring.from(s.number, pageSize)
	if !kept { // it turned faster than we read
		h.mu.Unlock()
		return s.fallBehind(ctx)
	}
	s.number += uint64(len(page))
	if s.number == h.ring.end() {
		s.joinLocked()
	}
	h.mu.Unlock()
	for _, e := range page {
		if !s.skip.read(e.record.XID, e.record.ID) {
			s.loaded = s.loaded.past(e.after)
		}
	}
	s.ready = slices.DeleteFunc(page, func(e *entry) bool { return !s.accepts(e) })
	return nil
}

// lag goes on with the ring where the queue overflowed.
func (s *Subscription) lag(oldest *entry) {
	s.number = oldest.number
	s.loaded = s.position.past(at(oldest.after.from))
	s.more = s.replayRing
}

// fallBehind goes back to the past of the feed: more came at once than the ring keeps. Whoever can't catch up for long
// is too slow.
func (s *Subscription) fallBehind(ctx context.Context) error {
	if !s.caught.IsZero() && time.Since(s.caught) > s.hub.options.Patience {
		s.queue.fail(ErrSlow)
		s.hub.metrics.slow.Inc()
		return ErrSlow
	}
	if s.filter.OrderID != nil {
		s.join()
		return s.orderAfter(ctx, s.sequence, false)
	}
	s.more, s.skip = s.replay, position{}
	return nil
}

// beginOrder begins a subscription to one order. It joins first and reads the order's past then: what comes twice is
// known by its sequence.
func (s *Subscription) beginOrder(ctx context.Context, from From, start cursor) error {
	s.join()
	orderID := *s.filter.OrderID
	switch {
	case from.after == fromTheBegin:
		return s.orderAfter(ctx, 0, true)
	case from.after == "" && from.latest:
		latest, err := s.hub.history.OrderLatestEvent(ctx, s.filter.AccountID, orderID)
		if err != nil {
			return err
		}
		s.ready = s.keep([]feed.Record{latest})
		return nil
	case from.after == "":
		return nil
	case start.orderID == orderID:
		s.sequence = start.sequence
		return s.orderAfter(ctx, start.sequence, true)
	case start.position == nil:
		return fmt.Errorf("%w: it is of another order", ErrCursorInvalid)
	default:
		s.skip = *start.position
		return s.orderAfter(ctx, 0, true)
	}
}

// orderAfter loads a page of the order's events and, where there may be more, what loads the next.
func (s *Subscription) orderAfter(ctx context.Context, sequence int, first bool) error {
	h, orderID := s.hub, *s.filter.OrderID
	records, err := h.history.OrderEvents(ctx, s.filter.AccountID, orderID, sequence, pageSize)
	if err != nil {
		return err
	}
	s.more = nil
	if len(records) == 0 && first {
		return s.checkOrder(ctx, sequence)
	}
	if len(records) == pageSize {
		last := records[len(records)-1].Sequence
		s.more = func(ctx context.Context) error { return s.orderAfter(ctx, last, false) }
	}
	s.ready = s.keep(records)
	return nil
}

// checkOrder looks whether an order without later events is there, and as old as its cursor says.
func (s *Subscription) checkOrder(ctx context.Context, sequence int) error {
	latest, err := s.hub.history.OrderLatestEvent(ctx, s.filter.AccountID, *s.filter.OrderID)
	switch {
	case errors.Is(err, order.ErrNotFound) && sequence > 0, err == nil && latest.Sequence < sequence:
		return fmt.Errorf("%w: the order's events were removed", ErrCursorExpired)
	default:
		return err
	}
}

// keep makes entries of what the subscription accepts. The order's events have no place in the feed that is known here.
func (s *Subscription) keep(records []feed.Record) (kept []*entry) {
	for _, record := range records {
		if e := newEntry(record, position{}); s.accepts(e) {
			kept = append(kept, e)
		}
	}
	return kept
}
