package resolvers_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/boostress/boostress/access"
	"github.com/boostress/boostress/account"
	"github.com/boostress/boostress/internal/id"
)

// firstClient is what the documentation's first client sends.
const firstClient = `mutation { createOrder(input: {
  reference: "A-1001", idempotencyKey: "a-1001", category: "prints",
  destination: {name: "Ada", countryCode: GB, attributes: {email: "ada@example.com"}},
  budget: {amount: "50.00", currency: EUR}, deadline: "2099-01-31T00:00:00Z",
  lines: [{serviceType: "poster-a3", quantity: 2, attributes: {file: "https://example.com/a.pdf"}}]
}) { order { id status reference eventCursor } userErrors { field code message } } }`

func TestCreateOrder(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	world{account: 1}.fill(t, s.url)
	shop := as(account.Integrator, 1)

	first := at(s.must(shop, firstClient, nil), "createOrder")
	if at(first, "order", "status") != "PENDING" || at(first, "order", "reference") != "A-1001" || len(list(first, "userErrors")) != 0 {
		t.Fatalf("createOrder: %v", first)
	}
	again := at(s.must(shop, firstClient, nil), "createOrder")
	if at(again, "order", "id") != at(first, "order", "id") {
		t.Errorf("the same request again makes %v, want %v", again, first)
	}
	data := s.must(shop, `query($id: ID!) { order(id: $id) {
		budget { amount currency } spent { amount } deadline priority metadata destination { name countryCode attributes }
		lines { nodes { serviceType quantity attributes } } fulfillments { nodes { status quantity unitPrice { amount } } }
		events { nodes { kind actor sequence changes { field before after } } } } }`, map[string]any{"id": at(first, "order", "id")})
	want := map[string]any{"order": map[string]any{
		"budget": map[string]any{"amount": "50.00", "currency": "EUR"}, "spent": map[string]any{"amount": "0.00"},
		"deadline": "2099-01-31T00:00:00Z", "metadata": nil,
		"destination": map[string]any{"name": "Ada", "countryCode": "GB", "attributes": map[string]any{"email": "ada@example.com"}},
		"lines": map[string]any{"nodes": []any{map[string]any{
			"serviceType": "poster-a3", "attributes": map[string]any{"file": "https://example.com/a.pdf"},
		}}},
		"fulfillments": map[string]any{"nodes": []any{map[string]any{"status": "PENDING", "unitPrice": nil}}},
	}}
	events, _ := at(data, "order", "events", "nodes").([]any)
	if len(events) != 1 || at(events, 0, "kind") != "PLACED" || at(events, 0, "actor") != "key:test" {
		t.Errorf("events: %v", events)
	}
	drop(data, "events", "order")
	drop(data, "priority", "order")
	drop(data, "quantity", "order", "lines", "nodes", 0)
	drop(data, "quantity", "order", "fulfillments", "nodes", 0)
	if diff := cmp.Diff(want, data); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
}

