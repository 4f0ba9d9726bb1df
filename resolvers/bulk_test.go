package resolvers_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/boostress/boostress/account"
	"github.com/boostress/boostress/internal/id"
	"github.com/boostress/boostress/store"
	"github.com/boostress/boostress/task"
)

// workBulk claims what bulk tasks wait and works each off; chunk is called after each of its chunks.
func (s *stand) workBulk(chunk func()) {
	s.t.Helper()
	worker := store.Worker{ID: id.New(id.Worker), Host: "here", PID: 1, Version: "test", Queues: task.Queues()}
	if err := s.store.WorkerRegister(s.t.Context(), worker); err != nil {
		s.t.Fatal(err)
	}
	tasks, err := s.store.TaskClaimDue(s.t.Context(), worker.ID, time.Minute, task.QueueSystem, 10)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, one := range tasks {
		for more := true; more; {
			if more, err = s.service.WorkBulk(s.t.Context(), one); err != nil {
				s.t.Fatal(err)
			}
			if chunk != nil {
				chunk()
			}
		}
	}
}

func TestCancelOrdersInBulk(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	world{account: 1}.fill(t, s.url)
	who := as(account.Integrator, 1)
	var placed []string
	for n := range 3 {
		placed = append(placed, s.place(t, fmt.Sprintf("B-%d", n)))
	}
	s.place(t, "other")
	s.cancel(t, placed[2])

	const begin = `mutation($input: CancelOrdersInput!) { cancelOrders(input: $input) {
		bulkOperation { id kind state arguments total done failed isCancelAsked error createdBy startedAt finishedAt }
		userErrors { field code message } } }`
	input := map[string]any{"idempotencyKey": "k", "ids": nil, "filter": map[string]any{"referencePrefix": "B-", "status": []string{
		"PENDING", "FULFILLED", "CANCELED",
	}}}
	made := at(s.must(who, begin, map[string]any{"input": input}), "cancelOrders", "bulkOperation")
	operationID := at(made, "id")
	drop(made, "id")
	want := map[string]any{
		"kind": "CANCEL_ORDERS", "state": "PENDING", "isCancelAsked": false, "error": nil, "createdBy": "key:test",
		"total": json.Number("3"), "done": json.Number("0"), "failed": json.Number("0"), "startedAt": nil, "finishedAt": nil,
		"arguments": map[string]any{
			"filter": map[string]any{"referencePrefix": "B-", "status": []any{"PENDING", "FULFILLED", "CANCELED"}},
		},
	}
	if diff := cmp.Diff(want, made); diff != "" {
		t.Errorf("cancelOrders (-want +got):\n%s", diff)
	}
	again := at(s.must(who, begin, map[string]any{"input": input}), "cancelOrders", "bulkOperation", "id")
	if again != operationID {
		t.Errorf("the same request again makes %v, not %v", again, operationID)
	}
	execute(t, s.url, "UPDATE orders SET account_id = gen_random_uuid() WHERE reference = 'B-1'") // as if retention took it
	s.workBulk(nil)
	execute(t, s.url, "UPDATE orders SET account_id = o.account_id FROM orders o WHERE orders.reference = 'B-1' AND o.reference = 'B-0'")

	data := s.must(who, `query($id: ID!) { bulkOperation(id: $id) { state done failed finishedAt
			rows(first: 2) { totalCount pageInfo { hasNextPage endCursor } nodes { position targetId outcome code message
				target { ... on Order { reference status } } } }
			failures: rows(filter: {outcome: [FAILED]}) { totalCount nodes { position code } }
			none: rows(filter: {outcome: [PENDING]}) { totalCount } }
		bulkOperations(filter: {kind: [CANCEL_ORDERS], state: [SUCCEEDED]}) { totalCount nodes { id } }
		others: bulkOperations(filter: {kind: [ENABLE_OFFERS]}) { totalCount } }`, map[string]any{"id": operationID})
	operation := at(data, "bulkOperation")
	if at(operation, "state") != "SUCCEEDED" || at(operation, "done") != json.Number("2") || at(operation, "failed") != json.Number("1") {
		t.Errorf("the operation is %v", operation)
	}
	wantRows := []any{
		map[string]any{
			"position": json.Number("0"), "targetId": placed[0], "outcome": "SUCCEEDED", "code": nil, "message": nil,
			"target": map[string]any{"reference": "B-0", "status": "CANCELED"},
		},
		map[string]any{
			"position": json.Number("1"), "targetId": placed[1], "outcome": "FAILED", "code": "NOT_FOUND", "message": "there is no such thing",
			"target": map[string]any{"reference": "B-1", "status": "PENDING"},
		},
	}
	if diff := cmp.Diff(wantRows, at(operation, "rows", "nodes")); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
	for _, path := range [][]any{
		{"failures", "totalCount", json.Number("1")},
		{"none", "totalCount", json.Number("0")},
		{"rows", "totalCount", json.Number("3")},
		{"failures", "nodes", 0, "position", json.Number("1")},
		{"rows", "pageInfo", "hasNextPage", true},
	} {
		if got := at(operation, path[:len(path)-1]...); got != path[len(path)-1] {
			t.Errorf("%v is %v", path, got)
		}
	}
	if at(data, "bulkOperations", "nodes", 0, "id") != operationID || at(data, "others", "totalCount") != json.Number("0") {
		t.Errorf("listed are %v and %v", at(data, "bulkOperations"), at(data, "others"))
	}
}

