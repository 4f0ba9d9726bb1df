package resolvers_test

import (
	"fmt"
	"testing"

	"github.com/google/uuid"
	"github.com/govalues/decimal"

	"github.com/boostress/boostress/account"
	"github.com/boostress/boostress/fulfillment"
	"github.com/boostress/boostress/order"
)

// TestCatalogThroughTheAPI checks, synchronizes and deletes a provider as a client does.
func TestCatalogThroughTheAPI(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	world{account: 1, providers: 1}.fill(t, s.url)
	admin := as(account.Admin, 1)
	made := at(s.must(admin, `mutation { createProvider(input: {name: "acme", adapter: "boostress", baseUrl: "https://acme.example.com"})
		{ provider { id } userErrors { code } } }`, nil), "createProvider", "provider", "id")
	ids := map[string]any{"id": made}

	check := at(s.must(admin, `mutation($id: ID!) { checkProvider(input: {id: $id})
		{ provider { name health { checkedAt } } taskResult { kind state provider { name } } userErrors { code } } }`, ids), "checkProvider")
	if at(check, "provider", "health", "checkedAt") != nil || at(check, "taskResult", "kind") != "CHECK_PROVIDER" ||
		at(check, "taskResult", "provider", "name") != "acme" {
		t.Errorf("checkProvider: %v", check)
	}

	const sync = `mutation($id: ID!) { syncOffers(input: {providerId: $id, mode: PROPOSE})
		{ offerSync { id mode state createdBy provider { name } changes { totalCount } } userErrors { field code } } }`
	begun := at(s.must(admin, sync, ids), "syncOffers", "offerSync")
	if at(begun, "state") != "RUNNING" || at(begun, "mode") != "PROPOSE" || at(begun, "provider", "name") != "acme" {
		t.Errorf("syncOffers: %v", begun)
	}
	syncID := map[string]any{"id": at(begun, "id")}
	s.finishSync(fmt.Sprint(at(begun, "id")))
	shown := at(s.must(admin, `query($id: ID!) { provider(id: $id) { offerSyncs { totalCount nodes { state added skipped
		changes(first: 1) { totalCount pageInfo { hasNextPage } nodes { kind externalId reason offer { id }
			fields { field before after } } } } } } }`, ids),
		"provider", "offerSyncs")
	if fmt.Sprint(at(shown, "totalCount")) != "1" || at(shown, "nodes", 0, "state") != "PROPOSED" ||
		fmt.Sprint(at(shown, "nodes", 0, "changes", "totalCount")) != "2" || at(shown, "nodes", 0, "changes", "pageInfo", "hasNextPage") != true ||
		at(shown, "nodes", 0, "changes", "nodes", 0, "kind") != "ADD" || at(shown, "nodes", 0, "changes", "nodes", 0, "fields", 0, "before") != nil {
		t.Errorf("the proposal: %v", shown)
	}
	approved := at(s.must(admin, `mutation($id: ID!) { approveOfferSync(input: {id: $id}) { offerSync { state decidedBy } userErrors { code } } }`,
		syncID), "approveOfferSync", "offerSync")
	if at(approved, "state") != "APPLIED" || at(approved, "decidedBy") == nil {
		t.Errorf("approveOfferSync: %v", approved)
	}
	refused := at(s.must(admin, `mutation($id: ID!) { discardOfferSync(input: {id: $id}) { offerSync { id } userErrors { field code } } }`,
		syncID), "discardOfferSync")
	if at(refused, "userErrors", 0, "code") != "CONFLICT" {
		t.Errorf("discardOfferSync of an applied one: %v", refused)
	}
	node := at(s.must(admin, `query($id: ID!) { node(id: $id) { __typename ... on OfferSync { state } } }`, syncID), "node")
	if at(node, "state") != "APPLIED" {
		t.Errorf("node: %v", node)
	}

	deleted := at(s.must(admin, `mutation($id: ID!) { deleteProvider(input: {id: $id}) { provider { deletedAt } userErrors { code } } }`, ids),
		"deleteProvider")
	if at(deleted, "provider", "deletedAt") == nil {
		t.Errorf("deleteProvider: %v", deleted)
	}
	left := at(s.must(admin, `query($id: ID!) { providers { nodes { name } } provider(id: $id) { name deletedAt offers { totalCount } } }`, ids))
	if len(list(left, "providers", "nodes")) != 1 || at(left, "provider", "name") != "acme" ||
		fmt.Sprint(at(left, "provider", "offers", "totalCount")) != "1" {
		t.Errorf("after the end: %v", left)
	}
}

// finishSync has a provider list an offer in its currency and one in another.
func (s *stand) finishSync(syncID string) {
	s.t.Helper()
	euro := order.Money{Amount: decimal.MustParse("2.5"), Currency: "EUR"}
	listed := []order.ExternalOffer{
		{ExternalID: "a", Name: "A", Category: "c", ServiceType: "s", UnitPrice: euro, MinQuantity: 1},
		{ExternalID: "b", Name: "B", Category: "c", ServiceType: "s", UnitPrice: order.Money{Amount: euro.Amount, Currency: "USD"}, MinQuantity: 1},
	}
	service := fulfillment.New(s.store, fulfillment.Options{})
	if _, err := service.FinishSync(s.t.Context(), uuid.MustParse(syncID), listed); err != nil {
		s.t.Fatal(err)
	}
}
