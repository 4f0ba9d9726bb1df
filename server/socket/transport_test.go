package socket_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/boostress/boostress/live"
	"github.com/boostress/boostress/server/socket"
)

func TestOperations(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	c := s.enter()

	c.send(`{"id":"1","type":"subscribe","payload":{"query":"query Q($text: String) { echo(text: $text) }","operationName":"Q",
		"variables":{"text":"hello"},"extensions":null}}`)
	c.expect(`{"id":"1","type":"next","payload":{"data":{"echo":"map[text:hello]"}}}`)
	c.expect(`{"id":"1","type":"complete"}`)

	c.send(`{"id":"1","type":"subscribe","payload":{"query":"mutation ($n: Int!) { set(n: $n) }","variables":{"n":9007199254740993}}}`)
	c.expect(`{"id":"1","type":"next","payload":{"data":{"set":"map[n:9007199254740993]"}}}`) // every digit of it
	c.expect(`{"id":"1","type":"complete"}`)

	c.subscribe("who", "{ who }")
	c.expect(`{"id":"who","type":"next","payload":{"data":{"who":"ada"}}}`)
	c.expect(`{"id":"who","type":"complete"}`)

	c.subscribe("s", "subscription { ticks }")
	s.schema.ticks <- "one"
	c.expect(`{"id":"s","type":"next","payload":{"data":{"ticks":"one"}}}`)
	c.subscribe("\"q\"", "{ echo }") // beside it
	c.expect(`{"id":"\"q\"","type":"next","payload":{"data":{"echo":"map[]"}}}`)
	c.expect(`{"id":"\"q\"","type":"complete"}`)
	s.schema.ticks <- "two"
	c.expect(`{"id":"s","type":"next","payload":{"data":{"ticks":"two"}}}`)
	close(s.schema.ticks)
	c.expect(`{"id":"s","type":"complete"}`)
}

func TestCompleteEndsOperation(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	c := s.enter()
	for range 2 { // the id is free at once
		c.subscribe("s", "subscription { ticks }")
		expectFrom(t, s.schema.started, "ticks")
		c.send(`{"id":"s","type":"complete"}`)
		expectFrom(t, s.schema.ended, "ticks")
	}
	c.send(`{"id":"unknown","type":"complete"}`)
	c.send(`{"type":"ping","payload":{"n":1}}`)
	c.expect(`{"type":"pong","payload":{"n":1}}`) // and nothing before
}

func TestErrors(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	c := s.enter()
	for query, want := range map[string]string{
		"{":                        `"code":"GRAPHQL_PARSE_FAILED"`,
		"{ nothing }":              `"code":"GRAPHQL_VALIDATION_FAILED"`,
		"subscription { refused }": `"code":"CURSOR_INVALID"`,
		"subscription { expired }": `"code":"CURSOR_EXPIRED"`,
		"subscription { ends }":    `"code":"CURSOR_EXPIRED"`,
		"subscription { panics }":  `"message":"recovered"`,
		"{ panic }":                `"message":"recovered"`,
	} {
		c.subscribe("e", query)
		got, err := c.receive()
		if err != nil {
			t.Fatalf("%s: %v", query, err)
		}
		if !strings.HasPrefix(got, `{"id":"e","type":"error","payload":[{`) || !strings.Contains(got, want) {
			t.Errorf("%s: %s", query, got)
		}
	}
	c.send(`{"type":"ping"}`)
	c.expect(`{"type":"pong"}`)
}

func TestReasonsToEnd(t *testing.T) {
	t.Parallel()
	for reason, want := range map[error]int{
		fmt.Errorf("next: %w", live.ErrSlow): 4410,
		live.ErrClosed:                       1012,
	} {
		s := newStand(t)
		s.schema.reason = reason
		c := s.enter()
		c.subscribe("s", "subscription { ends }")
		c.expectClose(want)
	}
}

