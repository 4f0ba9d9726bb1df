package live_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"github.com/boostress/boostress/internal/id"
	"github.com/boostress/boostress/internal/testkit"
	"github.com/boostress/boostress/live"
	"github.com/boostress/boostress/migrations"
	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/store"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, testkit.LeakOptions()...)
}

// patience is for what should take milliseconds, on a busy machine.
const patience = 30 * time.Second

// stand is what live runs on: the two stores, with somebody who writes events.
type stand struct {
	t       *testing.T
	store   *store.Store
	pool    *pgxpool.Pool
	redis   string
	prefix  string
	cursors *live.Cursors
	account uuid.UUID
}

func newStand(t *testing.T) *stand {
	t.Helper()
	url := testkit.Postgres(t, store.Migrate, schemaVersion(t))
	redisURL, prefix := testkit.Redis(t)
	return standOn(t, url, redisURL, prefix)
}

func standOn(t *testing.T, databaseURL, redisURL, prefix string) *stand {
	t.Helper()
	st, err := store.Open(t.Context(), databaseURL, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(st.Close)
	config, err := pgxpool.ParseConfig(databaseURL)
	if err != nil {
		t.Fatal(err)
	}
	config.MaxConns = 20
	config.ConnConfig.RuntimeParams["synchronous_commit"] = "on" // what is seen survives a crash
	pool, err := pgxpool.NewWithConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	cursors, err := live.NewCursors([]byte("a key for tests only"))
	if err != nil {
		t.Fatal(err)
	}
	return &stand{
		t: t, store: st, pool: pool, redis: redisURL, prefix: prefix, cursors: cursors, account: id.New(id.Account),
	}
}

func schemaVersion(t *testing.T) string {
	t.Helper()
	sum := sha256.New()
	err := fs.WalkDir(migrations.FS, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := fs.ReadFile(migrations.FS, path)
		sum.Write(content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// client returns a Redis client of its own, as each process has one.
func (s *stand) client() redis.UniversalClient {
	s.t.Helper()
	options, err := redis.ParseURL(s.redis)
	if err != nil {
		s.t.Fatal(err)
	}
	options.DialTimeout, options.ReadTimeout = time.Second, time.Second
	options.MaxRetries = -1
	client := redis.NewClient(options)
	s.t.Cleanup(func() { _ = client.Close() })
	return client
}

func (s *stand) options() live.Options {
	return live.Options{Cursors: s.cursors, Prefix: s.prefix, Log: slog.New(slog.NewTextHandler(s.t.Output(), nil))}
}

type runner interface {
	Run(ctx context.Context) error
}

// run runs a service until the test, or stop, ends it.
func (s *stand) run(service runner) (stop func()) {
	ctx, cancel := context.WithCancel(s.t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := service.Run(ctx); err != nil {
			s.t.Errorf("%T: %v", service, err)
		}
	}()
	stop = sync.OnceFunc(func() {
		cancel()
		<-done
	})
	s.t.Cleanup(stop)
	return stop
}

// hub runs a hub with a Redis client of its own.
func (s *stand) hub(change ...func(*live.Options)) *live.Hub {
	options := s.options()
	for _, do := range change {
		do(&options)
	}
	hub := live.NewHub(s.store, s.client(), options)
	s.run(hub)
	return hub
}

// relay runs a candidate for the relay's leader.
func (s *stand) relay() (stop func()) {
	lead := func(ctx context.Context, do func(context.Context) error) (bool, error) {
		return s.store.Lead(ctx, "relay", do)
	}
	return s.run(live.NewRelay(s.store, s.client(), lead, s.options()))
}

// write commits events of an order, with sequences from first to last, in one transaction.
func (s *stand) write(orderID uuid.UUID, first, last int) {
	s.t.Helper()
	s.writeAs(s.account, orderID, nil, first, last)
}

func (s *stand) writeAs(account, orderID uuid.UUID, fulfillment *uuid.UUID, first, last int) {
	s.t.Helper()
	_, err := s.pool.Exec(s.t.Context(), `INSERT INTO events
		(account_id, order_id, fulfillment_id, sequence, kind, actor, occurred_at, changes, snapshot)
		SELECT $1, $2, $3::uuid, n, 'PLACED', 'system', now(), '[{"field":"status","after":"PENDING"}]',
			json_build_object('reference', 'A-' || n, 'status', 'PENDING', 'reserved', '1.50', 'spent', '0')
		FROM generate_series($4::int, $5) n`, account, orderID, fulfillment, first, last)
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *stand) subscribe(hub *live.Hub, filter live.Filter, from live.From) *live.Subscription {
	s.t.Helper()
	filter.AccountID = s.account
	subscription, err := hub.Subscribe(s.t.Context(), filter, from)
	if err != nil {
		s.t.Fatal(err)
	}
	return subscription
}

// next returns the next event.
func (s *stand) next(subscription *live.Subscription) live.Delivery {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	delivery, err := subscription.Next(ctx)
	if err != nil {
		s.t.Fatalf("next event: %v", err)
	}
	return delivery
}

// expect reads events of one order with sequences from first to last and returns the last one's cursor.
func (s *stand) expect(subscription *live.Subscription, orderID uuid.UUID, first, last int) (cursor string) {
	s.t.Helper()
	for sequence := first; sequence <= last; sequence++ {
		got := s.next(subscription)
		if got.Event.OrderID != orderID || got.Event.Sequence != sequence {
			s.t.Fatalf("event %d of %v, want %d of %v", got.Event.Sequence, got.Event.OrderID, sequence, orderID)
		}
		cursor = got.Cursor
	}
	return cursor
}

// expectEnd waits for the subscription to end and returns why.
func (s *stand) expectEnd(subscription *live.Subscription) error {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	for {
		_, err := subscription.Next(ctx)
		if err == nil {
			continue
		}
		if ctx.Err() != nil {
			s.t.Fatal("the subscription did not end")
		}
		return err
	}
}

func placed(e *order.Event) bool { return e.Kind == order.EventPlaced }
