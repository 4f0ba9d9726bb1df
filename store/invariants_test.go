package store_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/govalues/decimal"

	"github.com/boostress/boostress/account"
	"github.com/boostress/boostress/fulfillment"
	"github.com/boostress/boostress/internal/id"
	"github.com/boostress/boostress/internal/seal"
	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/store"
	"github.com/boostress/boostress/task"
)

// scene is a database in which all sorts of orders stand where they may stand.
type scene struct {
	testStore

	t       *testing.T
	service *fulfillment.Service
	who     account.Principal
	worker  uuid.UUID
	offers  map[string]uuid.UUID // by service type
}

func newScene(t *testing.T) *scene {
	t.Helper()
	keys, err := seal.NewKeyring(seal.GenerateKey())
	if err != nil {
		t.Fatal(err)
	}
	s := &scene{testStore: openStore(t), t: t, offers: map[string]uuid.UUID{}}
	s.service = fulfillment.New(s.Store, fulfillment.Options{
		Adapters: func() []string { return []string{"boostress"} }, Seal: keys, Term: term,
		Capabilities: func(context.Context, order.Provider) (order.Capabilities, error) {
			return order.Capabilities{Idempotency: order.IdempotencyNative, Cancel: true}, nil
		},
	})
	s.worker = register(t, s.testStore)
	made := account.Account{ID: id.New(id.Account), Name: "default", Currency: "EUR", CreatedAt: time.Now()}
	write(t, s.testStore, func(tx *store.Tx) error { return tx.InsertAccount(t.Context(), made) })
	s.who = account.Principal{AccountID: made.ID, Currency: "EUR", Actor: "key:test", Role: account.Admin}
	return s
}