//nolint:paralleltest,tparallel // the subtests share what the stand counts
func TestUserErrorsNameTheirFields(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	w := world{account: 1, providers: 1, orders: 1}
	w.fill(t, s.url)
	provider, offer := w.id(id.Provider, 0), w.id(id.Offer, 0)

	for name, tt := range map[string]struct {
		document string
		path     []any
		want     []string // "field.path CODE"
	}{
		"order": {
			`mutation { createOrder(input: {reference: "", category: "c", destination: {attributes: 5}, priority: 12,
				deadline: "2020-01-01T00:00:00Z",
				budget: {amount: "-1", currency: EUR}, lines: [{serviceType: "s", quantity: 0}, {serviceType: "", quantity: 1,
					attributes: []}]})
				{ order { id } userErrors { field code } } }`,
			[]any{"createOrder"},
			[]string{
				"[reference] REQUIRED", "[destination attributes] INVALID", "[priority] OUT_OF_RANGE", "[deadline] OUT_OF_RANGE",
				"[budget amount] INVALID", "[lines 0 quantity] OUT_OF_RANGE",
				"[lines 1 serviceType] REQUIRED", "[lines 1 attributes] INVALID",
			},
		},
		"reference": {
			`mutation { createOrder(input: {reference: "A-000", category: "c", destination: {}, lines: [{serviceType: "s", quantity: 1}]})
				{ order { id } userErrors { field code } } }`,
			[]any{"createOrder"},
			[]string{"[reference] REFERENCE_TAKEN"},
		},
		"no orders": {
			`mutation { createOrders(input: {orders: []}) { orders { id } userErrors { field code } } }`,
			[]any{"createOrders"},
			[]string{"[orders] OUT_OF_RANGE"},
		},
		"unknown order": {
			`mutation { cancelOrder(input: {id: "x"}) { order { id } userErrors { field code } } }`,
			[]any{"cancelOrder"},
			[]string{"[id] NOT_FOUND"},
		},
		"provider": {
			`mutation { createProvider(input: {name: "provider-000", adapter: "none", baseUrl: "ftp://x", timeout: "PT1H", currency: USD,
				budget: {amount: 5, currency: EUR}, credentials: {a: 1}}) { provider { id } userErrors { field code } } }`,
			[]any{"createProvider"},
			[]string{"[credentials] INVALID", "[budget currency] INVALID"},
		},
		"provider's settings": {
			`mutation { createProvider(input: {name: "", adapter: "none", baseUrl: "ftp://x", timeout: "PT1H"})
				{ provider { id } userErrors { field code } } }`,
			[]any{"createProvider"},
			[]string{"[adapter] INVALID", "[name] INVALID", "[timeout] OUT_OF_RANGE", "[baseUrl] INVALID"},
		},
		"provider's name": {
			`mutation { createProvider(input: {name: "provider-000", adapter: "boostress", baseUrl: "https://x.example.com"})
				{ provider { id } userErrors { field code } } }`,
			[]any{"createProvider"},
			[]string{"[name] NAME_TAKEN"},
		},
		"provider's budget": {
			fmt.Sprintf(`mutation { updateProvider(input: {id: %q, budget: {amount: 5000, currency: USD}}) { provider { id }
				userErrors { field code } } }`, provider),
			[]any{"updateProvider"},
			[]string{"[budget currency] INVALID"},
		},
		"offer": {
			fmt.Sprintf(`mutation { createOffer(input: {providerId: %q, externalId: "e", name: "", category: "c", serviceType: "s",
				unitPrice: {amount: 1, currency: EUR}, minQuantity: 5, maxQuantity: 2}) { offer { id } userErrors { field code
					} } }`, provider),
			[]any{"createOffer"},
			[]string{"[name] INVALID", "[maxQuantity] OUT_OF_RANGE"},
		},
		"offers, both ways": {
			fmt.Sprintf(`mutation { disableOffers(input: {ids: [%q], filter: {}}) { offers { id } userErrors { field code } } }`, offer),
			[]any{"disableOffers"},
			[]string{"<nil> INVALID"},
		},
		"offers, unknown": {
			fmt.Sprintf(`mutation { disableOffers(input: {ids: [%q, "x"]}) { offers { id } userErrors { field code } } }`, offer),
			[]any{"disableOffers"},
			[]string{"[ids 1] NOT_FOUND"},
		},
		"key": {
			`mutation { createApiKey(input: {name: " ", role: VIEWER, expiresAt: "2020-01-01T00:00:00Z"}) { apiKey { id }
				secret userErrors { field code } } }`,
			[]any{"createApiKey"},
			[]string{"[name] REQUIRED"},
		},
		"sign in": {
			`mutation { signIn(input: {username: "nobody", password: "wrong"}) { user { id } userErrors { field code } } }`,
			[]any{"signIn"},
			[]string{"<nil> INVALID_CREDENTIALS"},
		},
		"sign out": {
			`mutation { signOut { userErrors { field code } } }`,
			[]any{"signOut"},
			[]string{"<nil> CONFLICT"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			payload, _ := at(s.must(as(account.Admin, 1), tt.document, nil), tt.path...).(map[string]any)
			faults := list(payload, "userErrors")
			got := make([]string, 0, len(faults))
			for _, fault := range faults {
				got = append(got, fmt.Sprintf("%v %v", at(fault, "field"), at(fault, "code")))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("userErrors (-want +got):\n%s", diff)
			}
			for name, entity := range payload {
				if several, isList := entity.([]any); name != "userErrors" && entity != nil && (!isList || len(several) > 0) {
					t.Errorf("the payload's %s is %v, want none", name, entity)
				}
			}
		})
	}
}

