package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// Violation is a broken invariant: which of the nine of docs/architecture.md, and what broke it.
type Violation struct {
	Invariant int
	Rule      string   // what must hold
	Rows      []string // examples of what breaks it, at most ten
	Count     int      // how many rows do
}

// String tells the violation in one line.
func (v Violation) String() string {
	rows := strings.Join(v.Rows, "; ")
	if v.Count > len(v.Rows) {
		rows += "; …"
	}
	return fmt.Sprintf("invariant %d: %s: %d row(s): %s", v.Invariant, v.Rule, v.Count, rows)
}

// rule is one check of an invariant.
type rule struct {
	invariant int
	must      string
	broken    string // selects what breaks it, one text column that tells which row it is
}

// Invariants checks the nine invariants, as far as one look at the database can tell, in one read-only snapshot: it
// may run beside everything else. It reads whole tables, each a few times, and keeps nothing of them in memory but ten
// examples of each violation. term is how long a silent worker keeps its claims.
//
// Three invariants need somebody who remembers what was before: that an order which was acknowledged still exists (1),
// what a subscriber saw (6), and that an empty Redis harms nothing (7). Of those it checks what their loss would leave
// behind: rows whose order is gone, keys that answer with a missing order, lines of which a part is nobody's; events
// that would be read in another order than they happened; and whatever is stuck, because nothing would ever look at it
// again. Whether a zombie's write was refused (8) shows only where it was not: in a task that ended twice.
func (s *Store) Invariants(ctx context.Context, term time.Duration) (violations []Violation, err error) {
	tx, err := s.pool.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly})
	if err != nil {
		return nil, fmt.Errorf("check invariants: %w", err)
	}
	defer func() { err = errors.Join(err, tx.Rollback(context.WithoutCancel(ctx))) }()
	// The limit of ordinary statements is too short for whole tables.
	if _, err := tx.Exec(ctx, "SET LOCAL statement_timeout = '15min'"); err != nil {
		return nil, fmt.Errorf("check invariants: %w", err)
	}
	for _, one := range rules(term) {
		violation, err := one.check(ctx, tx)
		if err != nil {
			return nil, err
		}
		if violation.Count > 0 {
			violations = append(violations, violation)
		}
	}
	return violations, nil
}

// querier is a pool or a transaction.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

const mostExamples = 10

func (r rule) check(ctx context.Context, db querier, args ...any) (Violation, error) {
	violation := Violation{Invariant: r.invariant, Rule: r.must}
	rows, err := db.Query(ctx, fmt.Sprintf(
		"SELECT count(*) OVER (), row_text FROM (%s) broken(row_text) ORDER BY row_text LIMIT %d", r.broken, mostExamples), args...)
	if err != nil {
		return violation, fmt.Errorf("check invariant %d (%s): %w", r.invariant, r.must, err)
	}
	defer rows.Close()
	for rows.Next() {
		var example string
		if err := rows.Scan(&violation.Count, &example); err != nil {
			return violation, fmt.Errorf("check invariant %d (%s): %w", r.invariant, r.must, err)
		}
		violation.Rows = append(violation.Rows, example)
	}
	if err := rows.Err(); err != nil {
		return violation, fmt.Errorf("check invariant %d (%s): %w", r.invariant, r.must, err)
	}
	return violation, nil
}

func rules(term time.Duration) []rule {
	return slices.Concat(existenceRules(), attemptRules(), moneyRules(), quantityRules(), eventRules(), progressRules(),
		claimRules(term), scheduleRules(), bulkRules())
}

