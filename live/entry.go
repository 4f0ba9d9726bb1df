package live

import (
	"encoding/json"
	"fmt"
	"sync"

	"github.com/boostress/boostress/internal/feed"
	"github.com/boostress/boostress/order"
)

// Delivery is an event on its way to a subscriber. Subscribers share it, so nobody may change it.
type Delivery struct {
	Event  *order.Event
	Cursor string // of this event: whoever comes back with it gets what follows
}

// entry is an event that a hub keeps for a while. It is understood at most once, and only where somebody wants it.
type entry struct {
	record feed.Record
	after  position // of the hub, once it had read the event
	number uint64   // in the hub's ring
	size   int      // bytes, about

	opening sync.Once
	event   *order.Event
	opened  error

	sealing sync.Once
	cursor  string
	sealed  error
}

func newEntry(record feed.Record, after position) *entry {
	const rest = 512
	return &entry{record: record, after: after, size: len(record.Changes) + len(record.Snapshot) + rest}
}

// open returns the event.
func (e *entry) open() (*order.Event, error) {
	e.opening.Do(func() { e.event, e.opened = decodeEvent(e.record) })
	return e.event, e.opened
}

// cursorAt returns the event's cursor for a reader whose position behind the event is read.
func (e *entry) cursorAt(cursors *Cursors, epoch string, read position) (string, error) {
	if read.from.Compare(e.after.from) != 0 || read.to.Compare(e.after.to) != 0 || read.id != e.after.id {
		return e.seal(cursors, epoch, read)
	}
	e.sealing.Do(func() { e.cursor, e.sealed = e.seal(cursors, epoch, e.after) })
	return e.cursor, e.sealed
}

// seal writes a cursor. A position that has read nothing is unknown.
func (e *entry) seal(cursors *Cursors, epoch string, read position) (string, error) {
	value := cursor{epoch: epoch, orderID: e.record.OrderID, sequence: e.record.Sequence}
	if read.to.End() > 0 {
		value.position = &read
	}
	return cursors.encode(value)
}

func decodeEvent(r feed.Record) (*order.Event, error) {
	event := &order.Event{
		ID: r.ID, AccountID: r.AccountID, OrderID: r.OrderID, FulfillmentID: r.FulfillmentID, Sequence: r.Sequence,
		Kind: order.EventKind(r.Kind), Actor: r.Actor, OccurredAt: r.OccurredAt,
	}
	if err := json.Unmarshal(r.Changes, &event.Changes); err != nil {
		return nil, fmt.Errorf("read changes of event %d: %w", r.ID, err)
	}
	if err := json.Unmarshal(r.Snapshot, &event.Snapshot); err != nil {
		return nil, fmt.Errorf("read snapshot of event %d: %w", r.ID, err)
	}
	return event, nil
}