func (s *scene) ok(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// sells adds a provider with one offer for each of some service types, at one euro, in an order of ids.
func (s *scene) sells(name, budget string, services ...string) {
	s.t.Helper()
	url, limit := "https://provider.example", decimal.MustParse(budget)
	provider, err := s.service.CreateProvider(s.t.Context(), s.who, fulfillment.ProviderInput{
		Name: &name, Adapter: "boostress", BaseURL: &url, Budget: &limit, Simulated: true,
	})
	s.ok(err)
	for _, service := range services {
		category, price := "prints", order.Money{Amount: decimal.MustParse("1"), Currency: "EUR"}
		offer, err := s.service.CreateOffer(s.t.Context(), s.who, fulfillment.OfferInput{
			ProviderID: provider.ID, ExternalID: service, Name: &service, Category: &category, ServiceType: &service, UnitPrice: &price,
		})
		s.ok(err)
		s.offers[service] = offer.ID
	}
}

// place orders four units of each of some services; the reference is what the order is found by.
func (s *scene) place(reference string, services ...string) {
	s.t.Helper()
	limit, deadline := order.Money{Amount: decimal.MustParse("100"), Currency: "EUR"}, time.Now().Add(time.Hour)
	draft := order.Draft{Reference: reference, IdempotencyKey: reference, Category: "prints", Budget: &limit, Deadline: &deadline}
	for _, service := range services {
		draft.Lines = append(draft.Lines, order.LineDraft{ServiceType: service, Quantity: 4})
	}
	_, err := s.service.CreateOrder(s.t.Context(), s.who, draft)
	s.ok(err)
}

// step claims what waits, writes its intents and returns the calls, by the order's reference.
func (s *scene) step() map[string]fulfillment.Step {
	s.t.Helper()
	tasks, err := s.TaskClaimDue(s.t.Context(), s.worker, term, task.QueueDispatch, 100)
	s.ok(err)
	steps, err := s.service.Intend(s.t.Context(), tasks)
	s.ok(err)
	calls := map[string]fulfillment.Step{}
	for _, step := range steps {
		if step.Kind != fulfillment.StepNone {
			calls[query[string](s.t, s.testStore, "SELECT reference FROM orders WHERE id = $1", *step.Task.OrderID)[0]] = step
		}
	}
	return calls
}

func (s *scene) answer(step fulfillment.Step, outcome order.Outcome) {
	s.t.Helper()
	errs, err := s.service.Record(s.t.Context(), []fulfillment.Report{{Step: step, Outcome: outcome}})
	s.ok(err)
	s.ok(errs[0])
}

func (s *scene) says(step fulfillment.Step, state order.ExternalState, delivered int, charge string) {
	s.t.Helper()
	seen := &order.ExternalOrder{ExternalID: "x-" + step.Request.OrderReference, State: state, RawStatus: "word", Delivered: delivered}
	if charge != "" {
		seen.Charge = &order.Money{Amount: decimal.MustParse(charge), Currency: "EUR"}
	}
	s.answer(step, order.Outcome{Class: order.ClassAccepted, Order: seen})
}

// play brings orders to all sorts of ends and beginnings.
func (s *scene) play() {
	s.t.Helper()
	s.sells("first", "1000", "a", "b")
	s.sells("second", "0", "a")
	s.place("waiting", "nobody's")
	for _, reference := range []string{
		"fulfilled", "charge to come", "overcharged", "unknown", "on its way", "rejected", "canceling", "partial", "failed",
	} {
		s.place(reference, "b")
	}
	s.place("rerouted", "a")
	calls := s.step()
	s.says(calls["fulfilled"], order.ExternalFulfilled, 4, "3.50")
	s.says(calls["charge to come"], order.ExternalFulfilled, 4, "")
	s.says(calls["partial"], order.ExternalPartial, 2, "1")
	s.says(calls["overcharged"], order.ExternalAccepted, 0, "5")
	s.says(calls["failed"], order.ExternalFailed, 0, "")
	s.answer(calls["unknown"], order.Outcome{Class: order.ClassUnknown, Message: "timeout"})
	rejected := order.Outcome{Class: order.ClassRejected, Message: "no paper", Reroutable: true}
	s.answer(calls["rejected"], rejected)
	s.answer(calls["rerouted"], rejected)
	s.says(calls["canceling"], order.ExternalInProgress, 0, "")
	again := s.step()
	s.says(again["rerouted"], order.ExternalAccepted, 0, "")
	canceled := query[uuid.UUID](s.t, s.testStore, "SELECT id FROM orders WHERE reference = 'canceling'")[0]
	_, err := s.service.CancelOrder(s.t.Context(), s.who, canceled)
	s.ok(err)
	s.step() // its cancellation is on its way
	schedule, ran := id.New(id.Schedule), id.New(id.Task)
	for statement, args := range map[string][]any{
		`INSERT INTO schedule_slots (schedule_id, slot, task_id, fired_at) VALUES ($1, now(), $2, now())`: {schedule, ran},
		`INSERT INTO task_results (id, account_id, kind, queue, priority, state, attempt, max_attempts, enqueued_at, finished_at)
			VALUES ($1, $2, 'RETENTION', 'system', 0, 'SUCCESS', 1, 25, now(), now())`: {ran, s.who.AccountID},
	} {
		execute(s.t, s.testStore, statement, args...)
	}
}

func (s *scene) violations() []store.Violation {
	s.t.Helper()
	violations, err := s.Invariants(s.t.Context(), term)
	s.ok(err)
	more, err := s.CheckLedger(s.t.Context(), s.ledger())
	s.ok(err)
	return append(violations, more...)
}

// ledger is what the providers hold, as far as the database knows.
func (s *scene) ledger() (lines []store.LedgerLine) {
	s.t.Helper()
	for _, one := range query[string](s.t, s.testStore, `SELECT a.key || ' ' || x.external_id FROM attempts a
		JOIN honest x ON x.fulfillment_id = a.fulfillment_id WHERE a.state = 'ACCEPTED' AND a.operation = 'CREATE'`) {
		key, externalID, _ := strings.Cut(one, " ")
		lines = append(lines, store.LedgerLine{Provider: "p", Key: key, ExternalID: externalID, Live: true})
	}
	return lines
}

// tables are those that tests break and mend again, each after those that it refers to.
var tables = []string{
	"meta", "providers", "offers", "orders", "order_lines", "fulfillments", "attempts", "ledger_entries", "events", "tasks", "task_results",
	"schedule_slots", "idempotency_keys", "workers",
}

// keep remembers every row, and what the providers hold.
func (s *scene) keep() {
	s.t.Helper()
	for _, table := range tables {
		execute(s.t, s.testStore, fmt.Sprintf("CREATE TABLE kept_%s AS TABLE %s", table, table))
	}
	execute(s.t, s.testStore, `CREATE TABLE honest AS SELECT id AS fulfillment_id, external_id FROM fulfillments
		WHERE external_id IS NOT NULL AND status <> 'FAILED'`)
	// Broken rows must be possible, where ordinarily the database itself refuses them.
	execute(s.t, s.testStore, `ALTER TABLE orders DROP CONSTRAINT orders_budget_check;
		ALTER TABLE providers DROP CONSTRAINT providers_budget_check; ALTER TABLE events DROP CONSTRAINT events_sequence_key;
		ALTER TABLE schedule_slots DROP CONSTRAINT schedule_slots_pkey`)
}

func (s *scene) mend() {
	s.t.Helper()
	statements := []string{"TRUNCATE " + strings.Join(tables, ", ")}
	for _, table := range tables {
		statements = append(statements, fmt.Sprintf("INSERT INTO %s SELECT * FROM kept_%s", table, table))
	}
	execute(s.t, s.testStore, strings.Join(statements, "; "))
}

// of is the id of an order, or of what belongs to it, for use within a statement.
func of(reference, column string) string {
	if column == "order" {
		return "(SELECT id FROM orders WHERE reference = '" + reference + "')"
	}
	return "(SELECT f.id FROM fulfillments f JOIN orders o ON o.id = f.order_id WHERE o.reference = '" + reference + "' ORDER BY f.id DESC LIMIT 1)"
}

// breakages are statements that break an invariant each, by what the violation's rule says.
func breakages() map[string][]string {
	fulfilled, unknown, waiting := of("fulfilled", ""), of("unknown", ""), of("waiting", "")
	return map[string][]string{
		"every order has lines": {
			"DELETE FROM order_lines WHERE order_id = " + of("fulfilled", "order"),
			"DELETE FROM fulfillments WHERE id = " + fulfilled,
		},
		"what an idempotency key answers": {"UPDATE idempotency_keys SET result_ids = ARRAY[gen_random_uuid()] WHERE key = 'fulfilled'"},
		"every attempt belongs":           {"UPDATE attempts SET fulfillment_id = gen_random_uuid() WHERE fulfillment_id = " + fulfilled},
		"every row of order_lines":        {"DELETE FROM orders WHERE reference = 'fulfilled'"},
		"every row of fulfillments":       {"UPDATE orders SET account_id = gen_random_uuid() WHERE reference = 'fulfilled'"},
		"every row of ledger_entries":     {"DELETE FROM orders WHERE reference = 'fulfilled'"},
		"every row of events":             {"DELETE FROM orders WHERE reference = 'waiting'"},
		"every row of tasks":              {"DELETE FROM orders WHERE reference = 'waiting'"},

		"an order at a provider belongs": {"UPDATE fulfillments SET external_id = 'x-fulfilled' WHERE id = " + of("partial", "")},
		"while an outcome is open": {
			"UPDATE fulfillments SET provider_id = gen_random_uuid() WHERE id = " + unknown,
			"UPDATE fulfillments SET generation = 2 WHERE id = " + unknown,
			"UPDATE fulfillments SET status = 'RETRY_WAIT' WHERE id = " + unknown,
			"UPDATE fulfillments SET replaces_id = " + unknown + " WHERE id = " + waiting,
		},
		"what is being submitted": {
			"UPDATE attempts SET state = 'RETRYABLE' WHERE state = 'UNKNOWN'",
			"UPDATE attempts SET state = 'RETRYABLE' WHERE state = 'IN_FLIGHT' AND operation = 'CREATE'",
		},
		"a fulfillment has one accepted key": {`INSERT INTO attempts SELECT gen_random_uuid(), account_id, fulfillment_id, provider_id, operation,
			key || '0', call_number, state, class, message, latency_us, request, response, started_at, finished_at
			FROM attempts WHERE fulfillment_id = ` + fulfilled},
		"what is at a provider was accepted": {"UPDATE attempts SET state = 'RETRYABLE' WHERE fulfillment_id = " + fulfilled},
		"a provider that is excluded":        {"UPDATE fulfillments SET excluded = ARRAY[provider_id] WHERE id = " + fulfilled},
		"one task at a time": {`INSERT INTO tasks (id, account_id, kind, queue, order_id, fulfillment_id) SELECT gen_random_uuid(), account_id,
			kind, queue, order_id, fulfillment_id FROM tasks WHERE fulfillment_id = ` + waiting},

		"fulfillments: the sums": {
			"UPDATE fulfillments SET charged = 3.51 WHERE id = " + fulfilled,
			"UPDATE fulfillments SET unit_price = 0.1 WHERE id = " + of("charge to come", ""),
		},
		"nothing is reserved": {"UPDATE fulfillments SET status = 'FAILED' WHERE id = " + of("charge to come", "")},
		"an overcharge has": {
			"UPDATE orders SET attention = '' WHERE reference = 'overcharged'",
			"UPDATE events SET kind = 'CHARGED' WHERE kind = 'OVERCHARGED'",
		},
		"an order, its fulfillments and its ledger": {
			"UPDATE fulfillments SET currency = 'USD' WHERE id = " + fulfilled,
			"UPDATE ledger_entries SET currency = 'USD' WHERE fulfillment_id = " + fulfilled,
			"UPDATE providers SET currency = 'USD'",
		},
		"orders: reserved": {
			"UPDATE orders SET budget = 3 WHERE reference = 'fulfilled'", "UPDATE orders SET reserved = -1 WHERE reference = 'waiting'",
		},
		"orders: the sums":    {"DELETE FROM ledger_entries WHERE kind = 'RELEASE' AND fulfillment_id = " + fulfilled},
		"providers: reserved": {"UPDATE providers SET budget = 3 WHERE name = 'first'"},
		"providers: the sums": {"UPDATE providers SET spent = spent + 0.000001 WHERE name = 'first'"},

		"of each line": {
			"UPDATE fulfillments SET quantity = 5 WHERE id = " + waiting,
			"UPDATE fulfillments SET quantity = 3 WHERE id = " + waiting,
			"DELETE FROM fulfillments WHERE replaces_id IS NOT NULL AND status = 'SUBMITTED'",
		},
		"a fulfillment is replaced once": {
			"UPDATE fulfillments SET replaces_id = " + fulfilled + " WHERE id = " + waiting,
			"UPDATE fulfillments SET replaces_id = (SELECT replaces_id FROM fulfillments WHERE replaces_id IS NOT NULL LIMIT 1) WHERE id = " + waiting,
		},
		"no more is delivered": {
			"UPDATE fulfillments SET delivered = 5 WHERE id = " + fulfilled, "UPDATE fulfillments SET delivered = 3 WHERE id = " + fulfilled,
		},
		"an order's quantity": {
			"UPDATE orders SET quantity = 5 WHERE reference = 'waiting'", "UPDATE orders SET delivered = 3 WHERE reference = 'fulfilled'",
		},

		"an order's events are numbered": {
			"DELETE FROM events WHERE sequence = 2 AND order_id = " + of("fulfilled", "order"),
			"DELETE FROM events WHERE sequence = 3 AND order_id = " + of("fulfilled", "order"),
			"UPDATE events SET sequence = 3 WHERE sequence = 2 AND order_id = " + of("fulfilled", "order"),
			"UPDATE events SET kind = 'CHARGED' WHERE sequence = 1 AND order_id = " + of("fulfilled", "order"),
		},
		"an order is as its last event": {
			"UPDATE orders SET spent = 3.6 WHERE reference = 'fulfilled'",
			"UPDATE orders SET finished_at = finished_at + interval '1 second' WHERE reference = 'fulfilled'",
			"UPDATE orders SET updated_at = now() WHERE reference = 'waiting'",
			"UPDATE orders SET attention = 'x' WHERE reference = 'fulfilled'",
		},
		"a fulfillment is as the last event": {
			"UPDATE fulfillments SET status = 'SUBMITTED' WHERE id = " + of("partial", ""),
			"UPDATE fulfillments SET status = 'SCHEDULED' WHERE id = " + waiting,
		},
		"an order's status is what": {
			"UPDATE orders SET status = 'PROCESSING' WHERE reference = 'partial'",
			"UPDATE orders SET cancel_asked = true WHERE reference = 'failed'",
			"UPDATE orders SET expired = true WHERE reference = 'failed'",
		},
		"an order has ended exactly": {
			"UPDATE orders SET finished_at = NULL WHERE reference = 'fulfilled'", "UPDATE orders SET finished_at = now() WHERE reference = 'waiting'",
		},
		"an order's later event": {"UPDATE events SET id = -id WHERE sequence > 1 AND order_id = " + of("fulfilled", "order")},

		"what waits for a provider": {
			"DELETE FROM tasks WHERE fulfillment_id = " + waiting, "DELETE FROM tasks WHERE fulfillment_id = " + unknown,
			"UPDATE tasks SET kind = 'CANCEL' WHERE fulfillment_id = " + waiting,
		},
		"what is at a provider, or waits": {
			"UPDATE fulfillments SET next_poll_at = NULL WHERE id = " + of("partial", ""),
			"UPDATE fulfillments SET next_poll_at = NULL WHERE id = " + of("charge to come", ""),
		},
		"no deadline was passed over": {"UPDATE orders SET deadline = '2000-01-01' WHERE reference = 'waiting'"},

		"a task that runs": {
			"UPDATE tasks SET claim_token = gen_random_uuid() WHERE fulfillment_id = " + waiting,
			"UPDATE tasks SET state = 'STARTED' WHERE fulfillment_id = " + waiting,
		},
		"no claim outlives": {
			"UPDATE workers SET heartbeat_at = now() - interval '31 seconds'",
			"DELETE FROM workers; UPDATE tasks SET started_at = now() - interval '1 minute' WHERE claim_token IS NOT NULL",
		},
		"a task ends once": {
			"UPDATE task_results SET id = (SELECT id FROM task_results ORDER BY id LIMIT 1)",
			"UPDATE task_results SET id = (SELECT id FROM tasks LIMIT 1) WHERE kind = 'RETENTION'",
		},
		"a cancellation that is on its way": {"DELETE FROM tasks WHERE kind = 'CANCEL'"},

		"a slot has one run":       {"INSERT INTO schedule_slots SELECT schedule_id, slot, gen_random_uuid(), fired_at FROM schedule_slots"},
		"a run belongs":            {"INSERT INTO schedule_slots SELECT gen_random_uuid(), slot, task_id, fired_at FROM schedule_slots"},
		"a slot that fired within": {"DELETE FROM task_results WHERE kind = 'RETENTION'"},

		"a live order at a provider is known": {"UPDATE fulfillments SET external_id = 'y' WHERE id = " + of("partial", "")},
		"a live order at a provider is that": {
			"UPDATE fulfillments SET status = 'CANCELED' WHERE id = " + of("partial", ""),
			"UPDATE fulfillments SET external_id = 'x-partial' WHERE id = " + fulfilled,
		},
		"what counts as delivered": {"UPDATE fulfillments SET status = 'FULFILLED', external_id = 'z' WHERE id = " + of("partial", "")},
	}
}

// TestInvariants breaks every rule, one at a time, and has the checker tell it.
func TestInvariants(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.play()
	s.keep()
	for _, violation := range s.violations() {
		t.Errorf("nothing was broken: %s", violation)
	}
	told := map[string]bool{}
	for rule, statements := range breakages() {
		for _, statement := range statements {
			execute(t, s.testStore, statement)
			found := ""
			for _, violation := range s.violations() {
				if strings.HasPrefix(violation.Rule, rule) {
					found = violation.Rule
					if violation.Count < 1 || len(violation.Rows) == 0 || violation.Rows[0] == "" || !strings.Contains(violation.String(), rule) {
						t.Errorf("the violation says too little: %+v", violation)
					}
				}
			}
			if found == "" {
				t.Errorf("%q is not told after %s", rule, statement)
			}
			told[found] = true
			s.mend()
		}
	}
	for _, rule := range store.Rules() {
		if !told[rule] {
			t.Errorf("%q was never broken", rule)
		}
	}
	for _, violation := range s.violations() {
		t.Errorf("everything was mended: %s", violation)
	}
}

func TestLedgerWithDoubles(t *testing.T) {
	t.Parallel()
	st := openStore(t)
	lines := []store.LedgerLine{
		{Provider: "p", Key: "twice", ExternalID: "1", Live: true},
		{Provider: "p", Key: "twice", ExternalID: "2", Live: true},
		{Provider: "p", Key: "twice", ExternalID: "3", Live: true},
		{Provider: "p", Key: "again", ExternalID: "4"},
		{Provider: "p", Key: "again", ExternalID: "5", Live: true},
		{Provider: "q", Key: "again", ExternalID: "6", Live: true},
	}
	violations, err := st.CheckLedger(t.Context(), lines)
	if err != nil {
		t.Fatal(err)
	}
	var doubled, unknown store.Violation
	for _, violation := range violations {
		switch {
		case strings.HasPrefix(violation.Rule, "a provider holds one"):
			doubled = violation
		case strings.HasPrefix(violation.Rule, "a live order at a provider is known"):
			unknown = violation
		}
	}
	if doubled.Invariant != 2 || doubled.Count != 1 || doubled.Rows[0] != "provider p key twice" {
		t.Errorf("doubled is %+v", doubled)
	}
	if unknown.Invariant != 2 || unknown.Count != 5 {
		t.Errorf("unknown is %+v", unknown)
	}
}

// TestViolationsAreCounted: ten examples, and the number of all.
func TestViolationsAreCounted(t *testing.T) {
	t.Parallel()
	st := openStore(t)
	execute(t, st, `INSERT INTO attempts (id, account_id, fulfillment_id, provider_id, operation, key, call_number, state, started_at)
		SELECT gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), 'CREATE', 'k', 1, 'ACCEPTED', now()
		FROM generate_series(1, 25)`)
	violations, err := st.Invariants(t.Context(), term)
	if err != nil || len(violations) != 1 {
		t.Fatalf("violations are %v, %v", violations, err)
	}
	if one := violations[0]; one.Count != 25 || len(one.Rows) != 10 || one.Invariant != 1 || !strings.HasSuffix(one.String(), "; …") {
		t.Errorf("violation is %+v", one)
	}
}
