package sandbox_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/boostress/boostress/providerapi/protocol"
	"github.com/boostress/boostress/providerapi/sandbox"
)

// serveOnce hands a request to the handler without a network.
func serveOnce(server *sandbox.Server, request *http.Request) int {
	recorder := httptest.NewRecorder()
	server.Handler().ServeHTTP(recorder, request)
	return recorder.Code
}

// pass lets time pass in a bubble.
func pass(span time.Duration) {
	time.Sleep(span) //nolint:forbidigo // the bubble's clock
}

// stage is a sandbox without a network, for bubbles in which time passes by itself.
type stage struct {
	t      *testing.T
	server *sandbox.Server
	apiKey string

	mu    sync.Mutex
	sent  [][]string // keys of each webhook
	times []time.Duration
	start time.Time
	fail  bool
}

func (s *stage) RoundTrip(request *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(request.Body)
	if err != nil {
		return nil, err
	}
	webhook, err := protocol.ParseWebhook(body)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sent = append(s.sent, webhook.Keys)
	s.times = append(s.times, time.Since(s.start))
	if s.fail {
		return nil, errors.New("no route")
	}
	return &http.Response{StatusCode: http.StatusNoContent, Body: http.NoBody, Request: request}, nil
}

func (s *stage) keys() [][]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.sent)
}

// staged runs a test in a bubble.
func staged(t *testing.T, b sandbox.Behavior, test func(s *stage)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		providers := sandbox.DefaultProviders(nil)[:1]
		providers[0].Behavior, providers[0].WebhookURL = b, "http://receiver.example/"
		s := &stage{t: t, apiKey: providers[0].APIKey, start: time.Now()}
		server, err := sandbox.New(sandbox.Config{Providers: providers, Transport: s, AdminToken: adminToken})
		if err != nil {
			t.Fatal(err)
		}
		s.server = server
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- server.Run(ctx) }()
		test(s)
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

func (s *stage) do(method, path, key, body string) *httptest.ResponseRecorder {
	s.t.Helper()
	request := httptest.NewRequestWithContext(s.t.Context(), method, "/"+slug+path, strings.NewReader(body))
	request.Header.Set("Authorization", "Bearer "+s.apiKey)
	request.Header.Set(protocol.HeaderKey, key)
	recorder := httptest.NewRecorder()
	s.server.Handler().ServeHTTP(recorder, request)
	return recorder
}

func (s *stage) order(recorder *httptest.ResponseRecorder) protocol.Order {
	s.t.Helper()
	order, err := protocol.ParseOrder(recorder.Body.Bytes())
	if err != nil {
		s.t.Fatalf("HTTP %d: %v", recorder.Code, err)
	}
	return order
}

// canceled places an order and cancels it, which is a change to tell of.
func (s *stage) canceled(key string) {
	s.t.Helper()
	placed := s.order(s.do(http.MethodPost, "/v1/orders", key, poster))
	s.order(s.do(http.MethodPost, "/v1/orders/"+placed.ID+"/cancel", "c"+key, "{}"))
}

func TestStatesTakeTheirTime(t *testing.T) {
	t.Parallel()

	exactly := func(ms int) sandbox.Span { return sandbox.Span{Min: ms, Max: ms} }
	behavior := sandbox.Behavior{
		LatencyMS: exactly(100), AcceptMS: exactly(1000), ProgressMS: exactly(2000), FulfillMS: exactly(3000), Partial: 1,
	}
	staged(t, behavior, func(s *stage) {
		placed := s.order(s.do(http.MethodPost, "/v1/orders", "k", poster))
		if took := time.Since(s.start); took != 100*time.Millisecond || placed.CreatedAt.Sub(s.start) != took/2 {
			t.Errorf("the answer took %s, the order was recorded after %s", took, placed.CreatedAt.Sub(s.start))
		}
		if err := s.server.SetBehavior(slug, sandbox.Behavior{
			AcceptMS: behavior.AcceptMS, ProgressMS: behavior.ProgressMS, FulfillMS: behavior.FulfillMS, Partial: 1,
		}); err != nil {
			t.Fatal(err)
		}
		seen := map[string]time.Duration{}
		last := ""
		for range 700 {
			order := s.order(s.do(http.MethodGet, "/v1/orders/"+placed.ID, "", ""))
			if order.Status != last {
				last = order.Status
				seen[last] = order.UpdatedAt.Sub(placed.CreatedAt).Round(100 * time.Millisecond)
			}
			pass(10 * time.Millisecond)
		}
		want := map[string]time.Duration{
			protocol.StatusAccepted: 0, protocol.StatusInProgress: time.Second,
			protocol.StatusPartial: 3 * time.Second, protocol.StatusFulfilled: 6 * time.Second,
		}
		if diff := cmp.Diff(want, seen); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff([][]string{{"k"}, {"k"}, {"k"}}, s.keys()); diff != "" {
			t.Error(diff)
		}
	})
}

