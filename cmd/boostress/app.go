package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"net/http"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/redis/go-redis/v9"

	"github.com/boostress/boostress/access"
	"github.com/boostress/boostress/fulfillment"
	"github.com/boostress/boostress/internal/failpoint"
	"github.com/boostress/boostress/internal/seal"
	"github.com/boostress/boostress/limit"
	"github.com/boostress/boostress/live"
	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/providerapi"
	"github.com/boostress/boostress/providerapi/boostress"
	"github.com/boostress/boostress/scheduling"
	"github.com/boostress/boostress/store"
	"github.com/boostress/boostress/worker"
)

// adapterBoostress is the name of the adapter of the Boostress provider protocol.
const adapterBoostress = "boostress"

// app is what every role of a process shares.
type app struct {
	settings  *settings
	log       *slog.Logger
	store     *store.Store
	redis     redis.UniversalClient
	metrics   *prometheus.Registry
	adapters  *providerapi.Pool
	access    *access.Service
	service   *fulfillment.Service
	schedules *scheduling.Service
	client    *http.Client // for calls to others, guarded
	announcer *worker.Announcer
	bell      *live.Bell
	results   *live.Results
	hints     *live.Hints
	live      live.Options
	lists     *worker.Lists
	engine    *worker.Metrics
}

// open connects an app to its stores. Its migrations are applied, and the default account and admin are there.
func open(ctx context.Context, s *settings) (*app, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	a := &app{settings: s, log: s.logger(), metrics: prometheus.NewRegistry()}
	a.metrics.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	if err := store.Migrate(ctx, s.DatabaseURL); err != nil {
		return nil, fmt.Errorf("bring the database up to date: %w", err)
	}
	var err error
	if a.store, err = store.Open(ctx, s.DatabaseURL, store.Options{MaxConns: s.DatabaseConns}); err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	if err := a.wire(); err != nil {
		a.store.Close()
		return nil, err
	}
	if err := a.checkKey(ctx); err != nil {
		return nil, errors.Join(err, a.close())
	}
	defaults, err := a.access.EnsureDefaults(ctx, s.AdminUser, s.AdminPassword)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("make the first admin (BOOSTRESS_ADMIN_USER, BOOSTRESS_ADMIN_PASSWORD): %w", err), a.close())
	}
	if defaults.Admin == nil {
		a.log.WarnContext(ctx, "there is no admin: give BOOSTRESS_ADMIN_PASSWORD once to make one")
	}
	return a, nil
}

// checkKey opens one sealed secret of the database: with another key than the one that sealed them, nothing would work
// later on.
func (a *app) checkKey(ctx context.Context) error {
	providerID, err := a.store.ProviderWithCredentials(ctx)
	if errors.Is(err, order.ErrNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("check secret key: %w", err)
	}
	if _, err := a.service.Credentials(ctx, providerID); err != nil {
		return fmt.Errorf("%w: --secret-key (BOOSTRESS_SECRET_KEY) is not the one that this database's secrets were sealed"+
			" with: give that one: %w", errSetting, err)
	}
	return nil
}

// wire builds the parts on the stores.
func (a *app) wire() error {
	s := a.settings
	address, err := redis.ParseURL(s.RedisURL)
	if err != nil {
		// The address may hold a password: it is not repeated.
		return fmt.Errorf("%w: --redis-url (REDIS_URL) can't be read", errSetting)
	}
	address.ContextTimeoutEnabled = true // a Redis that does not answer must hold nobody up
	a.redis = redis.NewClient(address)
	keys, err := seal.NewKeyring(s.secretKeys()...)
	if err != nil {
		return fmt.Errorf("read secret key: %w", err)
	}
	allowed, err := networks(s.AllowedNetworks)
	if err != nil {
		return err
	}
	registry := providerapi.NewRegistry(map[string]providerapi.Factory{adapterBoostress: boostress.New})
	guard := providerapi.Guard{Allow: allowed}
	a.client = providerapi.NewHTTPClient(guard)
	a.adapters = providerapi.NewPool(registry, a.client,
		func(ctx context.Context, providerID uuid.UUID) (map[string]string, error) {
			return a.service.Credentials(ctx, providerID)
		})
	a.access = access.New(a.store, limit.NewLogin(a.redis, limit.LoginOptions{Log: a.log, Clock: failpoint.Now}),
		access.Options{Log: a.log, Clock: failpoint.Now})
	if err := a.wireLive(); err != nil {
		return err
	}
	a.lists, a.engine = worker.NewLists(a.redis, ""), worker.NewMetrics(a.metrics)
	a.announcer = worker.NewAnnouncer(a.lists, a.log, a.engine)
	a.service = fulfillment.New(a.store, fulfillment.Options{
		AfterCommit: a.afterCommit, Capabilities: a.adapters.Capabilities, Adapters: registry.Names,
		Seal: keys, Log: a.log, Term: s.Term,
		Clock: failpoint.Now,
	})
	a.schedules = scheduling.New(a.store, a.service, scheduling.Options{
		AfterCommit: a.afterCommit, CheckAddress: guard.CheckAddress,
	})
	return nil
}

// afterCommit tells the workers and the live feed what a transaction left. None of it waits, and none of it may be
// lost for good: the sweeper and the relay look for themselves.
func (a *app) afterCommit(committed fulfillment.Committed) {
	a.announcer.Announce(committed.Tasks)
	if committed.Events > 0 {
		a.bell.Ring()
	}
	a.results.Publish(committed.Results)
	a.hints.Publish(committed.Operations)
	a.hints.Publish(committed.Fired)
}

// wireLive builds both ends of the live feed. Every process that has the same secret key reads the same cursors.
func (a *app) wireLive() error {
	key := sha256.Sum256([]byte("boostress event cursors\x00" + a.settings.secretKeys()[0]))
	cursors, err := live.NewCursors(key[:])
	if err != nil {
		return fmt.Errorf("make cursors: %w", err)
	}
	a.live = live.Options{Cursors: cursors, Log: a.log, Metrics: live.NewMetrics(a.metrics)}
	a.bell, a.results = live.NewBell(a.redis, a.live), live.NewResults(a.redis, a.live)
	a.hints = live.NewHints(a.redis, a.live)
	return nil
}

func (a *app) close() error {
	err := a.redis.Close()
	a.store.Close()
	if err != nil {
		return fmt.Errorf("close Redis: %w", err)
	}
	return nil
}
