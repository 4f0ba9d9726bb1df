package server_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/gorilla/websocket"

	"github.com/boostress/boostress/access"
	"github.com/boostress/boostress/account"
	"github.com/boostress/boostress/server"
	"github.com/boostress/boostress/server/socket"
)

func withSocket(o *server.Options) {
	o.Socket = socket.New(socket.Options{
		Authenticate: server.SocketAuthenticator(o.Authenticator, o.TrustedOrigins),
		CheckOrigin:  func(*http.Request) bool { return true },
		Recheck:      server.SocketRecheck(content{}),
	})
}

type content struct{ err error }

func (c content) Recheck(context.Context, account.Principal) error { return c.err }

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