func TestBulkInputsThatCantBe(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	world{account: 1, providers: 1, orders: 1}.fill(t, s.url)
	for call, want := range map[string]string{
		`cancelOrders(input: {})`:                                    "<nil> INVALID",
		`cancelOrders(input: {ids: [], filter: {}})`:                 "<nil> INVALID",
		`cancelOrders(input: {ids: ["x"]})`:                          "[ids 0] NOT_FOUND",
		`cancelBulkOperation(input: {id: "x"})`:                      "[id] NOT_FOUND",
		`holdOrders(input: {filter: {}, name: "", reason: "r"})`:     "[name] REQUIRED",
		`releaseOrders(input: {filter: {}, name: ""})`:               "[name] REQUIRED",
		`retryFulfillments(input: {ids: ["x"]})`:                     "[ids 0] NOT_FOUND",
		`enableOffers(input: {})`:                                    "<nil> INVALID",
		`disableOffers(input: {ids: ["x"]})`:                         "[ids 0] NOT_FOUND",
		`cancelOrders(input: {filter: {referencePrefix: "\u0000"}})`: "<nil> INVALID",
	} {
		document := "mutation { b: " + call + " { bulkOperation { id } userErrors { field code } } }"
		payload := at(s.must(as(account.Admin, 1), document, nil), "b")
		fault := at(payload, "userErrors", 0)
		if got := fmt.Sprintf("%v %v", at(fault, "field"), at(fault, "code")); got != want || at(payload, "bulkOperation") != nil {
			t.Errorf("%s: %v, want %s", call, payload, want)
		}
	}
}

func TestCancelBulkOperation(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	world{account: 1}.fill(t, s.url)
	who := as(account.Operator, 1)
	s.place(t, "A")
	made := at(s.must(who, `mutation { cancelOrders(input: {filter: {}}) { bulkOperation { id } } }`, nil), "cancelOrders", "bulkOperation", "id")
	stop := func() any {
		return at(s.must(who, `mutation($id: ID!) { cancelBulkOperation(input: {id: $id}) { bulkOperation { state isCancelAsked } userErrors {
			code } } }`, map[string]any{"id": made}), "cancelBulkOperation", "bulkOperation")
	}
	want := map[string]any{"state": "CANCELED", "isCancelAsked": true}
	for range 2 {
		if diff := cmp.Diff(want, stop()); diff != "" {
			t.Errorf("cancelBulkOperation (-want +got):\n%s", diff)
		}
	}
	s.workBulk(func() { t.Error("it goes on") })
}