func TestCloseCodes(t *testing.T) {
	t.Parallel()
	s := newStand(t, func(o *socket.Options) { o.MaxMessageBytes = 1000 })
	const begin = `{"type":"connection_init","payload":{"key":"ada"}}`
	for name, tt := range map[string]struct {
		messages []string
		want     int
	}{
		"no JSON":      {[]string{"hello"}, 4400},
		"no message":   {[]string{"[]"}, 4400},
		"unknown type": {[]string{begin, `{"type":"start","id":"1"}`}, 4400},
		"too long":     {[]string{begin, `{"type":"ping","payload":"` + strings.Repeat("x", 1000) + `"}`}, 4400},
		"no id":        {[]string{begin, `{"type":"subscribe","payload":{"query":"{ echo }"}}`}, 4400},
		"long id": {[]string{
			begin, `{"type":"subscribe","id":"` + strings.Repeat("x", 300) + `","payload":{"query":"{ echo }"}}`,
		}, 4400},
		"no payload":               {[]string{begin, `{"type":"subscribe","id":"1"}`}, 4400},
		"bad payload":              {[]string{begin, `{"type":"subscribe","id":"1","payload":{"query":1}}`}, 4400},
		"bad init":                 {[]string{`{"type":"connection_init","payload":[]}`}, 4400},
		"subscribe before init":    {[]string{`{"type":"subscribe","id":"1","payload":{"query":"{ echo }"}}`}, 4401},
		"no credential":            {[]string{`{"type":"connection_init"}`}, 4403},
		"empty credential":         {[]string{`{"type":"connection_init","payload":null}`}, 4403},
		"check of credential fell": {[]string{`{"type":"connection_init","payload":{"key":"broken"}}`}, 4500},
		"second init":              {[]string{begin, begin}, 4429},
		"id in use": {[]string{
			begin, `{"type":"subscribe","id":"1","payload":{"query":"subscription { ticks }"}}`,
			`{"type":"subscribe","id":"1","payload":{"query":"{ echo }"}}`,
		}, 4409},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := &client{t, s.dial().ws}
			for _, message := range tt.messages {
				c.send(message)
			}
			c.expectClose(tt.want)
		})
	}
	t.Run("binary message", func(t *testing.T) {
		t.Parallel()
		c := &client{t, s.dial().ws}
		if err := c.ws.WriteMessage(websocket.BinaryMessage, []byte(begin)); err != nil {
			t.Fatal(err)
		}
		c.expectClose(4400)
	})
	t.Run("subprotocol", func(t *testing.T) {
		t.Parallel()
		for _, offered := range [][]string{nil, {"graphql-ws"}} {
			(&client{t, s.dialWith(&websocket.Dialer{Subprotocols: offered}).ws}).expectClose(4406)
		}
	})
}

func TestInitTimeout(t *testing.T) {
	t.Parallel()
	s := newStand(t, func(o *socket.Options) { o.InitTimeout = 20 * time.Millisecond })
	s.dial().expectClose(4408)
	c := s.enter()
	c.subscribe("s", "subscription { ticks }")
	s.schema.ticks <- "still here"
	c.expect(`{"id":"s","type":"next","payload":{"data":{"ticks":"still here"}}}`)
}

func TestUpgradeCarriesCredential(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	c := s.dial("X-API-Key", "bob")
	c.send(`{"type":"connection_init"}`)
	c.expect(`{"type":"connection_ack"}`)
	c.subscribe("1", "{ who }")
	c.expect(`{"id":"1","type":"next","payload":{"data":{"who":"bob"}}}`)
}

func TestForeignOrigin(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	if got := s.refused(http.Header{"Origin": {"https://elsewhere.example"}}); got != http.StatusForbidden {
		t.Errorf("foreign origin: %d", got)
	}
	open := newStand(t, func(o *socket.Options) { o.CheckOrigin = func(*http.Request) bool { return true } })
	c := open.dial("Origin", "https://elsewhere.example", "X-API-Key", "bob")
	c.send(`{"type":"connection_init"}`)
	c.expect(`{"type":"connection_ack"}`)
}

func TestTooManyOperations(t *testing.T) {
	t.Parallel()
	s := newStand(t, func(o *socket.Options) { o.MaxSubscriptions = 2 })
	c := s.enter()
	c.subscribe("1", "subscription { ticks }")
	c.subscribe("2", "subscription { ticks }")
	c.subscribe("3", "subscription { ticks }")
	c.expect(`{"id":"3","type":"error","payload":[{"message":"at most 2 operations run on one socket",
		"extensions":{"code":"LIMIT_EXCEEDED"}}]}`)
	expectFrom(t, s.schema.started, "ticks")
	expectFrom(t, s.schema.started, "ticks")
	c.send(`{"id":"1","type":"complete"}`)
	c.subscribe("3", "{ echo }")
	c.expect(`{"id":"3","type":"next","payload":{"data":{"echo":"map[]"}}}`)
}

