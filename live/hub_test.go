package live_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/boostress/boostress/internal/id"
	"github.com/boostress/boostress/internal/testkit"
	"github.com/boostress/boostress/live"
	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/store"
)

func TestEventArrivesOnEveryHub(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	s.relay()
	bell := live.NewBell(s.client(), s.options())
	s.run(bell)
	one, two := s.hub(), s.hub()
	orderID, fulfillment := id.New(id.Order), id.New(id.Fulfillment)
	s.write(orderID, 1, 1) // before anybody looked
	subscriptions := []*live.Subscription{
		s.subscribe(one, live.Filter{}, live.Now()),
		s.subscribe(two, live.Filter{Match: placed}, live.Now()),
		s.subscribe(two, live.Filter{OrderID: &orderID}, live.Now()),
		s.subscribe(one, live.Filter{FulfillmentID: &fulfillment}, live.Now()),
	}
	none := s.subscribe(one, live.Filter{Match: func(*order.Event) bool { return false }}, live.Now())

	s.writeAs(id.New(id.Account), orderID, nil, 99, 99)
	s.writeAs(s.account, orderID, &fulfillment, 2, 3)
	bell.Ring()
	for _, subscription := range subscriptions {
		first := s.next(subscription)
		want := &order.Event{
			AccountID: s.account, OrderID: orderID, FulfillmentID: &fulfillment, Sequence: 2, Kind: order.EventPlaced,
			Actor: "system", Changes: []order.Change{{Field: "status", After: new("PENDING")}},
		}
		want.Snapshot.Reference, want.Snapshot.Status = "A-2", order.Pending
		want.ID, want.OccurredAt = first.Event.ID, first.Event.OccurredAt
		want.Snapshot.Reserved, want.Snapshot.Spent = first.Event.Snapshot.Reserved, first.Event.Snapshot.Spent
		if diff := cmp.Diff(want, first.Event, cmp.Comparer(sameTime)); diff != "" || first.Cursor == "" {
			t.Errorf("cursor %q: %s", first.Cursor, diff)
		}
		if got := first.Event.Snapshot.Reserved.String(); got != "1.50" {
			t.Errorf("reserved %s", got)
		}
		s.expect(subscription, orderID, 3, 3)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if got, err := none.Next(ctx); err == nil {
		t.Errorf("an event that does not match: %v", got.Event)
	}
}

func TestLatestAndAll(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	s.relay()
	hub := s.hub()
	orderID := id.New(id.Order)
	filter := live.Filter{OrderID: &orderID}
	s.write(orderID, 1, 3)
	latest := s.subscribe(hub, filter, live.Latest())
	s.expect(latest, orderID, 3, 3)
	all := s.subscribe(hub, filter, live.After("0"))
	s.write(orderID, 4, 5)
	s.expect(all, orderID, 1, 5)
	s.expect(latest, orderID, 4, 5)
}

// TestLongOrder has more events than one page.
func TestLongOrder(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	hub := s.hub()
	orderID := id.New(id.Order)
	s.write(orderID, 1, 1200)
	all := s.subscribe(hub, live.Filter{OrderID: &orderID}, live.After("0"))
	s.write(orderID, 1201, 1300)
	s.expect(all, orderID, 1, 1300)
}

func TestOrderCursorContinues(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	s.relay()
	hub, other := s.hub(), s.hub()
	orderID, another := id.New(id.Order), id.New(id.Order)
	s.write(orderID, 1, 1)
	s.write(another, 1, 2)
	filter := live.Filter{OrderID: &orderID}

	queried, err := hub.EventCursor(t.Context(), orderID, 1)
	if err != nil {
		t.Fatal(err)
	}
	s.write(orderID, 2, 3)
	first := s.subscribe(hub, filter, live.After(queried))
	cursor := s.expect(first, orderID, 2, 2)
	first.Close()
	s.write(orderID, 4, 4)
	second := s.subscribe(other, filter, live.After(cursor))
	s.expect(second, orderID, 3, 4)

	// A live event's cursor is good for other orders and for all.
	feed := s.subscribe(other, live.Filter{}, live.Now())
	s.write(orderID, 5, 5)
	whole := s.expect(feed, orderID, 5, 5)
	cursor = s.expect(second, orderID, 5, 5)
	s.write(orderID, 6, 6)
	s.write(another, 3, 3)
	for _, from := range []string{whole, cursor} {
		s.expect(s.subscribe(hub, filter, live.After(from)), orderID, 6, 6)
		s.expect(s.subscribe(hub, live.Filter{OrderID: &another}, live.After(from)), another, 3, 3)
		both := s.subscribe(hub, live.Filter{}, live.After(from))
		s.expect(both, orderID, 6, 6)
		s.expect(both, another, 3, 3)
	}
}

func TestCursorsAreRefused(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	hub := s.hub()
	orderID, another := id.New(id.Order), id.New(id.Order)
	s.write(orderID, 1, 2)
	mint := func(orderID uuid.UUID, sequence int) string {
		cursor, err := hub.EventCursor(t.Context(), orderID, sequence)
		if err != nil {
			t.Fatal(err)
		}
		return cursor
	}
	for name, tt := range map[string]struct {
		filter live.Filter
		from   live.From
		want   error
	}{
		"no cursor":              {live.Filter{}, live.After("nonsense"), live.ErrCursorInvalid},
		"no cursor of an order":  {live.Filter{OrderID: &orderID}, live.After("nonsense"), live.ErrCursorInvalid},
		"order's for all":        {live.Filter{}, live.After(mint(orderID, 1)), live.ErrCursorInvalid},
		"another order's":        {live.Filter{OrderID: &orderID}, live.After(mint(another, 1)), live.ErrCursorInvalid},
		"all from the begin":     {live.Filter{}, live.After("0"), live.ErrCursorInvalid},
		"latest of all":          {live.Filter{}, live.Latest(), live.ErrCursorInvalid},
		"removed order":          {live.Filter{OrderID: &another}, live.After(mint(another, 1)), live.ErrCursorExpired},
		"order that was shorter": {live.Filter{OrderID: &orderID}, live.After(mint(orderID, 3)), live.ErrCursorExpired},
		"unknown order":          {live.Filter{OrderID: &another}, live.Latest(), order.ErrNotFound},
		"unknown order's all":    {live.Filter{OrderID: &another}, live.After("0"), order.ErrNotFound},
	} {
		tt.filter.AccountID = s.account
		if _, err := hub.Subscribe(t.Context(), tt.filter, tt.from); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", name, err, tt.want)
		}
	}
	s.expect(s.subscribe(hub, live.Filter{OrderID: &orderID}, live.After(mint(orderID, 0))), orderID, 1, 2)
}

