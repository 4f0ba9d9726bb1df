package live_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/boostress/boostress/internal/devstack"
	"github.com/boostress/boostress/internal/id"
	"github.com/boostress/boostress/internal/testkit"
	"github.com/boostress/boostress/live"
	"github.com/boostress/boostress/store"
)

const (
	tortureWriters = 16
	tortureOrders  = 120
	tortureLength  = 8 * time.Second
)

// TestTorture has writers whose transactions overlap, hold each other up, roll back, and commit in any order; hubs whose
// relay is killed and replaced, and whose Redis is flushed, killed, frozen and empty after it comes back; readers that
// stay, and readers that go away and come back to another hub. Every reader gets each committed event exactly once, and
// each order's in sequence.
func TestTorture(t *testing.T) {
	t.Parallel()
	stack := testkit.Stack(t)
	if err := store.Migrate(t.Context(), stack.DatabaseURL); err != nil {
		t.Fatal(err)
	}
	s := standOn(t, stack.DatabaseURL, stack.RedisURL, "")
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := func(n uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, n)) }
	bell := live.NewBell(s.client(), s.options())
	s.run(bell)
	hubs := []*live.Hub{
		s.hub(), s.hub(func(o *live.Options) { o.Kept = 50 }), s.hub(func(o *live.Options) { o.Check = 50 * time.Millisecond }),
	}
	orders := make([]uuid.UUID, tortureOrders)
	for i := range orders {
		orders[i] = id.New(id.Order)
	}
	slices.SortFunc(orders, func(a, b uuid.UUID) int { return slices.Compare(a[:], b[:]) })

	readers := make([]*reader, 0, 4*len(hubs))
	for i, hub := range hubs {
		readers = append(readers,
			&reader{name: fmt.Sprintf("hub %d", i), hubs: hubs[i : i+1], stays: true},
			&reader{name: fmt.Sprintf("hub %d, order", i), hubs: []*live.Hub{hub}, stays: true, orderID: &orders[i]},
			&reader{name: fmt.Sprintf("wanderer %d", i), hubs: hubs},
			&reader{name: fmt.Sprintf("wanderer %d, order", i), hubs: hubs, orderID: &orders[i]},
		)
	}
	var reading, writing, breaking sync.WaitGroup
	for i, r := range readers {
		r.open(s, hubs[i%len(hubs)])
		reading.Go(func() { r.read(s, random(uint64(100+i))) })
	}
	stop, breaker := make(chan struct{}), make(chan struct{})
	var rolledBack atomic.Int64
	for i := range tortureWriters {
		w := writer{stand: s, pool: s.pool, random: random(uint64(i)), orders: orders, bell: bell, rolledBack: &rolledBack}
		writing.Go(func() { w.write(stop) })
	}
	breaking.Go(func() { breakRelays(s, random(200), breaker) })
	breaking.Go(func() { breakRedis(s, stack.Redis, random(201), breaker) })

	wait(t.Context(), tortureLength)
	close(stop)
	writing.Wait()
	close(breaker)
	breaking.Wait()

	want := s.committed()
	t.Logf("%d events committed, %d transactions rolled back", len(want), rolledBack.Load())
	for _, r := range readers {
		testkit.Eventually(t, patience, r.name+" has all events", func() bool { return r.count() >= len(r.wanted(want)) })
	}
	wait(t.Context(), 300*time.Millisecond) // for what would come twice
	for _, r := range readers {
		r.close()
	}
	reading.Wait()
	for _, r := range readers {
		r.check(t, want)
	}
}

// fact is one event.
type fact struct {
	orderID  uuid.UUID
	sequence int
}

// committed returns what the database holds, in no order.
func (s *stand) committed() map[fact]bool {
	s.t.Helper()
	rows, err := s.pool.Query(s.t.Context(), "SELECT order_id, sequence FROM events")
	if err != nil {
		s.t.Fatal(err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (f fact, err error) {
		err = row.Scan(&f.orderID, &f.sequence)
		return f, err
	})
	if err != nil {
		s.t.Fatal(err)
	}
	all := make(map[fact]bool, len(list))
	for _, f := range list {
		all[f] = true
	}
	return all
}

// writer changes orders as the product does: it locks them, in order, and numbers their events.
type writer struct {
	stand      *stand
	pool       *pgxpool.Pool
	random     *rand.Rand
	orders     []uuid.UUID
	bell       *live.Bell
	rolledBack *atomic.Int64
}

func (w writer) write(stop <-chan struct{}) {
	for {
		select {
		case <-stop:
			return
		default:
		}
		if err := w.transaction(w.stand.t.Context()); err != nil {
			w.stand.t.Errorf("write: %v", err)
			return
		}
	}
}

func (w writer) transaction(ctx context.Context) error {
	tx, err := w.pool.Begin(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback(ctx) }()
	if w.random.IntN(2) == 0 { // a transaction id that is older than those of who wrote before
		if _, err := tx.Exec(ctx, "SELECT pg_current_xact_id()"); err != nil {
			return err
		}
	}
	chosen := make([]uuid.UUID, 0, 3)
	for _, orderID := range w.orders {
		if w.random.IntN(len(w.orders)) < 3 && len(chosen) < cap(chosen) {
			chosen = append(chosen, orderID)
		}
	}
	for _, orderID := range chosen {
		if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock(hashtext($1::text))", orderID); err != nil {
			return err
		}
		for range w.random.IntN(3) + 1 {
			count := 1
			if w.random.IntN(800) == 0 {
				count = 700 // more than a page
			}
			_, err := tx.Exec(ctx, `INSERT INTO events
				(account_id, order_id, sequence, kind, actor, occurred_at, changes, snapshot)
				SELECT $1, $2, last + n, 'PLACED', 'system', now(), '[]', '{}'
				FROM (SELECT coalesce(max(sequence), 0) AS last FROM events WHERE order_id = $2) l, generate_series(1, $3::int) n
				ORDER BY n`, w.stand.account, orderID, count)
			if err != nil {
				return err
			}
			w.hold(ctx)
		}
	}
	w.hold(ctx)
	if w.random.IntN(10) == 0 {
		w.rolledBack.Add(1)
		return tx.Rollback(ctx)
	}
	if err := tx.Commit(ctx); err != nil {
		return err
	}
	if w.random.IntN(4) > 0 { // the others nobody announces
		w.bell.Ring()
	}
	return nil
}

