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

// paced places an order in two slices, one of which is sent later.
func (s *scene) paced(reference string) {
	s.t.Helper()
	soon := time.Now().Add(time.Hour)
	_, err := s.service.CreateOrder(s.t.Context(), s.who, order.Draft{
		Reference: reference, Category: "prints", Deadline: &soon, Pacing: &order.Pacing{Mode: order.PaceEven, Slices: 2},
		Lines: []order.LineDraft{{ServiceType: "b", Quantity: 4}},
	})
	s.ok(err)
}

// draft makes an order that is not placed, and perhaps cancels it.
func (s *scene) draft(reference string, cancel bool) {
	s.t.Helper()
	made, err := s.service.CreateOrder(s.t.Context(), s.who, order.Draft{
		Reference: reference, Category: "prints", IsDraft: true, Lines: []order.LineDraft{{ServiceType: "b", Quantity: 4}},
	})
	s.ok(err)
	if cancel {
		_, err := s.service.CancelOrder(s.t.Context(), s.who, made.ID)
		s.ok(err)
	}
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
	s.paced("paced")
	s.draft("draft", false)
	s.draft("given up", true)
	s.place("canceled", "b")
	_, err = s.service.CancelOrder(s.t.Context(), s.who, query[uuid.UUID](s.t, s.testStore, "SELECT id FROM orders WHERE reference = 'canceled'")[0])
	s.ok(err)
	s.place("held", "b")
	held := query[uuid.UUID](s.t, s.testStore, "SELECT id FROM orders WHERE reference = 'held'")[0]
	_, err = s.service.HoldOrder(s.t.Context(), s.who, held, "payment", "not paid yet")
	s.ok(err)
	s.bulk()
	schedule, ran := id.New(id.Schedule), id.New(id.Task)
	for statement, args := range map[string][]any{
		`INSERT INTO schedule_slots (schedule_id, slot, task_id, fired_at, number) VALUES ($1, now(), $2, now(), 1)`: {schedule, ran},
		`INSERT INTO schedules (id, account_id, name, rule, every_ms, task_kind, created_at, awaits, next_at, enabled, queued_slot, system,
			updated_at)
			SELECT $1, $2, 'waits', 'INTERVAL', 60000, 'RETENTION', n, gen_random_uuid(), n, true, n, false, n FROM now() n`: {
			id.New(id.Schedule), s.who.AccountID,
		},
		`INSERT INTO task_results (id, account_id, kind, queue, priority, state, attempt, max_attempts, due_at, enqueued_at, finished_at)
			VALUES ($1, $2, 'RETENTION', 'system', 0, 'SUCCESS', 1, 25, now(), '2026-01-01Z', now())`: {ran, s.who.AccountID},
	} {
		execute(s.t, s.testStore, statement, args...)
	}
}

// bulk is an operation that is in the midst of its rows.
func (s *scene) bulk() {
	s.t.Helper()
	operation := id.New(id.BulkOperation)
	for statement, args := range map[string][]any{
		`INSERT INTO bulk_operations (id, account_id, kind, state, arguments, total, done, failed, created_by, role, test_mode, created_at)
			VALUES ($1, $2, 'CANCEL_ORDERS', 'RUNNING', '{}', 4, 1, 1, 'key:test', 'ADMIN', false, now())`: {operation, s.who.AccountID},
		`INSERT INTO bulk_rows (operation_id, position, account_id, target_id, outcome, code)
			SELECT $1, n - 1, $2, gen_random_uuid(), (ARRAY['SUCCEEDED', 'FAILED', 'PENDING', 'PENDING'])[n],
				CASE n WHEN 2 THEN 'NOT_FOUND' ELSE '' END
			FROM generate_series(1, 4) n`: {operation, s.who.AccountID},
		`INSERT INTO tasks (id, account_id, kind, queue, unique_key) VALUES ($1, $2, 'BULK', 'system', 'bulk:' || $3::uuid)`: {
			id.New(id.Task), s.who.AccountID, operation,
		},
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
	"meta", "providers", "provider_days", "offer_syncs", "offer_sync_changes", "offers", "orders", "order_lines", "fulfillments", "attempts",
	"ledger_entries", "events", "tasks", "task_results", "schedules", "schedule_slots", "idempotency_keys", "workers", "holds", "bulk_operations",
	"bulk_rows", "fulfillment_results",
}

// keep remembers every row, and what the providers hold.
func (s *scene) keep() {
	s.t.Helper()
	for _, table := range tables {
		execute(s.t, s.testStore, fmt.Sprintf("CREATE TABLE kept_%s AS TABLE %s", table, table))
	}
	// What Postgres computes can't be put back.
	execute(s.t, s.testStore, "ALTER TABLE kept_task_results DROP waiting_us, DROP running_us")
	execute(s.t, s.testStore, `CREATE TABLE honest AS SELECT id AS fulfillment_id, external_id FROM fulfillments
		WHERE external_id IS NOT NULL AND status <> 'FAILED'`)
	// Broken rows must be possible, where ordinarily the database itself refuses them.
	execute(s.t, s.testStore, `ALTER TABLE orders DROP CONSTRAINT orders_budget_check;
		ALTER TABLE providers DROP CONSTRAINT providers_budget_check;
		ALTER TABLE provider_days DROP CONSTRAINT provider_days_budget_check; ALTER TABLE events DROP CONSTRAINT events_sequence_key;
		ALTER TABLE schedule_slots DROP CONSTRAINT schedule_slots_pkey`)
}

func (s *scene) mend() {
	s.t.Helper()
	statements := []string{"TRUNCATE " + strings.Join(tables, ", ")}
	for _, table := range tables {
		statements = append(statements, fmt.Sprintf("INSERT INTO %s TABLE kept_%s", table, table))
	}
	// However long the test takes on a busy machine, its worker is alive.
	statements = append(statements, "UPDATE workers SET heartbeat_at = now()")
	execute(s.t, s.testStore, strings.Join(statements, "; "))
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
		SELECT gen_random_uuid(), $1, gen_random_uuid(), $1, 'CREATE', 'k', 1, 'ACCEPTED', now()
		FROM generate_series(1, 25)`, id.New(id.Account))
	violations, err := st.Invariants(t.Context(), term)
	if err != nil || len(violations) != 1 {
		t.Fatalf("violations are %v, %v", violations, err)
	}
	if one := violations[0]; one.Count != 25 || len(one.Rows) != 10 || one.Invariant != 1 || !strings.HasSuffix(one.String(), "; …") {
		t.Errorf("violation is %+v", one)
	}
}
