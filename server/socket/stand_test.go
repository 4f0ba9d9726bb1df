package socket_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/handler"
	"github.com/google/go-cmp/cmp"
	"github.com/gorilla/websocket"
	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
	"go.uber.org/goleak"

	"github.com/boostress/boostress/live"
	"github.com/boostress/boostress/server/socket"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is for what should take milliseconds, on a busy machine.
const patience = 20 * time.Second

var errHidden = errors.New("hidden detail")

// schema is executed by hand: what generated code does, without the generator.
type schema struct {
	parsed *ast.Schema
	// ticks feeds the subscription `ticks`; closing it ends the subscription.
	ticks chan string
	// started is told when a subscription or `wait` begins, ended when it is over.
	started, ended chan string
	// proceed lets `wait` go on.
	proceed chan struct{}
	// reason is why the subscription `ends` ends.
	reason error
}

func newSchema() *schema {
	return &schema{
		parsed: gqlparser.MustLoadSchema(&ast.Source{Input: `
			type Query { echo(text: String): String who: String wait: String panic: String }
			type Mutation { set(n: Int!): String }
			type Subscription { ticks: String ends: String refused: String expired: String panics: String flood: String }
		`}),
		ticks: make(chan string), started: make(chan string, 100), ended: make(chan string, 100),
		proceed: make(chan struct{}), reason: live.ErrCursorExpired,
	}
}

func (s *schema) Schema() *ast.Schema { return s.parsed }

func (s *schema) Complexity(context.Context, string, string, int, map[string]any) (int, bool) {
	return 0, false
}

func (s *schema) Exec(ctx context.Context) graphql.ResponseHandler {
	rc := graphql.GetOperationContext(ctx)
	field, ok := rc.Operation.SelectionSet[0].(*ast.Field)
	if !ok {
		return graphql.OneShot(graphql.ErrorResponse(ctx, "not a field"))
	}
	if rc.Operation.Operation == ast.Subscription {
		return s.subscription(ctx, field)
	}
	return graphql.OneShot(s.single(ctx, field))
}

func (s *schema) single(ctx context.Context, field *ast.Field) *graphql.Response {
	rc := graphql.GetOperationContext(ctx)
	value := ""
	switch field.Name {
	case "echo", "set":
		value = fmt.Sprint(rc.Variables)
	case "who":
		value, _ = ctx.Value(userKey{}).(string)
	case "wait":
		s.started <- field.Name
		select {
		case <-s.proceed:
			value = "done"
		case <-ctx.Done():
			value = "cut"
		}
		s.ended <- value
	case "panic":
		panic("told to")
	}
	return data(field.Name, value)
}

func data(field, value string) *graphql.Response {
	text, err := json.Marshal(map[string]string{field: value})
	if err != nil {
		panic(err)
	}
	return &graphql.Response{Data: text}
}

func (s *schema) subscription(ctx context.Context, field *ast.Field) graphql.ResponseHandler {
	switch field.Name {
	case "refused":
		graphql.AddError(ctx, live.ErrCursorInvalid)
		return nil
	case "expired":
		graphql.AddError(ctx, fmt.Errorf("subscribe: %w", live.ErrCursorExpired))
		return nil
	}
	s.started <- field.Name
	context.AfterFunc(ctx, func() { s.ended <- field.Name })
	return func(ctx context.Context) *graphql.Response {
		switch field.Name {
		case "panics":
			panic("told to")
		case "ends":
			live.End(ctx, s.reason)
			return nil
		case "flood":
			return data(field.Name, strings.Repeat("x", 32<<10))
		}
		select {
		case tick, open := <-s.ticks:
			if open {
				return data(field.Name, tick)
			}
		case <-ctx.Done():
		}
		return nil
	}
}

type userKey struct{}

// stand is a server with one transport.
type stand struct {
	t         *testing.T
	schema    *schema
	transport *socket.Transport
	url       string
}

func newStand(t *testing.T, change ...func(*socket.Options)) *stand {
	t.Helper()
	options := socket.Options{
		Authenticate: func(ctx context.Context, r *http.Request, payload map[string]any) (context.Context, error) {
			key, _ := payload["key"].(string)
			if key == "" {
				key = r.Header.Get("X-API-Key")
			}
			switch key {
			case "":
				return nil, fmt.Errorf("no key: %w", socket.ErrForbidden)
			case "broken":
				return nil, errHidden
			}
			return context.WithValue(ctx, userKey{}, key), nil
		},
		Log: slog.New(slog.NewTextHandler(t.Output(), nil)),
	}
	for _, do := range change {
		do(&options)
	}
	s := &stand{t: t, schema: newSchema(), transport: socket.New(options)}
	graph := handler.New(s.schema)
	graph.AddTransport(s.transport)
	graph.SetErrorPresenter(present)
	graph.SetRecoverFunc(func(context.Context, any) error { return gqlerror.Errorf("recovered") })
	server := httptest.NewServer(graph)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), patience)
		defer cancel()
		if err := s.transport.Drain(ctx); err != nil {
			t.Errorf("drain: %v", err)
		}
		server.Close()
	})
	s.url = "ws" + strings.TrimPrefix(server.URL, "http")
	return s
}