// TestMark lets a client read first and follow everything from there.
func TestMark(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	hub := s.hub(func(o *live.Options) { o.Check = 10 * time.Millisecond })
	orderID, another := id.New(id.Order), id.New(id.Order)
	s.write(orderID, 1, 1)
	testkit.Eventually(t, patience, "the hub knows where the feed is", func() bool {
		return hub.Mark(t.Context()) != t.Context()
	})
	marked := hub.Mark(t.Context())
	s.write(another, 1, 1)
	s.write(orderID, 2, 2)
	cursor, err := hub.EventCursor(marked, another, 1)
	if err != nil {
		t.Fatal(err)
	}
	news := func(e *order.Event) bool { return e.OrderID == another || e.Sequence > 1 } // the mark may be older than the first
	all := s.subscribe(hub, live.Filter{Match: news}, live.After(cursor))
	s.expect(all, another, 1, 1)
	s.expect(all, orderID, 2, 2)
}

// TestReplay comes back after more than the hub keeps, through pages and blocks of the past.
func TestReplay(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	hub := s.hub(func(o *live.Options) { o.Kept = 64 })
	orderID := id.New(id.Order)
	first := s.subscribe(hub, live.Filter{}, live.Now())
	s.write(orderID, 1, 10)
	cursor := s.expect(first, orderID, 1, 4) // in the middle of a window
	first.Close()
	for begin := 11; begin <= 2000; begin += 199 {
		s.writeAs(id.New(id.Account), id.New(id.Order), nil, 1, 150)
		s.write(orderID, begin, begin+198)
	}
	caughtUp := s.subscribe(hub, live.Filter{}, live.After(cursor))
	cursor = s.expect(caughtUp, orderID, 5, 700)
	again := s.subscribe(hub, live.Filter{}, live.After(cursor))
	s.write(orderID, 2001, 2010)
	s.expect(again, orderID, 701, 2010)
	s.expect(caughtUp, orderID, 701, 2010)
}

