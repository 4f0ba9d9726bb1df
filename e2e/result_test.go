package e2e_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/boostress/boostress/internal/testkit"
)

const giftCard = `mutation { createOrder(input: {reference: "G-1", category: "gift-cards", destination: {},
	lines: [{serviceType: "gift-card-10", quantity: 1}]}) { order { id } userErrors { message } } }`

type handedOver struct {
	ID, Kind, Label string
	Value           *string
	IsSecret        bool
}

// TestGiftCardIsSecret orders a gift card: its code is shown to who asks for it, and is found nowhere else.
func TestGiftCardIsSecret(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	c.sandboxes(behavior{})
	c.put(t.Context(), "/_sandbox/providers/giftwell/behavior", behavior{AcceptMS: span{50, 100}, ProgressMS: span{50, 100}})
	c.env = append(c.env, "BOOSTRESS_LOG_LEVEL=debug")
	c.api()
	c.addProvider("giftwell")
	c.scheduler()
	c.worker()
	var placed struct {
		CreateOrder struct{ Order *struct{ ID string } }
	}
	must(t, c.client.Do(t.Context(), giftCard, nil, &placed))
	if placed.CreateOrder.Order == nil {
		t.Fatal("the order was refused")
	}

	var card handedOver
	testkit.Eventually(t, patience, "the gift card is there", func() bool {
		var found struct {
			OrderByReference struct {
				Fulfillments struct {
					Nodes []struct{ Results []handedOver }
				}
			}
		}
		must(t, c.client.Do(t.Context(), `{ orderByReference(reference: "G-1") { fulfillments { nodes { results {
			id kind label value isSecret } } } } }`, nil, &found))
		for _, node := range found.OrderByReference.Fulfillments.Nodes {
			for _, result := range node.Results {
				card = result
			}
		}
		return card.ID != ""
	})
	if card.Kind != "CODE" || !card.IsSecret || card.Value != nil || card.Label != "Gift card 1 of 1" {
		t.Errorf("handed over: %+v", card)
	}
	var shown struct {
		Reveal struct{ Value string } `json:"revealFulfillmentResult"`
	}
	must(t, c.client.Do(t.Context(), `mutation($id: ID!) { revealFulfillmentResult(input: {id: $id}) { value userErrors { message } } }`,
		map[string]any{"id": card.ID}, &shown))
	code := shown.Reveal.Value
	if len(code) != len("AAAA-BBBB-CCCC") {
		t.Fatalf("revealed: %q", code)
	}

	c.settled(patience)
	tables := strings.Join(query[string](c, `SELECT query_to_xml(format('SELECT to_jsonb(t) AS t FROM %I t', table_name), true, false, '')::text
		FROM information_schema.tables WHERE table_schema = 'public' AND table_type = 'BASE TABLE'`), "\n")
	if !strings.Contains(tables, card.Label) || !strings.Contains(tables, "fulfillmentResult.reveal") || strings.Contains(tables, code) {
		t.Errorf("the database holds %q, or not what it should", code)
	}
	logs, err := filepath.Glob(filepath.Join(c.folder, "*.log"))
	must(t, err)
	for _, log := range logs {
		content, err := os.ReadFile(log)
		must(t, err)
		if strings.Contains(string(content), code) {
			t.Errorf("%s holds the code", log)
		}
	}
	c.invariants()
}
