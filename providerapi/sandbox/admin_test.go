package sandbox_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/boostress/boostress/providerapi/protocol"
	"github.com/boostress/boostress/providerapi/sandbox"
)

func TestAdminNeedsItsToken(t *testing.T) {
	t.Parallel()

	c := started(t, sandbox.Behavior{})
	closed, err := sandbox.New(sandbox.Config{Providers: sandbox.DefaultProviders(nil)})
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{
		"GET /_sandbox/providers", "GET /_sandbox/providers/" + slug + "/behavior", "PUT /_sandbox/providers/" + slug + "/behavior",
		"DELETE /_sandbox/providers/" + slug + "/behavior", "PUT /_sandbox/providers/" + slug + "/webhook",
		"GET /_sandbox/ledger", "GET /_sandbox/stats",
	} {
		method, path, _ := strings.Cut(path, " ")
		for _, token := range []string{"", "wrong", c.apiKey} {
			c.refused(c.do(method, path, token, "", "{}"), http.StatusUnauthorized, "unauthorized")
		}
		request, err := http.NewRequestWithContext(t.Context(), method, path, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Authorization", "Bearer ")
		if status := serveOnce(closed, request); status != http.StatusUnauthorized {
			t.Errorf("%s without a token set: HTTP %d", path, status)
		}
	}
}

func TestAdminListsProviders(t *testing.T) {
	t.Parallel()

	c := started(t, sandbox.Behavior{Instant: true})
	answer := c.do(http.MethodGet, "/_sandbox/providers", adminToken, "", "")
	var listed struct {
		Providers []sandbox.Listing `json:"providers"`
	}
	if err := json.Unmarshal(answer.body, &listed); err != nil {
		t.Fatal(err)
	}
	if len(listed.Providers) != 7 || strings.Contains(string(answer.body), c.apiKey) || strings.Contains(string(answer.body), "whsec_") {
		t.Errorf("got %s", answer.body)
	}
	want := sandbox.Listing{
		Slug: slug, Name: "Northwind Prints", Path: "/" + slug, Offers: 5, Behavior: sandbox.Behavior{Instant: true},
	}
	if diff := cmp.Diff(want, listed.Providers[0]); diff != "" {
		t.Error(diff)
	}
}

func TestBehaviorMerges(t *testing.T) {
	t.Parallel()

	c := started(t, sandbox.Behavior{Instant: true, LatencyMS: sandbox.Span{Min: 1, Max: 2}})
	var got sandbox.Behavior
	c.admin(http.MethodPut, "/providers/"+slug+"/behavior",
		json.RawMessage(`{"latencyMs":{"max":3},"dropReply":0.25,"next":{"slow":2}}`), &got)
	want := sandbox.Behavior{
		Instant: true, LatencyMS: sandbox.Span{Min: 1, Max: 3}, DropReply: 0.25, Next: map[string]int{"slow": 2},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for name, patch := range map[string]string{
		"no JSON": `{`, "more": `{} {}`, "unknown": `{"dropRepply":1}`, "unknown fault": `{"next":{"instant":1}}`,
		"chance":   `{"reject":1.5}`,
		"negative": `{"fail":-1}`, "span": `{"acceptMs":{"min":5,"max":2}}`, "long": `{"slow":{"ms":3600001}}`,
		"drift": `{"priceDrift":-1}`, "count": `{"next":{"slow":-1}}`, "type": `{"instant":"yes"}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			path := "/_sandbox/providers/" + slug + "/behavior"
			c.refused(c.do(http.MethodPut, path, adminToken, "", patch), http.StatusBadRequest, "malformed")
		})
	}
	c.refused(c.do(http.MethodPut, "/_sandbox/providers/nobody/behavior", adminToken, "", "{}"), http.StatusNotFound, "no_such_provider")
	c.refused(c.do(http.MethodPut, "/_sandbox/providers/"+slug+"/webhook", adminToken, "", `{"url":"ftp://x"}`),
		http.StatusBadRequest, "malformed")
}

func TestLedgerIsPaged(t *testing.T) {
	t.Parallel()

	c := started(t, sandbox.Behavior{Instant: true, LookupDelayMS: 3_600_000})
	first := c.order(c.create("a"), http.StatusCreated)
	c.behave(`{"instant":false,"lateStatus":true}`)
	second := c.order(c.create("b"), http.StatusCreated)
	lines := c.ledger()
	want := []sandbox.Line{
		{
			Seq: 1, Slug: slug, ID: first.ID, Key: "a", Offer: "poster-a3", Quantity: 2, Delivered: 2,
			Status: protocol.StatusFulfilled, Charge: &sandbox.Charge{Amount: "9.80", Currency: "EUR"},
			CreatedAt: first.CreatedAt, UpdatedAt: first.UpdatedAt,
		},
		{
			Seq: 2, Slug: slug, ID: second.ID, Key: "b", Offer: "poster-a3", Quantity: 2,
			Status: protocol.StatusAccepted, CreatedAt: second.CreatedAt, UpdatedAt: second.UpdatedAt,
		},
	}
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Error(diff)
	}
	page := c.do(http.MethodGet, "/_sandbox/ledger?limit=1", adminToken, "", "")
	if strings.Count(string(page.body), "\n") != 1 {
		t.Errorf("got %s", page.body)
	}
	for _, query := range []string{"limit=0", "limit=x", "after=x", "limit=10001"} {
		c.refused(c.do(http.MethodGet, "/_sandbox/ledger?"+query, adminToken, "", ""), http.StatusBadRequest, "malformed")
	}
	var stats map[string]int
	c.admin(http.MethodGet, "/stats", nil, &stats)
	if diff := cmp.Diff(map[string]int{"orders": 2, "liveOrders": 2, "distinctKeys": 2, "duplicateKeys": 0}, stats); diff != "" {
		t.Error(diff)
	}
}

func TestBadConfigurations(t *testing.T) {
	t.Parallel()

	for name, spoil := range map[string]func(p *sandbox.Provider){
		"slug":     func(p *sandbox.Provider) { p.Slug = "_sandbox" },
		"no slug":  func(p *sandbox.Provider) { p.Slug = "" },
		"same":     func(p *sandbox.Provider) { p.Slug = "parcelway" },
		"key":      func(p *sandbox.Provider) { p.APIKey = "" },
		"secret":   func(p *sandbox.Provider) { p.WebhookSecret = "secret" },
		"webhook":  func(p *sandbox.Provider) { p.WebhookURL = "localhost" },
		"price":    func(p *sandbox.Provider) { p.Offers[0].UnitPrice.Amount = "4,90" },
		"offers":   func(p *sandbox.Provider) { p.Offers[1].ID = p.Offers[0].ID },
		"behavior": func(p *sandbox.Provider) { p.Behavior.Reject = 2 },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			providers := sandbox.DefaultProviders(nil)
			spoil(&providers[0])
			if _, err := sandbox.New(sandbox.Config{Providers: providers}); !errors.Is(err, sandbox.ErrConfig) {
				t.Errorf("got %v", err)
			}
		})
	}
	server, err := sandbox.New(sandbox.Config{})
	if err != nil {
		t.Fatal(err)
	}
	if err := server.SetWebhookURL("nobody", ""); !errors.Is(err, sandbox.ErrProvider) {
		t.Errorf("got %v", err)
	}
	if err := server.SetBehavior("nobody", sandbox.Behavior{}); !errors.Is(err, sandbox.ErrProvider) {
		t.Errorf("got %v", err)
	}
}
