package order_test

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/boostress/boostress/internal/id"
	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/task"
)

var update = flag.Bool("update", false, "write docs/states.md anew")

const statesFile = "../docs/states.md"

// TestStatesDocument holds docs/states.md to the tables in the code.
func TestStatesDocument(t *testing.T) {
	t.Parallel()
	want := statesDocument(t)
	if *update {
		if err := os.WriteFile(statesFile, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(statesFile)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("docs/states.md is not what the tables say: go test ./order -run TestStatesDocument -update\n%s", diff)
	}
}

func statesDocument(t *testing.T) string {
	t.Helper()
	var text strings.Builder
	text.WriteString("# States\n\nMade from the tables in the code by `go test ./order -run TestStatesDocument -update`; " +
		"a test fails when they differ.\nWhat each state means and what moves it: [fulfillment.md](fulfillment.md).\n")

	text.WriteString("\n## Order\n\nAn order has no table of its own: its status is a function of its fulfillments and of two flags " +
		"(was `cancelOrder` called, has the deadline passed).\nThese are the steps that can be seen, found by trying every step of an " +
		"order with two lines from every situation. A `DRAFT` has no fulfillments until it is placed.\n\n")
	edges, ends := orderSteps(t)
	diagram(&text, order.Statuses(), func(a, b order.Status) bool { return edges[[2]order.Status{a, b}] },
		func(s order.Status) bool { return ends[s] }, order.Drafted, order.Pending)
	text.WriteString("\nThe rule, as a truth table; an empty cell stands for anything, and exactly one row is about each situation. " +
		"*Open* is a fulfillment whose end is not\nknown yet; *at work*: a provider has it, or may have it; *canceling*: its " +
		"cancellation is asked for and not answered.\n\n")
	writeTruthTable(&text)

	text.WriteString("\n## Fulfillment\n\n")
	diagram(&text, order.FulfillmentStatuses(), order.FulfillmentStatus.CanBecome, order.FulfillmentStatus.Final, order.FulfillmentPending)
	text.WriteString("\n## Attempt\n\n")
	diagram(&text, order.AttemptStates(), order.AttemptState.CanBecome,
		func(s order.AttemptState) bool { return !s.Unsettled() }, order.AttemptInFlight)
	text.WriteString("\n## Task\n\nThe API shows waiting, running and finished tasks alike as `TaskResult`.\n\n")
	diagram(&text, task.States(), func(a, b task.State) bool { return slices.Contains(a.Next(), b) }, task.State.Final, task.Pending)
	text.WriteString("\n## Bulk operation\n\n")
	diagram(&text, order.BulkStates(), order.BulkState.CanBecome, order.BulkState.Final, order.BulkPending)
	return text.String()
}

func diagram[S ~string](text *strings.Builder, states []S, leads func(S, S) bool, ends func(S) bool, first ...S) {
	text.WriteString("```mermaid\nstateDiagram-v2\n")
	for _, state := range first {
		fmt.Fprintf(text, "    [*] --> %s\n", state)
	}
	for _, state := range states {
		for _, next := range states {
			if leads(state, next) {
				fmt.Fprintf(text, "    %s --> %s\n", state, next)
			}
		}
		if ends(state) {
			fmt.Fprintf(text, "    %s --> [*]\n", state)
		}
	}
	text.WriteString("```\n")
}

func writeTruthTable(text *strings.Builder) {
	words := map[string]string{"none": "nothing", "some": "a part or all", "short": "nothing or a part", "part": "a part", "all": "all"}
	text.WriteString("| open | at work | canceling | delivered | a part failed | a part was canceled " +
		"| cancelOrder was called | deadline passed | status |\n")
	text.WriteString("| --- | --- | --- | --- | --- | --- | --- | --- | --- |\n")
	for _, row := range truthTable() {
		cells := []string{
			row.open, row.touched, row.canceling, words[row.delivered], row.failed, row.canceled, row.asked, row.expired,
			"`" + string(row.status) + "`",
		}
		text.WriteString("| " + strings.Join(cells, " | ") + " |\n")
	}
}

// orderSteps tries every step from every situation of orders with one and two lines of two units, at most one of which
// is routed anew, and returns which status was seen after which, and in which an order can have ended.
func orderSteps(t *testing.T) (edges map[[2]order.Status]bool, ends map[order.Status]bool) {
	t.Helper()
	edges, ends = map[[2]order.Status]bool{}, map[order.Status]bool{}
	seen, open := map[string]bool{}, []*order.Case{}
	for count := range 2 {
		start := &order.Case{Order: &order.Order{ID: id.New(id.Order), Currency: "EUR", Quantity: 2 + 2*count}, Now: noon}
		if err := start.Draft(); err != nil {
			t.Fatal(err)
		}
		open = append(open, start)
	}
	for len(open) > 0 {
		c := open[len(open)-1]
		open = open[:len(open)-1]
		if c.Order.FinishedAt != nil {
			ends[c.Order.Status] = true
		}
		for _, step := range stepsFrom(c) {
			next := copied(c)
			if err := step(next); err != nil || len(next.Events) == 0 || len(next.Fulfillments) > 3 {
				continue
			}
			before := c.Order.Status
			for _, event := range next.Events {
				if after := event.Snapshot.Status; after != before {
					edges[[2]order.Status{before, after}] = true
					before = after
				}
			}
			if name := situationOf(next); !seen[name] {
				seen[name] = true
				open = append(open, next)
			}
		}
	}
	if len(seen) < 1000 {
		t.Fatalf("only %d situations were tried", len(seen))
	}
	return edges, ends
}

// situationOf names all that decides about what can come next.
func situationOf(c *order.Case) string {
	parts := make([]string, 0, len(c.Fulfillments))
	for _, f := range c.Fulfillments {
		replaced := slices.ContainsFunc(c.Fulfillments, func(other *order.Fulfillment) bool {
			return other.ReplacesID != nil && *other.ReplacesID == f.ID
		})
		parts = append(parts, fmt.Sprint(f.Status, f.Quantity, f.Delivered, f.CancelAsked, f.RerouteAsked, f.Reserved.IsPos(), replaced))
	}
	slices.Sort(parts)
	return fmt.Sprint(c.Order.Quantity, c.Order.CancelAsked, c.Order.Expired, parts)
}

// copied opens the case anew.
func copied(c *order.Case) *order.Case {
	o := *c.Order
	next := &order.Case{Order: &o, Now: c.Now.Add(time.Second)}
	for _, f := range c.Fulfillments {
		row := *f
		next.Fulfillments = append(next.Fulfillments, &row)
	}
	return next
}

// stepsFrom lists what may happen to an order, possible or not.
func stepsFrom(c *order.Case) (steps []func(*order.Case) error) {
	steps = append(steps,
		func(c *order.Case) error { _, err := c.Expire(); return err },
		func(c *order.Case) error { _, err := c.AskCancel(); return err },
		func(c *order.Case) error {
			if ready, err := c.CheckPlace(); !ready || err != nil {
				return order.ErrTransition
			}
			return c.Place([]order.Line{{ID: uuid.UUID{1}, Quantity: 2}, {ID: uuid.UUID{2}, Quantity: 2}}[:c.Order.Quantity/2])
		})
	offer := &order.Offer{ID: uuid.UUID{1}, ProviderID: uuid.UUID{2}, Currency: "EUR", UnitPrice: amount("1")}
	charge := money("1")
	for i := range c.Fulfillments {
		of := func(do func(*order.Case, *order.Fulfillment) error) {
			steps = append(steps, func(c *order.Case) error { return do(c, c.Fulfillments[i]) })
		}
		of(func(c *order.Case, f *order.Fulfillment) error {
			if f.ProviderID != nil {
				return order.ErrTransition
			}
			return c.Submit(f, offer)
		})
		of(func(c *order.Case, f *order.Fulfillment) error { return c.Unroutable(f, "no offer") })
		of(func(c *order.Case, f *order.Fulfillment) error { return c.Lost(f, "timeout") })
		of(func(c *order.Case, f *order.Fulfillment) error { return c.Retry(f, "busy", false) })
		of((*order.Case).Resubmit)
		of(func(c *order.Case, f *order.Fulfillment) error { _, err := c.RetryNow(f); return err })
		of(func(c *order.Case, f *order.Fulfillment) error { _, err := c.Reroute(f, true); return err })
		of(func(c *order.Case, f *order.Fulfillment) error { _, err := c.Cancel(f); return err })
		of(func(c *order.Case, f *order.Fulfillment) error { return c.Unassign(f, "paused") })
		of((*order.Case).RequestCancel)
		of(func(c *order.Case, f *order.Fulfillment) error {
			if f.Status != order.FulfillmentCancelRequested {
				return order.ErrTransition
			}
			return c.RefuseCancel(f, "printed")
		})
		for _, seen := range []order.ExternalOrder{
			{State: order.ExternalAccepted},
			{State: order.ExternalInProgress},
			{State: order.ExternalPartial, Delivered: 1},
			{State: order.ExternalFulfilled, Charge: &charge},
			{State: order.ExternalRejected, Reroutable: true},
			{State: order.ExternalRejected},
			{State: order.ExternalFailed},
			{State: order.ExternalCanceled},
		} {
			of(func(c *order.Case, f *order.Fulfillment) error {
				ask, err := c.Observe(f, seen)
				if err == nil && ask {
					err = c.RequestCancel(f)
				}
				return err
			})
		}
	}
	return steps
}
