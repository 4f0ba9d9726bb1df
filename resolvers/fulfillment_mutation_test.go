package resolvers_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/boostress/boostress/account"
)

// hand runs a mutation of one fulfillment and returns its payload.
func (s *stand) hand(name, id, input string) any {
	s.t.Helper()
	fields := "fulfillment { id status quantity scheduledAt isRerouteAsked externalId replaces { id } }"
	if name == "splitFulfillment" {
		fields += " fulfillments { id quantity status line { serviceType } }"
	}
	document := fmt.Sprintf("mutation { %s(input: {id: %q%s}) { %s userErrors { field code message } } }", name, id, input, fields)
	return at(s.must(as(account.Operator, 1), document, nil), name)
}

// placedOne is a new order's fulfillment.
func (s *stand) placedOne(reference string, quantity int) string {
	s.t.Helper()
	data := s.must(as(account.Integrator, 1), fmt.Sprintf(`mutation { createOrder(input: {reference: %q, category: "prints", destination: {},
		lines: [{serviceType: "poster-a3", quantity: %d}]}) { order { fulfillments { nodes { id } } } } }`, reference, quantity), nil)
	id, _ := at(data, "createOrder", "order", "fulfillments", "nodes", 0, "id").(string)
	return id
}

func TestFulfillmentMutations(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	world{account: 1, providers: 1}.fill(t, s.url)

	first := s.placedOne("A", 5)
	split := s.hand("splitFulfillment", first, ", quantities: [2, 3]")
	if at(split, "fulfillment", "id") != first || fmt.Sprint(at(split, "fulfillments", 1, "quantity")) != "3" ||
		at(split, "fulfillments", 1, "line", "serviceType") != "poster-a3" {
		t.Errorf("split: %v", split)
	}
	later := s.hand("rescheduleFulfillment", first, `, at: "2099-01-01T00:00:00Z"`)
	if at(later, "fulfillment", "status") != "SCHEDULED" || at(later, "fulfillment", "scheduledAt") != "2099-01-01T00:00:00Z" {
		t.Errorf("later: %v", later)
	}
	if now := s.hand("rescheduleFulfillment", first, ", at: null"); at(now, "fulfillment", "status") != "PENDING" {
		t.Errorf("now: %v", now)
	}
	if rerouted := s.hand("rerouteFulfillment", first, ""); at(rerouted, "fulfillment", "status") != "PENDING" {
		t.Errorf("reroute: %v", rerouted)
	}
	for range 2 {
		if canceled := s.hand("cancelFulfillment", first, ""); at(canceled, "fulfillment", "status") != "CANCELED" {
			t.Errorf("cancel: %v", canceled)
		}
	}
	retried := s.hand("retryFulfillment", first, "")
	if at(retried, "fulfillment", "status") != "PENDING" || at(retried, "fulfillment", "replaces", "id") != first {
		t.Errorf("retry: %v", retried)
	}

	unknown := s.placedOne("B", 1)
	execute(t, s.url, fmt.Sprintf(`WITH f AS (UPDATE fulfillments SET status = 'UNKNOWN',
			(provider_id, offer_id) = (SELECT provider_id, id FROM offers ORDER BY id LIMIT 1) WHERE id = '%s' RETURNING *)
		INSERT INTO attempts (id, account_id, fulfillment_id, provider_id, operation, key, call_number, state, started_at)
		SELECT gen_random_uuid(), account_id, id, provider_id, 'CREATE', 'k', 1, 'UNKNOWN', now() FROM f`, unknown))
	shown := s.must(as(account.Viewer, 1), `{ fulfillments(filter: {status: [UNKNOWN]}) { nodes { id unknownSince reconciliation } } }`, nil)
	if at(shown, "fulfillments", "nodes", 0, "reconciliation") != "MANUAL" || at(shown, "fulfillments", "nodes", 0, "unknownSince") == nil {
		t.Errorf("unknown: %v", shown)
	}
	resolved := s.hand("resolveFulfillment", unknown, `, outcome: ACCEPTED, externalId: "theirs", note: "seen in their shop"`)
	if at(resolved, "fulfillment", "status") != "SUBMITTED" || at(resolved, "fulfillment", "externalId") != "theirs" {
		t.Errorf("resolve: %v", resolved)
	}
	audit := s.must(as(account.Admin, 1), `{ auditEntries(filter: {action: "fulfillment.resolve"}) { nodes { actor targetId details } } }`, nil)
	if at(audit, "auditEntries", "nodes", 0, "targetId") != unknown || !strings.Contains(fmt.Sprint(audit), "seen in their shop") {
		t.Errorf("audit: %v", audit)
	}
}

func TestFulfillmentMutationsAreRefused(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	world{account: 1, providers: 1}.fill(t, s.url)
	waiting := s.placedOne("A", 1)
	for name, refused := range map[string]struct{ input, want string }{
		"retryFulfillment":      {"", "[id] CONFLICT"},
		"resolveFulfillment":    {", outcome: ABSENT", "[id] CONFLICT"},
		"splitFulfillment":      {", quantities: [1, 1]", "[quantities] OUT_OF_RANGE"},
		"cancelFulfillment":     {"", ""},
		"rerouteFulfillment":    {", excludeProvider: false", ""},
		"rescheduleFulfillment": {"", ""},
	} {
		unknown := s.hand(name, "x", refused.input)
		if fmt.Sprint(at(unknown, "userErrors", 0, "code")) != "NOT_FOUND" {
			t.Errorf("%s of nothing: %v", name, unknown)
		}
		if at(unknown, "fulfillment") != nil {
			t.Errorf("%s of nothing answers %v", name, unknown)
		}
		if refused.want == "" {
			continue
		}
		payload := s.hand(name, waiting, refused.input)
		if got := fmt.Sprintf("%v %v", at(payload, "userErrors", 0, "field"), at(payload, "userErrors", 0, "code")); got != refused.want {
			t.Errorf("%s: %s, want %s", name, got, refused.want)
		}
		if at(payload, "fulfillment") != nil || len(list(payload, "fulfillments")) > 0 {
			t.Errorf("%s was refused and answers %v", name, payload)
		}
	}
	for _, role := range []account.Role{account.Integrator, account.Viewer} {
		answer := s.run(as(role, 1), fmt.Sprintf(`mutation { cancelFulfillment(input: {id: %q}) { fulfillment { id } } }`, waiting), nil)
		if code(answer) != "FORBIDDEN" {
			t.Errorf("%s may cancel: %v", role, answer)
		}
	}
}
