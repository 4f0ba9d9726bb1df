package resolvers_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/google/uuid"

	"github.com/boostress/boostress/account"
	"github.com/boostress/boostress/internal/id"
	"github.com/boostress/boostress/internal/testkit"
	"github.com/boostress/boostress/live"
	"github.com/boostress/boostress/task"
)

// watch is a subscription, read event by event as a transport reads it.
type watch struct {
	t       *testing.T
	ctx     context.Context //nolint:containedctx // it is the subscription's
	next    graphql.ResponseHandler
	ended   func() error
	refused string // the code that it was refused with
}

func (s *stand) watch(t *testing.T, who account.Principal, document string, variables map[string]any) *watch {
	t.Helper()
	ctx, ended := live.WithEnding(account.NewContext(graphql.StartOperationTrace(t.Context()), who))
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	t.Cleanup(cancel)
	w := &watch{t: t, ctx: ctx, ended: ended}
	operation, refused := s.executor.CreateOperationContext(ctx, &graphql.RawParams{Query: document, Variables: numbers(t, variables)})
	if refused != nil {
		presented := s.executor.DispatchError(graphql.WithOperationContext(ctx, operation), refused)
		w.refused, _ = presented.Errors[0].Extensions["code"].(string)
		return w
	}
	w.next, w.ctx = s.executor.DispatchOperation(ctx, operation)
	return w
}

// event waits for the next event and returns its data; nil when the subscription ended.
func (w *watch) event() map[string]any {
	w.t.Helper()
	if w.next == nil {
		w.t.Fatalf("the subscription was refused: %s", w.refused)
	}
	response := w.next(w.ctx)
	if response == nil {
		return nil
	}
	if len(response.Errors) > 0 {
		w.refused, _ = response.Errors[0].Extensions["code"].(string)
		return nil
	}
	var data map[string]any
	if err := json.Unmarshal(response.Data, &data); err != nil {
		w.t.Fatal(err)
	}
	return data
}

const changed = `subscription($id: ID!, $after: String) { orderChanged(id: $id, after: $after) { cursor kind sequence order {
	status eventCursor
	destination { name } lines { nodes { serviceType } } } } }`

func (s *stand) place(t *testing.T, reference string) string {
	t.Helper()
	data := s.must(as(account.Integrator, 1), `mutation($r: String!) { createOrder(input: {reference: $r, category: "prints",
		destination: {name: "Ada"}, lines: [{serviceType: "poster-a3", quantity: 1}]}) { order { id } userErrors { message } } }`,
		map[string]any{"r": reference})
	text, ok := at(data, "createOrder", "order", "id").(string)
	if !ok {
		t.Fatalf("createOrder: %v", data)
	}
	return text
}

func (s *stand) cancel(t *testing.T, orderID string) {
	t.Helper()
	data := s.must(as(account.Operator, 1), `mutation($id: ID!) { cancelOrder(input: {id: $id}) { order { status } userErrors
		{ message } } }`,
		map[string]any{"id": orderID})
	if at(data, "cancelOrder", "order", "status") != "CANCELED" {
		t.Fatalf("cancelOrder: %v", data)
	}
}

func TestOrderChanged(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	world{account: 1}.fill(t, s.url)
	shop := as(account.Integrator, 1)
	orderID := s.place(t, "S-1")

	w := s.watch(t, shop, changed, map[string]any{"id": orderID})
	first := at(w.event(), "orderChanged")
	if at(first, "kind") != "PLACED" || at(first, "order", "status") != "PENDING" || at(first, "order", "destination", "name") != "Ada" {
		t.Fatalf("the latest event comes first: %v", first)
	}
	s.cancel(t, orderID)
	second := at(w.event(), "orderChanged")
	if at(second, "sequence") != 2.0 || at(second, "order", "lines", "nodes", 0, "serviceType") != "poster-a3" {
		t.Errorf("what follows: %v", second)
	}

	// Who comes back with a cursor, from an event or from a query, misses nothing.
	for name, after := range map[string]any{"an event's cursor": at(first, "cursor"), "the order's cursor then": at(first,
		"order", "eventCursor")} {
		again := at(s.watch(t, shop, changed, map[string]any{"id": orderID, "after": after}).event(), "orderChanged")
		if at(again, "sequence") != 2.0 {
			t.Errorf("%s: continues with %v", name, again)
		}
	}
	whole := at(s.watch(t, shop, changed, map[string]any{"id": orderID, "after": "0"}).event(), "orderChanged")
	if at(whole, "sequence") != 1.0 {
		t.Errorf("after 0: begins with %v", whole)
	}
	listed := s.must(shop, `query($id: ID!) { order(id: $id) { events(first: 1) { nodes { cursor } } } }`, map[string]any{"id": orderID})
	from := at(s.watch(t, shop, changed, map[string]any{"id": orderID, "after": at(listed, "order", "events", "nodes", 0,
		"cursor")}).event(), "orderChanged")
	if at(from, "sequence") != 2.0 {
		t.Errorf("a listed event's cursor: continues with %v", from)
	}
}