// existenceRules check what invariant 1 leaves to see.
func existenceRules() []rule {
	return []rule{
		{1, "every order has lines, and every line a fulfillment once the order is placed", `
			SELECT 'order ' || o.id FROM orders o WHERE NOT EXISTS (SELECT FROM order_lines l WHERE l.order_id = o.id)
			UNION ALL
			SELECT 'line ' || l.id FROM order_lines l WHERE NOT EXISTS (SELECT FROM fulfillments f WHERE f.line_id = l.id)
				AND NOT ` + draftOnly("l.order_id") + `
			UNION ALL
			SELECT 'draft ' || o.id FROM orders o WHERE ` + draftOnly("o.id") + `
				AND EXISTS (SELECT FROM fulfillments f WHERE f.order_id = o.id)`},
		{1, "what an idempotency key answers with exists", `
			SELECT 'order ' || made.id FROM idempotency_keys i CROSS JOIN LATERAL unnest(i.result_ids) made(id)
			WHERE i.mutation IN ('createOrder', 'createOrders') AND made.id <> '00000000-0000-0000-0000-000000000000'
			  AND NOT EXISTS (SELECT FROM orders o WHERE o.id = made.id)`},
		{1, "every attempt belongs to a fulfillment", `
			SELECT 'attempt ' || a.id FROM attempts a WHERE NOT EXISTS (SELECT FROM fulfillments f WHERE f.id = a.fulfillment_id)`},
		{1, "every row of fulfillment_results belongs to a fulfillment of its account", `
			SELECT 'result ' || r.id FROM fulfillment_results r
			WHERE NOT EXISTS (SELECT FROM fulfillments f WHERE f.id = r.fulfillment_id AND f.account_id = r.account_id)`},
		belongs("order_lines"), belongs("fulfillments"), belongs("ledger_entries"), belongs("events"), belongs("tasks"), belongs("holds"),
	}
}

// belongs checks that no row of a table was left behind by its order.
func belongs(table string) rule {
	return rule{1, "every row of " + table + " belongs to an order that exists", fmt.Sprintf(`
		SELECT DISTINCT 'order ' || t.order_id FROM %s t
		WHERE t.order_id IS NOT NULL AND NOT EXISTS (SELECT FROM orders o WHERE o.id = t.order_id AND o.account_id = t.account_id)`,
		table)}
}

// quantityRules check invariant 4.
func quantityRules() []rule {
	return []rule{
		{4, "of each line, all of the quantity is some fulfillment's, and none of it two live ones'", `
			SELECT 'line ' || l.id || ' of ' || l.quantity || ' has ' || coalesce(sum(f.part), 0)
			FROM order_lines l
			LEFT JOIN (SELECT f.line_id, CASE WHEN f.status = 'REJECTED' OR n.id IS NOT NULL THEN f.delivered ELSE f.quantity END
					AS part
				FROM fulfillments f LEFT JOIN fulfillments n ON n.replaces_id = f.id) f ON f.line_id = l.id
			WHERE NOT ` + draftOnly("l.order_id") + `
			GROUP BY l.id, l.quantity HAVING coalesce(sum(f.part), 0) <> l.quantity`},
		{4, "a fulfillment is replaced once at most, and only when it has ended", `
			SELECT 'fulfillment ' || f.id FROM fulfillments f JOIN fulfillments n ON n.replaces_id = f.id
			GROUP BY f.id, f.status HAVING count(*) > 1 OR f.status NOT IN ('REJECTED', 'FAILED', 'CANCELED')`},
		{4, "no more is delivered than was ordered, and of what is fulfilled all", `
			SELECT 'fulfillment ' || id FROM fulfillments
			WHERE quantity < 1 OR delivered < 0 OR delivered > quantity OR status = 'FULFILLED' AND delivered <> quantity`},
		{4, "an order's quantity and what was delivered of it are the sums of its parts", `
			SELECT 'order ' || o.id FROM orders o
			LEFT JOIN (SELECT order_id, sum(quantity) AS n FROM order_lines GROUP BY 1) l ON l.order_id = o.id
			LEFT JOIN (SELECT order_id, sum(delivered) AS n FROM fulfillments GROUP BY 1) f ON f.order_id = o.id
			WHERE o.quantity IS DISTINCT FROM l.n OR o.delivered <> coalesce(f.n, 0)`},
	}
}

// draftOnly tells of an order's id that the order was never placed: it is a draft, or was canceled as one.
func draftOnly(orderID string) string {
	return `(EXISTS (SELECT FROM orders d WHERE d.id = ` + orderID + ` AND d.status IN ('DRAFT', 'CANCELED'))
		AND NOT EXISTS (SELECT FROM events e WHERE e.order_id = ` + orderID + ` AND e.kind = 'PLACED')
		AND EXISTS (SELECT FROM events e WHERE e.order_id = ` + orderID + ` AND e.kind = 'DRAFTED' AND e.sequence = 1))`
}