func TestSlowSubscriberIsCutOff(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	hub := s.hub(func(o *live.Options) { o.Queue, o.Kept, o.Patience = 4, 8, time.Nanosecond })
	orderID := id.New(id.Order)
	slow, quick := s.subscribe(hub, live.Filter{}, live.Now()), s.subscribe(hub, live.Filter{}, live.Now())
	s.write(orderID, 1, 4)
	s.expect(quick, orderID, 1, 4)
	cursor := s.expect(slow, orderID, 1, 1) // and three more are in its hands
	for sequence := 5; sequence <= 20; sequence++ {
		s.write(orderID, sequence, sequence)
		s.expect(quick, orderID, sequence, sequence)
	}
	s.expect(slow, orderID, 2, 4)
	if err := s.expectEnd(slow); !errors.Is(err, live.ErrSlow) {
		t.Errorf("slow subscription: %v", err)
	}
	s.expect(s.subscribe(hub, live.Filter{}, live.After(cursor)), orderID, 2, 20)
}

// TestBurst brings more at once than a queue holds, and more than the hub keeps.
func TestBurst(t *testing.T) {
	t.Parallel()
	for name, kept := range map[string]int{"more than the queue": 8192, "more than is kept": 16} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			testBurst(t, kept)
		})
	}
}

func testBurst(t *testing.T, kept int) {
	t.Helper()
	s := newStand(t)
	hub := s.hub(func(o *live.Options) { o.Queue, o.Kept = 8, kept })
	orderID := id.New(id.Order)
	feed, one := s.subscribe(hub, live.Filter{}, live.Now()), s.subscribe(hub, live.Filter{OrderID: &orderID}, live.Now())
	s.write(orderID, 1, 5)
	s.expect(feed, orderID, 1, 3)
	s.write(orderID, 6, 1300)
	s.expect(feed, orderID, 4, 1300)
	s.expect(one, orderID, 1, 1300)
	s.write(orderID, 1301, 1303)
	s.expect(feed, orderID, 1301, 1303)
	s.expect(one, orderID, 1301, 1303)
}

