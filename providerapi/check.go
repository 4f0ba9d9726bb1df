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

// checkedConn asks before the first write of each request.
type checkedConn struct {
	net.Conn

	check atomic.Pointer[func() error] // nil once it was asked
}

// Write fails where the check of the request that has the connection now does; the connection is not used again then.
func (c *checkedConn) Write(p []byte) (int, error) {
	if check := c.check.Swap(nil); check != nil {
		if err := (*check)(); err != nil {
			return 0, &Error{Class: order.ClassRetryable, Message: "nothing was sent", Err: err}
		}
	}
	return c.Conn.Write(p) //nolint:wrapcheck // the transport knows the error by its type
}

// checkOf returns the context's check, or nil.
func checkOf(ctx context.Context) func() error {
	check, _ := ctx.Value(checkKey{}).(func() error)
	return check
}

// arm gives a request's check to the connection that the request got.
func arm(check func() error, conn net.Conn) {
	if secure, ok := conn.(*tls.Conn); ok {
		if secure.ConnectionState().NegotiatedProtocol == "h2" {
			return
		}
		conn = secure.NetConn()
	}
	if mine, ok := conn.(*checkedConn); ok && check != nil {
		mine.check.Store(&check)
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
