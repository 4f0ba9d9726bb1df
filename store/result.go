package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/store/internal/db"
)

// Results reads what providers handed over for fulfillments of one account, the earliest first; fulfillments without any
// are missing from the answer.
func (s *Store) Results(
	ctx context.Context, accountID uuid.UUID, fulfillmentIDs []uuid.UUID,
) (map[uuid.UUID][]*order.Result, error) {
	list, err := s.queries.ResultOfFulfillments(ctx, accountID, fulfillmentIDs)
	if err != nil {
		return nil, fmt.Errorf("read results: %w", err)
	}
	return resultsOf(list), nil
}

// KnownResults reads what is known to have been handed over for fulfillments of locked orders.
func (t *Tx) KnownResults(ctx context.Context, fulfillmentIDs []uuid.UUID) (map[uuid.UUID][]*order.Result, error) {
	list, err := t.queries.ResultKnown(ctx, fulfillmentIDs)
	if err != nil {
		return nil, fmt.Errorf("read results: %w", err)
	}
	return resultsOf(list), nil
}

// Result reads one result of an account, and whether its order is one of test mode. It fails with order.ErrNotFound.
func (t *Tx) Result(ctx context.Context, accountID, resultID uuid.UUID) (result *order.Result, testMode bool, err error) {
	row, err := t.queries.ResultReveal(ctx, accountID, resultID)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, false, fmt.Errorf("result %s: %w", resultID, order.ErrNotFound)
	}
	if err != nil {
		return nil, false, fmt.Errorf("read result: %w", err)
	}
	return resultOf(&row.FulfillmentResult), row.TestMode, nil
}

// SaveResults writes results, new ones and changed ones.
func (t *Tx) SaveResults(ctx context.Context, list []*order.Result) error {
	if len(list) == 0 {
		return nil
	}
	type result = *order.Result
	return domainError("save results", t.queries.ResultSave(ctx, db.ResultSaveParams{
		Now:            t.Now,
		Ids:            column(list, func(r result) uuid.UUID { return r.ID }),
		AccountIds:     column(list, func(r result) uuid.UUID { return r.AccountID }),
		FulfillmentIds: column(list, func(r result) uuid.UUID { return r.FulfillmentID }),
		ExternalIds:    column(list, func(r result) string { return r.ExternalID }),
		Kinds:          column(list, func(r result) string { return string(r.Kind) }),
		Labels:         column(list, func(r result) string { return r.Label }),
		ResultValues:   column(list, func(r result) string { return r.Value }),
		Urls:           column(list, func(r result) string { return r.URL }),
		Carriers:       column(list, func(r result) string { return r.Carrier }),
		Secrets:        column(list, func(r result) bool { return r.Secret }),
		Seals:          column(list, func(r result) []byte { return r.Sealed }),
	}))
}

func resultsOf(list []db.FulfillmentResult) map[uuid.UUID][]*order.Result {
	results := make(map[uuid.UUID][]*order.Result, len(list))
	for i := range list {
		of := list[i].FulfillmentID
		results[of] = append(results[of], resultOf(&list[i]))
	}
	return results
}

func resultOf(row *db.FulfillmentResult) *order.Result {
	return &order.Result{
		ID: row.ID, AccountID: row.AccountID, FulfillmentID: row.FulfillmentID, ExternalID: row.ExternalID,
		Kind: order.ResultKind(row.Kind), Label: row.Label, Value: row.Value, URL: row.Url, Carrier: row.Carrier,
		Secret: row.Secret, Sealed: row.Sealed, CreatedAt: row.CreatedAt.UTC(), UpdatedAt: row.UpdatedAt.UTC(),
	}
}
