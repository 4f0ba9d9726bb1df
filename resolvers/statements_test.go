package resolvers_test

import (
	"strings"
	"testing"

	"github.com/boostress/boostress/account"
	"github.com/boostress/boostress/internal/id"
)

// What is read for a list must not depend on how long the list is: a bound that holds for ten holds for a hundred.
//
//nolint:paralleltest,tparallel // the subtests share what the stand counts
func TestStatementsDontGrowWithTheList(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	world{account: 1, providers: 10, orders: 10}.fill(t, s.url)
	world{account: 2, providers: 100, orders: 100}.fill(t, s.url)

	for name, tt := range map[string]struct {
		query string
		most  int // statements
	}{
		"orders": {`{ orders(first: 100) { totalCount nodes { id eventCursor
				destination { name } budget { amount } holds { name }
				lines { totalCount nodes { serviceType } }
				fulfillments { totalCount nodes { status line { position } order { reference } provider { name } offer { name
					} replaces { id } results { label value }
					attempts { totalCount nodes { state provider { name } } }
					decision { offer { name } candidates { offer { name } provider { name } } }
					decisions { totalCount nodes { policy { name } passed { policy { name } } offer { name } candidates(skip: 1) { provider {
						name } } } } } }
				events { totalCount nodes { cursor kind fulfillment { status } order { destination { name } eventCursor holds { name } } } }
				ledgerEntries { totalCount nodes { kind fulfillment { id } provider { name } } } } } }`, 24},
		"providers": {`{ providers(first: 100) { totalCount nodes { name health { calls breakers { operation } }
			today { spent { amount } } offers(first: 5) { totalCount nodes { name provider { name } } } } } }`, 8},
		"fulfillments": {`{ fulfillments(first: 100) { nodes { order { lines { nodes { id } } } provider { name } attempts {
			nodes { state } } } } }`, 5},
		"offers": {`{ offers(first: 100) { nodes { name provider { offers { nodes { id } } } } } }`, 3},
		"tasks": {`{ taskResults(first: 100) { totalCount nodes { order { reference } fulfillment { status provider { name } }
				provider { name } schedule { name } worker { host } } } }`, 7},
		"statistics": {`{ statistics { countedAt orders { count } queues { name depth slots } tasks(window: DAYS_30) { total { finished }
				queues { queue } kinds { kind } points { at finished } providers { provider { name } figures { finished } } } } }`, 5},
		"queues and workers": {`{ queues { name depth slots isPaused } workers { host state } }`, 2},
		"schedules": {`{ schedules(first: 100) { totalCount nodes { name nextRuns order { reference } provider { name }
			lastRun { number task { state order { reference } } }
			runs(first: 1) { totalCount nodes { number schedule { name } task { state schedule { name } } } } } } }`, 13},
		"orders' own schedules": {`{ orders(first: 100) { nodes { schedules { name nextRuns provider { name } order { reference } runs {
			nodes { number } } lastRun { number } } } } }`, 6},
		"bulk operations": {`{ bulkOperations(first: 100) { totalCount nodes { state rows { totalCount nodes { code
			target { id } } } failures: rows(filter: {outcome: [FAILED]}) { nodes { message } } } } }`, 7},
		"events": {`{ events(first: 100) { totalCount nodes { cursor order { reference destination { name } fulfillments { nodes { id } } }
				fulfillment { provider { name } } } } }`, 6},
		"several pages": {`{ orders(first: 100) { nodes { a: fulfillments(first: 1) { nodes { id } } b: fulfillments(last: 1)
			{ nodes { id } } } } }`, 3},
		"access": {`{ apiKeys { nodes { name } } users { nodes { username } } sessions { nodes { user { username } } }
			auditEntries { nodes { action } } }`, 5},
		"one order": {`{ orderByReference(reference: "A-001") { fulfillments { nodes { provider { name } attempts { nodes {
			provider { name } } }
				decision { offer { name } } } } events { nodes { order { destination { name } } fulfillment { id } } } } }`, 9},
		"policies": {`{ routingPolicies(first: 100) { totalCount nodes { name fallback { name fallback { name } } } } }`, 4},
		"no total": {`{ orders(first: 100) { nodes { reference } } }`, 1},
	} {
		t.Run(name, func(t *testing.T) {
			counts := make(map[int][]string)
			for _, number := range []int{1, 2} {
				s.must(as(account.Admin, number), "{ __typename }", nil)
				s.counter.since()
				s.must(as(account.Admin, number), tt.query, nil)
				counts[number] = s.counter.since()
			}
			// Which of two fields that read the same comes first is chance, and may save one a statement.
			if few, many := len(counts[1]), len(counts[2]); few > tt.most || many > tt.most {
				t.Errorf("%d statements for ten, %d for a hundred, at most %d wanted:\n%s",
					few, many, tt.most, strings.Join(counts[2], "\n"))
			}
		})
	}
}

func TestStatementsDontGrowWithNodes(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	w := world{account: 1, providers: 3, orders: 50}
	w.fill(t, s.url)
	ids := make([]string, 100)
	for i := range ids {
		ids[i] = w.id(id.Order, i/2).String()
		if i%2 == 1 {
			ids[i] = w.id(id.Fulfillment, i).String()
		}
	}
	s.counter.since()
	s.must(as(account.Viewer, 1), `query($ids: [ID!]!) { nodes(ids: $ids) { id
		... on Order { lines { nodes { id } } fulfillments { nodes { provider { name } attempts { nodes { id } } } } }
		... on Fulfillment { provider { name } order { reference } }
	} }`, map[string]any{"ids": ids})
	// Two statements fetch the nodes, where all have asked in time; six are for what is below.
	if ran := s.counter.since(); len(ran) > 10 {
		t.Errorf("%d statements, want at most 10:\n%s", len(ran), strings.Join(ran, "\n"))
	}
}
