package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// Violation is a broken invariant: which of the nine of docs/architecture.md, and what broke it.
type Violation struct {
	Invariant int
	Rule      string // what must hold
	Row       string // an example of what breaks it
	Count     int    // how many rows do
}

// String tells the violation in one line.
func (v Violation) String() string {
	return fmt.Sprintf("invariant %d: %s: %d row(s), e.g. %s", v.Invariant, v.Rule, v.Count, v.Row)
}

// rule is one check: its query returns an example and a count of the rows that break it, and no row where none does.
type rule struct {
	invariant int
	must      string
	broken    string // selects the offending rows, one text column
}

// Invariants checks the nine invariants as far as one look at the database can tell, in one read-only snapshot: an
// order that was acknowledged and is gone (1), what a subscriber saw (6) and that an empty Redis harms nothing (7) need
// somebody who remembers; of those it checks what would follow: that every order has its first event, that nothing is
// stuck. term is how long a silent worker keeps its claims.
func (s *Store) Invariants(ctx context.Context, term time.Duration) (violations []Violation, err error) {
	tx, err := s.pool.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly})
	if err != nil {
		return nil, fmt.Errorf("check invariants: %w", err)
	}
	defer func() { err = errors.Join(err, tx.Rollback(context.WithoutCancel(ctx))) }()
	// Whole tables are read: the limit of ordinary statements is too short for that.
	if _, err := tx.Exec(ctx, "SET LOCAL statement_timeout = '15min'"); err != nil {
		return nil, fmt.Errorf("check invariants: %w", err)
	}
	for _, one := range rules(term) {
		violation := Violation{Invariant: one.invariant, Rule: one.must}
		err := tx.QueryRow(ctx, "SELECT count(*), coalesce(min(row_text), '') FROM ("+one.broken+") broken(row_text)").
			Scan(&violation.Count, &violation.Row)
		if err != nil {
			return nil, fmt.Errorf("check invariant %d (%s): %w", one.invariant, one.must, err)
		}
		if violation.Count > 0 {
			violations = append(violations, violation)
		}
	}
	return violations, nil
}

