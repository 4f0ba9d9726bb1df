package live

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/boostress/boostress/internal/feed"
)

// fromTheBegin stands for a cursor before an order's first event.
const fromTheBegin = "0"

// Subscription is one reader of the feed. Its methods other than Close are for one goroutine at a time.
type Subscription struct {
	hub    *Hub
	filter Filter
	epoch  string
	queue  *queue[*entry]
	stop   func() bool
	once   sync.Once

	ready []*entry // to be handed out next
	// more loads what comes before the queue; nil once the subscription has caught up.
	more func(context.Context) error

	sequence int       // of an order's event that was handed out last
	caught   time.Time // when the reader had taken all there was; the zero time: never yet
	position position  // behind the event that was handed out last
	loaded   position  // behind what was loaded so far
	skip     position  // behind what the reader had, or was loaded, when what comes now was not yet asked for

	block     []feed.Ref  // found, but not yet read
	window    feed.Window // that block is of
	blockEnds bool        // block is the window's last
	number    uint64      // of the ring's entry to go on with
}

// Next waits for the next event. It fails with ErrSlow, ErrCursorExpired, ErrClosed, or as ctx ends; the subscription
// has ended then.
func (s *Subscription) Next(ctx context.Context) (Delivery, error) {
	for {
		if err := s.queue.failed(); err != nil {
			return Delivery{}, err
		}
		for len(s.ready) > 0 {
			e := s.ready[0]
			s.ready[0], s.ready = nil, s.ready[1:]
			if !s.passed(e) {
				return s.hand(e)
			}
		}
		var err error
		if s.more != nil {
			err = s.more(ctx)
		} else {
			err = s.take(ctx)
		}
		if err != nil {
			return Delivery{}, err
		}
	}
}

// take waits for what comes in.
func (s *Subscription) take(ctx context.Context) (err error) {
	if s.ready, err = s.queue.poll(); err == nil && len(s.ready) == 0 {
		s.ready, err = s.queue.take(ctx)
		s.caught = time.Now()
	}
	if behind, ok := errors.AsType[lagError](err); ok {
		s.lag(behind.oldest)
		return nil
	}
	return err
}

// passed reports whether the reader has an event already.
func (s *Subscription) passed(e *entry) bool {
	return s.skip.read(e.record.XID, e.record.ID) || s.filter.OrderID != nil && e.record.Sequence <= s.sequence
}

// hand makes a delivery of an event.
func (s *Subscription) hand(e *entry) (Delivery, error) {
	event, err := e.open()
	if err != nil {
		return Delivery{}, err
	}
	read := e.after
	if s.filter.OrderID == nil {
		s.position = s.position.past(e.after)
		read = s.position
	}
	s.sequence = e.record.Sequence
	cursor, err := e.cursorAt(s.hub.options.Cursors, s.epoch, read)
	if err != nil {
		return Delivery{}, err
	}
	s.hub.metrics.delivered.Inc()
	return Delivery{Event: event, Cursor: cursor}, nil
}

// offer queues an event, where it matches. A queue that is full is dropped: its reader goes on with the hub's ring,
// from the first event that it did not take, and joins again at its end.
func (s *Subscription) offer(e *entry) {
	if !s.accepts(e) {
		return
	}
	if oldest, ok := s.queue.push(e); !ok {
		s.queue.interrupt(lagError{oldest})
		s.hub.readers.part(s)
	}
}

// lagError says that a queue overflowed, and with which entry of the ring its reader goes on.
type lagError struct{ oldest *entry }

func (e lagError) Error() string { return "the queue overflowed" }

// accepts reports whether the subscription is to get an event. An event that can't be read is accepted, so that whoever
// waits for it is told.
func (s *Subscription) accepts(e *entry) bool {
	f := s.filter
	switch {
	case e.record.AccountID != f.AccountID,
		f.OrderID != nil && e.record.OrderID != *f.OrderID,
		f.FulfillmentID != nil && (e.record.FulfillmentID == nil || *e.record.FulfillmentID != *f.FulfillmentID):
		return false
	case f.Match == nil:
		return true
	}
	event, err := e.open()
	return err != nil || f.Match(event)
}

// Close ends the subscription. It may be called at any time, and more than once.
func (s *Subscription) Close() {
	s.stop()
	s.end()
}

func (s *Subscription) end() {
	s.once.Do(func() {
		s.queue.fail(ErrClosed)
		s.hub.mu.Lock()
		defer s.hub.mu.Unlock()
		s.hub.readers.remove(s)
		s.hub.metrics.subscriptions.WithLabelValues(s.kind()).Dec()
	})
}

// kind names what the subscription follows, for metrics.
func (s *Subscription) kind() string {
	switch {
	case s.filter.FulfillmentID != nil:
		return "fulfillment"
	case s.filter.OrderID != nil:
		return "order"
	default:
		return "orders"
	}
}
