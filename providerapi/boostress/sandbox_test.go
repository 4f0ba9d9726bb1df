package boostress_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/providerapi"
	"github.com/boostress/boostress/providerapi/boostress"
	"github.com/boostress/boostress/providerapi/sandbox"
)

const patience = 20 * time.Second

// shop is a simulated provider over real HTTP, and the adapter that speaks to it.
type shop struct {
	*boostress.Adapter

	server *sandbox.Server
	slug   string
	config providerapi.Config
	stop   func() // may be called twice
}

// openShop serves the first of the default providers, behaving as told.
func openShop(t testing.TB, dir string, behavior sandbox.Behavior) *shop {
	t.Helper()

	providers := sandbox.DefaultProviders([]byte("secret"))[:1]
	providers[0].Behavior = behavior
	server, err := sandbox.New(sandbox.Config{DataDir: dir, Providers: providers, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- server.Run(ctx) }()
	web := httptest.NewServer(server.Handler())
	client := providerapi.NewHTTPClient(providerapi.Guard{Allow: providerapi.Loopback()})
	stop := sync.OnceFunc(func() {
		client.CloseIdleConnections()
		web.Close()
		cancel()
		if err := errors.Join(<-done, server.Close()); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	s := &shop{server: server, stop: stop, slug: providers[0].Slug, config: providerapi.Config{
		BaseURL: web.URL + "/" + providers[0].Slug, HTTP: client, Timeout: patience,
		Credentials: map[string]string{"apiKey": providers[0].APIKey, "webhookSecret": providers[0].WebhookSecret},
	}}
	s.Adapter = s.adapter(t, s.config)
	return s
}

func (s *shop) adapter(t testing.TB, config providerapi.Config) *boostress.Adapter {
	t.Helper()

	provider, err := boostress.New(config)
	if err != nil {
		t.Fatal(err)
	}
	adapter, ok := provider.(*boostress.Adapter)
	if !ok {
		t.Fatalf("got a %T", provider)
	}
	return adapter
}

func (s *shop) behave(t testing.TB, behavior sandbox.Behavior) {
	t.Helper()

	if err := s.server.SetBehavior(s.slug, behavior); err != nil {
		t.Fatal(err)
	}
}

func next(fault string) sandbox.Behavior {
	return sandbox.Behavior{Instant: true, Next: map[string]int{fault: 1}}
}

func TestOrdersComeToTheirEnd(t *testing.T) {
	t.Parallel()

	shop := openShop(t, "", sandbox.Behavior{AcceptMS: sandbox.Span{Min: 5, Max: 5}})
	placed, err := shop.Create(t.Context(), request(t))
	if err != nil || placed.State != order.ExternalAccepted || placed.Charge != nil {
		t.Fatalf("got %+v, %v", placed, err)
	}
	last := placed
	for last.State != order.ExternalFulfilled {
		many, err := shop.GetMany(t.Context(), []string{placed.ExternalID, "unknown-1"})
		if err != nil || len(many) != 1 {
			t.Fatalf("got %+v, %v", many, err)
		}
		last = many[0]
	}
	if last.Delivered != 2 || last.Charge == nil || *last.Charge != money(t, "9.80") {
		t.Errorf("got %+v", last)
	}
	if _, err := shop.Cancel(t.Context(), placed.ExternalID, "k1-cancel"); providerapi.ClassOf(err) != order.ClassRejected {
		t.Errorf("canceled what was fulfilled: %v", err)
	}
}

func TestOrdersAreCanceledOnce(t *testing.T) {
	t.Parallel()

	shop := openShop(t, "", sandbox.Behavior{LateStatus: true})
	placed, err := shop.Create(t.Context(), request(t))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		canceled, err := shop.Cancel(t.Context(), placed.ExternalID, "k1-cancel")
		if err != nil || canceled.State != order.ExternalCanceled {
			t.Errorf("got %+v, %v", canceled, err)
		}
	}
	if _, err := shop.Cancel(t.Context(), "unknown-1", "x"); !errors.Is(err, providerapi.ErrAbsent) {
		t.Errorf("unknown: got %v", err)
	}
}

// Whatever happens to the answer, asking again with the same key finds the one order.
func TestLostAnswersLeaveOneOrder(t *testing.T) {
	t.Parallel()

	for fault, accepted := range map[string]bool{
		"dropBefore": false, "errorBefore": false, "dropReply": true, "errorAfter": true, "garbage": true, "truncate": true,
	} {
		t.Run(fault, func(t *testing.T) {
			t.Parallel()

			shop := openShop(t, "", next(fault))
			// A kept connection, which tempts the HTTP client to send the request again by itself.
			if err := shop.Ping(t.Context()); err != nil {
				t.Fatal(err)
			}
			if _, err := shop.Create(t.Context(), request(t)); providerapi.ClassOf(err) != order.ClassUnknown {
				t.Fatalf("got %v, want UNKNOWN", err)
			}
			found, err := shop.FindByKey(t.Context(), "k1")
			if (err == nil) != accepted || !accepted && !errors.Is(err, providerapi.ErrAbsent) {
				t.Errorf("found %+v, %v", found, err)
			}
			again, err := shop.Create(t.Context(), request(t))
			if err != nil || again.State != order.ExternalFulfilled || accepted && again.ExternalID != found.ExternalID {
				t.Errorf("again: got %+v, %v", again, err)
			}
			if stats := shop.server.Stats(); stats.Orders != 1 || stats.DuplicateKeys != 0 {
				t.Errorf("the ledger holds %+v", stats)
			}
		})
	}
}

func TestSlowAnswersAreUnknown(t *testing.T) {
	t.Parallel()

	shop := openShop(t, "", sandbox.Behavior{
		Instant: true, Slow: sandbox.Slow{MS: 60_000}, DripMS: 60_000, Next: map[string]int{"slow": 1},
	})
	hasty := shop.config
	hasty.Timeout = 100 * time.Millisecond
	if _, err := shop.adapter(t, hasty).Create(t.Context(), request(t)); providerapi.ClassOf(err) != order.ClassUnknown {
		t.Errorf("slow: got %v", err)
	}
	shop.behave(t, sandbox.Behavior{Instant: true, DripMS: 60_000, Next: map[string]int{"drip": 1}})
	if _, err := shop.adapter(t, hasty).Create(t.Context(), request(t)); providerapi.ClassOf(err) != order.ClassUnknown {
		t.Errorf("dripping: got %v", err)
	}
	if stats := shop.server.Stats(); stats.Orders != 1 {
		t.Errorf("the ledger holds %+v", stats)
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()

	shop := openShop(t, "", sandbox.Behavior{RateLimit: 1, RetryAfterMS: 7000})
	_, err := shop.Create(t.Context(), request(t))
	if outcome := providerapi.OutcomeOf(order.ExternalOrder{}, err, 0); outcome.Class != order.ClassRateLimited ||
		outcome.RetryAfter != 7*time.Second {
		t.Errorf("rate limit: got %+v", outcome)
	}
	for _, reroutable := range []bool{true, false} {
		shop.behave(t, sandbox.Behavior{Reject: 1, RejectReroutable: reroutable})
		refused := request(t)
		refused.Key = fmt.Sprintf("refused-%t", reroutable)
		_, err := shop.Create(t.Context(), refused)
		if outcome := providerapi.OutcomeOf(order.ExternalOrder{}, err, 0); outcome.Class != order.ClassRejected ||
			outcome.Reroutable != reroutable {
			t.Errorf("reject: got %+v", outcome)
		}
	}
	shop.behave(t, sandbox.Behavior{Unavailable: true})
	if _, err := shop.Create(t.Context(), request(t)); providerapi.ClassOf(err) != order.ClassUnknown {
		t.Errorf("unavailable: got %v", err)
	}
	if err := shop.Ping(t.Context()); providerapi.ClassOf(err) != order.ClassRetryable {
		t.Errorf("unavailable: ping got %v", err)
	}
	stranger := shop.config
	stranger.Credentials = map[string]string{"apiKey": "wrong"}
	shop.behave(t, sandbox.Behavior{})
	if _, err := shop.adapter(t, stranger).Create(t.Context(), request(t)); providerapi.ClassOf(err) != order.ClassAuth {
		t.Errorf("wrong key: got %v", err)
	}
}

func TestAnotherOrderUnderTheSameKeyIsADuplicate(t *testing.T) {
	t.Parallel()

	shop := openShop(t, "", sandbox.Behavior{Instant: true})
	placed, err := shop.Create(t.Context(), request(t))
	if err != nil {
		t.Fatal(err)
	}
	other := request(t)
	other.Quantity = 3
	found, err := shop.Create(t.Context(), other)
	if providerapi.ClassOf(err) != order.ClassDuplicate || found.ExternalID != placed.ExternalID {
		t.Errorf("got %+v, %v", found, err)
	}
}

func TestOrdersOutliveTheProvider(t *testing.T) {
	t.Parallel()

	dir := t.TempDir()
	before := openShop(t, dir, sandbox.Behavior{LateStatus: true})
	placed, err := before.Create(t.Context(), request(t))
	if err != nil {
		t.Fatal(err)
	}
	before.stop()
	after := openShop(t, dir, sandbox.Behavior{LateStatus: true})
	again, err := after.Create(t.Context(), request(t))
	if err != nil || again.ExternalID != placed.ExternalID || after.server.Stats().Orders != 1 {
		t.Errorf("got %+v, %v", again, err)
	}
}

func TestWebhooksAreUnderstood(t *testing.T) {
	t.Parallel()

	shop := openShop(t, "", sandbox.Behavior{AcceptMS: sandbox.Span{Min: 20, Max: 20}})
	type received struct {
		webhook providerapi.Webhook
		err     error
	}
	arrived := make(chan received, 100)
	buyer := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, readErr := io.ReadAll(r.Body)
		webhook, err := shop.ParseWebhook(r.Header, body, time.Now())
		arrived <- received{webhook, errors.Join(readErr, err)}
	}))
	t.Cleanup(buyer.Close)
	if err := shop.server.SetWebhookURL(shop.slug, buyer.URL); err != nil {
		t.Fatal(err)
	}
	placed, err := shop.Create(t.Context(), request(t))
	if err != nil {
		t.Fatal(err)
	}
	select {
	case got := <-arrived:
		if got.err != nil || len(got.webhook.ExternalIDs) != 1 || got.webhook.ExternalIDs[0] != placed.ExternalID ||
			got.webhook.DeliveryID == "" {
			t.Errorf("got %+v", got)
		}
	case <-time.After(patience):
		t.Error("no webhook came")
	}
	shop.behave(t, sandbox.Behavior{UnsignedWebhooks: true})
	unsigned := request(t)
	unsigned.Key = "k2"
	if _, err := shop.Create(t.Context(), unsigned); err != nil {
		t.Fatal(err)
	}
	for {
		select {
		case got := <-arrived:
			if errors.Is(got.err, providerapi.ErrSignature) {
				return
			}
		case <-time.After(patience):
			t.Fatal("no unsigned webhook came")
		}
	}
}