func TestRightsAreCheckedAgain(t *testing.T) {
	t.Parallel()
	var verdict atomic.Pointer[error]
	s := newStand(t, func(o *socket.Options) {
		o.RecheckEvery, o.RecheckGrace = 5*time.Millisecond, time.Hour
		o.Recheck = func(ctx context.Context) error {
			if user := ctx.Value(userKey{}); user != "ada" {
				return fmt.Errorf("who is %v", user)
			}
			if err := verdict.Load(); err != nil {
				return *err
			}
			return nil
		}
	})
	c := s.enter()
	c.subscribe("s", "subscription { ticks }")
	s.schema.ticks <- "one"
	c.expect(`{"id":"s","type":"next","payload":{"data":{"ticks":"one"}}}`)
	verdict.Store(new(errHidden)) // the check itself fails, which is forgiven
	s.schema.ticks <- "two"
	c.expect(`{"id":"s","type":"next","payload":{"data":{"ticks":"two"}}}`)
	verdict.Store(new(fmt.Errorf("revoked: %w", socket.ErrForbidden)))
	c.expectClose(4403)
	expectFrom(t, s.schema.started, "ticks")
	expectFrom(t, s.schema.ended, "ticks")
}

func TestRightsThatCanNotBeChecked(t *testing.T) {
	t.Parallel()
	s := newStand(t, func(o *socket.Options) {
		o.RecheckEvery, o.RecheckGrace = 5*time.Millisecond, 20*time.Millisecond
		o.Recheck = func(context.Context) error { return errHidden }
	})
	s.enter().expectClose(1012)
}

func TestPing(t *testing.T) {
	t.Parallel()
	s := newStand(t, func(o *socket.Options) { o.PingInterval = 200 * time.Millisecond })
	silent, lively := s.enter(), s.enter()
	for range 4 {
		lively.expect(`{"type":"ping"}`)
		lively.send(`{"type":"pong"}`)
	}
	silent.expectClose(1001)
	lively.send(`{"type":"ping"}`)
	lively.expect(`{"type":"pong"}`)
}

// TestSlowReader stops reading a flood. Another socket is not held up, and the slow one is told so once it reads again.
func TestSlowReader(t *testing.T) {
	t.Parallel()
	s := newStand(t, func(o *socket.Options) { o.SlowAfter = 100 * time.Millisecond })
	slow, quick := s.enter(), s.enter()
	slow.subscribe("f", "subscription { flood }")
	expectFrom(t, s.schema.started, "flood")
	quick.subscribe("s", "subscription { ticks }")
	for range 100 {
		s.schema.ticks <- "x"
		quick.expect(`{"id":"s","type":"next","payload":{"data":{"ticks":"x"}}}`)
	}
	expectFrom(t, s.schema.started, "ticks")
	expectFrom(t, s.schema.ended, "flood")
	slow.expectClose(4410)
}

func TestDrain(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	idle, watching, busy := s.enter(), s.enter(), s.enter()
	watching.subscribe("s", "subscription { ticks }")
	expectFrom(t, s.schema.started, "ticks")
	busy.subscribe("q", "{ wait }")
	expectFrom(t, s.schema.started, "wait")
	drained := make(chan error, 1)
	go func() { drained <- s.transport.Drain(t.Context()) }()
	idle.expectClose(1012)
	watching.expectClose(1012)
	if got := s.refused(nil); got != http.StatusServiceUnavailable {
		t.Errorf("a new socket while draining: %d", got)
	}
	close(s.schema.proceed)
	busy.expect(`{"id":"q","type":"next","payload":{"data":{"wait":"done"}}}`)
	busy.expect(`{"id":"q","type":"complete"}`)
	busy.expectClose(1012)
	expectFrom(t, drained, nil)
}

func TestDrainHasADeadline(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	c := s.enter()
	c.subscribe("q", "{ wait }")
	expectFrom(t, s.schema.started, "wait")
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if err := s.transport.Drain(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("drain: %v", err)
	}
	expectFrom(t, s.schema.ended, "cut")
	if _, err := c.receive(); err == nil {
		t.Error("the socket is still open")
	}
}

func TestClientGoes(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	for _, leave := range []func(*client){
		func(c *client) {
			message := websocket.FormatCloseMessage(websocket.CloseNormalClosure, "")
			_ = c.ws.WriteControl(websocket.CloseMessage, message, time.Now().Add(patience))
		},
		func(c *client) { _ = c.ws.NetConn().Close() },
	} {
		c := s.enter()
		c.subscribe("s", "subscription { ticks }")
		expectFrom(t, s.schema.started, "ticks")
		leave(c)
		expectFrom(t, s.schema.ended, "ticks")
	}
}