// present does what the product's presenter does.
func present(ctx context.Context, err error) *gqlerror.Error {
	presented := graphql.DefaultErrorPresenter(ctx, err)
	code := ""
	switch {
	case errors.Is(err, live.ErrCursorInvalid):
		code = "CURSOR_INVALID"
	case errors.Is(err, live.ErrCursorExpired):
		code = "CURSOR_EXPIRED"
	}
	if code != "" {
		presented.Extensions = map[string]any{"code": code}
	}
	return presented
}

// client is the other end of a socket.
type client struct {
	t  *testing.T
	ws *websocket.Conn
}

func (s *stand) dial(header ...string) *client {
	s.t.Helper()
	return s.dialWith(&websocket.Dialer{Subprotocols: []string{socket.Subprotocol}}, header...)
}

func (s *stand) dialWith(dialer *websocket.Dialer, header ...string) *client {
	s.t.Helper()
	headers := http.Header{}
	for i := 0; i < len(header); i += 2 {
		headers.Set(header[i], header[i+1])
	}
	ws, response, err := dialer.DialContext(s.t.Context(), s.url, headers)
	if err != nil {
		s.t.Fatalf("dial: %v (%v)", err, response)
	}
	_ = response.Body.Close() // it is empty
	s.t.Cleanup(func() { _ = ws.Close() })
	return &client{s.t, ws}
}

// refused dials and returns the status that it is refused with.
func (s *stand) refused(headers http.Header) int {
	s.t.Helper()
	dialer := websocket.Dialer{Subprotocols: []string{socket.Subprotocol}}
	_, response, err := dialer.DialContext(s.t.Context(), s.url, headers)
	if err == nil || response == nil {
		s.t.Fatalf("not refused: %v, %v", response, err)
	}
	_ = response.Body.Close() // read already
	return response.StatusCode
}

// enter connects and initializes.
func (s *stand) enter() *client {
	s.t.Helper()
	c := s.dial()
	c.send(`{"type":"connection_init","payload":{"key":"ada"}}`)
	c.expect(`{"type":"connection_ack"}`)
	return c
}

func (c *client) send(text string) {
	c.t.Helper()
	if err := c.ws.WriteMessage(websocket.TextMessage, []byte(text)); err != nil {
		c.t.Fatalf("send %s: %v", text, err)
	}
}

func (c *client) subscribe(id, query string) {
	c.t.Helper()
	text, err := json.Marshal(map[string]any{"id": id, "type": "subscribe", "payload": map[string]any{"query": query}})
	if err != nil {
		c.t.Fatal(err)
	}
	c.send(string(text))
}

func (c *client) receive() (string, error) {
	if err := c.ws.SetReadDeadline(time.Now().Add(patience)); err != nil {
		return "", err
	}
	_, text, err := c.ws.ReadMessage()
	return string(text), err
}

// expect compares the next message, as JSON.
func (c *client) expect(want string) {
	c.t.Helper()
	got, err := c.receive()
	if err != nil {
		c.t.Fatalf("waiting for %s: %v", want, err)
	}
	if diff := cmp.Diff(compact(c.t, want), compact(c.t, got)); diff != "" {
		c.t.Fatal(diff)
	}
}

func compact(t *testing.T, text string) string {
	t.Helper()
	var compacted bytes.Buffer
	if err := json.Compact(&compacted, []byte(text)); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return compacted.String()
}

// expectClose reads what still comes and compares the code that the socket is closed with.
func (c *client) expectClose(want int) {
	c.t.Helper()
	for {
		_, err := c.receive()
		if err == nil {
			continue
		}
		if closed, ok := errors.AsType[*websocket.CloseError](err); !ok || closed.Code != want {
			c.t.Fatalf("closed with %v, want %d", err, want)
		}
		return
	}
}

func expectFrom[T comparable](t *testing.T, from <-chan T, want T) {
	t.Helper()
	late := time.NewTimer(patience)
	defer late.Stop()
	select {
	case got := <-from:
		if got != want {
			t.Fatalf("got %v, want %v", got, want)
		}
	case <-late.C:
		t.Fatalf("timed out waiting for %v", want)
	}
}
