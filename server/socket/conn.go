package socket

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/gorilla/websocket"
)

var (
	errCut     = errors.New("cut off")
	errGone    = errors.New("the client is gone")
	errTooLong = errors.New("the message is too long")
)

// How long a client has to answer a close, so that it reads the code before the connection ends.
const closeWait = 2 * time.Second

// conn is one socket.
type conn struct {
	transport *Transport
	options   Options
	ws        *websocket.Conn
	request   *http.Request
	exec      graphql.GraphExecutor
	out       *outbox
	cancel    context.CancelCauseFunc // ends every operation
	running   sync.WaitGroup          // the writer, checks and operations
	closing   chan struct{}           // closed once the socket is to be closed

	init *time.Timer // until connection_init

	mu         sync.Mutex
	code       int // that the socket is closed with; 0: it is not
	reason     string
	acked      bool
	draining   bool
	operations map[string]*operation
}

func newConn(
	t *Transport, ws *websocket.Conn, r *http.Request, exec graphql.GraphExecutor, cancel context.CancelCauseFunc,
) *conn {
	return &conn{
		transport: t, options: t.options, ws: ws, request: r, exec: exec, out: newOutbox(t.options), cancel: cancel,
		closing: make(chan struct{}), operations: make(map[string]*operation),
	}
}

// serve runs the socket and returns when nothing of it runs any longer.
func (c *conn) serve(ctx context.Context) {
	c.running.Go(c.write)
	if c.ws.Subprotocol() != Subprotocol {
		c.close(closeSubprotocol, "subprotocol not acceptable")
	}
	c.init = time.AfterFunc(c.options.InitTimeout, func() { c.close(closeInitTimeout, "connection initialization timeout") })
	stop := context.AfterFunc(ctx, func() { c.close(closeDraining, "shutting down") })
	defer func() {
		stop()
		c.init.Stop()
		c.abort(errGone)
		c.running.Wait()
		_ = c.ws.Close() // nothing is left to lose
	}()
	c.read(ctx)
}

// read handles what comes in until the socket is closed. Its context becomes what Authenticate makes of it.
func (c *conn) read(ctx context.Context) {
	for {
		text, err := c.next()
		select {
		case <-c.closing:
			if err == nil {
				continue // until the client has answered the close
			}
		default:
		}
		switch {
		case errors.Is(err, errTooLong):
			c.close(closeBadMessage, errTooLong.Error())
		case err != nil:
			if late, ok := errors.AsType[net.Error](err); ok && late.Timeout() {
				c.close(closeSilent, "no answer to ping")
			}
			return
		default:
			ctx = c.handle(ctx, text) //nolint:fatcontext // it grows once, by Authenticate
		}
	}
}

// next reads one message.
func (c *conn) next() ([]byte, error) {
	if err := c.extend(); err != nil {
		return nil, err
	}
	kind, reader, err := c.ws.NextReader()
	if err != nil {
		return nil, fmt.Errorf("read: %w", err)
	}
	text, err := io.ReadAll(io.LimitReader(reader, c.options.MaxMessageBytes+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("read: %w", err)
	case int64(len(text)) > c.options.MaxMessageBytes:
		return nil, errTooLong
	case kind != websocket.TextMessage:
		return nil, nil // handled as what it is: not JSON
	}
	return text, nil
}

// extend lets the client be silent for a while more, unless the socket is to be closed.
func (c *conn) extend() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.code != 0 {
		return nil
	}
	if err := c.ws.SetReadDeadline(time.Now().Add(2 * c.options.PingInterval)); err != nil {
		return fmt.Errorf("set deadline: %w", err)
	}
	return nil
}

// handle does what a message says and returns the context for the next.
func (c *conn) handle(ctx context.Context, text []byte) context.Context {
	var m message
	if err := json.Unmarshal(text, &m); err != nil {
		c.close(closeBadMessage, "bad message")
		return ctx
	}
	switch m.Type {
	case typeInit:
		return c.initialize(ctx, m)
	case typePing:
		c.put(ctx, frame(typePong, "", m.Payload))
	case typePong:
	case typeSubscribe:
		c.subscribe(ctx, m)
	case typeComplete:
		c.complete(m.ID)
	default:
		c.close(closeBadMessage, "bad message type")
	}
	return ctx
}

// initialize proves who is at the other end and returns the context of operations.
func (c *conn) initialize(ctx context.Context, m message) context.Context {
	if !c.init.Stop() { // it was stopped before, or has gone off
		c.close(closeSecondInit, "too many initialization requests")
		return ctx
	}
	var payload map[string]any
	if len(m.Payload) > 0 {
		if err := json.Unmarshal(m.Payload, &payload); err != nil {
			c.close(closeBadMessage, "bad payload of connection_init")
			return ctx
		}
	}
	proven, err := c.options.Authenticate(ctx, c.request, payload)
	switch {
	case errors.Is(err, ErrForbidden):
		c.close(closeForbidden, "forbidden")
		return ctx
	case err != nil:
		c.options.Log.ErrorContext(ctx, "websocket not authenticated", "error", err)
		c.close(closeInternal, "internal error")
		return ctx
	}
	c.mu.Lock()
	c.acked = true
	c.mu.Unlock()
	c.put(proven, frame(typeAck, "", nil))
	if c.options.Recheck != nil {
		c.running.Go(func() { c.recheck(proven) })
	}
	return proven
}

// put queues a frame that the reader answers with.
func (c *conn) put(ctx context.Context, text []byte) {
	if err := c.out.put(ctx, text); errors.Is(err, errSlow) {
		c.close(closeSlow, "too slow")
	}
}

// recheck looks now and then whether the client may still be here.
func (c *conn) recheck(ctx context.Context) {
	tick := time.NewTicker(c.options.RecheckEvery)
	defer tick.Stop()
	good := time.Now()
	for {
		select {
		case <-c.closing:
			return
		case <-tick.C:
		}
		err := c.options.Recheck(ctx)
		switch {
		case err == nil:
			good = time.Now()
		case errors.Is(err, ErrForbidden):
			c.close(closeForbidden, "forbidden")
			return
		case ctx.Err() == nil && time.Since(good) > c.options.RecheckGrace:
			c.options.Log.WarnContext(ctx, "websocket's rights can't be checked", "error", err)
			c.close(closeDraining, "rights can't be checked")
			return
		}
	}
}

// close closes the socket with a code, for the first time that it is called: operations end, and the writer sends the
// code behind what waits or, where the client is slow, instead of that.
func (c *conn) close(code int, reason string) {
	c.mu.Lock()
	first := c.code == 0
	if first {
		c.code, c.reason = code, reason
	}
	c.mu.Unlock()
	if !first {
		return
	}
	c.options.Metrics.close(code)
	c.out.close(code == closeSlow)
	c.cancel(errClosed)
	close(c.closing)
}

// abort closes the socket without a code that would reach the client.
func (c *conn) abort(cause error) {
	c.close(websocket.CloseAbnormalClosure, cause.Error())
	_ = c.ws.NetConn().SetDeadline(time.Unix(1, 0)) // whoever reads or writes stops now
}

// decode reads JSON as the executor wants it, with numbers as they were written.
func decode(text []byte, to any) error {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	if err := decoder.Decode(to); err != nil {
		return fmt.Errorf("decode: %w", err)
	}
	return nil
}
