package resolvers_test

import (
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"github.com/boostress/boostress/account"
	"github.com/boostress/boostress/internal/id"
)

const reveal = `mutation($id: ID!) { revealFulfillmentResult(input: {id: $id}) { value url userErrors { field code } } }`

// A secret result shows that it is there; its value takes a mutation, which leaves a trace each time.
func TestResults(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	w := world{account: 1, providers: 1, orders: 1}
	w.fill(t, s.url)
	world{account: 2, providers: 1, orders: 1}.fill(t, s.url)
	secretID := w.id(id.Result, 1000)
	sealed, err := s.keys.Seal([]byte(`{"value":"HUSH","url":"https://shop.example/HUSH"}`), secretID[:])
	if err != nil {
		t.Fatal(err)
	}
	execute(t, s.url, fmt.Sprintf(`INSERT INTO fulfillment_results (id, account_id, fulfillment_id, external_id, kind, label, secret, sealed,
		created_at, updated_at) VALUES ('%s', '%s', '%s', 'c', 'CODE', 'Gift card', true, '\x%s', now(), now())`,
		secretID, accountID(1), w.id(id.Fulfillment, 0), hex.EncodeToString(sealed)))

	shown := s.must(as(account.Viewer, 1), `query($id: ID!) { fulfillment(id: $id) { results { id kind label value url carrier isSecret } } }`,
		map[string]any{"id": w.id(id.Fulfillment, 0)})
	parcel, card := at(shown, "fulfillment", "results", 0), at(shown, "fulfillment", "results", 1)
	if at(parcel, "kind") != "TRACKING" || at(parcel, "value") != "SX-0" || at(parcel, "carrier") != "Express" || at(parcel, "isSecret") != false {
		t.Errorf("parcel: %v", parcel)
	}
	if at(card, "id") != secretID.String() || at(card, "label") != "Gift card" || at(card, "isSecret") != true ||
		at(card, "value") != nil || at(card, "url") != nil {
		t.Errorf("card: %v", card)
	}

	for range 2 {
		told := at(s.must(as(account.Integrator, 1), reveal, map[string]any{"id": secretID}), "revealFulfillmentResult")
		if at(told, "value") != "HUSH" || at(told, "url") != "https://shop.example/HUSH" || len(list(told, "userErrors")) > 0 {
			t.Errorf("revealed: %v", told)
		}
	}
	audit := s.must(as(account.Admin, 1), `{ auditEntries(filter: {action: "fulfillmentResult.reveal"}) { nodes { actor targetId details } } }`, nil)
	if len(list(audit, "auditEntries", "nodes")) != 2 || at(audit, "auditEntries", "nodes", 0, "targetId") != secretID.String() ||
		!strings.Contains(fmt.Sprint(audit), "Gift card") || strings.Contains(fmt.Sprint(audit), "HUSH") {
		t.Errorf("audit: %v", audit)
	}
	if strings.Contains(s.logged(), "HUSH") {
		t.Errorf("logged: %s", s.logged())
	}

	tester := as(account.Integrator, 1)
	tester.TestMode = true
	for want, who := range map[string]account.Principal{"NOT_FOUND": as(account.Admin, 2), "FORBIDDEN": tester} {
		told := at(s.must(who, reveal, map[string]any{"id": secretID}), "revealFulfillmentResult")
		if at(told, "value") != nil || at(told, "userErrors", 0, "code") != want {
			t.Errorf("%s: %v", want, told)
		}
	}
	if answer := s.run(as(account.Viewer, 1), reveal, map[string]any{"id": secretID}); code(answer) != "FORBIDDEN" {
		t.Errorf("a viewer reveals: %v", answer)
	}
}