// hold keeps the transaction open for a while.
func (w writer) hold(ctx context.Context) {
	length := time.Duration(w.random.IntN(4)) * time.Millisecond
	if w.random.IntN(500) == 0 {
		length = time.Second
	}
	wait(ctx, length)
}

// breakRelays runs candidates of which one is killed and replaced every now and then.
func breakRelays(s *stand, random *rand.Rand, stop <-chan struct{}) {
	relays := []func(){s.relay(), s.relay()}
	for until(stop, time.Duration(100+random.IntN(500))*time.Millisecond) {
		victim := random.IntN(len(relays))
		relays[victim]()
		relays[victim] = s.relay()
	}
}

// breakRedis does to Redis what it may not matter to.
func breakRedis(s *stand, server *devstack.Server, random *rand.Rand, stop <-chan struct{}) {
	client := s.client()
	ctx := s.t.Context()
	for until(stop, time.Duration(100+random.IntN(400))*time.Millisecond) {
		var err error
		switch random.IntN(5) {
		case 0, 1:
			err = client.FlushAll(ctx).Err()
		case 2:
			err = client.ClientKillByFilter(ctx, "TYPE", "pubsub").Err()
		case 3:
			err = server.Kill(ctx)
			until(stop, 300*time.Millisecond)
			err = errors.Join(err, server.Start(ctx))
		case 4:
			err = server.Pause()
			until(stop, 1500*time.Millisecond)
			err = errors.Join(err, server.Resume())
		}
		if err != nil {
			s.t.Logf("break redis: %v", err)
		}
	}
}

// reader follows the feed, or one order, and notes what it gets.
type reader struct {
	name    string
	hubs    []*live.Hub
	stays   bool
	orderID *uuid.UUID

	mu           sync.Mutex
	subscription *live.Subscription
	closed       bool
	got          []fact
	cursor       string // of the last of them
}

func (r *reader) filter(s *stand) live.Filter {
	return live.Filter{AccountID: s.account, OrderID: r.orderID}
}

func (r *reader) open(s *stand, hub *live.Hub) {
	subscription, err := hub.Subscribe(s.t.Context(), r.filter(s), live.Now())
	if err != nil {
		s.t.Fatal(err)
	}
	r.subscription = subscription
}

func (r *reader) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	r.subscription.Close()
}

func (r *reader) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.got)
}

func (r *reader) read(s *stand, random *rand.Rand) {
	for {
		delivery, err := r.subscription.Next(s.t.Context())
		r.mu.Lock()
		if err == nil {
			r.got = append(r.got, fact{delivery.Event.OrderID, delivery.Event.Sequence})
			r.cursor = delivery.Cursor
		} else if r.stays && !r.closed {
			s.t.Errorf("%s: %v", r.name, err)
			r.closed = true
		}
		if !r.closed && (err != nil || !r.stays && random.IntN(20) == 0) {
			r.wander(s, random)
		}
		closed := r.closed
		r.mu.Unlock()
		if closed {
			return
		}
	}
}

// wander goes away and comes back to any hub, as soon as Postgres lets it.
func (r *reader) wander(s *stand, random *rand.Rand) {
	r.subscription.Close()
	for s.t.Context().Err() == nil {
		hub := r.hubs[random.IntN(len(r.hubs))]
		subscription, err := hub.Subscribe(s.t.Context(), r.filter(s), live.After(r.cursor))
		if err == nil {
			r.subscription = subscription
			return
		}
		if errors.Is(err, live.ErrCursorInvalid) || errors.Is(err, live.ErrCursorExpired) || errors.Is(err, live.ErrClosed) {
			s.t.Errorf("%s comes back: %v", r.name, err)
			r.closed = true
			return
		}
		wait(s.t.Context(), 10*time.Millisecond)
	}
}

func (r *reader) wanted(all map[fact]bool) map[fact]bool {
	if r.orderID == nil {
		return all
	}
	mine := make(map[fact]bool)
	for f := range all {
		if f.orderID == *r.orderID {
			mine[f] = true
		}
	}
	return mine
}

func (r *reader) check(t *testing.T, all map[fact]bool) {
	t.Helper()
	want, last := r.wanted(all), make(map[uuid.UUID]int)
	for _, f := range r.got {
		if !want[f] {
			t.Errorf("%s: %v was not committed", r.name, f)
		}
		if f.sequence != last[f.orderID]+1 {
			t.Errorf("%s: %v came behind %d", r.name, f, last[f.orderID])
		}
		last[f.orderID] = f.sequence
	}
	if len(r.got) != len(want) {
		t.Errorf("%s got %d events of %d", r.name, len(r.got), len(want))
	}
}

// wait waits, unless ctx ends.
func wait(ctx context.Context, length time.Duration) { until(ctx.Done(), length) }

// until waits and reports whether it was not stopped.
func until(stop <-chan struct{}, length time.Duration) bool {
	timer := time.NewTimer(length)
	defer timer.Stop()
	select {
	case <-stop:
		return false
	case <-timer.C:
		return true
	}
}
