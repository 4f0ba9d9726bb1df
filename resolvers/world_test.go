package resolvers_test

import (
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/boostress/boostress/internal/id"
)

// began is when the worlds of tests were made.
func began() time.Time { return time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC) }

// idOf returns a fixed id: the n-th thing of a kind in an account.
func idOf(kind id.Kind, account, n int) uuid.UUID {
	var made uuid.UUID
	binary.BigEndian.PutUint64(made[:8], uint64(began().UnixMilli()+int64(n))<<16)
	made[6], made[8], made[9] = 0x70, 0x80, byte(account)
	binary.BigEndian.PutUint32(made[10:14], uint32(n))
	made[15] = byte(kind)
	return made
}

func accountID(n int) uuid.UUID { return idOf(id.Account, n, 0) }

// world fills an account: providers with two offers each, orders with two lines, each line with a fulfillment that has
// two attempts, a result, a decision and ledger entries; two events, a finished and a waiting task, and a bulk operation with two
// rows for each order.
type world struct {
	account   int
	providers int
	orders    int
}

func (w world) fill(t testing.TB, url string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	batch := &pgx.Batch{}
	w.access(batch)
	for p := range w.providers {
		w.provider(batch, p)
	}
	for o := range w.orders {
		w.order(batch, o)
	}
	if err := conn.SendBatch(t.Context(), batch).Close(); err != nil {
		t.Fatalf("fill: %v", err)
	}
	if err := conn.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func (w world) id(kind id.Kind, n int) uuid.UUID { return idOf(kind, w.account, n) }

// at returns a time within the world.
func (w world) at(n int) time.Time { return began().Add(time.Duration(n) * time.Minute) }

func (w world) access(b *pgx.Batch) {
	b.Queue(`INSERT INTO accounts (id, name, created_at) VALUES ($1, $2, $3)`,
		accountID(w.account), fmt.Sprintf("account-%d", w.account), w.at(0))
	b.Queue(`INSERT INTO users (id, account_id, username, password_hash, role, created_at) VALUES ($1, $2, $3, '', 'ADMIN', $4)`,
		w.id(id.User, 0), accountID(w.account), fmt.Sprintf("admin-%d", w.account), w.at(0))
	b.Queue(`INSERT INTO sessions (id, account_id, user_id, token_hash, created_at, last_used_at, expires_at)
		VALUES ($1, $2, $3, $4, $5, $5, $6)`,
		w.id(id.Session, 0), accountID(w.account), w.id(id.User, 0), []byte{byte(w.account)}, w.at(1), w.at(100))
	b.Queue(`INSERT INTO api_keys (id, account_id, name, prefix, key_hash, role, created_by, created_at)
		VALUES ($1, $2, 'shop', 'bsk_abcdef', $3, 'INTEGRATOR', 'user:admin', $4)`,
		w.id(id.APIKey, 0), accountID(w.account), []byte{byte(w.account)}, w.at(2))
	b.Queue(`INSERT INTO audit_entries (id, account_id, actor, action, target_id, details, created_at)
		VALUES ($1, $2, 'user:admin', 'apiKey.create', $3, '{"name": "shop"}', $4)`,
		w.id(id.AuditEntry, 0), accountID(w.account), w.id(id.APIKey, 0), w.at(2))
	b.Queue(`INSERT INTO schedules (id, account_id, name, rule, every_ms, task_kind, system, next_at, runs, created_at, updated_at)
		VALUES ($1, $2, 'retention', 'INTERVAL', 3600000, 'RETENTION', true, $3, 7, $4, $4)`,
		w.id(id.Schedule, 0), accountID(w.account), w.at(60), w.at(0))
}

func (w world) provider(b *pgx.Batch, p int) {
	b.Queue(`INSERT INTO providers (id, account_id, name, adapter, base_url, simulated, timeout_ms, concurrency, budget, currency,
			reserved, spent, created_at, updated_at)
		VALUES ($1, $2, $3, 'boostress', 'https://p.example.com', true, 30000, 4, 1000, 'EUR', 5, 12.5, $4, $4)`,
		w.id(id.Provider, p), accountID(w.account), fmt.Sprintf("provider-%03d", p), w.at(p))
	b.Queue(`INSERT INTO provider_health (provider_id, account_id, measured_at, calls, succeeded, failures, latency_p50_us, latency_p95_us,
			ended, fulfilled, fulfill_ms, checked_at, check_error, balance, balance_currency)
		VALUES ($1, $2, $3, 8, 6, '{"UNKNOWN": 2}', 120000, 900000, 4, 3, 90000, $3, 'it is away', 12.5, 'EUR')`,
		w.id(id.Provider, p), accountID(w.account), w.at(p))
	b.Queue(`INSERT INTO provider_breakers (provider_id, operation, worker_id, account_id, open_until)
		VALUES ($1, 'CREATE', $1, $2, '2099-01-01')`, w.id(id.Provider, p), accountID(w.account))
	for n := range 2 {
		b.Queue(`INSERT INTO offers (id, account_id, provider_id, external_id, name, category, service_type, unit_price, currency,
				min_quantity, max_quantity, sla_ms, enabled, created_at, updated_at)
			VALUES ($1, $2, $3, $4, 'Poster A3', 'prints', 'poster-a3', $5, 'EUR', 1, $6, 86400000, $7, $8, $8)`,
			w.id(id.Offer, 2*p+n), accountID(w.account), w.id(id.Provider, p), fmt.Sprintf("sku-%d", n),
			fmt.Sprintf("%d.125", n+1), n*100, n == 0, w.at(p))
	}
}

func (w world) order(b *pgx.Batch, o int) {
	status := []string{"PENDING", "PROCESSING", "FULFILLED"}[o%3]
	var deadline *time.Time
	if o%2 == 0 {
		at := w.at(10_000 + o)
		deadline = &at
	}
	b.Queue(`INSERT INTO orders (id, account_id, reference, category, destination, status, currency, budget, reserved, spent, quantity,
			delivered, deadline, priority, metadata, attention, sequence, created_by, created_at, updated_at, finished_at)
		VALUES ($1, $2, $3, 'prints', '{"name": "Ada", "countryCode": "GB", "attributes": {"email": "ada@example.com"}}', $4, 'EUR', 50,
			5, 12.5, 3, $5, $6, $7, '{"shop": 1}', $8, 2, 'key:shop', $9, $9, $10)`,
		w.id(id.Order, o), accountID(w.account), fmt.Sprintf("A-%03d", o), status, o%3, deadline, o%3,
		[]string{"", "look"}[(o+1)%2], w.at(o/2), finished(status, w.at(o)))
	for n := range 2 {
		b.Queue(`INSERT INTO order_lines (id, account_id, order_id, position, service_type, quantity, attributes)
			VALUES ($1, $2, $3, $4, 'poster-a3', $5, '{"file": "https://example.com/a.pdf"}')`,
			w.id(id.Line, 2*o+n), accountID(w.account), w.id(id.Order, o), n, n+1)
		w.fulfillment(b, o, 2*o+n)
	}
	for n, kind := range []string{"PLACED", "FULFILLMENT_SUBMITTED"} {
		b.Queue(`INSERT INTO events (account_id, order_id, fulfillment_id, sequence, kind, actor, occurred_at, changes, snapshot)
			VALUES ($1, $2, $3, $4, $5, 'key:shop', $6, '[{"field": "status", "after": "PENDING"}]', $7)`,
			accountID(w.account), w.id(id.Order, o), []any{nil, w.id(id.Fulfillment, 2*o)}[n], n+1, kind, w.at(o+n),
			fmt.Sprintf(`{"reference": "A-%03d", "category": "prints", "status": "PENDING", "currency": "EUR", "budget": "50",
				"reserved": "0", "spent": "0", "overcharge": "0", "quantity": 3, "delivered": 0, "priority": 1,
				"createdBy": "key:shop", "createdAt": "2026-03-04T05:06:07Z", "updatedAt": "2026-03-04T05:06:07Z"}`, o))
	}
	w.tasks(b, o)
	w.schedule(b, o)
	w.bulk(b, o)
}

// schedule is one about the order, with two runs, of which the first has become a task.
func (w world) schedule(b *pgx.Batch, o int) {
	b.Queue(`INSERT INTO schedules (id, account_id, name, rule, cron, time_zone, task_kind, arguments, order_id, provider_id, overlap,
			created_by, next_at, runs, created_at, updated_at)
		VALUES ($1, $2, $3, 'CRON', '0 9 * * MON', 'Europe/Berlin', 'PROCESS_ORDER', $4, $5, $6, 'ALLOW', 'user:admin', '2099-01-05T08:00:00Z', 2,
			$7, $7)`,
		w.id(id.Schedule, o+1), accountID(w.account), fmt.Sprintf("hurry %03d", o), fmt.Sprintf(`{"orderId": %q}`, w.id(id.Order, o)),
		w.id(id.Order, o), w.id(id.Provider, o%w.providers), w.at(o))
	for n, taskID := range []uuid.UUID{w.id(id.Task, 2*o+1), w.id(id.Task, 1_000_000+o)} {
		b.Queue(`INSERT INTO schedule_slots (schedule_id, slot, task_id, fired_at, number, by_hand) VALUES ($1, $2, $3, $2, $4, $5)`,
			w.id(id.Schedule, o+1), w.at(o+n), taskID, n+1, n == 1)
	}
}

func (w world) bulk(b *pgx.Batch, o int) {
	b.Queue(`INSERT INTO bulk_operations (id, account_id, kind, state, arguments, total, done, failed, created_by, role, test_mode,
			created_at, started_at, finished_at)
		VALUES ($1, $2, 'CANCEL_ORDERS', 'SUCCEEDED', '{"ids": []}', 2, 1, 1, 'key:shop', 'INTEGRATOR', false, $3, $3, $3)`,
		w.id(id.BulkOperation, o), accountID(w.account), w.at(o))
	for n, target := range []uuid.UUID{w.id(id.Order, o), w.id(id.Offer, o%w.providers)} {
		b.Queue(`INSERT INTO bulk_rows (operation_id, position, account_id, target_id, outcome, code, message)
			VALUES ($1, $2, $3, $4, $5, $6, $7)`,
			w.id(id.BulkOperation, o), n, accountID(w.account), target, []string{"SUCCEEDED", "FAILED"}[n],
			[]string{"", "NOT_FOUND"}[n], []string{"", "is gone"}[n])
	}
}

func finished(status string, at time.Time) *time.Time {
	if status != "FULFILLED" {
		return nil
	}
	return &at
}

func (w world) fulfillment(b *pgx.Batch, o, f int) {
	provider := f % w.providers
	b.Queue(`INSERT INTO fulfillments (id, account_id, order_id, line_id, provider_id, offer_id, quantity, delivered, status, unit_price,
			currency, reserved, charged, external_id, external_status, attention, next_poll_at, created_at, updated_at, submitted_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, 0, 'SUBMITTED', 1.125, 'EUR', 2.25, 0, $8, 'in-print', $9, '2099-01-01', $10, $10, $10)`,
		w.id(id.Fulfillment, f), accountID(w.account), w.id(id.Order, o), w.id(id.Line, f), w.id(id.Provider, provider),
		w.id(id.Offer, 2*provider), f%2+1, fmt.Sprintf("ext-%d", f), []string{"", "look"}[(f+1)%2], w.at(o))
	b.Queue(`INSERT INTO fulfillment_results (id, account_id, fulfillment_id, external_id, kind, label, value, url, carrier, created_at,
			updated_at) VALUES ($1, $2, $3, 'p', 'TRACKING', 'Parcel', $4, 'https://track.example', 'Express', $5, $5)`,
		w.id(id.Result, f), accountID(w.account), w.id(id.Fulfillment, f), fmt.Sprintf("SX-%d", f), w.at(o))
	for n := range 2 {
		state, class := []string{"RETRYABLE", "ACCEPTED"}[n], []string{"RETRYABLE", "ACCEPTED"}[n]
		b.Queue(`INSERT INTO attempts (id, account_id, fulfillment_id, provider_id, operation, key, call_number, state, class, message,
				latency_us, request, response, started_at, finished_at)
			VALUES ($1, $2, $3, $4, 'CREATE', $5, $6, $7, $8, 'said', 250000, '{"a": 1}', NULL, $9, $9)`,
			w.id(id.Attempt, 2*f+n), accountID(w.account), w.id(id.Fulfillment, f), w.id(id.Provider, provider),
			fmt.Sprintf("key-%d-%d", w.account, f), n+1, state, class, w.at(o+n))
		b.Queue(`INSERT INTO ledger_entries (id, account_id, order_id, fulfillment_id, provider_id, kind, currency, reserved,
			spent, created_at)
			VALUES ($1, $2, $3, $4, $5, $6, 'EUR', $7, $8, $9)`,
			w.id(id.LedgerEntry, 2*f+n), accountID(w.account), w.id(id.Order, o), w.id(id.Fulfillment, f),
			w.id(id.Provider, provider), []string{"RESERVATION", "CHARGE"}[n], []string{"2.25", "-2.25"}[n], []string{
				"0",
				"2.25",
			}[n], w.at(o+n))
	}
	b.Queue(`INSERT INTO routing_decisions (fulfillment_id, made_at, account_id, offer_id, candidates) VALUES ($1, $2, $3, NULL, '[]')`,
		w.id(id.Fulfillment, f), w.at(o-1), accountID(w.account))
	b.Queue(`INSERT INTO routing_decisions (fulfillment_id, made_at, account_id, offer_id, candidates) VALUES ($1, $2, $3, $4, $5)`,
		w.id(id.Fulfillment, f), w.at(o), accountID(w.account), w.id(id.Offer, 2*provider),
		fmt.Sprintf(`[{"offerId": %q, "providerId": %q, "cost": "2.25", "rank": 1},
			{"offerId": %q, "providerId": %q, "cost": "4.25", "reason": "OFFER_DISABLED"}]`,
			w.id(id.Offer, 2*provider), w.id(id.Provider, provider), w.id(id.Offer, 2*provider+1), w.id(id.Provider, provider)))
}

func (w world) tasks(b *pgx.Batch, o int) {
	b.Queue(`INSERT INTO tasks (id, account_id, kind, queue, priority, state, order_id, fulfillment_id, due_at, enqueued_at)
		VALUES ($1, $2, 'DISPATCH', 'dispatch', 1, 'PENDING', $3, $4, $5, $5)`,
		w.id(id.Task, 2*o), accountID(w.account), w.id(id.Order, o), w.id(id.Fulfillment, 2*o), w.at(o))
	b.Queue(`INSERT INTO task_results (id, account_id, kind, queue, priority, state, dead, error, order_id, fulfillment_id, schedule_id,
			attempt, max_attempts, due_at, enqueued_at, started_at, finished_at)
		VALUES ($1, $2, 'DISPATCH', 'dispatch', 1, 'FAILURE', true, 'no', $3, $4, $5, 25, 25, $6, $6, $6, $6)`,
		w.id(id.Task, 2*o+1), accountID(w.account), w.id(id.Order, o), w.id(id.Fulfillment, 2*o), w.id(id.Schedule, 0), w.at(o))
}
