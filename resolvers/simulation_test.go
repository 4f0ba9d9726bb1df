package resolvers_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/boostress/boostress/account"
	"github.com/boostress/boostress/internal/id"
)

const simulate = `query($input: SimulateRoutingInput!) { simulateRouting(input: $input) {
	orders { isComplete cost { amount } expectedTime actualCost { amount } actualTime order { reference }
		lines { serviceType quantity cost { amount } line { position }
			parts { quantity cost { amount } provider { name } offer { name } }
			decision { policy { name } offer { name } candidateCount candidates { rank reason offer { id } provider { name }
				scores { scorer value } } }
			happened { quantity duration cost { amount } provider { name } fulfillment { status decision { offer { name } } } } } }
	userErrors { field code } } }`

var byCheapest = map[string]any{"scorers": []any{map[string]any{"kind": "CHEAPEST"}}}

func TestSimulateRouting(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	w := world{account: 1, providers: 2, orders: 1}
	w.fill(t, s.url)
	execute(t, s.url, "DELETE FROM provider_breakers") // every provider may be chosen
	answer := at(s.must(as(account.Operator, 1), simulate, map[string]any{"input": map[string]any{
		"orderIds": []any{w.id(id.Order, 0).String()}, "rules": byCheapest,
	}}), "simulateRouting")
	if len(list(answer, "userErrors")) > 0 || len(list(answer, "orders")) != 1 {
		t.Fatalf("%v", answer)
	}
	line := at(answer, "orders", 0, "lines", 1)
	drop(line, "decision")
	want := `map[cost:map[amount:2.25] happened:[map[cost:map[amount:2.25] duration:<nil> fulfillment:map[decision:map[offer:map[name:Poster A3]] ` +
		`status:SUBMITTED] provider:map[name:provider-001] quantity:2]] line:map[position:1] parts:[map[cost:map[amount:2.25] ` +
		`offer:map[name:Poster A3] provider:map[name:provider-000] quantity:2]] quantity:2 serviceType:poster-a3]`
	if diff := cmp.Diff(want, fmt.Sprint(line)); diff != "" {
		t.Errorf("line (-want +got):\n%s", diff)
	}
	if at(answer, "orders", 0, "isComplete") != true || at(answer, "orders", 0, "order", "reference") != "A-000" ||
		at(answer, "orders", 0, "actualCost", "amount") != "17.50" {
		t.Errorf("order: %v", answer)
	}
	for name, test := range map[string]struct {
		input map[string]any
		want  string
	}{
		"nothing":       {map[string]any{}, "[<nil> INVALID][<nil> INVALID]"},
		"unknown order": {map[string]any{"orderIds": []any{"x"}, "rules": byCheapest}, "[[orderIds 0] NOT_FOUND]"},
		"no policy": {map[string]any{"policyId": "x", "order": map[string]any{
			"reference": "r", "category": "prints", "destination": map[string]any{},
			"lines": []any{map[string]any{"serviceType": "s", "quantity": 1}},
		}}, "[[policyId] NOT_FOUND]"},
	} {
		refused := at(s.must(as(account.Admin, 1), simulate, map[string]any{"input": test.input}), "simulateRouting")
		var got strings.Builder
		for _, fault := range list(refused, "userErrors") {
			fmt.Fprintf(&got, "[%v %v]", at(fault, "field"), at(fault, "code"))
		}
		if got.String() != test.want || len(list(refused, "orders")) > 0 {
			t.Errorf("%s: %v, want %s", name, refused, test.want)
		}
	}
	for _, role := range []account.Role{account.Viewer, account.Integrator} {
		if got := code(s.run(as(role, 1), simulate, map[string]any{"input": map[string]any{}})); got != "FORBIDDEN" {
			t.Errorf("%s: %q", role, got)
		}
	}
}

// TestSimulationsStatementsDontGrow: for a hundred orders as many statements as for ten.
func TestSimulationsStatementsDontGrow(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	w := world{account: 1, providers: 5, orders: 100}
	w.fill(t, s.url)
	for _, count := range []int{10, 100} {
		ids := make([]any, count)
		for i := range ids {
			ids[i] = w.id(id.Order, i).String()
		}
		s.counter.since()
		answer := s.must(as(account.Admin, 1), simulate, map[string]any{"input": map[string]any{"orderIds": ids, "rules": byCheapest}})
		if orders := list(answer, "simulateRouting", "orders"); len(orders) != count {
			t.Fatalf("%d orders", len(orders))
		}
		if ran := s.counter.since(); len(ran) > 9 {
			t.Errorf("%d statements for %d orders, want at most 9:\n%s", len(ran), count, strings.Join(ran, "\n"))
		}
	}
}
