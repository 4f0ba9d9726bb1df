package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"golang.org/x/sync/errgroup"

	"github.com/boostress/boostress/internal/failpoint"
	"github.com/boostress/boostress/internal/request"
	"github.com/boostress/boostress/live"
	"github.com/boostress/boostress/playground"
	"github.com/boostress/boostress/resolvers"
	"github.com/boostress/boostress/server"
	"github.com/boostress/boostress/server/socket"
	"github.com/boostress/boostress/store"
)

// leadRelay names the relay's leadership.
const leadRelay = "relay"

// serveAPI runs the API on listener: the server, the hub that feeds its subscriptions, and a candidate for the relay.
func (a *app) serveAPI(ctx context.Context, group *errgroup.Group, listener net.Listener) error {
	hub := live.NewHub(a.store, a.redis, a.live)
	relay := live.NewRelay(a.store, a.redis, func(ctx context.Context, do func(context.Context) error) (bool, error) {
		return a.store.Lead(ctx, leadRelay, do)
	}, a.live)
	root := resolvers.New(resolvers.Options{
		Store: a.store, Fulfillment: a.service, Scheduling: a.schedules, Access: a.access, Live: hub, Log: a.log, Clock: failpoint.Now,
		Term: a.settings.Term,
	})
	proxies, err := networks(a.settings.TrustedProxies)
	if err != nil {
		return err
	}
	api, err := server.New(server.Options{
		Probes: a.probes(), Schema: root.Schema(), Extensions: []graphql.HandlerExtension{root.Rules(), root}, Present: root.Present,
		Recover: root.Recover, Authenticator: a.access, Socket: a.socket(), Playground: playground.Handler(),
		Webhooks:       &server.Webhooks{Provider: a.service.Provider, Adapter: a.adapters.For, Hint: a.service.Hint},
		TrustedOrigins: a.settings.TrustedOrigins, TrustedProxies: proxies,
	})
	if err != nil {
		return fmt.Errorf("make server: %w", err)
	}
	// The feed outlives the sockets: who is told to reconnect gets what was committed before.
	feed, end := context.WithCancel(context.WithoutCancel(ctx))
	group.Go(func() error {
		defer end()
		return api.Run(ctx, listener)
	})
	group.Go(func() error { return hub.Run(feed) })
	group.Go(func() error { return relay.Run(feed) })
	return nil
}

// serveProbes serves health and metrics for roles without the API.
func (a *app) serveProbes(ctx context.Context, group *errgroup.Group, listener net.Listener) {
	probes := server.NewProbes(a.probes())
	group.Go(func() error { return probes.Run(ctx, listener) })
}

var errPending = errors.New("the database lacks migrations")

func (a *app) probes() server.Probes {
	return server.Probes{
		Checks: []server.Check{
			{Name: "postgres", Required: true, Run: a.store.Ping},
			{Name: "migrations", Required: true, Run: a.migrated},
			{Name: "redis", Run: func(ctx context.Context) error { return a.redis.Ping(ctx).Err() }},
		},
		Metrics: a.metrics, Log: a.log, DrainTimeout: a.settings.DrainTimeout,
		Clock: failpoint.Now,
	}
}

func (a *app) migrated(ctx context.Context) error {
	list, err := store.Migrations(ctx, a.settings.DatabaseURL)
	if err != nil {
		return fmt.Errorf("read migrations: %w", err)
	}
	for _, migration := range list {
		if !migration.Applied {
			return errPending
		}
	}
	return nil
}

// socket is the websocket transport, with the same ways to prove who one is as everywhere.
func (a *app) socket() *socket.Transport {
	return socket.New(socket.Options{
		Authenticate: server.SocketAuthenticator(a.access, a.settings.TrustedOrigins),
		CheckOrigin:  request.NewOrigins(a.settings.TrustedOrigins).Trusts,
		// A right that ended is noticed within this and the second for which answers are remembered.
		Recheck: server.SocketRecheck(a.access), RecheckEvery: 2 * time.Second, Log: a.log, Metrics: socket.NewMetrics(a.metrics),
	})
}
