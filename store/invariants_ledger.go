package store

import (
	"context"
	"fmt"
)

// LedgerLine is an order in a provider's own ledger, kept independently of this database.
type LedgerLine struct {
	Provider   string // whatever tells its providers apart
	Key        string
	ExternalID string
	Live       bool // neither rejected nor failed nor canceled
}

// CheckLedger compares the database with the whole ledger of its providers: no key has two live orders there, no live
// order there is unknown here or over, and nothing that counts as delivered here is missing there. Real providers that
// no line matches are left out. It is meant for when nothing runs: what is delivered after the ledger was read would
// count as missing.
func (s *Store) CheckLedger(ctx context.Context, lines []LedgerLine) ([]Violation, error) {
	var keys, ids []string
	for _, line := range lines {
		if line.Live {
			keys, ids = append(keys, line.Key), append(ids, line.ExternalID)
		}
	}
	found := doubled(lines)
	for _, one := range ledgerRules() {
		violation, err := one.check(ctx, s.pool, keys, ids)
		if err != nil {
			return nil, fmt.Errorf("compare ledger: %w", err)
		}
		if violation.Count > 0 {
			found = append(found, violation)
		}
	}
	return found, nil
}

// doubled finds keys under which a provider holds more than one live order.
func doubled(lines []LedgerLine) []Violation {
	type placed struct{ provider, key string }
	live := make(map[placed]int, len(lines))
	violation := Violation{Invariant: 2, Rule: "a provider holds one live order for a key at most"}
	for _, line := range lines {
		if !line.Live {
			continue
		}
		at := placed{line.Provider, line.Key}
		live[at]++
		if live[at] != 2 {
			continue
		}
		violation.Count++
		if len(violation.Rows) < mostExamples {
			violation.Rows = append(violation.Rows, "provider "+line.Provider+" key "+line.Key)
		}
	}
	if violation.Count == 0 {
		return nil
	}
	return []Violation{violation}
}

// ledgerRules compare with live orders whose keys and ids are $1 and $2.
func ledgerRules() []rule {
	const live = `unnest($1::text[], $2::text[]) AS l(key, external_id)`
	return []rule{
		{2, "a live order at a provider is known here, or the outcome of its call is open", `
			SELECT 'key ' || l.key FROM ` + live + `
			LEFT JOIN fulfillments f ON f.external_id = l.external_id
			LEFT JOIN attempts a ON a.key = l.key AND a.state IN ('IN_FLIGHT', 'UNKNOWN', 'RECONCILING', 'MANUAL')
			  AND a.fulfillment_id = CASE WHEN l.key ~ '^[0-9a-f]{32}-' THEN left(l.key, 32)::uuid END
			WHERE f.id IS NULL AND a.id IS NULL`},
		{2, "a live order at a provider is that of the fulfillment that its key names, which goes on or was delivered", `
			SELECT 'key ' || l.key || ' is of fulfillment ' || f.id || ', ' || f.status FROM ` + live + `
			JOIN fulfillments f ON f.external_id = l.external_id
			WHERE replace(f.id::text, '-', '') <> left(l.key, 32) OR f.status IN ('REJECTED', 'FAILED', 'CANCELED')`},
		{1, "what counts as delivered here is in the provider's ledger", `
			WITH live AS (SELECT l.external_id FROM ` + live + `), known AS (
				SELECT id FROM providers WHERE simulated
				UNION SELECT f.provider_id FROM fulfillments f JOIN live l ON l.external_id = f.external_id
			)
			SELECT 'fulfillment ' || f.id FROM fulfillments f JOIN known ON known.id = f.provider_id
			WHERE f.status = 'FULFILLED'
			  AND NOT EXISTS (SELECT FROM live l WHERE l.external_id = f.external_id)`},
	}
}