func rules(term time.Duration) []rule {
	all := []rule{
		{1, "every order has a line, a fulfillment and its first event", `
			SELECT o.id::text FROM orders o
			WHERE NOT EXISTS (SELECT FROM order_lines l WHERE l.order_id = o.id)
			   OR NOT EXISTS (SELECT FROM fulfillments f WHERE f.order_id = o.id)
			   OR NOT EXISTS (SELECT FROM events e WHERE e.order_id = o.id AND e.sequence = 1 AND e.kind = 'PLACED')`},
		{2, "an order at a provider belongs to one fulfillment", `
			SELECT provider_id || ' ' || external_id FROM fulfillments WHERE external_id IS NOT NULL
			GROUP BY provider_id, external_id HAVING count(*) > 1`},
		{2, "while an outcome is unknown, the fulfillment stays with that provider and is not replaced", `
			SELECT f.id::text FROM attempts a JOIN fulfillments f ON f.id = a.fulfillment_id
			WHERE a.operation = 'CREATE' AND a.state IN ('UNKNOWN', 'RECONCILING', 'MANUAL', 'IN_FLIGHT')
			  AND (f.provider_id IS DISTINCT FROM a.provider_id
				OR EXISTS (SELECT FROM fulfillments n WHERE n.replaces_id = f.id))`},
		{2, "a fulfillment has one accepted key at most", `
			SELECT fulfillment_id::text FROM attempts WHERE operation = 'CREATE' AND state = 'ACCEPTED'
			GROUP BY fulfillment_id HAVING count(DISTINCT key) > 1`},
		{4, "a line's live fulfillments don't exceed its quantity", `
			SELECT l.id::text FROM order_lines l JOIN fulfillments f ON f.line_id = l.id
			WHERE f.status NOT IN ('REJECTED', 'FAILED', 'CANCELED')
			GROUP BY l.id, l.quantity HAVING sum(f.quantity) > l.quantity`},
		{5, "an order's events are numbered 1 to n without a gap, and its state is its last event's", `
			SELECT o.id::text FROM orders o
			LEFT JOIN (SELECT order_id, count(*) AS n, min(sequence) AS low, max(sequence) AS high FROM events
				GROUP BY order_id) e ON e.order_id = o.id
			LEFT JOIN events last ON last.order_id = o.id AND last.sequence = o.sequence
			WHERE e.n IS DISTINCT FROM o.sequence OR e.low <> 1 OR e.high <> o.sequence
			   OR last.snapshot ->> 'status' IS DISTINCT FROM o.status`},
		{5, "an order has ended exactly when all of its fulfillments have", `
			SELECT o.id::text FROM orders o
			WHERE (o.finished_at IS NULL) <> EXISTS (SELECT FROM fulfillments f WHERE f.order_id = o.id
				AND f.status NOT IN ('FULFILLED', 'REJECTED', 'FAILED', 'CANCELED'))`},
		{7, "whatever has not ended has a task, a planned poll, or a person who was told", `
			SELECT f.id::text FROM fulfillments f
			WHERE f.status NOT IN ('FULFILLED', 'REJECTED', 'FAILED', 'CANCELED')
			  AND f.next_poll_at IS NULL AND f.attention = ''
			  AND NOT EXISTS (SELECT FROM tasks t WHERE t.fulfillment_id = f.id)`},
		{8, "a claim has a worker and a token, or neither", `
			SELECT id::text FROM tasks WHERE (worker_id IS NULL) <> (claim_token IS NULL)`},
		{8, "no claim outlives its worker's term by far", fmt.Sprintf(`
			SELECT t.id::text FROM tasks t LEFT JOIN workers w ON w.id = t.worker_id
			WHERE t.claim_token IS NOT NULL
			  AND coalesce(w.heartbeat_at, t.started_at) < now() - interval '%d milliseconds'`, 3*term.Milliseconds())},
		{9, "a slot has one run", `
			SELECT schedule_id || ' ' || slot FROM schedule_slots GROUP BY schedule_id, slot HAVING count(*) > 1`},
		{9, "a task runs for one slot", `
			SELECT task_id::text FROM schedule_slots GROUP BY task_id HAVING count(*) > 1`},
	}
	return append(all, moneyRules()...)
}

// moneyRules check invariant 3: orders, providers and fulfillments hold the sums of the ledger, and no budget is
// exceeded.
func moneyRules() []rule {
	list := []rule{
		{3, "a fulfillment that has ended, other than delivered with its charge to come, reserves nothing", `
			SELECT id::text FROM fulfillments WHERE status IN ('REJECTED', 'FAILED', 'CANCELED') AND reserved <> 0`},
		{3, "a fulfillment's sums are those of its ledger entries", `
			SELECT f.id::text FROM fulfillments f
			LEFT JOIN (SELECT fulfillment_id, sum(reserved) AS r, sum(spent) AS s, sum(overcharge) AS o FROM ledger_entries
				GROUP BY fulfillment_id) l ON l.fulfillment_id = f.id
			WHERE f.reserved <> coalesce(l.r, 0) OR f.charged <> coalesce(l.s, 0) OR f.overcharge <> coalesce(l.o, 0)`},
	}
	for _, owner := range []struct{ table, column string }{{"orders", "order_id"}, {"providers", "provider_id"}} {
		list = append(list,
			rule{3, owner.table + ": reserved + spent − overcharge is within the budget", fmt.Sprintf(`
				SELECT id::text FROM %s
				WHERE reserved < 0 OR overcharge < 0 OR reserved > 0 AND reserved + spent - overcharge > budget`, owner.table)},
			rule{3, owner.table + ": the sums are those of the ledger", fmt.Sprintf(`
				SELECT o.id::text FROM %s o
				LEFT JOIN (SELECT %s AS owner, sum(reserved) AS r, sum(spent) AS s, sum(overcharge) AS o FROM ledger_entries
					GROUP BY 1) l ON l.owner = o.id
				WHERE o.reserved <> coalesce(l.r, 0) OR o.spent <> coalesce(l.s, 0) OR o.overcharge <> coalesce(l.o, 0)`,
				owner.table, owner.column)})
	}
	return list
}