func TestOffersChangeAtOnceAndAsOperation(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	world{account: 1, providers: 3, orders: 0}.fill(t, s.url)
	admin := as(account.Admin, 1)
	const disable = `mutation { disableOffers(input: {filter: {}, idempotencyKey: "k"}) { offers { id isEnabled provider { name } }
		bulkOperation { id state done total } userErrors { code } } }`
	made := at(s.must(admin, disable, nil), "disableOffers")
	var ids []string
	for _, offer := range list(made, "offers") {
		text, _ := at(offer, "id").(string)
		ids = append(ids, text)
		if at(offer, "isEnabled") != false {
			t.Errorf("offer is %v", offer)
		}
	}
	if len(ids) != 6 || !slices.IsSorted(ids) {
		t.Errorf("offers are %v", ids)
	}
	operation := at(made, "bulkOperation")
	if at(operation, "state") != "SUCCEEDED" || at(operation, "done") != json.Number("6") || at(operation, "total") != json.Number("6") {
		t.Errorf("the operation is %v", operation)
	}
	again := at(s.must(admin, disable, nil), "disableOffers")
	if diff := cmp.Diff(made, again); diff != "" {
		t.Errorf("the same request again (-first +again):\n%s", diff)
	}
}

func TestBulkOperationProgressed(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	world{account: 1, providers: 1, orders: 1}.fill(t, s.url)
	world{account: 2}.fill(t, s.url)
	execute(t, s.url, `INSERT INTO offers (id, account_id, provider_id, external_id, name, category, service_type, unit_price, currency,
			created_at, updated_at)
		SELECT gen_random_uuid(), account_id, id, 'bulk ' || n, 'Poster', 'bulk', 'none', 1, currency, now(), now()
		FROM providers, generate_series(1, 1050) n`)
	admin := as(account.Admin, 1)
	made := at(s.must(admin, `mutation { disableOffers(input: {filter: {category: ["bulk"]}}) { offers { id } bulkOperation { id state } } }`, nil),
		"disableOffers")
	if at(made, "offers") != nil || at(made, "bulkOperation", "state") != "PENDING" {
		t.Fatalf("many offers: %v", made)
	}
	const document = `subscription($id: ID!) { bulkOperationProgressed(id: $id) { state done total } }`
	ids := map[string]any{"id": at(made, "bulkOperation", "id")}
	for name, refused := range map[string]*watch{
		"unknown": s.watch(t, admin, document, map[string]any{"id": "x"}), "another's": s.watch(t, as(account.Admin, 2), document, ids),
	} {
		if refused.event() != nil || refused.refused != "BAD_USER_INPUT" {
			t.Errorf("%s: refused with %q", name, refused.refused)
		}
	}
	one, other := s.watch(t, admin, document, ids), s.watch(t, as(account.Viewer, 1), document, ids)
	for _, w := range []*watch{one, other} {
		if first := at(w.event(), "bulkOperationProgressed"); at(first, "state") != "PENDING" || fmt.Sprint(at(first, "done")) != "0" {
			t.Errorf("first comes %v", first)
		}
	}
	worked := make(chan struct{})
	go func() {
		defer close(worked)
		s.workBulk(nil)
	}()
	for _, w := range []*watch{one, other} {
		last := -1.0
		for state := any(""); state != "SUCCEEDED"; {
			now := at(w.event(), "bulkOperationProgressed")
			done, ok := at(now, "done").(float64)
			if state = at(now, "state"); !ok || done <= last {
				t.Fatalf("after %v comes %v", last, now)
			}
			last = done
		}
		if last != 1050 {
			t.Errorf("the last tells %v", last)
		}
	}
	<-worked
}