//nolint:paralleltest,tparallel // the subtests share what the stand counts
func TestSubscriptionsThatAreRefused(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	world{account: 1}.fill(t, s.url)
	world{account: 2, providers: 1, orders: 1}.fill(t, s.url)
	orderID := s.place(t, "S-1")
	theirs := idOf(id.Order, 2, 0)

	for name, tt := range map[string]struct {
		role      account.Role
		document  string
		variables map[string]any
		want      string
	}{
		"bad cursor":         {account.Viewer, changed, map[string]any{"id": orderID, "after": "nonsense"}, "CURSOR_INVALID"},
		"bad cursor, orders": {account.Viewer, `subscription { ordersChanged(after: "nonsense") { kind } }`, nil, "CURSOR_INVALID"},
		"unknown order":      {account.Viewer, changed, map[string]any{"id": "x"}, "BAD_USER_INPUT"},
		"another's order":    {account.Viewer, changed, map[string]any{"id": theirs}, "BAD_USER_INPUT"},
		"another's fulfillment": {
			account.Viewer, `subscription($id: ID!) { fulfillmentChanged(id: $id) { id } }`,
			map[string]any{"id": idOf(id.Fulfillment, 2, 0)},
			"BAD_USER_INPUT",
		},
		"another's provider": {
			account.Viewer, `subscription($id: ID!) { providerChanged(id: $id) { id } }`,
			map[string]any{"id": idOf(id.Provider, 2, 0)},
			"BAD_USER_INPUT",
		},
		"a provider's money": {
			account.Integrator, `subscription($id: ID!) { providerChanged(id: $id) { reserved { amount } } }`,
			map[string]any{"id": idOf(id.Provider, 1, 0)},
			"FORBIDDEN",
		},
		"role": {account.Integrator, `subscription { taskResultRecorded { state } }`, nil, "FORBIDDEN"},
		"role, nested": {account.Integrator, `subscription { ordersChanged { order { fulfillments { nodes { decision { madeAt
			} } } } } }`, nil, "FORBIDDEN"},
		"too often": {account.Viewer, `subscription { statisticsUpdated(every: "PT0.5S") { countedAt } }`, nil, "BAD_USER_INPUT"},
	} {
		t.Run(name, func(t *testing.T) {
			w := s.watch(t, as(tt.role, 1), tt.document, tt.variables)
			if w.refused == "" {
				if data := w.event(); data != nil {
					t.Fatalf("an event comes: %v", data)
				}
			}
			if w.refused != tt.want {
				t.Errorf("refused with %q, want %q", w.refused, tt.want)
			}
		})
	}
}

func TestOrdersChangedFilters(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	world{account: 1}.fill(t, s.url)
	world{account: 2}.fill(t, s.url)
	const document = `subscription($filter: OrderFilter, $after: String) { ordersChanged(filter: $filter, after: $after) {
		cursor kind order { reference status } } }`
	canceled := s.watch(t, as(account.Viewer, 1), document,
		map[string]any{"filter": map[string]any{"status": []string{"CANCELED"}, "referencePrefix": "F-"}})
	everything := s.watch(t, as(account.Viewer, 1), document, nil)
	others := s.watch(t, as(account.Viewer, 2), document, nil)

	s.cancel(t, s.place(t, "E-1"))
	s.cancel(t, s.place(t, "F-1"))
	if event := at(canceled.event(), "ordersChanged"); at(event, "order", "reference") != "F-1" || at(event, "order",
		"status") != "CANCELED" {
		t.Errorf("filtered: %v", event)
	}
	first := at(everything.event(), "ordersChanged")
	if at(first, "order", "reference") != "E-1" || at(first, "kind") != "PLACED" {
		t.Errorf("everything begins with %v", first)
	}
	resumed := s.watch(t, as(account.Viewer, 1), document, map[string]any{"after": at(first, "cursor")})
	if event := at(resumed.event(), "ordersChanged"); at(event, "order", "reference") != "E-1" || at(event, "kind") == "PLACED" {
		t.Errorf("resumed with %v", event)
	}

	made := s.must(as(account.Integrator, 2), `mutation { createOrder(input: {reference: "O-1", category: "c", destination: {},
		lines: [{serviceType: "s", quantity: 1}]}) { order { id } } }`, nil)
	if event := at(others.event(), "ordersChanged"); at(event, "order", "reference") != "O-1" {
		t.Errorf("the other account sees %v, made %v", event, made)
	}
}

