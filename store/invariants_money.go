package store

import "fmt"

// moneyRules check invariant 3.
func moneyRules() []rule {
	return []rule{
		{3, "fulfillments: the sums are those of their ledger entries, and possible", `
			SELECT 'fulfillment ' || f.id FROM fulfillments f
			LEFT JOIN (SELECT fulfillment_id, sum(reserved) AS r, sum(spent) AS s, sum(overcharge) AS o FROM ledger_entries
				GROUP BY 1) l ON l.fulfillment_id = f.id
			WHERE f.reserved <> coalesce(l.r, 0) OR f.charged <> coalesce(l.s, 0) OR f.overcharge <> coalesce(l.o, 0)
			   OR f.reserved < 0 OR f.charged < 0 OR f.overcharge < 0
			   OR f.reserved + f.charged - f.overcharge > f.unit_price * f.quantity`},
		{3, "nothing is reserved for what no provider was given, and for what has ended but for its charge", `
			SELECT 'fulfillment ' || id FROM fulfillments
			WHERE reserved <> 0 AND status IN ('PENDING', 'SCHEDULED', 'UNROUTABLE', 'REJECTED', 'FAILED', 'CANCELED')`},
		{3, "an overcharge has its event and its flag", `
			SELECT 'order ' || o.id FROM orders o
			WHERE o.overcharge > 0 AND (o.attention = ''
				OR NOT EXISTS (SELECT FROM events e WHERE e.order_id = o.id AND e.kind = 'OVERCHARGED'))`},
		{3, "an order, its fulfillments and its ledger are in one currency", `
			SELECT 'fulfillment ' || f.id FROM fulfillments f JOIN orders o ON o.id = f.order_id
			WHERE f.currency <> o.currency
			UNION
			SELECT 'fulfillment ' || e.fulfillment_id FROM ledger_entries e JOIN orders o ON o.id = e.order_id
			WHERE e.currency <> o.currency
			UNION
			SELECT 'fulfillment ' || e.fulfillment_id FROM ledger_entries e JOIN providers p ON p.id = e.provider_id
			WHERE e.currency <> p.currency`},
		withinBudget("orders"), withinBudget("providers"),
		sumsOf("orders", "order_id"), sumsOf("providers", "provider_id"),
		{3, "provider_days: the sums are those of the ledger by provider and day", `
			SELECT 'provider ' || coalesce(d.provider_id, l.provider_id) || ' on ' || coalesce(d.day, l.day) FROM provider_days d
			FULL JOIN (SELECT provider_id, day, sum(reserved) AS r, sum(spent) AS s, sum(overcharge) AS o FROM ledger_entries
				WHERE day IS NOT NULL GROUP BY 1, 2) l ON l.provider_id = d.provider_id AND l.day = d.day
			WHERE d.provider_id IS NULL OR d.reserved <> coalesce(l.r, 0) OR d.spent <> coalesce(l.s, 0)
			   OR d.overcharge <> coalesce(l.o, 0)`},
		{3, "provider_days: reserved + spent − overcharge is within the day's budget", `
			SELECT 'provider ' || provider_id || ' on ' || day FROM provider_days
			WHERE reserved < 0 OR spent < 0 OR overcharge < 0 OR reserved > 0 AND reserved + spent - overcharge > budget`},
		{3, "a reservation counts for the day it was made on, and what follows it for the same day", `
			SELECT 'ledger entry ' || e.id FROM ledger_entries e
			WHERE e.kind = 'RESERVATION' AND e.day <> (e.created_at AT TIME ZONE 'UTC')::date
			UNION ALL
			SELECT 'ledger entry ' || e.id FROM ledger_entries e
			WHERE e.kind <> 'RESERVATION' AND e.day IS NOT NULL AND NOT EXISTS (SELECT FROM ledger_entries r
				WHERE r.fulfillment_id = e.fulfillment_id AND r.provider_id = e.provider_id AND r.day = e.day AND r.kind = 'RESERVATION')`},
	}
}

func withinBudget(table string) rule {
	return rule{3, table + ": reserved + spent − overcharge is within the budget", fmt.Sprintf(`
		SELECT id || ': ' || reserved || ' + ' || spent || ' - ' || overcharge || ' of ' || coalesce(budget::text, 'any') FROM %s
		WHERE reserved < 0 OR spent < 0 OR overcharge < 0 OR reserved + spent - overcharge > budget`, table)}
}

func sumsOf(table, owner string) rule {
	return rule{3, table + ": the sums are those of the ledger", fmt.Sprintf(`
		SELECT o.id::text FROM %s o
		LEFT JOIN (SELECT %s AS owner, sum(reserved) AS r, sum(spent) AS s, sum(overcharge) AS o FROM ledger_entries
			GROUP BY 1) l ON l.owner = o.id
		WHERE o.reserved <> coalesce(l.r, 0) OR o.spent <> coalesce(l.s, 0) OR o.overcharge <> coalesce(l.o, 0)`, table, owner)}
}
