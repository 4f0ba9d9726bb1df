package resolvers_test

import (
	"fmt"
	"slices"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/boostress/boostress/account"
	"github.com/boostress/boostress/internal/id"
)

// paged is one connection of the API and what a whole walk through it has to meet.
type paged struct {
	field string // with %s for the arguments, below the query or below parent
	under string // a document with %s for the field
	path  []any  // to the connection
	want  []string
}

// Every connection is walked from both ends, with every size of page, and compared with the model.
//
//nolint:paralleltest,tparallel // the subtests share what the stand counts
func TestConnectionsPageLikeTheModel(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	w := world{account: 1, providers: 3, orders: 5}
	w.fill(t, s.url)
	world{account: 2, providers: 2, orders: 3}.fill(t, s.url)

	order := fmt.Sprintf(`{ order(id: %q) { %%s } }`, w.id(id.Order, 2))
	provider := fmt.Sprintf(`{ provider(id: %q) { %%s } }`, w.id(id.Provider, 1))
	ids := func(kind id.Kind, numbers ...int) (list []string) {
		for _, n := range numbers {
			list = append(list, w.id(kind, n).String())
		}
		return list
	}
	for name, p := range map[string]paged{
		"orders": {"orders(%s)", "{ %s }", []any{"orders"}, ids(id.Order, 4, 3, 2, 1, 0)},
		"orders up": {"orders(orderBy: {field: CREATED_AT, direction: ASC}, %s)", "{ %s }", []any{"orders"}, ids(id.Order,
			0, 1, 2, 3, 4)},
		"by deadline": {"orders(orderBy: {field: DEADLINE, direction: ASC}, %s)", "{ %s }", []any{"orders"}, ids(id.Order,
			0, 2, 4, 1, 3)},
		"by priority": {"orders(orderBy: {field: PRIORITY, direction: DESC}, %s)", "{ %s }", []any{"orders"}, ids(id.Order,
			2, 4, 1, 3, 0)},
		"filtered":     {"orders(filter: {status: [PENDING]}, %s)", "{ %s }", []any{"orders"}, ids(id.Order, 3, 0)},
		"fulfillments": {"fulfillments(%s)", "{ %s }", []any{"fulfillments"}, ids(id.Fulfillment, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0)},
		"providers":    {"providers(%s)", "{ %s }", []any{"providers"}, ids(id.Provider, 0, 1, 2)},
		"offers":       {"offers(%s)", "{ %s }", []any{"offers"}, ids(id.Offer, 5, 4, 3, 2, 1, 0)},
		"by price": {"offers(orderBy: {field: UNIT_PRICE, direction: ASC}, %s)", "{ %s }", []any{"offers"}, ids(id.Offer,
			0, 2, 4, 1, 3, 5)},
		"tasks":     {"taskResults(%s)", "{ %s }", []any{"taskResults"}, ids(id.Task, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0)},
		"schedules": {"schedules(%s)", "{ %s }", []any{"schedules"}, ids(id.Schedule, 1, 2, 3, 4, 5, 0)},
		"by next slot": {"schedules(orderBy: {field: NEXT_AT, direction: DESC}, %s)", "{ %s }", []any{"schedules"}, ids(id.Schedule,
			5, 4, 3, 2, 1, 0)},
		"about an order": {
			fmt.Sprintf("schedules(filter: {orderId: %q}, %%s)", w.id(id.Order, 2)), "{ %s }",
			[]any{"schedules"},
			append(ids(id.Schedule, 3), id.Of(w.id(id.Order, 2), id.OrderPolling).String()),
		},
		"lines":          {"lines(%s)", order, []any{"order", "lines"}, ids(id.Line, 4, 5)},
		"of an order":    {"fulfillments(%s)", order, []any{"order", "fulfillments"}, ids(id.Fulfillment, 4, 5)},
		"entries":        {"ledgerEntries(%s)", order, []any{"order", "ledgerEntries"}, ids(id.LedgerEntry, 8, 10, 9, 11)},
		"of a provider":  {"offers(%s)", provider, []any{"provider", "offers"}, ids(id.Offer, 2, 3)},
		"without a node": {"orders(filter: {status: []}, %s)", "{ %s }", []any{"orders"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			for _, size := range []int{1, 2, 3, 100} {
				for _, backward := range []bool{false, true} {
					if diff := cmp.Diff(p.want, p.walk(t, s, size, backward), cmpopts.EquateEmpty()); diff != "" {
						t.Errorf("pages of %d, backward %v (-model +walk):\n%s", size, backward, diff)
					}
				}
			}
		})
	}
}

