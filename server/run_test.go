package server_test

import (
	"bufio"
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/boostress/boostress/server"
)

// running is a server that serves a listener of its own, as in production.
type running struct {
	*stand

	address string
	stop    context.CancelFunc
	ended   chan error
}

func run(t *testing.T, change ...func(*server.Options)) *running {
	t.Helper()
	made := serve(t, change...)
	// httptest's own server is not what is tested here, and the metrics can be registered only once.
	made.options.Metrics = nil
	built, err := server.New(made.options)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	r := &running{stand: made, address: listener.Addr().String(), stop: stop, ended: make(chan error, 1)}
	r.URL = "http://" + r.address
	go func() { r.ended <- built.Run(ctx, listener) }()
	t.Cleanup(stop)
	return r
}

// content rechecks and finds all well.
func TestRunEnds(t *testing.T) {
	t.Parallel()
	r := run(t)
	if got := r.post(t, "{who}", nil); got.status != http.StatusOK {
		t.Fatalf("got %d", got.status)
	}
	r.stop()
	if err := <-r.ended; err != nil {
		t.Error(err)
	}
	if connection, err := new(net.Dialer).DialContext(t.Context(), "tcp", r.address); err == nil {
		t.Error("it still takes connections", connection.Close())
	}
	r.Client().CloseIdleConnections()
}

func TestRunFailsWithItsListener(t *testing.T) {
	t.Parallel()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	if err := server.NewProbes(server.Probes{}).Run(t.Context(), listener); !errors.Is(err, net.ErrClosed) {
		t.Errorf("got %v", err)
	}
}

func TestDrainWaits(t *testing.T) {
	t.Parallel()
	started, finish := make(chan struct{}), make(chan struct{})
	r := run(t)
	r.stub.fields["slow"] = func(ctx context.Context, _ map[string]any) (any, error) {
		close(started)
		<-finish
		return "done", ctx.Err()
	}
	asked := make(chan answer, 1)
	go func() { asked <- r.post(t, "{slow}", nil) }()
	<-started
	r.stop()
	// The connection of somebody who does nothing is closed at once; the running request is not.
	select {
	case err := <-r.ended:
		t.Fatalf("ended before the request: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	close(finish)
	if got := <-asked; got.text != `{"data":{"slow":"done"}}` {
		t.Errorf("got %d %s", got.status, got.text)
	}
	if err := <-r.ended; err != nil {
		t.Error(err)
	}
}

func TestDrainGivesUp(t *testing.T) {
	t.Parallel()
	started := make(chan struct{})
	r := run(t, func(o *server.Options) { o.DrainTimeout = 20 * time.Millisecond })
	r.stub.fields["slow"] = func(ctx context.Context, _ map[string]any) (any, error) {
		close(started)
		<-ctx.Done()
		return nil, ctx.Err()
	}
	left := make(chan struct{})
	go func() {
		defer close(left)
		sent, err := http.NewRequestWithContext(t.Context(), http.MethodPost, r.URL+"/graphql", strings.NewReader(`{"query":"{slow}"}`))
		if err != nil {
			return
		}
		sent.Header.Set("Content-Type", plainJSON)
		if response, err := r.Client().Do(sent); err == nil {
			_ = response.Body.Close()
		}
	}()
	<-started
	r.stop()
	if err := <-r.ended; !errors.Is(err, server.ErrDrain) {
		t.Errorf("got %v, want ErrDrain", err)
	}
	<-left
}

func TestDrainIsNotReady(t *testing.T) {
	t.Parallel()
	r := run(t)
	started, finish := make(chan struct{}), make(chan struct{})
	r.stub.fields["slow"] = func(context.Context, map[string]any) (any, error) {
		close(started)
		<-finish
		return "done", nil
	}
	connection := dial(t, r.address)
	say(t, connection, rawPost("{slow}"))
	<-started
	r.stop()
	waitFor(t, func() bool { return strings.Contains(r.log.String(), "draining") })
	close(finish)
	if _, _, last := readResponse(t, bufio.NewReader(connection)); !last {
		t.Error("a connection stays open while draining")
	}
	if err := <-r.ended; err != nil {
		t.Error(err)
	}
}

func dial(t *testing.T, address string) net.Conn {
	t.Helper()
	connection, err := new(net.Dialer).DialContext(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = connection.Close() })
	return connection
}

// waitFor waits until something shows that gives no signal.
func waitFor(t *testing.T, shows func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for late := time.After(10 * time.Second); !shows(); {
		select {
		case <-tick.C:
		case <-late:
			t.Fatal("it never showed")
		}
	}
}

// open connects a websocket. Where the server refuses that, there is only a status.
// next reads a message, or the code that the socket was closed with.
