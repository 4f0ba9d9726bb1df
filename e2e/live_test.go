package e2e_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/boostress/boostress/internal/gqlclient"
)

// firstClient is the README's, word for word but for its reference.
const firstClient = `mutation { createOrder(input: {
  reference: "A-1001", idempotencyKey: "a-1001", category: "prints",
  destination: {name: "Ada", countryCode: GB, attributes: {email: "ada@example.com"}},
  budget: {amount: "50.00", currency: EUR}, deadline: "2099-01-31T00:00:00Z",
  lines: [{serviceType: "poster-a3", quantity: 2, attributes: {file: "https://example.com/a.pdf"}}]
}) { order { id status reference eventCursor } userErrors { field code message } } }`

const firstWatcher = `subscription($id: ID!, $after: String) { orderChanged(id: $id, after: $after) { cursor kind sequence
  order { status spent { amount currency } fulfillments(first: 10) { nodes { status provider { name } externalId } } } } }`

type seen struct {
	Cursor   string
	Kind     string
	Sequence int
	Order    struct {
		Status       string
		Spent        struct{ Amount, Currency string }
		Fulfillments struct {
			Nodes []struct {
				Status, ExternalID string
				Provider           *struct{ Name string }
			}
		}
	}
}

// next receives one event.
func next(t *testing.T, sub *gqlclient.Subscription) seen {
	t.Helper()
	select {
	case data, open := <-sub.Next:
		if !open {
			t.Fatalf("the subscription ended: %v", sub.Err())
		}
		var result struct {
			OrderChanged seen `json:"orderChanged"`
		}
		must(t, json.Unmarshal(data, &result))
		return result.OrderChanged
	case <-time.After(patience):
		t.Fatal("no event came")
		return seen{}
	}
}

func subscribe(t *testing.T, client *gqlclient.Client, variables map[string]any) *gqlclient.Subscription {
	t.Helper()
	socket, err := client.Dial(t.Context())
	must(t, err)
	t.Cleanup(func() { must(t, socket.Close()) })
	const buffer = 100
	sub, err := socket.Subscribe(firstWatcher, variables, buffer)
	must(t, err)
	return sub
}

// TestFirstClient places the README's order on one API process and watches it on another; then it comes back with a
// cursor, after both the process it watched and Redis were lost.
func TestFirstClient(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	c.sandboxes(behavior{AcceptMS: span{200, 300}, ProgressMS: span{200, 300}, FulfillMS: span{200, 300}})
	c.api()
	watched := c.api()
	c.scheduler()
	c.worker()
	var placed struct {
		CreateOrder struct {
			Order      *struct{ ID, Status, Reference, EventCursor string }
			UserErrors []struct{ Message string }
		}
	}
	must(t, c.client.Do(t.Context(), firstClient, nil, &placed))
	order := placed.CreateOrder.Order
	if order == nil || order.Status != "PENDING" || order.Reference != "A-1001" {
		t.Fatalf("placed: %+v", placed.CreateOrder)
	}
	all := follow(t, c.at(watched), order.ID, "0")
	last := all[len(all)-1]
	if last.Order.Spent.Amount != "9.80" || last.Order.Fulfillments.Nodes[0].Provider.Name != "Northwind Prints" ||
		last.Order.Fulfillments.Nodes[0].ExternalID == "" {
		t.Errorf("at the end: %+v", last.Order)
	}
	watched.kill()
	must(t, c.stack.Redis.Kill(t.Context()))
	must(t, c.stack.Redis.Start(t.Context()))
	for i := range all {
		again := follow(t, c.client, order.ID, all[i].Cursor)
		if diff := cmp.Diff(kinds(all[i+1:]), kinds(again)); diff != "" {
			t.Errorf("after the cursor of event %d (-want +got):\n%s", i+1, diff)
		}
		if i == len(all)-2 {
			break // after the last one nothing comes
		}
	}
	again := follow(t, c.client, order.ID, order.EventCursor)
	if diff := cmp.Diff(kinds(all[1:]), kinds(again)); diff != "" {
		t.Errorf("after the order's own cursor (-want +got):\n%s", diff)
	}
	c.invariants()
}

// follow receives an order's events until it is fulfilled and checks their numbers.
func follow(t *testing.T, client *gqlclient.Client, id, after string) []seen {
	t.Helper()
	sub := subscribe(t, client, map[string]any{"id": id, "after": after})
	var all []seen
	for {
		event := next(t, sub)
		if len(all) > 0 && event.Sequence != all[len(all)-1].Sequence+1 {
			t.Errorf("event %d follows %d", event.Sequence, all[len(all)-1].Sequence)
		}
		all = append(all, event)
		if event.Order.Status == "FULFILLED" {
			return all
		}
	}
}

func kinds(events []seen) []string {
	list := make([]string, len(events))
	for i, event := range events {
		list[i] = event.Kind
	}
	return list
}
