package resolvers_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/boostress/boostress/account"
)

// placed places an order of two posters and returns its id.
func (s *stand) placed(who account.Principal, reference, more string) string {
	s.t.Helper()
	payload := at(s.must(who, fmt.Sprintf(`mutation { createOrder(input: {reference: %q, category: "prints", destination: {},
		lines: [{serviceType: "poster-a3", quantity: 2}] %s}) { order { id } userErrors { field code message } } }`, reference, more), nil),
		"createOrder")
	id, ok := at(payload, "order", "id").(string)
	if !ok {
		s.t.Fatalf("createOrder: %v", payload)
	}
	return id
}

// faultsOf lists a payload's user errors, each as its path and its code.
func faultsOf(payload any) (faults []string) {
	for _, fault := range list(payload, "userErrors") {
		faults = append(faults, fmt.Sprint(at(fault, "field"), " ", at(fault, "code")))
	}
	return faults
}

func TestOrdersAreHeldAndChanged(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	world{account: 1}.fill(t, s.url)
	shop := as(account.Integrator, 1)
	id := s.placed(shop, "A-1", `budget: {amount: 50, currency: EUR}, metadata: {a: 1}`)
	variables := map[string]any{"id": id}

	held := at(s.must(shop, `mutation($id: ID!) { holdOrder(input: {id: $id, name: "payment", reason: "not paid yet"}) {
		order { isHeld holds { name reason placedBy } } userErrors { code } } }`, variables), "holdOrder")
	want := map[string]any{
		"order": map[string]any{
			"isHeld": true,
			"holds":  []any{map[string]any{"name": "payment", "reason": "not paid yet", "placedBy": "key:test"}},
		},
		"userErrors": []any{},
	}
	if diff := cmp.Diff(want, held); diff != "" {
		t.Errorf("holdOrder (-want +got):\n%s", diff)
	}
	released := at(s.must(shop, `mutation($id: ID!) { releaseOrder(input: {id: $id}) { order { isHeld holds { name } } userErrors { code } } }`,
		variables), "releaseOrder", "order")
	if diff := cmp.Diff(map[string]any{"isHeld": false, "holds": []any{}}, released); diff != "" {
		t.Errorf("releaseOrder (-want +got):\n%s", diff)
	}
	updated := at(s.must(shop, `mutation($id: ID!) { updateOrder(input: {id: $id, budget: null, deadline: "2099-01-31T00:00:00Z", metadata: null})
		{ order { budget { amount } deadline metadata } userErrors { code } } }`, variables), "updateOrder", "order")
	if diff := cmp.Diff(map[string]any{"budget": nil, "deadline": "2099-01-31T00:00:00Z", "metadata": nil}, updated); diff != "" {
		t.Errorf("updateOrder (-want +got):\n%s", diff)
	}
	// What is left out stays as it is; null as a variable is null, too.
	s.must(shop, `mutation($id: ID!) { expediteOrder(input: {id: $id}) { order { priority } userErrors { code } } }`, variables)
	s.must(shop, `mutation($input: UpdateOrderInput!) { updateOrder(input: $input) { order { id } userErrors { code } } }`,
		map[string]any{"input": map[string]any{"id": id, "metadata": map[string]any{"b": 2}, "deadline": nil}})
	s.must(shop, `mutation($id: ID!) { addOrderNote(input: {id: $id, text: "they called"}) { order { id } userErrors { code } } }`, variables)
	now := at(s.must(shop, `query($id: ID!) { order(id: $id) { priority deadline metadata events { nodes { kind note order { isHeld } } } } }`,
		variables), "order")
	var events []string
	for _, event := range list(now, "events", "nodes") {
		events = append(events, fmt.Sprint(at(event, "kind"), " ", at(event, "note"), " ", at(event, "order", "isHeld")))
	}
	drop(now, "events")
	if fmt.Sprint(now) != "map[deadline:<nil> metadata:map[b:2] priority:9]" {
		t.Errorf("the order is %v", now)
	}
	if diff := cmp.Diff([]string{
		"PLACED <nil> false", "ORDER_HELD <nil> true", "ORDER_RELEASED <nil> false", "ORDER_UPDATED <nil> false",
		"ORDER_EXPEDITED <nil> false", "ORDER_UPDATED <nil> false", "NOTE_ADDED they called false",
	}, events); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

func TestOrderChangesThatAreRefused(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	world{account: 1}.fill(t, s.url)
	shop := as(account.Integrator, 1)
	open, ended := s.placed(shop, "A-1", ""), s.placed(shop, "A-2", "")
	s.must(shop, `mutation($id: ID!) { cancelOrder(input: {id: $id}) { order { id } userErrors { code } } }`, map[string]any{"id": ended})
	for name, test := range map[string]struct {
		field, id, input string
		want             []string
	}{
		"no such order":     {"holdOrder", "x", `name: "a", reason: "b"`, []string{"[id] NOT_FOUND"}},
		"hold without name": {"holdOrder", open, `name: "", reason: ""`, []string{"[name] REQUIRED", "[reason] REQUIRED"}},
		"hold what ended":   {"holdOrder", ended, `name: "a", reason: "b"`, []string{"[id] CONFLICT"}},
		"empty name":        {"releaseOrder", open, `name: ""`, []string{"[name] REQUIRED"}},
		"expedite too late": {"expediteOrder", ended, ``, []string{"[id] CONFLICT"}},
		"empty note":        {"addOrderNote", open, `text: ""`, []string{"[text] REQUIRED"}},
		"update": {
			"updateOrder", open,
			`budget: {amount: 5, currency: USD}, deadline: "2020-01-01T00:00:00Z", priority: 10, metadata: [1]`,
			[]string{"[deadline] OUT_OF_RANGE", "[priority] OUT_OF_RANGE", "[metadata] INVALID", "[budget currency] INVALID"},
		},
		"update too late": {
			"updateOrder", ended, `budget: null, deadline: null, priority: 1`,
			[]string{"[budget] CONFLICT", "[deadline] CONFLICT", "[priority] CONFLICT"},
		},
	} {
		payload := at(s.must(shop, fmt.Sprintf(`mutation { %s(input: {id: %q %s}) { order { id } userErrors { field code message } } }`,
			test.field, test.id, test.input), nil), test.field)
		if diff := cmp.Diff(test.want, faultsOf(payload)); diff != "" || at(payload, "order") != nil {
			t.Errorf("%s: %v (-want +got):\n%s", name, payload, diff)
		}
	}
}

func TestDraftsArePlaced(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	world{account: 1}.fill(t, s.url)
	shop := as(account.Integrator, 1)
	id := s.placed(shop, "A-1", `isDraft: true, deadlineAction: CANCEL`)
	variables := map[string]any{"id": id}
	const look = `query($id: ID!) { order(id: $id) { status deadlineAction finishedAt lines { totalCount } fulfillments { totalCount }
		events { nodes { kind order { status deadlineAction } } } } }`
	show := func() string { return fmt.Sprint(at(s.must(shop, look, variables), "order")) }
	if got, want := show(), "map[deadlineAction:CANCEL events:map[nodes:[map[kind:DRAFTED order:map[deadlineAction:CANCEL status:DRAFT]]]] "+
		"finishedAt:<nil> fulfillments:map[totalCount:0] lines:map[totalCount:1] status:DRAFT]"; got != want {
		t.Errorf("the draft is %s, want %s", got, want)
	}
	s.must(shop, `mutation($id: ID!) { updateOrder(input: {id: $id, deadlineAction: FINISH}) { userErrors { code } } }`, variables)
	placed := at(s.must(shop, `mutation($id: ID!) { placeOrder(input: {id: $id}) { order { status } userErrors { code } } }`, variables),
		"placeOrder")
	if at(placed, "order", "status") != "PENDING" || len(list(placed, "userErrors")) > 0 {
		t.Errorf("placeOrder: %v", placed)
	}
	if got, want := show(), "map[deadlineAction:FINISH events:map[nodes:[map[kind:DRAFTED order:map[deadlineAction:CANCEL status:DRAFT]] "+
		"map[kind:ORDER_UPDATED order:map[deadlineAction:FINISH status:DRAFT]] map[kind:PLACED order:map[deadlineAction:FINISH status:PENDING]]]] "+
		"finishedAt:<nil> fulfillments:map[totalCount:1] lines:map[totalCount:1] status:PENDING]"; got != want {
		t.Errorf("the order is %s, want %s", got, want)
	}
	canceled := s.placed(shop, "A-2", `isDraft: true`)
	s.must(shop, `mutation($id: ID!) { cancelOrder(input: {id: $id}) { userErrors { code } } }`, map[string]any{"id": canceled})
	payload := at(s.must(shop, `mutation($id: ID!) { placeOrder(input: {id: $id}) { order { id } userErrors { field code } } }`,
		map[string]any{"id": canceled}), "placeOrder")
	if diff := cmp.Diff([]string{"[id] CONFLICT"}, faultsOf(payload)); diff != "" {
		t.Errorf("place what was canceled (-want +got):\n%s", diff)
	}
}

func TestOrdersArePaced(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	world{account: 1}.fill(t, s.url)
	shop := as(account.Integrator, 1)
	soon := time.Now().Add(24 * time.Hour).UTC().Format(time.RFC3339)
	const look = `query($id: ID!) { order(id: $id) { pacing { mode slices weights window { timeZone days from to } }
		events(first: 1) { nodes { order { pacing { mode } } } } fulfillments { totalCount } } }`
	for more, want := range map[string]string{
		"": "map[events:map[nodes:[map[order:map[pacing:<nil>]]]] fulfillments:map[totalCount:1] pacing:<nil>]",
		`pacing: {mode: EVEN, slices: 2}`: "map[events:map[nodes:[map[order:map[pacing:map[mode:EVEN]]]]] fulfillments:map[totalCount:2] " +
			"pacing:map[mode:EVEN slices:2 weights:<nil> window:<nil>]]",
		`pacing: {mode: WEIGHTED, weights: [1, 1], window: {timeZone: "Europe/Berlin", from: 0, to: 24}}`: "map[events:map[nodes:[map[order:" +
			"map[pacing:map[mode:WEIGHTED]]]]] fulfillments:map[totalCount:2] " +
			"pacing:map[mode:WEIGHTED slices:2 weights:[1 1] window:map[days:[] from:0 timeZone:Europe/Berlin to:24]]]",
		`pacing: {mode: ASAP, window: {timeZone: "UTC", days: [MONDAY, SUNDAY], from: 22, to: 6}}`: "map[events:map[nodes:[map[order:" +
			"map[pacing:map[mode:ASAP]]]]] fulfillments:map[totalCount:1] " +
			"pacing:map[mode:ASAP slices:<nil> weights:<nil> window:map[days:[MONDAY SUNDAY] from:22 timeZone:UTC to:6]]]",
	} {
		id := s.placed(shop, "paced "+more, fmt.Sprintf("deadline: %q, %s", time.Now().Add(14*24*time.Hour).UTC().Format(time.RFC3339), more))
		if got := fmt.Sprint(at(s.must(shop, look, map[string]any{"id": id}), "order")); got != want {
			t.Errorf("%s: the order is %s, want %s", more, got, want)
		}
	}
	for more, want := range map[string]string{
		`pacing: {mode: EVEN, slices: 2}`:                                                                      "[deadline] REQUIRED",
		`pacing: {mode: EVEN, slices: 1}, deadline: "` + soon + `"`:                                            "[pacing slices] OUT_OF_RANGE",
		`pacing: {mode: ASAP, window: {timeZone: "Local", from: 1, to: 2}}`:                                    "[pacing window timeZone] INVALID",
		`pacing: {mode: WEIGHTED, weights: [1, 1], slices: 3}, deadline: "` + soon + `"`:                       "[pacing slices] INVALID",
		`pacing: {mode: EVEN, slices: 2, window: {timeZone: "UTC", from: 1, to: 1}}, deadline: "` + soon + `"`: "[pacing window to] INVALID",
	} {
		payload := at(s.must(shop, fmt.Sprintf(`mutation { createOrder(input: {reference: "r", category: "prints", destination: {},
			lines: [{serviceType: "poster-a3", quantity: 2}] %s}) { order { id } userErrors { field code message } } }`, more), nil), "createOrder")
		if diff := cmp.Diff([]string{want}, faultsOf(payload)); diff != "" || at(payload, "order") != nil {
			t.Errorf("%s: %v (-want +got):\n%s", more, payload, diff)
		}
	}
}