func TestCreateOrdersOnTheirOwnMerits(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	world{account: 1, providers: 1, orders: 1}.fill(t, s.url)
	orders := make([]any, 0, 4)
	for i, reference := range []string{"B-0", "A-000", "B-2", ""} {
		orders = append(orders, map[string]any{
			"reference": reference, "category": "prints", "destination": map[string]any{}, "priority": i,
			"lines": []any{map[string]any{"serviceType": "poster-a3", "quantity": i + 1}},
		})
	}
	const document = `mutation($input: CreateOrdersInput!) { createOrders(input: $input) {
		orders { reference lines { nodes { quantity } } fulfillments { nodes { provider { name } } } } userErrors { field code } } }`
	payload := at(s.must(as(account.Integrator, 1), document,
		map[string]any{"input": map[string]any{"idempotencyKey": "batch-1", "orders": orders}}), "createOrders")
	if at(payload, "orders", 0, "reference") != "B-0" || at(payload, "orders", 1) != nil || at(payload, "orders", 2,
		"reference") != "B-2" ||
		at(payload, "orders", 3) != nil {
		t.Errorf("orders: %v", at(payload, "orders"))
	}
	want := []any{
		map[string]any{"field": []any{"orders", "1", "reference"}, "code": "REFERENCE_TAKEN"},
		map[string]any{"field": []any{"orders", "3", "reference"}, "code": "REQUIRED"},
	}
	if diff := cmp.Diff(want, at(payload, "userErrors")); diff != "" {
		t.Errorf("userErrors (-want +got):\n%s", diff)
	}
}

func TestProvidersAndOffersChange(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	world{account: 1}.fill(t, s.url)
	admin := as(account.Admin, 1)
	const shown = `{ id name isEnabled isPaused pausedReason timeout concurrency currency budget { amount currency }
		dayBudget { amount currency } rateLimit { calls per } today { reserved { amount currency } } }
		userErrors { field code message }`
	step := func(field, document string, variables map[string]any) any {
		t.Helper()
		payload := at(s.must(admin, document, variables), field)
		if faults := list(payload, "userErrors"); len(faults) > 0 {
			t.Fatalf("%s: %v", field, faults)
		}
		return payload
	}

	made := step("createProvider", `mutation { createProvider(input: {name: "acme", idempotencyKey: "p", adapter: "boostress",
		baseUrl: "https://acme.example.com", credentials: {apiKey: "secret"}, budget: {amount: "100", currency: USD},
		dayBudget: {amount: "7.5", currency: USD}, rateLimit: {calls: 5, per: "PT2S"}, concurrency: 3})
		{ provider `+shown+` } }`, nil)
	providerID := at(made, "provider", "id")
	if at(made, "provider", "currency") != "USD" || at(made, "provider", "timeout") != "PT30S" {
		t.Errorf("createProvider: %v", made)
	}
	ids := map[string]any{"id": providerID}
	kept := at(step("updateProvider", `mutation($id: ID!) { updateProvider(input: {id: $id, name: "acme 2", timeout: "PT5S"})
		{ provider `+shown+` } }`, ids), "provider")
	if diff := cmp.Diff(map[string]any{"calls": json.Number("5"), "per": "PT2S"}, at(kept, "rateLimit")); diff != "" ||
		at(kept, "dayBudget", "amount") != "7.50" || at(kept, "today", "reserved", "currency") != "USD" {
		t.Errorf("the limits are %v", kept)
	}
	if at(kept, "budget", "amount") != "100.00" || fmt.Sprint(at(kept, "concurrency")) != "3" || at(kept, "timeout") != "PT5S" {
		t.Errorf("what is left out changes: %v", kept)
	}
	freed := at(step("updateProvider", `mutation($id: ID!) { updateProvider(input: {id: $id, budget: null, concurrency: null, dayBudget: null,
		rateLimit: null})
		{ provider `+shown+` } }`, ids), "provider")
	if at(freed, "budget") != nil || at(freed, "concurrency") != nil || at(freed, "dayBudget") != nil ||
		at(freed, "rateLimit") != nil || at(freed, "name") != "acme 2" {
		t.Errorf("null does not lift the limits: %v", freed)
	}
	paused := at(step("pauseProvider", `mutation($id: ID!) { pauseProvider(input: {id: $id, reason: "holidays"}) { provider
		`+shown+` } }`, ids), "provider")
	if at(paused, "isPaused") != true || at(paused, "pausedReason") != "holidays" {
		t.Errorf("pauseProvider: %v", paused)
	}
	resumed := at(step("resumeProvider", `mutation($id: ID!) { resumeProvider(input: {id: $id}) { provider `+shown+` } }`, ids), "provider")
	if at(resumed, "isPaused") != false || at(resumed, "pausedReason") != nil {
		t.Errorf("resumeProvider: %v", resumed)
	}

	offer := at(step("createOffer", `mutation($id: ID!) { createOffer(input: {providerId: $id, externalId: "sku", name:
		"Card", category: "cards",
		serviceType: "card", unitPrice: {amount: 0.125, currency: USD}, maxQuantity: 10, sla: "P1D",
		availableFrom: "2020-01-02T00:00:00Z", availableUntil: "2099-01-02T00:00:00Z"})
		{ offer { id unitPrice { amount } maxQuantity sla isEnabled provider { name } } userErrors { field code } } }`, ids), "offer")
	if at(offer, "unitPrice", "amount") != "0.125" || at(offer, "sla") != "PT24H" || at(offer, "provider", "name") != "acme 2" {
		t.Errorf("createOffer: %v", offer)
	}
	ids["offer"] = at(offer, "id")
	changed := at(step("updateOffer", `mutation($offer: ID!) { updateOffer(input: {id: $offer, maxQuantity: null, sla: null,
		isEnabled: false, availableFrom: null})
		{ offer { name maxQuantity sla isEnabled availableFrom availableUntil } userErrors { field code } } }`,
		map[string]any{"offer": ids["offer"]}), "offer")
	if diff := cmp.Diff(map[string]any{
		"name": "Card", "maxQuantity": nil, "sla": nil, "isEnabled": false, "availableFrom": nil, "availableUntil": "2099-01-02T00:00:00Z",
	}, changed); diff != "" {
		t.Errorf("updateOffer (-want +got):\n%s", diff)
	}
	enabled := step("enableOffers", `mutation($id: ID!) { enableOffers(input: {filter: {providerId: $id}}) { offers { id
		isEnabled } userErrors { field code } } }`,
		map[string]any{"id": providerID})
	if at(enabled, "offers", 0, "isEnabled") != true || at(enabled, "offers", 0, "id") != ids["offer"] {
		t.Errorf("enableOffers: %v", enabled)
	}
	none := step("disableOffers", `mutation { disableOffers(input: {filter: {category: ["none"]}}) { offers { id } userErrors
		{ field code } } }`, nil)
	if offers, ok := at(none, "offers").([]any); !ok || len(offers) != 0 {
		t.Errorf("disableOffers of nothing: %v", none)
	}
}

