package providertest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/boostress/boostress/providerapi"
)

// damage is what happens on the way between adapter and provider.
type damage string

const (
	intact      damage = ""
	loseRequest damage = "request lost"      // the connection breaks before the provider heard of anything
	loseReply   damage = "reply lost"        // it breaks after the provider did it
	breakReply  damage = "reply breaks off"  // it breaks within the answer
	cutReply    damage = "truncated JSON"    // the answer is whole as HTTP, and half of it is missing
	garbleReply damage = "garbage"           // the answer is a success and says nothing
	swellReply  damage = "oversized reply"   // the answer goes on beyond what may be read
	dripReply   damage = "slow drip"         // the answer takes its time, byte after byte
	gateway     damage = "gateway's error"   // the provider did it, and something in between says 502
	stranger    damage = "stranger's answer" // somebody else answers 404 to everything
)

const (
	dripBytes = 8
	dripPause = 50 * time.Millisecond
)

// wire is a proxy between an adapter and its simulator that can lose and spoil what passes.
type wire struct {
	server *httptest.Server
	target *url.URL
	onward *http.Transport

	mu    sync.Mutex
	next  damage
	calls int // that arrived here since the last look
}

// newWire puts a proxy in front of the simulator and changes the configuration's address to the proxy's.
func newWire(t *testing.T, config *providerapi.Config) *wire {
	t.Helper()
	target, err := url.Parse(config.BaseURL)
	if err != nil || target.Host == "" {
		t.Fatalf("the simulator's address %q is none", config.BaseURL)
	}
	w := &wire{target: target, onward: &http.Transport{DisableCompression: true}}
	w.server = httptest.NewServer(w)
	front := *target
	front.Scheme, front.Host = "http", w.server.Listener.Addr().String()
	config.BaseURL = front.String()
	t.Cleanup(func() {
		w.server.CloseClientConnections()
		w.server.Close()
		w.onward.CloseIdleConnections()
	})
	return w
}

func (w *wire) set(next damage) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.next = next
}

// count returns how many requests arrived since it was last asked.
func (w *wire) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	calls := w.calls
	w.calls = 0
	return calls
}

func (w *wire) arrived() damage {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.calls++
	return w.next
}

// ServeHTTP passes one request on.
func (w *wire) ServeHTTP(reply http.ResponseWriter, request *http.Request) {
	does := w.arrived()
	body, err := io.ReadAll(request.Body)
	if err != nil || does == loseRequest {
		panic(http.ErrAbortHandler)
	}
	if does == stranger {
		reply.WriteHeader(http.StatusNotFound)
		write(reply, []byte("<html>no such page</html>"))
		return
	}
	answer, err := w.pass(request, body)
	if err != nil || does == loseReply {
		panic(http.ErrAbortHandler)
	}
	maps.Copy(reply.Header(), answer.header)
	reply.Header().Del("Content-Length")
	spoil(reply, does, answer.status, answer.content)
}

// answered is what the provider said.
type answered struct {
	status  int
	header  http.Header
	content []byte
}

// pass sends a request on. The provider finishes what it was asked for, also when the adapter is gone.
func (w *wire) pass(request *http.Request, body []byte) (answered, error) {
	onward := request.Clone(context.WithoutCancel(request.Context()))
	onward.URL.Scheme, onward.URL.Host = w.target.Scheme, w.target.Host
	onward.RequestURI, onward.Host = "", w.target.Host
	onward.Body = io.NopCloser(bytes.NewReader(body))
	reply, err := w.onward.RoundTrip(onward)
	if err != nil {
		return answered{}, err //nolint:wrapcheck // nobody reads it
	}
	content, err := io.ReadAll(reply.Body)
	return answered{reply.StatusCode, reply.Header, content}, errors.Join(err, reply.Body.Close())
}

// spoil answers, as damaged as told.
func spoil(reply http.ResponseWriter, does damage, status int, content []byte) {
	switch does {
	case breakReply:
		reply.Header().Set("Content-Length", strconv.Itoa(len(content)))
		reply.WriteHeader(status)
		write(reply, content[:len(content)/2])
		flush(reply)
		panic(http.ErrAbortHandler)
	case cutReply:
		content = content[:len(content)/2]
	case garbleReply:
		status, content = http.StatusOK, []byte("<html>\x00\xff{\"id\": nonsense")
	case swellReply:
		content = append(content, bytes.Repeat([]byte(" "), providerapi.MaxReply)...)
	case gateway:
		status, content = http.StatusBadGateway, []byte("<html>bad gateway</html>")
	case dripReply:
		reply.WriteHeader(status)
		drip(reply, content)
		return
	case intact, loseRequest, loseReply, stranger:
	}
	reply.WriteHeader(status)
	write(reply, content)
}

// drip writes a few bytes at a time until all are written or nobody reads any more.
func drip(reply http.ResponseWriter, content []byte) {
	tick := time.NewTicker(dripPause)
	defer tick.Stop()
	for len(content) > 0 {
		few := min(dripBytes, len(content))
		if _, err := reply.Write(content[:few]); err != nil {
			return
		}
		flush(reply)
		content = content[few:]
		<-tick.C
	}
}

// write and flush answer an adapter that may be gone, which is part of some tests.
func write(reply io.Writer, content []byte) { _, _ = reply.Write(content) }

func flush(reply http.ResponseWriter) { _ = http.NewResponseController(reply).Flush() }
