package worker_test

import (
	"context"
	"math/rand/v2"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/govalues/decimal"

	"github.com/boostress/boostress/account"
	"github.com/boostress/boostress/fulfillment"
	"github.com/boostress/boostress/internal/id"
	"github.com/boostress/boostress/internal/seal"
	"github.com/boostress/boostress/internal/testkit"
	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/providerapi"
	"github.com/boostress/boostress/task"
	"github.com/boostress/boostress/worker"
)

// ledger is a provider with a memory: the same key again answers with the first order.
type ledger struct {
	takes func() time.Duration // a call

	mu     sync.Mutex
	orders map[string]order.ExternalOrder // by key
	calls  int
}

func (*ledger) Capabilities() order.Capabilities {
	return order.Capabilities{Idempotency: order.IdempotencyNative, Lookup: true, Cancel: true}
}

func (l *ledger) Create(ctx context.Context, request providerapi.CreateRequest) (order.ExternalOrder, error) {
	l.mu.Lock()
	l.calls++
	made, again := l.orders[request.Key]
	if !again {
		made = order.ExternalOrder{
			ExternalID: "x" + strconv.Itoa(len(l.orders)), Key: request.Key, State: order.ExternalFulfilled,
			RawStatus: "done", Delivered: request.Quantity, Charge: &order.Money{Amount: decimal.MustParse("3"), Currency: "EUR"},
		}
		l.orders[request.Key] = made
	}
	l.mu.Unlock()
	if l.takes != nil {
		pause(ctx, l.takes())
	}
	return made, ctx.Err()
}

func (l *ledger) FindByKey(_ context.Context, key string) (order.ExternalOrder, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if made, ok := l.orders[key]; ok {
		return made, nil
	}
	return order.ExternalOrder{}, providerapi.ErrAbsent
}

func (l *ledger) Get(_ context.Context, externalID string) (order.ExternalOrder, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, made := range l.orders {
		if made.ExternalID == externalID {
			return made, nil
		}
	}
	return order.ExternalOrder{}, providerapi.ErrAbsent
}

func (*ledger) Cancel(context.Context, string, string) (order.ExternalOrder, error) {
	return order.ExternalOrder{}, &providerapi.Error{Class: order.ClassRejected}
}

// shop is an engine on which orders are placed that one provider fulfills.
type shop struct {
	*engine

	service   *fulfillment.Service
	announcer *worker.Announcer
	providers *worker.Providers
	who       account.Principal
	ledger    *ledger
}

func newShop(t testing.TB) *shop {
	t.Helper()
	s := &shop{engine: newEngine(t), ledger: &ledger{orders: map[string]order.ExternalOrder{}}}
	s.announcer = s.engine.announcer()
	keys, err := seal.NewKeyring(seal.GenerateKey())
	if err != nil {
		t.Fatal(err)
	}
	adapters := providerapi.NewRegistry(map[string]providerapi.Factory{
		"ledger": func(providerapi.Config) (providerapi.Provider, error) { return s.ledger, nil },
	})
	pool := providerapi.NewPool(adapters, nil, func(context.Context, uuid.UUID) (map[string]string, error) {
		return map[string]string{}, nil
	})
	s.service = fulfillment.New(s.store, fulfillment.Options{
		AfterCommit:  func(c fulfillment.Committed) { s.announcer.Announce(c.Tasks) },
		Capabilities: pool.Capabilities, Adapters: adapters.Names, Seal: keys, Log: s.log,
		CheckAddress: func(string) error { return nil },
	})
	s.providers = worker.NewProviders(worker.ProviderOptions{Adapters: pool, Log: s.log})
	s.who = account.Principal{AccountID: id.New(id.Account), Currency: "EUR", Actor: "user:test", Role: account.Admin}
	s.execute("INSERT INTO accounts (id, name, created_at) VALUES ($1, 'default', now())", s.who.AccountID)
	s.stock()
	return s
}

