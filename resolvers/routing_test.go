package resolvers_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/boostress/boostress/account"
	"github.com/boostress/boostress/internal/id"
)

const createPolicy = `mutation($input: CreateRoutingPolicyInput!) { createRoutingPolicy(input: $input) { routingPolicy {
	id name version state category isDefault rules { scorers { kind ids } excludedProviderIds onlyProviderIds allowSplit partLimit }
	fallback { name } lateAction createdBy publishedAt } userErrors { field code message } } }`

const publishPolicy = `mutation($id: ID!) { publishRoutingPolicy(input: {id: $id}) { routingPolicy { id state version publishedAt }
	userErrors { field code } } }`

func policyInput(name string, changes map[string]any) map[string]any {
	input := map[string]any{"name": name, "rules": map[string]any{"scorers": []any{map[string]any{"kind": "CHEAPEST"}}}}
	maps.Copy(input, changes)
	return map[string]any{"input": input}
}

func TestRoutingPolicies(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	w := world{account: 1, providers: 2, orders: 1}
	w.fill(t, s.url)
	world{account: 2}.fill(t, s.url)
	admin := as(account.Admin, 1)
	draftOf := func(input map[string]any) map[string]any {
		t.Helper()
		answer := at(s.must(admin, createPolicy, input), "createRoutingPolicy")
		if len(list(answer, "userErrors")) > 0 {
			t.Fatalf("%v", answer)
		}
		made, _ := at(answer, "routingPolicy").(map[string]any)
		return made
	}
	publish := func(policyID any) any {
		t.Helper()
		return at(s.must(admin, publishPolicy, map[string]any{"id": policyID}), "publishRoutingPolicy")
	}
	base := draftOf(policyInput("base", nil))
	publish(base["id"])
	provider, offer := w.id(id.Provider, 1).String(), w.id(id.Offer, 0).String()
	input := policyInput("eu", map[string]any{
		"category": "prints", "isDefault": true, "fallbackId": base["id"], "lateAction": "CANCEL_AND_REROUTE",
		"rules": map[string]any{
			"scorers":             []any{map[string]any{"kind": "FIXED", "ids": []any{offer, provider}}, map[string]any{"kind": "WEIGHTED"}},
			"excludedProviderIds": []any{provider}, "allowSplit": true, "partLimit": 3,
		},
	})
	draft := draftOf(input)
	policyID := draft["id"]
	delete(draft, "id")
	want := map[string]any{
		"name": "eu", "state": "DRAFT", "category": "prints", "isDefault": true, "lateAction": "CANCEL_AND_REROUTE",
		"createdBy": "key:test", "publishedAt": nil, "fallback": map[string]any{"name": "base"}, "version": json.Number("1"),
		"rules": map[string]any{
			"scorers": []any{
				map[string]any{"kind": "FIXED", "ids": []any{offer, provider}}, map[string]any{"kind": "WEIGHTED", "ids": []any{}},
			},
			"excludedProviderIds": []any{provider}, "onlyProviderIds": []any{}, "allowSplit": true, "partLimit": json.Number("3"),
		},
	}
	if diff := cmp.Diff(want, draft); diff != "" {
		t.Errorf("draft (-want +got):\n%s", diff)
	}
	if answer := publish(policyID); at(answer, "routingPolicy", "state") != "PUBLISHED" || at(answer, "routingPolicy", "publishedAt") == nil {
		t.Errorf("published: %v", answer)
	}
	second := draftOf(policyInput("eu", nil))
	publish(second["id"])
	found := s.must(as(account.Viewer, 1), `query($id: ID!) {
		routingPolicies(filter: {name: "eu", state: [ARCHIVED]}) { totalCount nodes { version archivedAt } edges { cursor } }
		defaults: routingPolicies(filter: {isDefault: true, category: ["prints"]}) { nodes { name } }
		all: routingPolicies(orderBy: {field: NAME, direction: ASC}) { nodes { name version } }
		node(id: $id) { id ... on RoutingPolicy { state version } } }`, map[string]any{"id": second["id"]})
	if at(found, "routingPolicies", "nodes", 0, "archivedAt") == nil || len(list(found, "routingPolicies", "nodes")) != 1 ||
		at(found, "defaults", "nodes", 0, "name") != "eu" || len(list(found, "all", "nodes")) != 3 ||
		at(found, "all", "nodes", 0, "name") != "base" || at(found, "node", "state") != "PUBLISHED" {
		t.Errorf("found %v", found)
	}
	if stranger := s.must(as(account.Admin, 2), `query($id: ID!) { node(id: $id) { id } routingPolicies { nodes { id } } }`,
		map[string]any{"id": second["id"]}); at(stranger, "node") != nil || len(list(stranger, "routingPolicies", "nodes")) != 0 {
		t.Errorf("a stranger sees %v", stranger)
	}
	placed := s.must(admin, `mutation($id: ID!) { createOrder(input: {reference: "P-1", category: "prints", destination: {},
		lines: [{serviceType: "poster-a3", quantity: 1}], routingPolicyId: $id}) { order { routingPolicy { id name }
			events { nodes { order { routingPolicy { version } } } } } userErrors { field } } }`, map[string]any{"id": policyID})
	if got := at(placed, "createOrder", "order"); at(got, "routingPolicy", "id") != policyID ||
		at(got, "events", "nodes", 0, "order", "routingPolicy", "version") != json.Number("1") {
		t.Errorf("placed: %v", placed)
	}
	audits := s.must(admin, `{ auditEntries(filter: {action: "routingPolicy.publish"}) { totalCount } }`, nil)
	if at(audits, "auditEntries", "totalCount") != json.Number("3") {
		t.Errorf("audited: %v", audits)
	}
}

