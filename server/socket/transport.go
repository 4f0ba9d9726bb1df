// Package socket is the websocket transport for GraphQL: the protocol graphql-transport-ws on gorilla/websocket, for
// subscriptions, queries and mutations.
//
// Each socket has two goroutines, one that reads and one that writes, and one more for each operation. What is to be
// written waits in a bounded outbox; an operation that finds it full waits, and so does whatever feeds the operation,
// but nobody else. A reader who doesn't take anything for a while is closed with 4410 and may come back with its cursor.
package socket

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/gorilla/websocket"
)

// Subprotocol is the name that clients ask for.
const Subprotocol = "graphql-transport-ws"

// ErrForbidden is what Authenticate and Recheck return, wrapped or not, for somebody who may not be here.
var ErrForbidden = errors.New("forbidden")

// Options tune a Transport. Zero values mean the defaults; Authenticate has none.
type Options struct {
	// Authenticate proves who is at the other end, by the upgrade request and the payload of connection_init, which is
	// nil where there was none. The context that it returns, made from ctx, is that of all operations. ErrForbidden
	// closes with 4403, every other error with 4500.
	Authenticate func(ctx context.Context, r *http.Request, payload map[string]any) (context.Context, error)
	// CheckOrigin decides whether a page of a request's origin may connect; default: only those of our own host. An
	// API key that a page sends itself needs no such check, so where Authenticate checks the origin of whoever comes
	// with nothing but a cookie, this may allow all.
	CheckOrigin func(*http.Request) bool
	// Recheck looks whether Authenticate's answer still holds, by the context that it returned. ErrForbidden closes
	// with 4403; other errors are forgiven for RecheckGrace, then the socket is closed with 1012. Default: no check.
	Recheck      func(ctx context.Context) error
	RecheckEvery time.Duration // default 5 s
	RecheckGrace time.Duration // default 1 min

	InitTimeout      time.Duration // until connection_init has come; default 3 s
	MaxSubscriptions int           // operations that run at the same time on one socket; default 50
	MaxMessageBytes  int64         // of one message that comes in; default 256 KiB
	MaxQueueBytes    int           // that wait to go out; one message may exceed it; default 1 MiB
	MaxQueueMessages int           // that wait to go out; default 1,024
	SlowAfter        time.Duration // how long the outbox may stay full; default 5 s
	WriteTimeout     time.Duration // for one message; default 10 s
	PingInterval     time.Duration // a client silent for twice that long is gone; default 25 s

	Log     *slog.Logger // default nowhere
	Metrics *Metrics     // default not registered
}

func (o Options) withDefaults() Options {
	duration := func(value *time.Duration, otherwise time.Duration) {
		if *value <= 0 {
			*value = otherwise
		}
	}
	number := func(value *int, otherwise int) {
		if *value <= 0 {
			*value = otherwise
		}
	}
	duration(&o.RecheckEvery, 5*time.Second)
	duration(&o.RecheckGrace, time.Minute)
	duration(&o.InitTimeout, 3*time.Second)
	duration(&o.SlowAfter, 5*time.Second)
	duration(&o.WriteTimeout, 10*time.Second)
	duration(&o.PingInterval, 25*time.Second)
	number(&o.MaxSubscriptions, 50)
	number(&o.MaxQueueBytes, 1<<20)
	number(&o.MaxQueueMessages, 1024)
	if o.MaxMessageBytes <= 0 {
		o.MaxMessageBytes = 256 << 10
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Metrics == nil {
		o.Metrics = NewMetrics(nil)
	}
	return o
}

// Transport is a graphql.Transport for websockets.
type Transport struct {
	options  Options
	upgrader websocket.Upgrader

	mu       sync.Mutex
	draining bool
	conns    map[*conn]struct{}
	running  sync.WaitGroup // one for each socket
}

var _ graphql.Transport = (*Transport)(nil)

// New returns a transport.
func New(options Options) *Transport {
	options = options.withDefaults()
	return &Transport{
		options: options,
		upgrader: websocket.Upgrader{
			ReadBufferSize: 1 << 10, WriteBufferSize: 4 << 10, WriteBufferPool: &sync.Pool{},
			Subprotocols: []string{Subprotocol}, CheckOrigin: options.CheckOrigin,
		},
		conns: make(map[*conn]struct{}),
	}
}

// Supports reports whether a request asks for a websocket.
func (t *Transport) Supports(r *http.Request) bool { return websocket.IsWebSocketUpgrade(r) }

// Do serves one socket until it is closed and nothing of it runs any longer.
func (t *Transport) Do(w http.ResponseWriter, r *http.Request, exec graphql.GraphExecutor) {
	if !t.begin() {
		w.Header().Set("Retry-After", "1")
		http.Error(w, "restarting", http.StatusServiceUnavailable)
		return
	}
	defer t.running.Done()
	ws, err := t.upgrader.Upgrade(w, r, nil)
	if err != nil {
		t.options.Log.DebugContext(r.Context(), "websocket refused", "error", err) // Upgrade has answered
		return
	}
	ctx, cancel := context.WithCancelCause(r.Context())
	c := newConn(t, ws, r, exec, cancel)
	if !t.add(c) {
		c.close(closeDraining, "draining")
	}
	defer t.remove(c)
	c.serve(ctx)
}

func (t *Transport) begin() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.draining {
		return false
	}
	t.running.Add(1)
	return true
}

func (t *Transport) add(c *conn) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.conns[c] = struct{}{}
	t.options.Metrics.sockets.Inc()
	return !t.draining
}

func (t *Transport) remove(c *conn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.conns, c)
	t.options.Metrics.sockets.Dec()
}

// Drain takes no new sockets, lets queries and mutations that run come to their end, closes every socket with 1012 and
// waits until all are gone. When ctx ends before, it cuts off what is left and returns ctx's error.
func (t *Transport) Drain(ctx context.Context) error {
	t.each(func(c *conn) { c.drain() })
	gone := make(chan struct{})
	go func() {
		t.running.Wait()
		close(gone)
	}()
	select {
	case <-gone:
		return nil
	case <-ctx.Done():
	}
	t.each(func(c *conn) { c.abort(errCut) })
	<-gone
	return fmt.Errorf("drain websockets: %w", context.Cause(ctx))
}

// each marks the transport as draining and calls do for each socket.
func (t *Transport) each(do func(*conn)) {
	t.mu.Lock()
	t.draining = true
	conns := make([]*conn, 0, len(t.conns))
	for c := range t.conns {
		conns = append(conns, c)
	}
	t.mu.Unlock()
	for _, c := range conns {
		do(c)
	}
}