// stock makes the provider and its only offer.
func (s *shop) stock() {
	s.t.Helper()
	provider, err := s.service.CreateProvider(s.t.Context(), s.who, fulfillment.ProviderInput{
		Name: new("ledger"), Adapter: "ledger", BaseURL: new("http://127.0.0.1:1"), Currency: "EUR",
	})
	if err != nil {
		s.t.Fatal(err)
	}
	_, err = s.service.CreateOffer(s.t.Context(), s.who, fulfillment.OfferInput{
		ProviderID: provider.ID, ExternalID: "poster", Name: new("Poster"), Category: new("prints"),
		ServiceType: new("poster-a3"), UnitPrice: &order.Money{Amount: decimal.MustParse("1.5"), Currency: "EUR"},
	})
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *shop) worker(change func(*worker.Options)) {
	s.t.Helper()
	dispatch := worker.Dispatch(s.service, s.providers)
	s.engine.worker(nil, func(o *worker.Options) {
		o.Handlers = map[task.Kind]worker.Handler{
			task.KindDispatch: dispatch, task.KindCancel: dispatch, task.KindPollProvider: worker.Poll(s.service, s.providers),
			task.KindRetention: worker.Retention(s.store, ""),
		}
		o.AfterCommit = func(c fulfillment.Committed) { s.announcer.Announce(c.Tasks) }
		if change != nil {
			change(o)
		}
	})
}

func (s *shop) place(count int) {
	s.t.Helper()
	drafts := make([]order.Draft, count)
	for i := range drafts {
		drafts[i] = order.Draft{
			Reference: uuid.NewString(), Category: "prints", Destination: order.Destination{Name: "Ada", CountryCode: "GB"},
			Lines: []order.LineDraft{{ServiceType: "poster-a3", Quantity: 2}},
		}
	}
	_, faults, err := s.service.CreateOrders(s.t.Context(), s.who, "", drafts)
	if err != nil || len(faults) > 0 {
		s.t.Fatal(faults, err)
	}
}

// fulfilled waits until as many orders are.
func (s *shop) fulfilled(count int, within time.Duration) {
	s.t.Helper()
	got := 0
	defer func() {
		if s.t.Failed() {
			s.t.Logf("%d orders are fulfilled; fulfillments: %v; tasks: %v", got,
				query[string](s.engine, "SELECT status || ' ' || count(*) FROM fulfillments GROUP BY status"),
				query[string](s.engine, "SELECT format('%s %s %s %s %s', kind, state, attempt, due_at, last_error) FROM tasks LIMIT 5"))
		}
	}()
	testkit.Eventually(s.t, within, "orders are fulfilled", func() bool {
		got = query[int](s.engine, "SELECT count(*)::int FROM orders WHERE status = 'FULFILLED'")[0]
		return got >= count
	})
}

// Workers fall silent and lists vanish while orders are dispatched: each order is fulfilled, and ordered once.
func TestOrdersReachTheProviderOnceWhateverHappens(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.ledger.takes = func() time.Duration { return rand.N(3 * time.Second) }
	s.sweeper(func(o *worker.SweeperOptions) { o.Upkeep = s.service })
	for range 3 {
		s.worker(func(o *worker.Options) { o.Slots = map[task.Queue]int{task.QueueDispatch: 100, task.QueueStatus: 4} })
	}
	const count = 1000
	for range count / 100 {
		s.place(100)
		pause(t.Context(), time.Second)
		s.execute(`UPDATE workers SET heartbeat_at = now() - interval '1 minute'
			WHERE id = (SELECT worker_id FROM tasks WHERE worker_id IS NOT NULL ORDER BY random() LIMIT 1)`)
		s.redis.Del(t.Context(), s.prefix+"boostress:{q:dispatch}:p0")
	}
	s.fulfilled(count, time.Minute)
	s.ledger.mu.Lock()
	defer s.ledger.mu.Unlock()
	if len(s.ledger.orders) != count {
		t.Errorf("the provider holds %d orders, want %d", len(s.ledger.orders), count)
	}
	if s.ledger.calls == count {
		t.Error("no call was ever repeated: the faults did not fall into any")
	}
	t.Logf("%d calls for %d orders", s.ledger.calls, count)
	if lost := query[int](s.engine, "SELECT count(*)::int FROM attempts WHERE state = 'IN_FLIGHT'")[0]; lost > 0 {
		t.Errorf("%d attempts are still in flight", lost)
	}
	gaps := "SELECT count(*)::int FROM (SELECT order_id FROM events GROUP BY order_id HAVING count(*) <> max(sequence)) g"
	if broken := query[int](s.engine, gaps)[0]; broken > 0 {
		t.Errorf("%d orders have gaps in their events", broken)
	}
	s.finished(task.Success, count)
}
