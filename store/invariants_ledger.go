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
// order there is unknown here, and nothing that counts as delivered here is missing there.
func (s *Store) CheckLedger(ctx context.Context, lines []LedgerLine) ([]Violation, error) {
	type placed struct{ provider, key string }
	live := make(map[placed]int, len(lines))
	var keys, ids []string
	doubled := Violation{Invariant: 2, Rule: "a provider holds one live order for a key at most"}
	for _, line := range lines {
		if !line.Live {
			continue
		}
		keys, ids = append(keys, line.Key), append(ids, line.ExternalID)
		at := placed{line.Provider, line.Key}
		if live[at]++; live[at] == 2 {
			doubled.Count++
			doubled.Row = line.Key
		}
	}
	unknown := Violation{Invariant: 2, Rule: "a live order at a provider is known here, or its attempt's outcome is open"}
	err := s.pool.QueryRow(ctx, `
		SELECT count(*), coalesce(min(l.key), '')
		FROM (SELECT unnest($1::text[]) AS key, unnest($2::text[]) AS external_id) l
		WHERE NOT EXISTS (SELECT FROM fulfillments f WHERE f.external_id = l.external_id)
		  AND NOT EXISTS (SELECT FROM attempts a WHERE a.key = l.key
			AND a.state IN ('IN_FLIGHT', 'UNKNOWN', 'RECONCILING', 'MANUAL'))`, keys, ids).Scan(&unknown.Count, &unknown.Row)
	if err != nil {
		return nil, fmt.Errorf("compare ledger: %w", err)
	}
	lost := Violation{Invariant: 1, Rule: "what counts as delivered here is in the provider's ledger"}
	err = s.pool.QueryRow(ctx, `
		SELECT count(*), coalesce(min(f.id::text), '') FROM fulfillments f
		WHERE f.status = 'FULFILLED'
		  AND NOT EXISTS (SELECT FROM unnest($1::text[]) AS l(external_id) WHERE l.external_id = f.external_id)`, ids).
		Scan(&lost.Count, &lost.Row)
	if err != nil {
		return nil, fmt.Errorf("compare ledger: %w", err)
	}
	var found []Violation
	for _, violation := range []Violation{doubled, unknown, lost} {
		if violation.Count > 0 {
			found = append(found, violation)
		}
	}
	return found, nil
}
