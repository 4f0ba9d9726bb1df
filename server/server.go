package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// How long a connection may take for what is not a request's body, and how large its headers may be.
const (
	headerPatience = 5 * time.Second
	idlePatience   = 2 * time.Minute
	writePatience  = time.Minute // from the end of the headers to the end of the answer
	mostHeaders    = 32 << 10
)

// Drainer is a transport that keeps connections open. Drain takes no new ones, closes them with a code that tells the
// clients to come back elsewhere, and returns when all are gone. When ctx ends before, it cuts off what is left and
// returns ctx's error.
type Drainer interface {
	Drain(ctx context.Context) error
}

// Server answers HTTP.
type Server struct {
	probes   Probes
	handler  http.Handler
	sockets  Drainer // nil: none
	draining atomic.Bool
}

// New returns the server of a process that has the API among its roles. It fails with ErrOptions.
func New(options Options) (*Server, error) {
	if err := options.check(); err != nil {
		return nil, err
	}
	options.Probes = options.withDefaults()
	options.Limits = options.Limits.withDefaults()
	s := &Server{probes: options.Probes}
	s.sockets, _ = options.Socket.(Drainer)

	figures := newMetrics(options.Metrics)
	mux := s.probeRoutes()
	endpoint, err := newEndpoint(options, figures)
	if err != nil {
		return nil, err
	}
	mux.Handle("/graphql", endpoint)
	if options.Playground != nil {
		mux.Handle("GET /playground", options.Playground)
		mux.Handle("GET /playground/", options.Playground)
		mux.Handle("GET /{$}", http.RedirectHandler("/playground/", http.StatusFound))
	}
	if options.Webhooks != nil {
		mux.Handle("POST /webhooks/{providerId}", &webhooks{
			Webhooks: *options.Webhooks, log: options.Log, clock: options.Clock, limits: options.Limits,
			outcomes: figures.webhooks,
		})
	}
	s.handler = newObserver(mux, figures, options.Probes, proxies(options.TrustedProxies))
	return s, nil
}

// NewProbes returns the server of a process without the API: it tells how the process does, and nothing else.
func NewProbes(probes Probes) *Server {
	s := &Server{probes: probes.withDefaults()}
	s.handler = newObserver(s.probeRoutes(), newMetrics(s.probes.Metrics), s.probes, nil)
	return s
}

// Handler answers requests.
func (s *Server) Handler() http.Handler { return s.handler }

// Run serves what comes to listener until ctx ends. Then it reports that it isn't ready, takes no new connections,
// lets what is running come to its end and has sockets closed, all within DrainTimeout; what is left by then is cut off
// and Run fails with ErrDrain. Run closes the listener.
func (s *Server) Run(ctx context.Context, listener net.Listener) error {
	// Requests outlive ctx: they end by themselves or with the drain.
	base, cutOff := context.WithCancel(context.WithoutCancel(ctx))
	defer cutOff()
	server := &http.Server{
		Handler:           s.handler,
		ReadHeaderTimeout: headerPatience, WriteTimeout: writePatience, IdleTimeout: idlePatience, MaxHeaderBytes: mostHeaders,
		BaseContext: func(net.Listener) context.Context { return base },
		ErrorLog:    slog.NewLogLogger(s.probes.Log.Handler(), slog.LevelDebug), // clients that are broken, mostly
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	select {
	case err := <-failed:
		return fmt.Errorf("serve: %w", errors.Join(err, server.Close()))
	case <-ctx.Done():
	}
	err := s.drain(ctx, server)
	if stopped := <-failed; !errors.Is(stopped, http.ErrServerClosed) {
		err = errors.Join(err, stopped)
	}
	return err
}

// ErrDrain is returned by Run when something was still running at the end of DrainTimeout.
var ErrDrain = errors.New("not everything came to its end in time")

func (s *Server) drain(ctx context.Context, server *http.Server) error {
	s.draining.Store(true)
	s.probes.Log.InfoContext(ctx, "draining", "timeout", s.probes.DrainTimeout.String())
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.probes.DrainTimeout)
	defer cancel()
	var both errgroup.Group
	both.Go(func() error { return server.Shutdown(ctx) })
	if s.sockets != nil {
		both.Go(func() error { return s.sockets.Drain(ctx) })
	}
	if err := both.Wait(); err != nil {
		return fmt.Errorf("%w: %w", ErrDrain, errors.Join(err, server.Close()))
	}
	return nil
}