func TestRoutingPolicyErrors(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	world{account: 1, providers: 1}.fill(t, s.url)
	admin := as(account.Admin, 1)
	scorers := func(list ...any) map[string]any {
		return map[string]any{"rules": map[string]any{"scorers": append([]any{}, list...)}}
	}
	for name, test := range map[string]struct {
		input map[string]any
		want  string
	}{
		"no name":   {policyInput("", nil), "[[name] INVALID]"},
		"no scorer": {policyInput("p", scorers()), "[[rules scorers] OUT_OF_RANGE]"},
		"twice": {
			policyInput("p", scorers(map[string]any{"kind": "FASTEST"}, map[string]any{"kind": "FASTEST"})),
			"[[rules scorers 1 kind] CONFLICT]",
		},
		"fixed":      {policyInput("p", scorers(map[string]any{"kind": "FIXED"})), "[[rules scorers 0 ids] REQUIRED]"},
		"unknown id": {policyInput("p", scorers(map[string]any{"kind": "FIXED", "ids": []any{"x"}})), "[[rules scorers 0 ids 0] NOT_FOUND]"},
		"part limit": {
			policyInput("p", map[string]any{"rules": map[string]any{"scorers": []any{map[string]any{"kind": "CHEAPEST"}}, "partLimit": 99}}),
			"[[rules partLimit] OUT_OF_RANGE]",
		},
		"fallback": {policyInput("p", map[string]any{"fallbackId": "x"}), "[[fallbackId] NOT_FOUND]"},
	} {
		answer := at(s.must(admin, createPolicy, test.input), "createRoutingPolicy")
		var faults []string
		for _, fault := range list(answer, "userErrors") {
			faults = append(faults, fmt.Sprintf("[%v %v]", at(fault, "field"), at(fault, "code")))
		}
		if strings.Join(faults, " ") != test.want || at(answer, "routingPolicy") != nil {
			t.Errorf("%s: %v, want %s", name, answer, test.want)
		}
	}
	unknown := at(s.must(admin, publishPolicy, map[string]any{"id": "x"}), "publishRoutingPolicy")
	if at(unknown, "userErrors", 0, "code") != "NOT_FOUND" || at(unknown, "routingPolicy") != nil {
		t.Errorf("publish of nothing: %v", unknown)
	}
	order := s.must(admin, `mutation { createOrder(input: {reference: "P-1", category: "prints", destination: {}, routingPolicyId: "x",
		lines: [{serviceType: "poster-a3", quantity: 1}]}) { order { id } userErrors { field code } } }`, nil)
	if at(order, "createOrder", "userErrors", 0, "field", 0) != "routingPolicyId" || at(order, "createOrder", "order") != nil {
		t.Errorf("order by nothing: %v", order)
	}
	for role, want := range map[account.Role]string{account.Operator: "FORBIDDEN", account.Integrator: "FORBIDDEN", account.Viewer: "FORBIDDEN"} {
		if got := code(s.run(as(role, 1), createPolicy, policyInput("p", nil))); got != want {
			t.Errorf("%s: %q", role, got)
		}
	}
	if got := code(s.run(as(account.Integrator, 1), `{ routingPolicies { nodes { id } } }`, nil)); got != "FORBIDDEN" {
		t.Errorf("an integrator sees policies: %q", got)
	}
}

func TestRoutingOfProvidersAndOffers(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	w := world{account: 1, providers: 1}
	w.fill(t, s.url)
	admin := as(account.Admin, 1)
	provider, offer := w.id(id.Provider, 0).String(), w.id(id.Offer, 0).String()
	made := s.must(admin, `mutation($provider: ID!, $offer: ID!) {
		createProvider(input: {name: "p", adapter: "boostress", baseUrl: "https://p.example.com", priority: 7, weight: 20})
			{ provider { priority weight } userErrors { code } }
		updateProvider(input: {id: $provider, weight: 1000}) { provider { priority weight } userErrors { code } }
		createOffer(input: {providerId: $provider, externalId: "x", name: "n", category: "c", serviceType: "s", unitPrice: {amount: "1",
			currency: EUR}, regions: [DE, AT], priority: 9, weight: 3}) { offer { regions priority weight } userErrors { code } }
		first: updateOffer(input: {id: $offer, regions: [FR], priority: 2}) { offer { regions priority weight } userErrors { code } }
		then: updateOffer(input: {id: $offer, weight: 5}) { offer { regions priority weight } userErrors { code } }
		last: updateOffer(input: {id: $offer, regions: []}) { offer { regions priority weight } userErrors { code } }
		bad: updateOffer(input: {id: $offer, regions: [FR, FR], weight: 0}) { offer { id } userErrors { field code } }
		worse: updateProvider(input: {id: $provider, priority: 10}) { provider { id } userErrors { field code } }
	}`, map[string]any{"provider": provider, "offer": offer})
	for path, want := range map[string]string{
		"createProvider provider": "map[priority:7 weight:20]", "updateProvider provider": "map[priority:0 weight:1000]",
		"createOffer offer": "map[priority:9 regions:[DE AT] weight:3]", "first offer": "map[priority:2 regions:[FR] weight:1]",
		"then offer": "map[priority:2 regions:[FR] weight:5]", "last offer": "map[priority:2 regions:[] weight:5]",
		"bad userErrors":   "[map[code:OUT_OF_RANGE field:[weight]] map[code:CONFLICT field:[regions 1]]]",
		"worse userErrors": "[map[code:OUT_OF_RANGE field:[priority]]]",
	} {
		var mutation, field string
		if _, err := fmt.Sscan(path, &mutation, &field); err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(at(made, mutation, field)); got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
}
