package sandbox_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/boostress/boostress/providerapi/protocol"
	"github.com/boostress/boostress/providerapi/sandbox"
)

// delivered is a webhook as its receiver sees it.
type delivered struct {
	id      string
	err     error // of the signature
	webhook protocol.Webhook
}

// receiver takes webhooks; the first few it refuses.
func (c *bench) receiver(refuse int32) <-chan delivered {
	c.t.Helper()
	came := make(chan delivered, 100)
	var count atomic.Int32
	hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			c.t.Error(err)
		}
		one := delivered{id: r.Header.Get(protocol.HeaderWebhookID)}
		_, one.err = protocol.Verify(r.Header, c.secrets, time.Now(), body)
		if one.webhook, err = protocol.ParseWebhook(body); err != nil {
			c.t.Error(err)
		}
		if r.Header.Get("Content-Type") != "application/json" || one.webhook.Type != protocol.TypeOrdersChanged {
			c.t.Errorf("got %v %s", r.Header, body)
		}
		came <- one
		if count.Add(1) <= refuse {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	c.t.Cleanup(hook.Close)
	if status := c.admin(http.MethodPut, "/providers/"+slug+"/webhook", map[string]string{"url": hook.URL}, nil); status != http.StatusOK {
		c.t.Fatalf("set webhook: HTTP %d", status)
	}
	// The sandbox ends first, so that no connection is left.
	c.t.Cleanup(c.stop)
	return came
}

func (c *bench) next(came <-chan delivered) delivered {
	c.t.Helper()
	select {
	case one := <-came:
		return one
	case <-time.After(patience):
		c.t.Fatal("no webhook came")
		return delivered{}
	}
}

func TestWebhooksAreSigned(t *testing.T) {
	t.Parallel()

	c := started(t, sandbox.Behavior{ProgressMS: sandbox.Span{Min: 3_600_000, Max: 3_600_000}})
	came := c.receiver(0)
	placed := c.order(c.create("k"), http.StatusCreated)
	one := c.next(came)
	if one.err != nil || !slices.Equal(one.webhook.OrderIDs, []string{placed.ID}) || !slices.Equal(one.webhook.Keys, []string{"k"}) {
		t.Errorf("got %+v", one)
	}
	c.order(c.cancel(placed.ID), http.StatusOK)
	if two := c.next(came); two.err != nil || two.id == one.id {
		t.Errorf("got %+v", two)
	}
}

func TestWebhooksAreTriedAgain(t *testing.T) {
	t.Parallel()

	c := started(t, sandbox.Behavior{LateStatus: true})
	came := c.receiver(1)
	c.order(c.cancel(c.order(c.create("k"), http.StatusCreated).ID), http.StatusOK)
	if first, second := c.next(came), c.next(came); first.id != second.id || second.err != nil {
		t.Errorf("got %+v, %+v", first, second)
	}
}

func TestDuplicateWebhooks(t *testing.T) {
	t.Parallel()

	c := started(t, sandbox.Behavior{LateStatus: true, DuplicateWebhooks: true})
	came := c.receiver(0)
	c.order(c.cancel(c.order(c.create("k"), http.StatusCreated).ID), http.StatusOK)
	if first, second := c.next(came), c.next(came); first.id != second.id || first.err != nil || second.err != nil {
		t.Errorf("got %+v, %+v", first, second)
	}
}

func TestUnsignedWebhooks(t *testing.T) {
	t.Parallel()

	c := started(t, sandbox.Behavior{LateStatus: true, UnsignedWebhooks: true})
	came := c.receiver(0)
	c.order(c.cancel(c.order(c.create("k"), http.StatusCreated).ID), http.StatusOK)
	if one := c.next(came); !errors.Is(one.err, protocol.ErrSignature) || one.id == "" {
		t.Errorf("got %+v", one)
	}
}
