package sandbox_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/boostress/boostress/providerapi/protocol"
	"github.com/boostress/boostress/providerapi/sandbox"
)

const (
	slug       = "northwind-prints"
	adminToken = "admin-token"
	patience   = 20 * time.Second
)

// bench is a sandbox at work, and a client of one of its providers.
type bench struct {
	t       testing.TB
	server  *sandbox.Server
	url     string
	client  *http.Client
	apiKey  string
	secrets []protocol.Secret
	stop    func()
}

// started serves the default providers over HTTP; the one that tests use behaves as told.
func started(t testing.TB, b sandbox.Behavior) *bench {
	t.Helper()
	return startedIn(t, "", b)
}

func startedIn(t testing.TB, dir string, b sandbox.Behavior) *bench {
	t.Helper()
	providers := sandbox.DefaultProviders([]byte("secret"))
	providers[0].Behavior = b
	server, err := sandbox.New(sandbox.Config{
		DataDir: dir, Providers: providers, AdminToken: adminToken, Seed: 1,
	})
	if err != nil {
		t.Fatal(err)
	}
	secrets, err := protocol.ParseSecrets(providers[0].WebhookSecret)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- server.Run(ctx) }()
	listener := httptest.NewServer(server.Handler())
	c := &bench{
		t: t, server: server, url: listener.URL, apiKey: providers[0].APIKey, secrets: secrets,
		client: &http.Client{Transport: &http.Transport{}},
	}
	stopped := false
	c.stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		c.client.CloseIdleConnections()
		listener.Close()
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(c.stop)
	return c
}

// reply is an answer, or the error instead of one.
type reply struct {
	status int
	header http.Header
	body   []byte
	err    error
}

func (c *bench) do(method, path, token, key, body string) reply {
	c.t.Helper()
	// A reader that net/http can't rewind: nothing is sent twice.
	request, err := http.NewRequestWithContext(c.t.Context(), method, c.url+path, io.NopCloser(strings.NewReader(body)))
	if err != nil {
		c.t.Fatal(err)
	}
	request.ContentLength = int64(len(body))
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	if key != "" {
		request.Header.Set("Idempotency-Key", key)
	}
	response, err := c.client.Do(request)
	if err != nil {
		return reply{err: err}
	}
	content, err := io.ReadAll(response.Body)
	_ = response.Body.Close()
	return reply{response.StatusCode, response.Header, content, err}
}

const poster = `{"offerId":"poster-a3","serviceType":"poster-a3","quantity":2,"destination":{"countryCode":"GB"}}`

func (c *bench) create(key string) reply {
	c.t.Helper()
	return c.do(http.MethodPost, "/"+slug+"/v1/orders", c.apiKey, key, poster)
}

func (c *bench) get(path string) reply {
	c.t.Helper()
	return c.do(http.MethodGet, "/"+slug+path, c.apiKey, "", "")
}

func (c *bench) byKey(key string) []protocol.Order {
	c.t.Helper()
	answer := c.get("/v1/orders?key=" + key)
	orders, err := protocol.ParseOrders(answer.body)
	if err != nil || answer.status != http.StatusOK {
		c.t.Fatalf("by key: %d %v %s", answer.status, err, answer.body)
	}
	return orders
}

func (c *bench) cancel(id string) reply {
	c.t.Helper()
	return c.do(http.MethodPost, "/"+slug+"/v1/orders/"+id+"/cancel", c.apiKey, "", "{}")
}

// order reads an answer that is to be an order.
func (c *bench) order(answer reply, status int) protocol.Order {
	c.t.Helper()
	order, err := protocol.ParseOrder(answer.body)
	if answer.err != nil || err != nil || answer.status != status {
		c.t.Fatalf("want HTTP %d and an order, got %d %v %v %s", status, answer.status, answer.err, err, answer.body)
	}
	return order
}

func (c *bench) refused(answer reply, status int, code string) protocol.Refusal {
	c.t.Helper()
	refusal, err := protocol.ParseRefusal(answer.body)
	if answer.err != nil || err != nil || answer.status != status || refusal.Code != code {
		c.t.Fatalf("want HTTP %d %s, got %d %v %v %s", status, code, answer.status, answer.err, err, answer.body)
	}
	return refusal
}

func (c *bench) admin(method, path string, body, into any) int {
	c.t.Helper()
	var content []byte
	if body != nil {
		var err error
		if content, err = json.Marshal(body); err != nil {
			c.t.Fatal(err)
		}
	}
	answer := c.do(method, "/_sandbox"+path, adminToken, "", string(content))
	if answer.err != nil {
		c.t.Fatal(answer.err)
	}
	if into != nil {
		if err := json.NewDecoder(bytes.NewReader(answer.body)).Decode(into); err != nil {
			c.t.Fatalf("%s: %v", answer.body, err)
		}
	}
	return answer.status
}

// behave changes what the provider does by the admin's side.
func (c *bench) behave(patch string) {
	c.t.Helper()
	if status := c.admin(http.MethodPut, "/providers/"+slug+"/behavior", json.RawMessage(patch), nil); status != http.StatusOK {
		c.t.Fatalf("behavior %s: HTTP %d", patch, status)
	}
}

// until asks until the answer is as wanted.
func until(t testing.TB, what string, done func() bool) {
	t.Helper()
	limit := time.NewTimer(patience)
	defer limit.Stop()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-limit.C:
			t.Fatalf("waited in vain: %s", what)
		case <-tick.C:
		}
	}
}

// becomes waits for an order's status.
func (c *bench) becomes(id, status string) protocol.Order {
	c.t.Helper()
	var last protocol.Order
	until(c.t, id+" becomes "+status, func() bool {
		last = c.order(c.get("/v1/orders/"+id), http.StatusOK)
		return last.Status == status
	})
	return last
}

// ledger reads all lines by the admin's side, a few at a time.
func (c *bench) ledger() []sandbox.Line {
	c.t.Helper()
	var lines []sandbox.Line
	for after := 0; ; {
		answer := c.do(http.MethodGet, "/_sandbox/ledger?limit=100&after="+strconv.Itoa(after), adminToken, "", "")
		if answer.err != nil || answer.status != http.StatusOK {
			c.t.Fatalf("ledger: HTTP %d, %v", answer.status, answer.err)
		}
		if len(answer.body) == 0 {
			return lines
		}
		for text := range strings.Lines(string(answer.body)) {
			var line sandbox.Line
			if err := json.Unmarshal([]byte(text), &line); err != nil {
				c.t.Fatal(err)
			}
			lines = append(lines, line)
			after = line.Seq
		}
	}
}
