package sandbox_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/boostress/boostress/providerapi/protocol"
	"github.com/boostress/boostress/providerapi/sandbox"
)

func TestOrderProgresses(t *testing.T) {
	t.Parallel()

	brief := sandbox.Span{Min: 5, Max: 9}
	c := started(t, sandbox.Behavior{AcceptMS: brief, ProgressMS: brief, FulfillMS: brief, Partial: 1})
	placed := c.order(c.create("k1"), http.StatusCreated)
	if placed.Status != protocol.StatusAccepted || placed.Key != "k1" || placed.Charge != nil {
		t.Errorf("got %+v", placed)
	}
	ended := c.becomes(placed.ID, protocol.StatusFulfilled)
	if ended.Delivered != 2 || ended.Charge == nil || *ended.Charge != (protocol.Money{Amount: "9.80", Currency: "EUR"}) {
		t.Errorf("got %+v", ended)
	}
}

func TestInstantReplyIsFinal(t *testing.T) {
	t.Parallel()

	c := started(t, sandbox.Behavior{Instant: true})
	got := c.order(c.create("k1"), http.StatusCreated)
	want := protocol.Order{
		ID: got.ID, Key: "k1", Status: protocol.StatusFulfilled, OfferID: "poster-a3", Quantity: 2, Delivered: 2,
		Charge: &protocol.Money{Amount: "9.80", Currency: "EUR"}, CreatedAt: got.CreatedAt, UpdatedAt: got.CreatedAt,
		Results: got.Results, // see TestResultsAreHandedOver
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if found := c.byKey("k1"); len(found) != 1 || found[0].ID != got.ID {
		t.Errorf("by key: %+v", found)
	}
}

func TestKeyMeansOneOrder(t *testing.T) {
	t.Parallel()

	c := started(t, sandbox.Behavior{Instant: true})
	path := "/" + slug + "/v1/orders"
	body := func(destination, attributes string, quantity int) string {
		return fmt.Sprintf(`{"offerId":"poster-a3","quantity":%d,"destination":{"countryCode":%q},"attributes":%s}`,
			quantity, destination, attributes)
	}
	first := c.order(c.do(http.MethodPost, path, c.apiKey, "k", body("GB", `{"a":1,"b":[2,{"d":3,"c":4}]}`, 2)), http.StatusCreated)
	again := c.order(c.do(http.MethodPost, path, c.apiKey, "k", body("GB", `{ "b":[2,{"c":4,"d":3}], "a":1}`, 2)), http.StatusOK)
	if first.ID != again.ID {
		t.Errorf("two orders: %s, %s", first.ID, again.ID)
	}
	for name, other := range map[string]string{
		"quantity":    body("GB", `{"a":1,"b":[2,{"d":3,"c":4}]}`, 3),
		"destination": body("FR", `{"a":1,"b":[2,{"d":3,"c":4}]}`, 2),
		"attributes":  body("GB", `{"a":1,"b":[2,{"d":3,"c":5}]}`, 2),
	} {
		t.Log(name)
		c.refused(c.do(http.MethodPost, path, c.apiKey, "k", other), http.StatusUnprocessableEntity, protocol.CodeKeyReused)
	}
	if stats := c.server.Stats(); stats != (sandbox.Stats{Orders: 1, LiveOrders: 1, DistinctKeys: 1}) {
		t.Errorf("got %+v", stats)
	}
}

// The same creates at the same time leave one order each, and all answers name it.
func TestConcurrentCreatesOfOneKey(t *testing.T) {
	t.Parallel()

	c := startedIn(t, t.TempDir(), sandbox.Behavior{})
	const keys, copies = 20, 8
	ids := make([][copies]string, keys)
	var all sync.WaitGroup
	for key := range keys {
		for i := range copies {
			all.Go(func() {
				answer := c.create(fmt.Sprint("k", key))
				order, err := protocol.ParseOrder(answer.body)
				if answer.err != nil || err != nil {
					t.Error(answer.err, err)
				}
				ids[key][i] = order.ID
			})
		}
	}
	all.Wait()
	for key, same := range ids {
		for _, id := range same {
			if id != same[0] {
				t.Errorf("key %d: %v", key, same)
				break
			}
		}
	}
	want := sandbox.Stats{Orders: keys, LiveOrders: keys, DistinctKeys: keys}
	if diff := cmp.Diff(want, c.server.Stats()); diff != "" {
		t.Error(diff)
	}
}

func TestForgottenKeysMakeSecondOrders(t *testing.T) {
	t.Parallel()

	c := started(t, sandbox.Behavior{ForgetKeys: true})
	first, second := c.order(c.create("k"), http.StatusCreated), c.order(c.create("k"), http.StatusCreated)
	third := c.order(c.create("k"), http.StatusCreated)
	c.order(c.create("other"), http.StatusCreated)
	if found := c.byKey("k"); len(found) != 3 || found[0].ID != first.ID || found[1].ID != second.ID || found[2].ID != third.ID {
		t.Errorf("by key: %+v", found)
	}
	if diff := cmp.Diff(sandbox.Stats{Orders: 4, LiveOrders: 4, DistinctKeys: 2, DuplicateKeys: 1}, c.server.Stats()); diff != "" {
		t.Error(diff)
	}
}

func TestCanceledAndRejectedOrdersAreNotLive(t *testing.T) {
	t.Parallel()

	c := started(t, sandbox.Behavior{ForgetKeys: true, LateStatus: true})
	first := c.order(c.create("k"), http.StatusCreated)
	c.order(c.create("k"), http.StatusCreated)
	c.order(c.cancel(first.ID), http.StatusOK)
	if diff := cmp.Diff(sandbox.Stats{Orders: 2, LiveOrders: 1, DistinctKeys: 1}, c.server.Stats()); diff != "" {
		t.Error(diff)
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()

	c := started(t, sandbox.Behavior{Instant: true})
	orders := "/" + slug + "/v1/orders"
	long := strings.Repeat("x", protocol.MaxRequest)
	create := func(body string) reply { return c.do(http.MethodPost, orders, c.apiKey, "k", body) }
	read := func(path, token string) reply { return c.do(http.MethodGet, path, token, "", "") }
	const refused = http.StatusUnprocessableEntity
	for name, tt := range map[string]struct {
		ask    func() reply
		status int
		code   string
	}{
		"no token":         {func() reply { return read(orders, "") }, http.StatusUnauthorized, "unauthorized"},
		"wrong token":      {func() reply { return read("/"+slug+"/v1/ping", "sbx_wrong") }, http.StatusUnauthorized, "unauthorized"},
		"admin's token":    {func() reply { return read("/"+slug+"/v1/ping", adminToken) }, http.StatusUnauthorized, "unauthorized"},
		"another's token":  {func() reply { return read("/parcelway/v1/ping", c.apiKey) }, http.StatusUnauthorized, "unauthorized"},
		"unknown provider": {func() reply { return read("/nobody/v1/ping", c.apiKey) }, http.StatusNotFound, "no_such_provider"},
		"unknown path":     {func() reply { return read("/"+slug+"/v2/ping", c.apiKey) }, http.StatusNotFound, "no_such_path"},
		"other method": {
			func() reply { return c.do(http.MethodDelete, orders, c.apiKey, "", "") }, http.StatusNotFound, "no_such_path",
		},
		"no key": {
			func() reply { return c.do(http.MethodPost, orders, c.apiKey, "", poster) }, http.StatusBadRequest, "key_required",
		},
		"no JSON":        {func() reply { return create("{") }, http.StatusBadRequest, "malformed"},
		"too large":      {func() reply { return create(long + "x") }, http.StatusRequestEntityTooLarge, "too_large"},
		"unknown offer":  {func() reply { return create(`{"offerId":"x","quantity":1}`) }, refused, "unknown_offer"},
		"other service":  {func() reply { return create(of(`"serviceType":"x","quantity":1`)) }, refused, "unknown_offer"},
		"too many":       {func() reply { return create(of(`"quantity":501`)) }, refused, "quantity_out_of_range"},
		"expected less":  {func() reply { return create(of(priced("4.899999", "EUR"))) }, refused, "price_changed"},
		"other currency": {func() reply { return create(of(priced("9", "USD"))) }, refused, "price_changed"},
		"unknown order":  {func() reply { return read(orders+"/np-x-1", c.apiKey) }, http.StatusNotFound, protocol.CodeNotFound},
		"cancel nothing": {func() reply { return c.cancel("np-x-1") }, http.StatusNotFound, protocol.CodeNotFound},
		"neither":        {func() reply { return read(orders, c.apiKey) }, http.StatusBadRequest, "malformed"},
		"too many ids": {
			func() reply { return read(orders+"?ids="+strings.Repeat("a,", 100)+"a", c.apiKey) }, http.StatusBadRequest, "malformed",
		},
		"cursor of nothing": {func() reply { return c.get("/v1/offers?cursor=99") }, http.StatusBadRequest, "malformed"},
		"quote of nothing": {func() reply {
			return c.do(http.MethodPost, "/"+slug+"/v1/quotes", c.apiKey, "", `{"offerId":"x","quantity":1}`)
		}, refused, "unknown_offer"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			c.refused(tt.ask(), tt.status, tt.code)
		})
	}
	c.order(create(of(priced("4.90", "EUR"))), http.StatusCreated)
}

// of is a request for a poster with these members.
func of(members string) string { return `{"offerId":"poster-a3",` + members + `}` }

func priced(amount, currency string) string {
	return fmt.Sprintf(`"quantity":1,"unitPrice":{"amount":%q,"currency":%q}`, amount, currency)
}

func TestOrdersAreOneProvidersOwn(t *testing.T) {
	t.Parallel()

	c := started(t, sandbox.Behavior{Instant: true})
	placed := c.order(c.create("k"), http.StatusCreated)
	other := sandbox.DefaultProviders([]byte("secret"))[1]
	strange := c.do(http.MethodGet, "/"+other.Slug+"/v1/orders/"+placed.ID, other.APIKey, "", "")
	c.refused(strange, http.StatusNotFound, protocol.CodeNotFound)
	second := c.order(c.do(http.MethodPost, "/"+other.Slug+"/v1/orders", other.APIKey, "k", poster), http.StatusCreated)
	if second.ID == placed.ID {
		t.Error("one order of two providers")
	}
	if diff := cmp.Diff(sandbox.Stats{Orders: 2, LiveOrders: 2, DistinctKeys: 2}, c.server.Stats()); diff != "" {
		t.Error(diff)
	}
}

func TestListing(t *testing.T) {
	t.Parallel()

	c := started(t, sandbox.Behavior{Instant: true})
	first, second := c.order(c.create("a"), http.StatusCreated), c.order(c.create("b"), http.StatusCreated)
	answer := c.get("/v1/orders?ids=" + second.ID + ",np-unknown-1,-," + first.ID)
	orders, err := protocol.ParseOrders(answer.body)
	if err != nil || len(orders) != 2 || orders[0].ID != second.ID || orders[1].ID != first.ID {
		t.Errorf("got %+v, %v", orders, err)
	}
	if found := c.byKey("none"); len(found) != 0 {
		t.Errorf("got %+v", found)
	}
	offers, next, err := protocol.ParseOffers(c.get("/v1/offers").body)
	if err != nil || next != "" || len(offers) != 5 {
		t.Errorf("got %d offers, %q, %v", len(offers), next, err)
	}
	answer = c.do(http.MethodPost, "/"+slug+"/v1/quotes", c.apiKey, "", poster)
	if price, err := protocol.ParseQuote(answer.body); err != nil || price.Amount != "9.80" {
		t.Errorf("got %+v, %v", price, err)
	}
	if ping := c.get("/v1/ping"); ping.status != http.StatusOK || !json.Valid(ping.body) {
		t.Errorf("got %+v", ping)
	}
	if health := c.do(http.MethodGet, "/healthz", "", "", ""); health.status != http.StatusOK {
		t.Errorf("got %+v", health)
	}
}

func TestDefaultProviders(t *testing.T) {
	t.Parallel()

	ours, same := sandbox.DefaultProviders([]byte("a")), sandbox.DefaultProviders([]byte("a"))
	others := sandbox.DefaultProviders([]byte("b"))
	if diff := cmp.Diff(ours, same); diff != "" {
		t.Error(diff)
	}
	keys := map[string]bool{}
	categories := map[string]int{}
	for i, p := range ours {
		keys[p.APIKey], keys[p.WebhookSecret] = true, true
		keys[others[i].APIKey], keys[others[i].WebhookSecret] = true, true
		for _, offer := range p.Offers {
			categories[offer.Category]++
		}
	}
	if len(keys) != 4*len(ours) {
		t.Errorf("%d keys and secrets of %d", len(keys), 4*len(ours))
	}
	want := map[string]int{"prints": 9, "parcels": 5, "lab-tests": 3, "translations": 3, "gift-cards": 3}
	if diff := cmp.Diff(want, categories); diff != "" {
		t.Error(diff)
	}
}
