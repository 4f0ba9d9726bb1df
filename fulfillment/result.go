package fulfillment

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/google/uuid"

	"github.com/boostress/boostress/account"
	"github.com/boostress/boostress/internal/id"
	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/store"
)

// handed is what a provider said that it handed over for one fulfillment.
type handed struct {
	c       *order.Case
	f       *order.Fulfillment
	results []order.ExternalResult
}

// sealedResult is what is secret of a result.
type sealedResult struct {
	Value string `json:"value"`
	URL   string `json:"url,omitempty"`
}

// takeResults compares what was handed over with what is known of it, and tells of what is new. Without any result it
// reads nothing.
func (w *work) takeResults(ctx context.Context) error {
	if len(w.handed) == 0 {
		return nil
	}
	ids := make([]uuid.UUID, len(w.handed))
	for i := range w.handed {
		ids[i] = w.handed[i].f.ID
	}
	known, err := w.tx.KnownResults(ctx, ids)
	if err != nil {
		return err
	}
	for i := range w.handed {
		one := &w.handed[i]
		fresh, err := w.freshResults(one, known[one.f.ID])
		if err != nil {
			return fmt.Errorf("take results of fulfillment %s: %w", one.f.ID, err)
		}
		if len(fresh) > 0 {
			one.c.AddResults(one.f, fresh)
			w.results = append(w.results, fresh...)
		}
	}
	return nil
}

// freshResults returns what is new or changed; the rest of too many is left out, and what can't be kept.
func (w *work) freshResults(one *handed, known []*order.Result) (fresh []*order.Result, err error) {
	rows := make(map[string]*order.Result, len(known))
	for _, row := range known {
		rows[row.ExternalID] = row
	}
	seen := make(map[string]bool, len(one.results))
	for _, external := range one.results {
		clean, ok := external.Clean()
		before := rows[clean.ID]
		if !ok || seen[clean.ID] || before == nil && len(rows) >= order.MaxResults {
			continue
		}
		seen[clean.ID] = true
		row, err := w.service.resultOf(one.f, before, clean)
		if err != nil {
			return nil, err
		}
		if row != nil {
			rows[clean.ID], fresh = row, append(fresh, row)
		}
	}
	return fresh, nil
}

// resultOf makes the row of a result, sealed where it is secret; nil where before, the row as it is, shows it already.
// What was secret once stays so.
func (s *Service) resultOf(f *order.Fulfillment, before *order.Result, external order.ExternalResult) (*order.Result, error) {
	row := &order.Result{
		ID: id.New(id.Result), AccountID: f.AccountID, FulfillmentID: f.ID, ExternalID: external.ID, Kind: external.Kind,
		Label: external.Label, Value: external.Value, URL: external.URL, Carrier: external.Carrier, Secret: external.Secret,
	}
	if before != nil {
		row.ID, row.Secret = before.ID, row.Secret || before.Secret
	}
	secret := sealedResult{Value: external.Value, URL: external.URL}
	if row.Secret {
		row.Value, row.URL = "", ""
	}
	if before != nil && before.SameAs(row) && (!row.Secret || s.holds(before, secret)) {
		return nil, nil //nolint:nilnil // what is known already is no error
	}
	if !row.Secret {
		return row, nil
	}
	plain, err := json.Marshal(secret)
	if err != nil {
		return nil, fmt.Errorf("write result: %w", err)
	}
	if row.Sealed, err = s.options.Seal.Seal(plain, row.ID[:]); err != nil {
		return nil, fmt.Errorf("seal result: %w", err)
	}
	return row, nil
}

// holds reports whether a sealed result is this; one that can't be opened is not.
func (s *Service) holds(row *order.Result, secret sealedResult) bool {
	opened, err := s.unseal(row)
	return err == nil && opened == secret
}

func (s *Service) unseal(row *order.Result) (secret sealedResult, err error) {
	plain, err := s.options.Seal.Open(row.Sealed, row.ID[:])
	if err == nil {
		err = json.Unmarshal(plain, &secret)
	}
	if err != nil {
		return sealedResult{}, fmt.Errorf("open result %s: %w", row.ID, err)
	}
	return secret, nil
}

// RevealResult tells what a result holds, also a secret one, with an audit entry for each time. It fails with
// order.ErrNotFound, and with order.Faults where a test-mode key asks for what is not of test mode.
func (s *Service) RevealResult(ctx context.Context, who account.Principal, resultID uuid.UUID) (value, url string, err error) {
	err = s.store.Write(ctx, func(tx *store.Tx) error {
		found, testMode, err := tx.Result(ctx, who.AccountID, resultID)
		if err != nil {
			return err
		}
		if who.TestMode && !testMode {
			return order.Faults{{
				Field: []string{"id"}, Code: order.CodeForbidden,
				Message: "belongs to an order that was not placed in test mode: a test-mode key can't reveal it",
			}}
		}
		value, url = found.Value, found.URL
		if found.Secret {
			secret, err := s.unseal(found)
			if err != nil {
				return err
			}
			value, url = secret.Value, secret.URL
		}
		details, err := json.Marshal(map[string]string{
			"fulfillment": found.FulfillmentID.String(), "kind": string(found.Kind), "label": found.Label,
		})
		if err != nil {
			return fmt.Errorf("write audit details: %w", err)
		}
		return tx.Audit(ctx, account.AuditEntry{
			AccountID: who.AccountID, Actor: who.Actor, Action: account.ActionResultReveal, TargetID: &resultID, Details: details,
		})
	})
	if err != nil {
		return "", "", err
	}
	return value, url, nil
}
