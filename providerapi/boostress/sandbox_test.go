package boostress_test

import (
	"context"
	"errors"
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
