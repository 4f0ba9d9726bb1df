package sandbox

import (
	"bytes"
	"crypto/subtle"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/boostress/boostress/providerapi/protocol"
)

// Codes of refusals of this provider's own.
const (
	codeUnauthorized = "unauthorized"
	codeNoProvider   = "no_such_provider"
	codeNoPath       = "no_such_path"
	codeMalformed    = "malformed"
	codeTooLarge     = "too_large"
	codeNoKey        = "key_required"
	codeUnknownOffer = "unknown_offer"
	codeQuantity     = "quantity_out_of_range"
	codeNotAvailable = "offer_not_available"
	codeAmount       = "amount_out_of_range"
	codePrice        = "price_changed"
	codeRejected     = "rejected"
	codeRateLimited  = "rate_limited"
	codeForbidden    = "forbidden"
	codeUnavailable  = "unavailable"
	codeInternal     = "internal"
)

const (
	defaultDrip = 50 // milliseconds between the pieces of an answer
	dripPieces  = 8
)

// call is one request to one provider.
type call struct {
	*Server

	p *provider
	b *Behavior
	w http.ResponseWriter
	r *http.Request

	body []byte // of the answer, in memory that is used again
}

//nolint:gochecknoglobals // memory to reuse holds no state, and the header never changes
var (
	requests = sync.Pool{New: func() any { return new(bytes.Buffer) }}
	answers  = sync.Pool{New: func() any { return new([]byte) }}
	jsonType = []string{"application/json"}
)

func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("POST /{slug}/v1/orders", s.provide((*call).create))
	mux.Handle("GET /{slug}/v1/orders", s.provide((*call).list))
	mux.Handle("GET /{slug}/v1/orders/{id}", s.provide((*call).get))
	mux.Handle("POST /{slug}/v1/orders/{id}/cancel", s.provide((*call).cancel))
	mux.Handle("GET /{slug}/v1/offers", s.provide((*call).offers))
	mux.Handle("POST /{slug}/v1/quotes", s.provide((*call).quote))
	mux.Handle("GET /{slug}/v1/ping", s.provide((*call).ping))
	mux.Handle("GET /{slug}/v1/balance", s.provide((*call).balance))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { writeText(w, http.StatusOK, "ok\n") })
	s.adminRoutes(mux)
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		refuse(w, http.StatusNotFound, protocol.Refusal{Code: codeNoPath, Message: "nothing is served at this path"})
	})
	return mux
}

// provide finds out whom a request is for and whether it may be made.
func (s *Server) provide(handle func(*call)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p := s.configured(r.PathValue("slug"))
		if p == nil {
			// Not "not_found": who asks at a wrong address must not conclude that an order does not exist.
			refuse(w, http.StatusNotFound, protocol.Refusal{Code: codeNoProvider, Message: "no provider has this path"})
			return
		}
		memory, _ := answers.Get().(*[]byte)
		c := call{Server: s, p: p, b: p.behavior.Load(), w: w, r: r, body: (*memory)[:0]}
		defer func() {
			*memory = c.body
			answers.Put(memory)
		}()
		switch {
		case c.b.Unavailable:
			c.refuse(http.StatusServiceUnavailable, codeUnavailable, "out of service")
		case !authorized(r, p.apiKey):
			c.refuse(http.StatusUnauthorized, codeUnauthorized, "the API key is missing or wrong")
		default:
			handle(&c)
		}
	})
}

// authorized compares the bearer token in constant time; an empty one is never right.
func authorized(r *http.Request, want string) bool {
	given, bearer := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	return bearer && want != "" && subtle.ConstantTimeCompare([]byte(given), []byte(want)) == 1
}

// ready waits out the latency of a request that changes nothing, and reports whether to answer it.
func (c *call) ready() bool {
	if !c.wait(c.draw(c.b.LatencyMS)) {
		return false
	}
	switch {
	case c.hit(c.b.RateLimit):
		c.rateLimit()
		return false
	case c.hit(c.b.Forbid):
		c.forbid()
		return false
	}
	return !c.hit(c.b.Slow.Probability) || c.wait(milliseconds(c.b.Slow.MS))
}

// wait pauses the answer; it reports false where nobody waits for it any more.
func (c *call) wait(span time.Duration) bool {
	return pause(c.r.Context().Done(), c.stopping, span)
}

// read returns the request's body, or refuses it. Release must be called after the last use.
func (c *call) read() (body []byte, release func(), ok bool) {
	buffer, _ := requests.Get().(*bytes.Buffer)
	buffer.Reset()
	release = func() { requests.Put(buffer) }
	_, err := buffer.ReadFrom(io.LimitReader(c.r.Body, protocol.MaxRequest+1))
	switch {
	case err != nil:
		c.refuse(http.StatusBadRequest, codeMalformed, "the request's body broke off")
	case buffer.Len() > protocol.MaxRequest:
		c.refuse(http.StatusRequestEntityTooLarge, codeTooLarge, "the request is larger than the protocol allows")
	default:
		return buffer.Bytes(), release, true
	}
	release()
	return nil, nil, false
}

func (c *call) refuse(status int, code, message string) {
	c.refusal(status, protocol.Refusal{Code: code, Message: message})
}

func (c *call) refusal(status int, refusal protocol.Refusal) {
	c.body = refusal.Append(c.body[:0])
	c.send(status, false)
}

func (c *call) retryAfter() {
	if c.b.RetryAfterMS > 0 {
		c.w.Header().Set("Retry-After", strconv.Itoa((c.b.RetryAfterMS+999)/1000))
	}
}

// forbid says by 403 that there were too many requests, which the protocol does not know.
func (c *call) forbid() {
	c.retryAfter()
	c.refuse(http.StatusForbidden, codeForbidden, "not now")
}

func (c *call) rateLimit() {
	c.retryAfter()
	c.refusal(http.StatusTooManyRequests, protocol.Refusal{
		Code: codeRateLimited, Message: "too many requests", Retryable: true,
	})
}

// order answers with an order.
func (c *call) order(status int, order protocol.Order) {
	c.body = order.Append(c.body[:0])
	c.send(status, c.hit(c.b.Drip))
}

// send writes the answer, where it drips in pieces.
func (c *call) send(status int, drips bool) {
	header := c.w.Header()
	header["Content-Type"] = jsonType
	header["Content-Length"] = []string{strconv.Itoa(len(c.body))}
	c.w.WriteHeader(status)
	if !drips {
		// Whoever is gone does not read it, which is no fault of the provider's.
		_, _ = c.w.Write(c.body)
		return
	}
	flush := http.NewResponseController(c.w)
	gap := milliseconds(c.b.DripMS)
	if gap == 0 {
		gap = milliseconds(defaultDrip)
	}
	size := (len(c.body) + dripPieces - 1) / dripPieces
	for at := 0; at < len(c.body); at += size {
		if at > 0 && !c.wait(gap) {
			panic(http.ErrAbortHandler)
		}
		if _, err := c.w.Write(c.body[at:min(at+size, len(c.body))]); err != nil || flush.Flush() != nil {
			panic(http.ErrAbortHandler)
		}
	}
}

// drop closes the connection without an answer.
func drop() { panic(http.ErrAbortHandler) }

func refuse(w http.ResponseWriter, status int, refusal protocol.Refusal) {
	w.Header()["Content-Type"] = jsonType
	w.WriteHeader(status)
	_, _ = w.Write(refusal.Append(nil))
}

func writeText(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text)
}
