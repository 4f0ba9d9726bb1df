package boostress_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/providerapi"
	"github.com/boostress/boostress/providerapi/boostress"
)

func TestNewRefuses(t *testing.T) {
	t.Parallel()

	const address = "https://provider.example"
	tests := map[string]struct {
		address     string
		credentials map[string]string
		client      *http.Client
		says        string
	}{
		"no URL":          {"", map[string]string{"apiKey": "k"}, http.DefaultClient, "URL"},
		"a file":          {"file:///etc/passwd", map[string]string{"apiKey": "k"}, http.DefaultClient, "http://"},
		"no host":         {"https:///v1", map[string]string{"apiKey": "k"}, http.DefaultClient, "host"},
		"user in the URL": {"https://user:hunter2@x", map[string]string{"apiKey": "k"}, http.DefaultClient, "apiKey"},
		"query":           {address + "?apiKey=hunter2", map[string]string{"apiKey": "k"}, http.DefaultClient, "query"},
		"no key":          {address, nil, http.DefaultClient, "apiKey"},
		"key of two":      {address, map[string]string{"apiKey": "hunter2\nX: y"}, http.DefaultClient, "apiKey"},
		"bad secret":      {address, map[string]string{"apiKey": "k", "webhookSecret": "hunter2"}, http.DefaultClient, "webhookSecret"},
		"no client":       {address, map[string]string{"apiKey": "k"}, nil, "HTTP client"},
		"idempotency":     {address, map[string]string{"apiKey": "k", "idempotency": "often"}, http.DefaultClient, "idempotency"},
		"lookup":          {address, map[string]string{"apiKey": "k", "lookup": "yes"}, http.DefaultClient, "lookup"},
		"window":          {address, map[string]string{"apiKey": "k", "lookupWindow": "-1s"}, http.DefaultClient, "lookupWindow"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			_, err := boostress.New(providerapi.Config{BaseURL: tt.address, Credentials: tt.credentials, HTTP: tt.client})
			if !errors.Is(err, boostress.ErrConfig) || !strings.Contains(err.Error(), tt.says) || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestCapabilities(t *testing.T) {
	t.Parallel()

	promised := order.Capabilities{
		Idempotency: order.IdempotencyNative, Lookup: true, LookupWindow: 2 * time.Second, Cancel: true,
		BulkStatusSize: 100, PollMin: time.Second, PollMax: 5 * time.Minute,
	}
	if diff := cmp.Diff(promised, open(t, answer(200, "")).Capabilities()); diff != "" {
		t.Error(diff)
	}
	less := promised
	less.Idempotency, less.Lookup, less.LookupWindow, less.ReplaysErrors = order.IdempotencyNone, false, 5*time.Minute, true
	adapter := open(t, answer(200, ""), "idempotency", "none", "lookup", "false", "lookupWindow", "5m", "replaysErrors", "true")
	if diff := cmp.Diff(less, adapter.Capabilities()); diff != "" {
		t.Error(diff)
	}
}
