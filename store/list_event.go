package store

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/boostress/boostress/order"
)

// EventFilter selects events; zero fields select nothing.
type EventFilter struct {
	Kinds          []order.EventKind // one of these; nil: any, empty: none
	OrderID        *uuid.UUID
	FulfillmentID  *uuid.UUID
	OccurredAfter  *time.Time // at or after
	OccurredBefore *time.Time
}

func (f *EventFilter) where(accountID uuid.UUID) *where {
	w := of(accountID)
	if f.Kinds != nil {
		w.add("t.kind = ANY(?)", f.Kinds)
	}
	if f.OrderID != nil {
		w.add("t.order_id = ?", *f.OrderID)
	}
	if f.FulfillmentID != nil {
		w.add("t.fulfillment_id = ?", *f.FulfillmentID)
	}
	if f.OccurredAfter != nil {
		w.add("t.occurred_at >= ?", *f.OccurredAfter)
	}
	if f.OccurredBefore != nil {
		w.add("t.occurred_at < ?", *f.OccurredBefore)
	}
	return w
}

type eventRow struct {
	ID            int64
	Xid           string `cast:"text"`
	AccountID     uuid.UUID
	OrderID       uuid.UUID
	FulfillmentID *uuid.UUID
	Sequence      int32
	Kind          string
	Actor         string
	OccurredAt    time.Time
	Changes       json.RawMessage
	Snapshot      json.RawMessage
}

// listedEvent is an event with its transaction, by which events are listed.
type listedEvent struct {
	event *order.Event
	xid   string
}

func eventOf(row eventRow) (listedEvent, error) {
	event := &order.Event{
		ID: row.ID, AccountID: row.AccountID, OrderID: row.OrderID, FulfillmentID: row.FulfillmentID,
		Sequence: int(row.Sequence), Kind: order.EventKind(row.Kind), Actor: row.Actor, OccurredAt: row.OccurredAt.UTC(),
	}
	if err := json.Unmarshal(row.Changes, &event.Changes); err != nil {
		return listedEvent{}, fmt.Errorf("read changes of event %d: %w", row.ID, err)
	}
	if err := json.Unmarshal(row.Snapshot, &event.Snapshot); err != nil {
		return listedEvent{}, fmt.Errorf("read snapshot of event %d: %w", row.ID, err)
	}
	return listedEvent{event: event, xid: row.Xid}, nil
}

// events are listed by transaction, which is close to the order of time and has an index, or within their order by
// sequence.
func events(bySequence bool) table[eventRow, listedEvent] {
	feed := []term[listedEvent]{{sql: "t.xid", kind: keyXID, of: func(e listedEvent) string { return e.xid }}}
	id := term[listedEvent]{sql: "t.id", kind: keyNumber, of: func(e listedEvent) string {
		return strconv.FormatInt(e.event.ID, 10)
	}}
	if bySequence {
		feed = nil
		id = term[listedEvent]{sql: "t.sequence", kind: keyNumber, of: func(e listedEvent) string {
			return strconv.Itoa(e.event.Sequence)
		}}
	}
	return table[eventRow, listedEvent]{
		name: "events", from: "events", one: eventOf, id: id,
		sort: map[SortField][]term[listedEvent]{"": feed, ByCreated: feed},
	}
}

// EventList reads a page of an account's events, in the order in which they were written. It fails with ErrKey.
func (s *Store) EventList(
	ctx context.Context, accountID uuid.UUID, filter EventFilter, sort Sort, page Page,
) (Slice[*order.Event], error) {
	slice, err := list(ctx, s, events(false), filter.where(accountID), sort, page)
	return eventsOf(slice), err
}

// EventsOf reads, for each of an account's orders, a page of its events by sequence. It fails with ErrKey.
func (s *Store) EventsOf(
	ctx context.Context, accountID uuid.UUID, orderIDs []uuid.UUID, page Page,
) (map[uuid.UUID]Slice[*order.Event], error) {
	by := child[listedEvent]{ofOrder, func(e listedEvent) uuid.UUID { return e.event.OrderID }}
	families, err := children(ctx, s, events(true), by, orderIDs, of(accountID), Sort{}, page)
	if err != nil {
		return nil, err
	}
	found := make(map[uuid.UUID]Slice[*order.Event], len(families))
	for orderID, slice := range families {
		found[orderID] = eventsOf(slice)
	}
	return found, nil
}

func eventsOf(slice Slice[listedEvent]) Slice[*order.Event] {
	return Slice[*order.Event]{
		Items: column(slice.Items, func(e listedEvent) *order.Event { return e.event }),
		Keys:  slice.Keys, More: slice.More, Total: slice.Total,
	}
}
