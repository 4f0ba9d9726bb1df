package server_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/boostress/boostress/access"
	"github.com/boostress/boostress/account"
	"github.com/boostress/boostress/server"
	"github.com/boostress/boostress/server/socket"
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

func withSocket(o *server.Options) {
	o.Socket = socket.New(socket.Options{
		Authenticate: server.SocketAuthenticator(o.Authenticator, o.TrustedOrigins),
		CheckOrigin:  func(*http.Request) bool { return true },
		Recheck:      server.SocketRecheck(content{}),
	})
}

// content rechecks and finds all well.
type content struct{ err error }

func (c content) Recheck(context.Context, account.Principal) error { return c.err }

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
func open(t *testing.T, r *running, init string, headers http.Header) (*websocket.Conn, int) {
	t.Helper()
	dialer := websocket.Dialer{Subprotocols: []string{socket.Subprotocol}}
	ws, response, err := dialer.DialContext(t.Context(), "ws://"+r.address+"/graphql", headers)
	if response == nil {
		t.Fatal(err)
	}
	if closed := response.Body.Close(); closed != nil {
		t.Fatal(closed)
	}
	if err != nil {
		return nil, response.StatusCode
	}
	t.Cleanup(func() { _ = ws.Close() })
	if err := ws.WriteMessage(websocket.TextMessage, []byte(`{"type":"connection_init","payload":`+init+`}`)); err != nil {
		t.Fatal(err)
	}
	return ws, response.StatusCode
}

// next reads a message, or the code that the socket was closed with.
func next(t *testing.T, ws *websocket.Conn) (message struct {
	Type    string          `json:"type"`
	Payload json.RawMessage `json:"payload"`
}, code int,
) {
	t.Helper()
	err := ws.ReadJSON(&message)
	if closed, ok := errors.AsType[*websocket.CloseError](err); ok {
		return message, closed.Code
	}
	if err != nil {
		t.Fatal(err)
	}
	return message, 0
}

func TestSocketsAreAuthenticated(t *testing.T) {
	t.Parallel()
	r := run(t, withSocket)
	cookie := func(token, origin string) http.Header {
		h := http.Header{"Cookie": {"boostress_session=" + token}}
		if origin != "" {
			h.Set("Origin", origin)
		}
		return h
	}
	for name, test := range map[string]struct {
		init    string
		headers http.Header
		code    int
	}{
		"key":                   {`{"x-api-key":"` + goodKey + `"}`, nil, 0},
		"bearer":                {`{"Authorization":"Bearer ` + goodKey + `"}`, nil, 0},
		"foreign key":           {`{"X-API-Key":"` + goodKey + `"}`, http.Header{"Origin": {"https://shop.example"}}, 0},
		"session":               {`{}`, cookie(goodToken, "http://"+r.address), 0},
		"session of app":        {`null`, cookie(goodToken, ""), 0},
		"nothing":               {`{}`, nil, 4403},
		"bad key":               {`{"X-API-Key":"` + otherKey + `"}`, nil, 4403},
		"bad key, good session": {`{"X-API-Key":"` + otherKey + `"}`, cookie(goodToken, ""), 4403},
		"ended session":         {`{}`, cookie(oldToken, ""), 4403},
	} {
		ws, status := open(t, r, test.init, test.headers)
		if ws == nil {
			t.Errorf("%s: got %d", name, status)
			continue
		}
		if message, code := next(t, ws); code != test.code || code == 0 && message.Type != "connection_ack" {
			t.Errorf("%s: got %q and code %d, want %d", name, message.Type, code, test.code)
		}
	}
	if _, status := open(t, r, `{}`, cookie(goodToken, "https://evil.example")); status != http.StatusForbidden {
		t.Errorf("a foreign page with the session got %d", status)
	}
}

func TestSocketsShareLimits(t *testing.T) {
	t.Parallel()
	r := run(t, withSocket)
	ws, _ := open(t, r, `{"X-API-Key":"`+goodKey+`"}`, nil)
	next(t, ws)
	for i, test := range []struct{ query, kind, want string }{
		{"{who}", "next", `{"data":{"who":"key:test"}}`},
		{"subscription{ticked}", "next", `{"data":{"ticked":1}}`},
		{"{" + aliases(16) + "}", "error", "LIMIT_EXCEEDED"},
		{"{whom}", "error", "GRAPHQL_VALIDATION_FAILED"},
		{"mutation{signIn}", "next", "INTERNAL"},
	} {
		if err := ws.WriteMessage(websocket.TextMessage,
			fmt.Appendf(nil, `{"id":"%d","type":"subscribe","payload":{"query":%q}}`, i, test.query)); err != nil {
			t.Fatal(err)
		}
		message, code := next(t, ws)
		for message.Type == "complete" {
			message, code = next(t, ws)
		}
		if message.Type != test.kind || code != 0 || !strings.Contains(string(message.Payload), test.want) {
			t.Errorf("%s: got %q %s and code %d", test.query, message.Type, message.Payload, code)
		}
	}
}

func TestDrainClosesSockets(t *testing.T) {
	t.Parallel()
	r := run(t, withSocket)
	ws, _ := open(t, r, `{"X-API-Key":"`+goodKey+`"}`, nil)
	next(t, ws)
	r.stop()
	if _, code := next(t, ws); code != websocket.CloseServiceRestart {
		t.Errorf("closed with %d, want 1012", code)
	}
	if err := <-r.ended; err != nil {
		t.Error(err)
	}
}

func TestSocketRecheck(t *testing.T) {
	t.Parallel()
	known := account.NewContext(t.Context(), account.Principal{})
	for name, test := range map[string]struct {
		err       error
		forbidden bool
	}{
		"well":    {nil, false},
		"ended":   {access.ErrUnauthenticated, true},
		"changed": {access.ErrChanged, true},
		"away":    {errAway, false},
	} {
		err := server.SocketRecheck(content{err: test.err})(known)
		if errors.Is(err, socket.ErrForbidden) != test.forbidden || test.err != nil && !errors.Is(err, test.err) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if err := server.SocketRecheck(content{})(t.Context()); !errors.Is(err, socket.ErrForbidden) {
		t.Errorf("nobody: got %v", err)
	}
}

func TestWithoutSockets(t *testing.T) {
	t.Parallel()
	s := serve(t)
	got := s.ask(t, http.MethodGet, "/graphql", "", "Upgrade", "websocket", "Connection", "Upgrade")
	if got.status != http.StatusBadRequest || got.code() != "BAD_USER_INPUT" {
		t.Errorf("got %d %s", got.status, got.text)
	}
}
