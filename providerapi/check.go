package providerapi

import (
	"context"
	"crypto/tls"
	"net"
	"sync/atomic"

	"github.com/boostress/boostress/order"
)

type checkKey struct{}

// WithCheck returns a context under which a call is given up, right before its first byte is written, when check fails:
// the last moment at which a caller can notice that it must not send any more. On HTTP/2, whose connections are shared,
// it is not asked.
func WithCheck(ctx context.Context, check func() error) context.Context {
	return context.WithValue(ctx, checkKey{}, check)
}

// leave is a request's check and what it said. The transport may report a connection that ended in another way than by
// the refusal that ended it, so the request remembers.
type leave struct {
	check   func() error
	refused atomic.Pointer[Error]
}

// leaveOf returns what the context's check says, or nil without one.
func leaveOf(ctx context.Context) *leave {
	check, ok := ctx.Value(checkKey{}).(func() error)
	if !ok {
		return nil
	}
	return &leave{check: check}
}

// ask asks the check. What was refused once stays so: the transport tries a request of which nothing was written again.
func (l *leave) ask() error {
	if refused := l.said(); refused != nil {
		return refused
	}
	if err := l.check(); err != nil {
		l.refused.Store(&Error{Class: order.ClassRetryable, Message: "nothing was sent", Err: err})
		return l.said()
	}
	return nil
}

// said returns the refusal, or nil.
func (l *leave) said() *Error {
	if l == nil {
		return nil
	}
	return l.refused.Load()
}

// checkedConn asks before the first write of each request.
type checkedConn struct {
	net.Conn

	leave atomic.Pointer[leave] // nil once it was asked
}

// Write fails where the check of the request that has the connection now does; the connection is not used again then.
func (c *checkedConn) Write(p []byte) (int, error) {
	if asked := c.leave.Swap(nil); asked != nil {
		if err := asked.ask(); err != nil {
			return 0, err
		}
	}
	return c.Conn.Write(p) //nolint:wrapcheck // the transport knows the error by its type
}

// arm gives a request's check to the connection that the request got.
func arm(asked *leave, conn net.Conn) {
	if secure, ok := conn.(*tls.Conn); ok {
		if secure.ConnectionState().NegotiatedProtocol == "h2" {
			return
		}
		conn = secure.NetConn()
	}
	if mine, ok := conn.(*checkedConn); ok && asked != nil {
		mine.leave.Store(asked)
	}
}

// checkedDial makes the connections of dial ask.
func checkedDial(dial dialFunc) dialFunc {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return &checkedConn{Conn: conn}, nil
	}
}

type dialFunc func(ctx context.Context, network, address string) (net.Conn, error)