func TestReorderedWebhooks(t *testing.T) {
	t.Parallel()

	staged(t, sandbox.Behavior{LateStatus: true, ReorderWebhooks: true}, func(s *stage) {
		for _, key := range []string{"1", "2", "3"} {
			s.canceled(key)
			synctest.Wait()
		}
		pass(time.Second)
		if diff := cmp.Diff([][]string{{"2"}, {"1"}, {"3"}}, s.keys()); diff != "" {
			t.Error(diff)
		}
	})
}

func TestNoWebhooks(t *testing.T) {
	t.Parallel()

	staged(t, sandbox.Behavior{LateStatus: true, NoWebhooks: true}, func(s *stage) {
		s.canceled("1")
		pass(time.Second)
		if err := s.server.SetBehavior(slug, sandbox.Behavior{LateStatus: true}); err != nil {
			t.Fatal(err)
		}
		s.canceled("2")
		pass(time.Second)
		if diff := cmp.Diff([][]string{{"2"}}, s.keys()); diff != "" {
			t.Error(diff)
		}
	})
}

func TestWebhooksTellOfManyOrders(t *testing.T) {
	t.Parallel()

	staged(t, sandbox.Behavior{AcceptMS: sandbox.Span{Min: 1000, Max: 1000}, ProgressMS: sandbox.Span{Min: 3_600_000, Max: 3_600_000}},
		func(s *stage) {
			for i := range 250 {
				s.do(http.MethodPost, "/v1/orders", strconv.Itoa(i), poster)
			}
			pass(2 * time.Second)
			batches := s.keys()
			sizes, keys := make([]int, 0, len(batches)), map[string]bool{}
			for _, batch := range batches {
				sizes = append(sizes, len(batch))
				for _, key := range batch {
					keys[key] = true
				}
			}
			if diff := cmp.Diff([]int{100, 100, 50}, sizes); diff != "" || len(keys) != 250 {
				t.Errorf("%d keys, %s", len(keys), diff)
			}
		})
}

func TestWebhooksAreGivenUp(t *testing.T) {
	t.Parallel()

	staged(t, sandbox.Behavior{LateStatus: true}, func(s *stage) {
		s.mu.Lock()
		s.fail = true
		s.mu.Unlock()
		s.canceled("1")
		pass(time.Minute)
		want := []time.Duration{0, 200 * time.Millisecond, 1200 * time.Millisecond}
		s.mu.Lock()
		defer s.mu.Unlock()
		if diff := cmp.Diff(want, s.times); diff != "" {
			t.Error(diff)
		}
	})
}

func TestOffersHaveTheirSeason(t *testing.T) {
	t.Parallel()

	synctest.Test(t, func(t *testing.T) {
		from, until := time.Now().Add(time.Hour), time.Now().Add(2*time.Hour)
		providers := sandbox.DefaultProviders(nil)[:1]
		providers[0].Behavior = sandbox.Behavior{Instant: true}
		for i := range providers[0].Offers {
			providers[0].Offers[i].AvailableFrom, providers[0].Offers[i].AvailableUntil = &from, &until
		}
		server, err := sandbox.New(sandbox.Config{Providers: providers})
		if err != nil {
			t.Fatal(err)
		}
		s := &stage{t: t, server: server, apiKey: providers[0].APIKey}
		for _, want := range []int{http.StatusUnprocessableEntity, http.StatusCreated, http.StatusUnprocessableEntity} {
			if got := s.do(http.MethodPost, "/v1/orders", "k", poster).Code; got != want {
				t.Errorf("HTTP %d, want %d", got, want)
			}
			pass(time.Hour)
		}
	})
}
