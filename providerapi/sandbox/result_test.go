package sandbox_test

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/boostress/boostress/providerapi/protocol"
	"github.com/boostress/boostress/providerapi/sandbox"
)

// bought is what an order of a provider comes to at once.
func (c *bench) bought(slug, offerID, quantity string) protocol.Order {
	c.t.Helper()
	if err := c.server.SetBehavior(slug, sandbox.Behavior{Instant: true}); err != nil {
		c.t.Fatal(err)
	}
	answer := c.do(http.MethodPost, "/"+slug+"/v1/orders", c.keyOf(slug), "k-"+offerID+quantity,
		`{"offerId":"`+offerID+`","quantity":`+quantity+`}`)
	return c.order(answer, http.StatusCreated)
}

func (c *bench) keyOf(slug string) string {
	for _, p := range sandbox.DefaultProviders([]byte("secret")) {
		if p.Slug == slug {
			return p.APIKey
		}
	}
	return ""
}

func TestResultsAreHandedOver(t *testing.T) {
	t.Parallel()

	dir := t.TempDir()
	c := startedIn(t, dir, sandbox.Behavior{LateStatus: true})
	if open := c.order(c.create("open"), http.StatusCreated); open.Results != nil {
		t.Errorf("before the end: %+v", open.Results)
	}
	made := map[string]protocol.Order{}
	for _, tt := range []struct {
		slug, offer, quantity, kind string
		count                       int
		secret                      bool
	}{
		{"papercut-studio", "poster-a3", "3", protocol.ResultTracking, 1, false},
		{"parcelway", "label-eu", "3", protocol.ResultTracking, 3, false},
		{"parcelway", "label-eu", "30", protocol.ResultTracking, protocol.MaxResults, false},
		{"giftwell", "gift-card-10", "2", protocol.ResultCode, 2, true},
		{"giftwell", "gift-card-10", "21", protocol.ResultFile, 1, true},
		{"linguafolio", "proofreading-page", "1", protocol.ResultFile, 1, false},
		{"clearlab", "vitamin-d", "1", protocol.ResultText, 1, false},
	} {
		order := c.bought(tt.slug, tt.offer, tt.quantity)
		if len(order.Results) != tt.count || order.Results[0].Kind != tt.kind || order.Results[0].Secret != tt.secret ||
			order.Results[0].Value == "" || order.Results[0].Label == "" {
			t.Errorf("%s of %s: %+v", tt.quantity, tt.offer, order.Results)
		}
		if len(order.Results) > 1 && order.Results[0].Value == order.Results[1].Value {
			t.Errorf("%s: the same twice: %+v", tt.offer, order.Results)
		}
		made[tt.slug] = order
	}
	c.stop()

	c = startedIn(t, dir, sandbox.Behavior{})
	for slug, want := range made {
		got := c.order(c.do(http.MethodGet, "/"+slug+"/v1/orders/"+want.ID, c.keyOf(slug), "", ""), http.StatusOK)
		if diff := cmp.Diff(want.Results, got.Results); diff != "" {
			t.Errorf("%s after a restart: %s", slug, diff)
		}
	}
}