func TestKeysAndSessions(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	defaults, err := s.access.EnsureDefaults(t.Context(), "admin", "correct horse")
	if err != nil {
		t.Fatal(err)
	}
	admin := defaults.Admin
	who := account.Principal{AccountID: admin.AccountID, Currency: "EUR", Actor: "user:admin", Role: account.Admin, UserID: &admin.ID}

	const create = `mutation { createApiKey(input: {name: "shop", role: INTEGRATOR, idempotencyKey: "k"})
		{ apiKey { id name role createdBy } secret userErrors { field code } } }`
	made := at(s.must(who, create, nil), "createApiKey")
	if secret, _ := at(made, "secret").(string); len(secret) < 20 || at(made, "apiKey", "createdBy") != "user:admin" {
		t.Errorf("createApiKey: %v", made)
	}
	again := at(s.must(who, create, nil), "createApiKey")
	if at(again, "secret") != nil || at(again, "apiKey", "id") != at(made, "apiKey", "id") {
		t.Errorf("the same request again: %v", again)
	}
	revoked := at(s.must(who, `mutation($id: ID!) { revokeApiKey(input: {id: $id}) { apiKey { revokedAt } userErrors { field } } }`,
		map[string]any{"id": at(made, "apiKey", "id")}), "revokeApiKey")
	if at(revoked, "apiKey", "revokedAt") == nil {
		t.Errorf("revokeApiKey: %v", revoked)
	}

	signed := s.runContext(t.Context(), `mutation { signIn(input: {username: "Admin", password: "correct horse"})
		{ user { username role } userErrors { code } } }`, nil)
	if at(signed, "data", "signIn", "user", "username") != "admin" || s.jar.token == "" {
		t.Fatalf("signIn: %v, cookie %q", signed, s.jar.token)
	}
	sessions := at(s.must(who, `{ sessions(filter: {userId: null}) { nodes { id user { username } endedAt } } }`, nil), "sessions", "nodes")
	if at(sessions, 0, "user", "username") != "admin" || at(sessions, 0, "endedAt") != nil {
		t.Fatalf("sessions: %v", sessions)
	}
	mine, err := s.access.Authenticate(t.Context(), sessionOf(s.jar.token))
	if err != nil {
		t.Fatal(err)
	}
	viewer := at(s.must(mine, `{ viewer { actor role user { username } apiKey { id } account { name currency } } }`, nil), "viewer")
	if at(viewer, "user", "username") != "admin" || at(viewer, "account", "name") != "default" || at(viewer, "apiKey") != nil {
		t.Errorf("viewer: %v", viewer)
	}
	s.must(mine, `mutation { signOut { userErrors { code } } }`, nil)
	if s.jar.token != "" {
		t.Error("signOut leaves the cookie")
	}
	audit := list(s.must(who, `{ auditEntries { nodes { action } } }`, nil), "auditEntries", "nodes")
	if len(audit) < 4 {
		t.Errorf("audit: %v", audit)
	}
}

func sessionOf(token string) access.Credential { return access.SessionCredential(token) }
