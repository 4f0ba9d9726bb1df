package server_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/boostress/boostress/internal/id"
	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/providerapi"
	"github.com/boostress/boostress/server"
)

// mute is an adapter without webhooks; talker is one with them.
type (
	mute   struct{ providerapi.Provider }
	talker struct{ mute }
)

func (talker) ParseWebhook(header http.Header, body []byte, now time.Time) (providerapi.Webhook, error) {
	switch {
	case header.Get("Signature") != "good" || !now.Equal(epoch):
		return providerapi.Webhook{}, providerapi.ErrSignature
	case string(body) == "malformed":
		return providerapi.Webhook{}, errors.New("secret in a webhook")
	}
	return providerapi.Webhook{DeliveryID: header.Get("Delivery"), ExternalIDs: strings.Fields(string(body)), Keys: []string{"k"}}, nil
}

// office takes webhooks for one provider.
type office struct {
	provider order.Provider
	silent   order.Provider
	away     atomic.Bool

	mu    sync.Mutex
	taken map[string][]string // external ids by delivery
	hints int
}

func (o *office) webhooks() *server.Webhooks {
	return &server.Webhooks{
		Provider: func(_ context.Context, wanted uuid.UUID) (order.Provider, error) {
			for _, provider := range []order.Provider{o.provider, o.silent} {
				if provider.ID == wanted {
					return provider, nil
				}
			}
			return order.Provider{}, order.ErrNotFound
		},
		Adapter: func(_ context.Context, provider order.Provider) (providerapi.Provider, error) {
			if provider.ID == o.silent.ID {
				return mute{}, nil
			}
			return talker{}, nil
		},
		Hint: o.hint,
	}
}

func (o *office) hint(_ context.Context, provider order.Provider, deliveryID string, externalIDs, keys []string) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.away.Load() {
		return errAway
	}
	o.hints++
	if _, before := o.taken[deliveryID]; !before && provider.ID == o.provider.ID && len(keys) == 1 {
		o.taken[deliveryID] = externalIDs
	}
	return nil
}

func TestWebhooks(t *testing.T) {
	t.Parallel()
	o := &office{
		provider: order.Provider{ID: id.New(id.Provider)}, silent: order.Provider{ID: id.New(id.Provider)}, taken: map[string][]string{},
	}
	s := serve(t, func(options *server.Options) {
		options.Webhooks = o.webhooks()
		options.Clock = func() time.Time { return epoch }
	})
	path := "/webhooks/" + o.provider.ID.String()
	for _, test := range []struct {
		name, path, body string
		headers          []string
		status           int
	}{
		{"good", path, "a b", []string{"Signature", "good", "Delivery", "d1"}, 200},
		{"again", path, "a b", []string{"Signature", "good", "Delivery", "d1"}, 200},
		{"another", path, "c", []string{"Signature", "good", "Delivery", "d2"}, 200},
		{"as large as may be", path, strings.Repeat("x", 256<<10), []string{"Signature", "good", "Delivery", "d3"}, 200},
		{"no signature", path, "d", []string{"Delivery", "d4"}, 401},
		{"bad signature", path, "d", []string{"Signature", "forged", "Delivery", "d4"}, 401},
		{"malformed", path, "malformed", []string{"Signature", "good", "Delivery", "d5"}, 400},
		{"too large", path, strings.Repeat("x", 256<<10+1), []string{"Signature", "good", "Delivery", "d6"}, 413},
		{"unknown provider", "/webhooks/" + id.New(id.Provider).String(), "e", []string{"Signature", "good"}, 404},
		{"id of something else", "/webhooks/" + id.New(id.Order).String(), "e", []string{"Signature", "good"}, 404},
		{"no id", "/webhooks/nonsense", "e", []string{"Signature", "good"}, 404},
		{"takes none", "/webhooks/" + o.silent.ID.String(), "e", []string{"Signature", "good"}, 404},
	} {
		got := s.ask(t, http.MethodPost, test.path, test.body, test.headers...)
		if got.status != test.status || got.text != http.StatusText(test.status)+"\n" {
			t.Errorf("%s: got %d %q, want %d", test.name, got.status, got.text, test.status)
		}
	}
	want := map[string][]string{"d1": {"a", "b"}, "d2": {"c"}, "d3": {strings.Repeat("x", 256<<10)}}
	if diff := cmp.Diff(want, o.taken); diff != "" || o.hints != 4 {
		t.Errorf("%d hints, taken (-want +got)\n%s", o.hints, diff)
	}
	o.away.Store(true)
	got := s.ask(t, http.MethodPost, path, "f", "Signature", "good", "Delivery", "d7")
	if got.status != http.StatusServiceUnavailable || got.header.Get("Retry-After") == "" {
		t.Errorf("got %d %q", got.status, got.text)
	}
	if got := s.ask(t, http.MethodGet, path, ""); got.status != http.StatusMethodNotAllowed {
		t.Errorf("got %d", got.status)
	}
	metrics := s.ask(t, http.MethodGet, "/metrics", "").text
	for outcome, count := range map[string]string{"taken": "4", "refused": "2", "malformed": "2", "unknown": "4", "failed": "1"} {
		if line := `boostress_webhooks_received_total{outcome="` + outcome + `"} ` + count + "\n"; !strings.Contains(metrics, line) {
			t.Errorf("missing: %s", line)
		}
	}
}