func (p paged) walk(t *testing.T, s *stand, size int, backward bool) []string {
	t.Helper()
	var all []string
	bound := ""
	for range len(p.want) + 1 {
		arguments := fmt.Sprintf("first: %d%s", size, bound)
		if backward {
			arguments = fmt.Sprintf("last: %d%s", size, bound)
		}
		selection := fmt.Sprintf(p.field, arguments) + ` { totalCount nodes { id } edges { cursor node { id } }
			pageInfo { hasNextPage hasPreviousPage startCursor endCursor } }`
		page := at(s.must(as(account.Admin, 1), fmt.Sprintf(p.under, selection), nil), p.path...)
		ids := p.check(t, page, len(all), backward)
		if backward {
			all = append(slices.Clone(ids), all...)
		} else {
			all = append(all, ids...)
		}
		more, next := at(page, "pageInfo", "hasNextPage"), at(page, "pageInfo", "endCursor")
		argument := "after"
		if backward {
			more, next, argument = at(page, "pageInfo", "hasPreviousPage"), at(page, "pageInfo", "startCursor"), "before"
		}
		if more != (len(all) < len(p.want)) {
			t.Fatalf("the list goes on: %v, after %d of %d", more, len(all), len(p.want))
		}
		if more == false {
			return all
		}
		bound = fmt.Sprintf(", %s: %q", argument, next)
	}
	t.Fatal("the pages don't end")
	return nil
}

// check compares what a page says of itself, and returns its ids.
func (p paged) check(t *testing.T, page any, before int, backward bool) []string {
	t.Helper()
	nodes, _ := at(page, "nodes").([]any)
	edges, _ := at(page, "edges").([]any)
	ids := make([]string, 0, len(nodes))
	for i := range nodes {
		nodeID, _ := at(nodes[i], "id").(string)
		if at(edges, i, "node", "id") != nodeID {
			t.Errorf("edge %d is not of node %s", i, nodeID)
		}
		ids = append(ids, nodeID)
	}
	if len(edges) != len(nodes) {
		t.Errorf("%d edges for %d nodes", len(edges), len(nodes))
	}
	if len(edges) > 0 && (at(page, "pageInfo", "startCursor") != at(edges, 0, "cursor") ||
		at(page, "pageInfo", "endCursor") != at(edges, len(edges)-1, "cursor")) {
		t.Error("the page's cursors are not those of its edges")
	}
	if total := fmt.Sprint(at(page, "totalCount")); total != strconv.Itoa(len(p.want)) {
		t.Errorf("total is %s, want %d", total, len(p.want))
	}
	other := "hasPreviousPage"
	if backward {
		other = "hasNextPage"
	}
	if at(page, "pageInfo", other) != (before > 0) {
		t.Errorf("%s is %v after %d", other, at(page, "pageInfo", other), before)
	}
	return ids
}

//nolint:paralleltest,tparallel // the subtests share what the stand counts
func TestPagesThatCantBe(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	world{account: 1, providers: 1, orders: 2}.fill(t, s.url)
	data := s.must(as(account.Admin, 1), `{ orders(first: 1) { pageInfo { endCursor } } }`, nil)
	cursor := at(data, "orders", "pageInfo", "endCursor")
	s.counter.since()

	for name, tt := range map[string]struct {
		query     string
		variables map[string]any
		want      string
	}{
		"too many":             {`{ orders(first: 101) { nodes { id } } }`, nil, "BAD_USER_INPUT"},
		"none":                 {`{ orders(last: 0) { nodes { id } } }`, nil, "BAD_USER_INPUT"},
		"negative":             {`{ orders(first: -1) { nodes { id } } }`, nil, "BAD_USER_INPUT"},
		"both":                 {`{ orders(first: 1, last: 1) { nodes { id } } }`, nil, "BAD_USER_INPUT"},
		"too many by variable": {`query($n: Int) { orders(first: $n) { nodes { id } } }`, map[string]any{"n": 101}, "BAD_USER_INPUT"},
		"both by variable": {`query($n: Int) { orders(first: 1, last: $n) { nodes { id } }
			}`, map[string]any{"n": 1}, "BAD_USER_INPUT"},
		"too many below":      {`{ orders { nodes { lines(first: 500) { nodes { id } } } } }`, nil, "BAD_USER_INPUT"},
		"too many candidates": {`{ fulfillments { nodes { decision { candidates(first: 101) { rank } } } } }`, nil, "BAD_USER_INPUT"},
		"in a fragment":       {`{ ...f } fragment f on Query { orders(first: 999) { nodes { id } } }`, nil, "BAD_USER_INPUT"},
		"too many nodes": {`query($ids: [ID!]!) { nodes(ids: $ids) { id } }`, map[string]any{"ids": make([]string,
			101)}, "BAD_USER_INPUT"},
		"made-up cursor":   {`{ orders(after: "nonsense") { nodes { id } } }`, nil, "CURSOR_INVALID"},
		"empty cursor":     {`{ orders(after: "") { nodes { id } } }`, nil, "CURSOR_INVALID"},
		"cursor of others": {fmt.Sprintf(`{ offers(after: %q) { nodes { id } } }`, cursor), nil, "CURSOR_INVALID"},
		"cursor of other order": {fmt.Sprintf(`{ orders(after: %q, orderBy: {field: PRIORITY, direction: ASC}) { nodes { id }
			} }`, cursor), nil, "CURSOR_INVALID"},
	} {
		t.Run(name, func(t *testing.T) {
			answer := s.run(as(account.Admin, 1), tt.query, tt.variables)
			if got := code(answer); got != tt.want {
				t.Errorf("code is %q, want %q: %v", got, tt.want, answer)
			}
			if ran := s.counter.since(); len(ran) > 0 {
				t.Errorf("statements ran: %q", ran)
			}
		})
	}
}
