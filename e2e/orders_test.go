package e2e_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/boostress/boostress/internal/gqlclient"
)

var errRefused = errors.New("refused")

const (
	createOrders = `mutation($input: CreateOrdersInput!) { createOrders(input: $input) {
		orders { id } userErrors { field code message } } }`
	openOrders  = `{ open: orders(filter: {isOpen: true}, first: 1) { totalCount } }`
	countOrders = `query($status: [OrderStatus!]) { orders(filter: {status: $status}, first: 1) { totalCount } }`
	someOpen    = `{ orders(filter: {isOpen: true}, first: 3) { nodes { id status attention fulfillments(first: 5) { nodes {
		status failure nextPollAt attempts(first: 20) { nodes { state class message callNumber startedAt } } } } } }
		taskResults(filter: {state: [PENDING, STARTED, RETRY]}, first: 5) { nodes { kind state attempt error { class message } dueAt } } }`
	drafts = 20 // orders in one createOrders
)

// place places count orders through client and returns the ids that were acknowledged.
func place(ctx context.Context, client *gqlclient.Client, prefix string, count int) ([]string, error) {
	var placed []string
	for len(placed) < count {
		size := min(drafts, count-len(placed))
		batch := make([]map[string]any, size)
		for i := range batch {
			batch[i] = map[string]any{
				"reference": fmt.Sprintf("%s-%d", prefix, len(placed)+i), "category": category,
				"destination": map[string]any{"name": "Ada", "countryCode": "GB"},
				"budget":      map[string]any{"amount": "50.00", "currency": "EUR"},
				"lines":       []any{map[string]any{"serviceType": service, "quantity": 1 + i%3}},
			}
		}
		ids, err := placeBatch(ctx, client, batch)
		if err != nil {
			return placed, err
		}
		placed = append(placed, ids...)
	}
	return placed, nil
}

func placeBatch(ctx context.Context, client *gqlclient.Client, batch []map[string]any) ([]string, error) {
	var result struct {
		CreateOrders struct {
			Orders     []*struct{ ID string }
			UserErrors []json.RawMessage
		}
	}
	key := fmt.Sprint("batch-", batch[0]["reference"])
	input := map[string]any{"orders": batch, "idempotencyKey": key}
	if err := client.Do(ctx, createOrders, map[string]any{"input": input}, &result); err != nil {
		return nil, err
	}
	if len(result.CreateOrders.UserErrors) > 0 {
		return nil, fmt.Errorf("%w: %s", errRefused, result.CreateOrders.UserErrors[0])
	}
	ids := make([]string, len(batch))
	for i, order := range result.CreateOrders.Orders {
		ids[i] = order.ID
	}
	return ids, nil
}

// open counts the orders that have not ended; −1 where the server did not say.
func (c *cluster) open() int {
	var result struct{ Open struct{ TotalCount int } }
	ctx, cancel := context.WithTimeout(c.t.Context(), 2*time.Second)
	defer cancel()
	if err := c.client.Do(ctx, openOrders, nil, &result); err != nil {
		return -1
	}
	return result.Open.TotalCount
}

func (c *cluster) count(status string) int {
	c.t.Helper()
	var result struct{ Orders struct{ TotalCount int } }
	must(c.t, c.client.Do(c.t.Context(), countOrders, map[string]any{"status": []string{status}}, &result))
	return result.Orders.TotalCount
}

// settled waits until every order has ended and returns how long that took.
func (c *cluster) settled(within time.Duration) time.Duration {
	c.t.Helper()
	begun := time.Now()
	late := time.After(within)
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for c.open() != 0 {
		select {
		case <-tick.C:
		case <-late:
			c.explain()
			c.t.Fatalf("%d orders have not ended within %v", c.open(), within)
		}
	}
	return time.Since(begun)
}

// ledger is what the simulated providers counted by themselves.
type ledger struct {
	Orders        int `json:"orders"`
	LiveOrders    int `json:"liveOrders"`
	DistinctKeys  int `json:"distinctKeys"`
	DuplicateKeys int `json:"duplicateKeys"`
}

// audit checks the invariants on the database, and the providers' own ledger: every one of the placed orders was
// fulfilled, and none was ordered twice.
func (c *cluster) audit(placed []string) {
	c.t.Helper()
	if fulfilled := c.count("FULFILLED"); fulfilled != len(placed) {
		c.t.Errorf("%d orders are FULFILLED, %d were acknowledged", fulfilled, len(placed))
	}
	var counted ledger
	c.get(c.t.Context(), "/_sandbox/stats", &counted)
	if counted.DuplicateKeys != 0 || counted.LiveOrders != len(placed) {
		c.t.Errorf("the providers' ledger has %d live orders for %d placed, %d keys twice",
			counted.LiveOrders, len(placed), counted.DuplicateKeys)
	}
	c.invariants()
	c.t.Logf("placed %d, fulfilled %d, in the providers' ledger %d, doubled %d",
		len(placed), c.count("FULFILLED"), counted.LiveOrders, counted.DuplicateKeys)
}

// invariants runs the checker as an operator would.
func (c *cluster) invariants() {
	c.t.Helper()
	check := exec.CommandContext(c.t.Context(), c.binary, "doctor", "--invariants",
		"--sandbox-url", "http://"+c.sandbox, "--sandbox-token", sandboxToken)
	check.Env = c.env
	if output, err := check.CombinedOutput(); err != nil {
		c.t.Errorf("doctor --invariants: %v\n%s", err, output)
	}
}

// query reads one column from the database.
func query[T any](c *cluster, statement string, args ...any) []T {
	c.t.Helper()
	conn, err := pgx.Connect(c.t.Context(), c.stack.DatabaseURL)
	must(c.t, err)
	defer func() { must(c.t, conn.Close(context.WithoutCancel(c.t.Context()))) }()
	rows, err := conn.Query(c.t.Context(), statement, args...)
	must(c.t, err)
	list, err := pgx.CollectRows(rows, pgx.RowTo[T])
	must(c.t, err)
	return list
}

// explain logs how a few open orders stand, for a test that failed.
func (c *cluster) explain() {
	c.t.Helper()
	var orders json.RawMessage
	if err := c.client.Do(c.t.Context(), someOpen, nil, &orders); err != nil {
		c.t.Log(err)
	}
	c.t.Logf("open orders: %s", orders)
}