func TestFulfillmentChanged(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	world{account: 1}.fill(t, s.url)
	orderID := s.place(t, "S-1")
	data := s.must(as(account.Viewer, 1), `query($id: ID!) { order(id: $id) { fulfillments { nodes { id } } }
		}`, map[string]any{"id": orderID})
	fulfillmentID := at(data, "order", "fulfillments", "nodes", 0, "id")
	w := s.watch(t, as(account.Viewer, 1), `subscription($id: ID!) { fulfillmentChanged(id: $id) { id status order { reference } } }`,
		map[string]any{"id": fulfillmentID})
	if first := at(w.event(), "fulfillmentChanged"); at(first, "status") != "PENDING" || at(first, "order", "reference") != "S-1" {
		t.Errorf("as it is: %v", first)
	}
	s.cancel(t, orderID)
	if second := at(w.event(), "fulfillmentChanged"); at(second, "status") != "CANCELED" {
		t.Errorf("as it became: %v", second)
	}
}

func TestStatisticsUpdated(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	world{account: 1, providers: 1, orders: 2}.fill(t, s.url)
	s.countStatuses()
	const document = `subscription { statisticsUpdated(every: "PT1S") { countedAt orders { status count } queues { name depth } } }`
	s.counter.since()
	begun := time.Now()
	watches := make([]*watch, 0, 3)
	for range 3 {
		watches = append(watches, s.watch(t, as(account.Viewer, 1), document, nil))
	}
	moments := make([]any, 0, len(watches))
	for _, w := range watches {
		first := at(w.event(), "statisticsUpdated")
		moments = append(moments, at(first, "countedAt"))
		if fmt.Sprint(at(first, "orders")) != "[map[count:1 status:PENDING] map[count:1 status:PROCESSING]]" {
			t.Errorf("orders: %v", first)
		}
	}
	if moments[0] != moments[1] || moments[1] != moments[2] {
		t.Errorf("each watcher has its own count: %v", moments)
	}
	reads := 0
	for _, statement := range s.counter.since() {
		if strings.Contains(statement, "name: StatusCounts ") {
			reads++
		}
	}
	if most := 1 + int(2*time.Since(begun)/time.Second); reads == 0 || reads > most {
		t.Errorf("%d reads for %d watchers", reads, len(watches))
	}
	s.countStatuses()
	testkit.Eventually(t, 10*time.Second, "a later count comes", func() bool {
		return at(watches[0].event(), "statisticsUpdated", "countedAt") != moments[0]
	})
}

func TestTaskResultRecorded(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	world{account: 1}.fill(t, s.url)
	orderID, err := uuid.Parse(s.place(t, "R-1"))
	if err != nil {
		t.Fatal(err)
	}
	w := s.watch(t, as(account.Operator, 1), `subscription { taskResultRecorded(filter: {state: [SUCCESS]}) { kind state order
		{ reference } } }`, nil)
	events := make(chan map[string]any, 1)
	go func() { events <- w.event() }()
	finished := func(number int, state task.State) task.Task {
		return task.Task{
			ID: id.New(id.Task), AccountID: accountID(number), Kind: task.KindDispatch, State: state, OrderID: &orderID,
		}
	}
	// Nothing is published before the publisher knows that somebody watches.
	var got map[string]any
	testkit.Eventually(t, 15*time.Second, "a finished task is announced", func() bool {
		s.results.Publish([]task.Task{finished(2, task.Success), finished(1, task.Failure), finished(1, task.Success)})
		select {
		case got = <-events:
			return true
		default:
			return false
		}
	})
	if at(got, "taskResultRecorded", "state") != "SUCCESS" || at(got, "taskResultRecorded", "order", "reference") != "R-1" {
		t.Errorf("recorded: %v", got)
	}
}
