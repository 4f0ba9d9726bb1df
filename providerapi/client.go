package providerapi

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"time"
)

// MaxReply bounds the body of any answer, in bytes. Reading past it fails with ErrReplyTooLarge.
const MaxReply = 1 << 20

const (
	maxReplyHeader = 64 << 10
	idlePerHost    = 256 // as many calls to one provider keep their connections
	idleTotal      = 1024
	idleTimeout    = 90 * time.Second
	dialTimeout    = 10 * time.Second
	tlsTimeout     = 10 * time.Second
	keepAlive      = 30 * time.Second
)

// ErrReplyTooLarge is returned when an answer's body is larger than MaxReply.
var ErrReplyTooLarge = errors.New("reply is too large")

// Guard says which networks calls may go to, besides the public internet.
type Guard struct {
	// Allow lists the private networks that an admin has opened. Empty: none, not even loopback.
	Allow []netip.Prefix
}

// Loopback lists the networks of the machine itself, for Guard.Allow where providers run beside Boostress.
func Loopback() []netip.Prefix {
	return []netip.Prefix{
		netip.PrefixFrom(netip.AddrFrom4([4]byte{127}), 8),
		netip.PrefixFrom(netip.IPv6Loopback(), 128),
	}
}

// NewHTTPClient returns the client that all adapters of a process share. The address of every connection is checked
// when it is dialed, so that no name, redirect or spelling reaches a network outside the guard. Redirects are not
// followed, no proxy is taken from the environment, and bodies end at MaxReply. Calls end with their context: give
// each a deadline.
func NewHTTPClient(guard Guard) *http.Client {
	dialer := &net.Dialer{Timeout: dialTimeout, KeepAlive: keepAlive, Control: guard.guardian().Safe}
	return &http.Client{
		Transport: capped{next: &http.Transport{
			DialContext:            checkedDial(dialer.DialContext),
			TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
			TLSHandshakeTimeout:    tlsTimeout,
			ForceAttemptHTTP2:      true,
			DisableCompression:     true, // replies are small, and nothing has to be inflated then
			MaxIdleConns:           idleTotal,
			MaxIdleConnsPerHost:    idlePerHost,
			IdleConnTimeout:        idleTimeout,
			MaxResponseHeaderBytes: maxReplyHeader,
		}},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// capped ends every answer's body at MaxReply.
type capped struct{ next http.RoundTripper }

// RoundTrip sends the request.
func (c capped) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := c.next.RoundTrip(request)
	if err != nil {
		return nil, err //nolint:wrapcheck // http.Client wraps it
	}
	response.Body = &cappedBody{ReadCloser: response.Body, left: MaxReply}
	return response, nil
}

// CloseIdleConnections lets http.Client close them.
func (c capped) CloseIdleConnections() {
	if closer, ok := c.next.(interface{ CloseIdleConnections() }); ok {
		closer.CloseIdleConnections()
	}
}

type cappedBody struct {
	io.ReadCloser

	left int
}

// Read fails with ErrReplyTooLarge once more than MaxReply bytes came.
func (b *cappedBody) Read(p []byte) (int, error) {
	if len(p) > b.left+1 {
		p = p[:b.left+1]
	}
	n, err := b.ReadCloser.Read(p)
	if n > b.left {
		n, b.left = b.left, 0
		return n, ErrReplyTooLarge
	}
	b.left -= n
	return n, err //nolint:wrapcheck // io.EOF must stay itself
}