func TestRetentionExpiresCursors(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	hub := s.hub(func(o *live.Options) { o.Kept = 1 })
	orderID, gone := id.New(id.Order), id.New(id.Order)
	subscription := s.subscribe(hub, live.Filter{}, live.Now())
	s.write(orderID, 1, 1)
	before := s.expect(subscription, orderID, 1, 1)
	s.write(gone, 1, 1)
	after := s.expect(subscription, gone, 1, 1)
	s.write(orderID, 2, 3)
	s.expect(subscription, orderID, 2, 3)
	err := s.store.Write(t.Context(), func(tx *store.Tx) error {
		_, err := tx.ForgetEvents(t.Context(), []uuid.UUID{gone})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = hub.Subscribe(t.Context(), live.Filter{AccountID: s.account}, live.After(before))
	if !errors.Is(err, live.ErrCursorExpired) {
		t.Errorf("a cursor before what was removed: %v", err)
	}
	s.expect(s.subscribe(hub, live.Filter{}, live.After(after)), orderID, 2, 3)
	_, err = hub.Subscribe(t.Context(), live.Filter{AccountID: s.account, OrderID: &gone}, live.After(after))
	if !errors.Is(err, live.ErrCursorExpired) {
		t.Errorf("a removed order's cursor: %v", err)
	}
}

// TestNewEpochEndsSubscriptions has the database restored under the hub.
func TestNewEpochEndsSubscriptions(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	hub := s.hub()
	orderID := id.New(id.Order)
	subscription := s.subscribe(hub, live.Filter{}, live.Now())
	s.write(orderID, 1, 1)
	cursor := s.expect(subscription, orderID, 1, 1)
	if _, err := s.pool.Exec(t.Context(), "UPDATE meta SET value = 'another' WHERE key = 'epoch'"); err != nil {
		t.Fatal(err)
	}
	if err := s.expectEnd(subscription); !errors.Is(err, live.ErrCursorExpired) {
		t.Errorf("subscription of the old epoch: %v", err)
	}
	for _, filter := range []live.Filter{{AccountID: s.account}, {AccountID: s.account, OrderID: &orderID}} {
		if _, err := hub.Subscribe(t.Context(), filter, live.After(cursor)); !errors.Is(err, live.ErrCursorExpired) {
			t.Errorf("cursor of the old epoch: %v", err)
		}
	}
	anew := s.subscribe(hub, live.Filter{}, live.Now())
	s.write(orderID, 2, 2)
	s.expect(anew, orderID, 2, 2)
}

func TestSubscriptionEnds(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	hub := live.NewHub(s.store, s.client(), s.options())
	stop := s.run(hub)
	ctx, cancel := context.WithCancel(t.Context())
	bound, err := hub.Subscribe(ctx, live.Filter{AccountID: s.account}, live.Now())
	if err != nil {
		t.Fatal(err)
	}
	closed, left := s.subscribe(hub, live.Filter{}, live.Now()), s.subscribe(hub, live.Filter{}, live.Now())
	cancel()
	closed.Close()
	closed.Close()
	for _, subscription := range []*live.Subscription{bound, closed} {
		if err := s.expectEnd(subscription); !errors.Is(err, live.ErrClosed) {
			t.Errorf("ended subscription: %v", err)
		}
	}
	stop()
	if err := s.expectEnd(left); !errors.Is(err, live.ErrClosed) {
		t.Errorf("subscription of a stopped hub: %v", err)
	}
	if _, err := hub.Subscribe(t.Context(), live.Filter{AccountID: s.account}, live.Now()); !errors.Is(err, live.ErrClosed) {
		t.Errorf("subscribe to a stopped hub: %v", err)
	}
}

// TestHubRests stops following the feed when nobody does, and misses nothing when somebody comes back.
func TestHubRests(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	s.relay()
	hub := s.hub(func(o *live.Options) { o.Check, o.Linger = 10*time.Millisecond, time.Millisecond })
	orderID := id.New(id.Order)
	first := s.subscribe(hub, live.Filter{}, live.Now())
	s.write(orderID, 1, 1)
	cursor := s.expect(first, orderID, 1, 1)
	client := s.client()
	wanted := func() bool {
		count, err := client.Exists(t.Context(), s.prefix+"boostress:{live}:feed:wanted").Result()
		if err != nil {
			t.Fatal(err)
		}
		return count > 0
	}
	testkit.Eventually(t, patience, "the hub wants the feed", wanted)
	first.Close()
	testkit.Eventually(t, patience, "the hub no longer wants the feed", func() bool { return !wanted() })
	s.write(orderID, 2, 5)
	second := s.subscribe(hub, live.Filter{}, live.After(cursor))
	now := s.subscribe(hub, live.Filter{}, live.Now())
	s.write(orderID, 6, 7)
	s.expect(second, orderID, 2, 7)
	s.expect(now, orderID, 6, 7)
}

func sameTime(a, b time.Time) bool { return a.Equal(b) }
