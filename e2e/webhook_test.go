package e2e_test

import (
	"bytes"
	"net/http"
	"testing"
	"time"

	"github.com/boostress/boostress/internal/testkit"
	"github.com/boostress/boostress/providerapi/protocol"
	"github.com/boostress/boostress/providerapi/sandbox"
)

// TestWebhooks sends webhooks twice and out of order, and then such that must not be believed.
func TestWebhooks(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	c.sandboxes(behavior{
		AcceptMS: span{50, 100}, ProgressMS: span{100, 400}, FulfillMS: span{100, 300}, DuplicateWebhooks: true, ReorderWebhooks: true,
	})
	api := c.api()
	c.scheduler()
	c.worker()
	hook := "http://" + api.addr + "/webhooks/" + c.provider
	c.put(t.Context(), "/_sandbox/providers/"+slug+"/webhook", map[string]string{"url": hook})
	placed, err := place(t.Context(), c.client, "hooked", 100)
	must(t, err)
	c.settled(recovery)
	c.audit(placed)
	if receipts := query[int](c, "SELECT count(*)::int FROM webhook_receipts")[0]; receipts == 0 {
		t.Error("no webhook was taken")
	}
	c.unbelievable(hook)
	c.behave(behavior{UnsignedWebhooks: true})
	before := query[int](c, "SELECT count(*)::int FROM webhook_receipts")[0]
	more, err := place(t.Context(), c.client, "unsigned", 20)
	must(t, err)
	c.settled(recovery)
	c.audit(append(placed, more...))
	if after := query[int](c, "SELECT count(*)::int FROM webhook_receipts")[0]; after != before {
		t.Errorf("%d unsigned webhooks were taken", after-before)
	}
}

// unbelievable sends webhooks that the provider never did.
func (c *cluster) unbelievable(hook string) {
	c.t.Helper()
	var secret string
	for _, p := range sandbox.DefaultProviders([]byte(sandboxToken)) {
		if p.Slug == slug {
			secret = p.WebhookSecret
		}
	}
	secrets, err := protocol.ParseSecrets(secret)
	must(c.t, err)
	webhook := protocol.Webhook{Type: protocol.TypeOrdersChanged, OrderIDs: []string{"np-1"}}
	body := webhook.Append(nil)
	for name, tt := range map[string]struct {
		at     time.Time
		change func(http.Header)
		want   int
	}{
		"good":     {time.Now(), func(http.Header) {}, http.StatusOK},
		"stale":    {time.Now().Add(-6 * time.Minute), func(http.Header) {}, http.StatusUnauthorized},
		"unsigned": {time.Now(), func(h http.Header) { h.Del(protocol.HeaderWebhookSignature) }, http.StatusUnauthorized},
		"renamed":  {time.Now(), func(h http.Header) { h.Set(protocol.HeaderWebhookID, "msg_other") }, http.StatusUnauthorized},
	} {
		request, err := http.NewRequestWithContext(c.t.Context(), http.MethodPost, hook, bytes.NewReader(body))
		must(c.t, err)
		protocol.Sign(request.Header, secrets, "msg_"+name, tt.at, body)
		tt.change(request.Header)
		request.Header.Set("Content-Type", "application/json")
		response, err := http.DefaultClient.Do(request)
		must(c.t, err)
		must(c.t, response.Body.Close())
		if response.StatusCode != tt.want {
			c.t.Errorf("%s: HTTP %d, want %d", name, response.StatusCode, tt.want)
		}
	}
	testkit.Eventually(c.t, patience, "the good one was taken", func() bool {
		return query[int](c, "SELECT count(*)::int FROM webhook_receipts WHERE delivery_id = 'msg_good'")[0] == 1
	})
}
