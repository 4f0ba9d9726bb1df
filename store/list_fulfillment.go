package store

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/govalues/decimal"

	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/routing"
	"github.com/boostress/boostress/store/internal/db"
)

// FulfillmentFilter selects fulfillments; zero fields select nothing.
type FulfillmentFilter struct {
	Statuses       []order.FulfillmentStatus // one of these; nil: any, empty: none
	OrderID        *uuid.UUID
	ProviderID     *uuid.UUID
	NeedsAttention *bool
}

func (f *FulfillmentFilter) where(accountID uuid.UUID) *where {
	w := of(accountID)
	if f.Statuses != nil {
		w.add("t.status = ANY(?)", f.Statuses)
	}
	if f.OrderID != nil {
		w.add("t.order_id = ?", *f.OrderID)
	}
	if f.ProviderID != nil {
		w.add("t.provider_id = ?", *f.ProviderID)
	}
	w.attention(f.NeedsAttention)
	return w
}

func fulfillments() table[db.Fulfillment, *order.Fulfillment] {
	created := createdTerm(func(f *order.Fulfillment) time.Time { return f.CreatedAt })
	return table[db.Fulfillment, *order.Fulfillment]{
		name: "fulfillments", from: "fulfillments", one: always(fulfillmentOf),
		id:   idTerm(func(f *order.Fulfillment) uuid.UUID { return f.ID }),
		sort: map[SortField][]term[*order.Fulfillment]{"": {created}, ByCreated: {created}},
	}
}

// FulfillmentList reads a page of an account's fulfillments by time. It fails with ErrKey.
func (s *Store) FulfillmentList(
	ctx context.Context, accountID uuid.UUID, filter FulfillmentFilter, sort Sort, page Page,
) (Slice[*order.Fulfillment], error) {
	return list(ctx, s, fulfillments(), filter.where(accountID), sort, page)
}

// FulfillmentsOf reads, for each of an account's orders, a page of its fulfillments, the oldest first. It fails with
// ErrKey.
func (s *Store) FulfillmentsOf(
	ctx context.Context, accountID uuid.UUID, orderIDs []uuid.UUID, filter FulfillmentFilter, page Page,
) (map[uuid.UUID]Slice[*order.Fulfillment], error) {
	by := child[*order.Fulfillment]{ofOrder, func(f *order.Fulfillment) uuid.UUID { return f.OrderID }}
	return children(ctx, s, fulfillments(), by, orderIDs, filter.where(accountID), Sort{}, page)
}

// Fulfillments reads an account's fulfillments by id; unknown ones are missing from the answer.
func (s *Store) Fulfillments(
	ctx context.Context, accountID uuid.UUID, ids []uuid.UUID,
) (map[uuid.UUID]*order.Fulfillment, error) {
	return load(ctx, s, fulfillments(), accountID, ids)
}

func attempts() table[db.Attempt, *order.Attempt] {
	started := term[*order.Attempt]{sql: "t.started_at", kind: keyTime, of: func(a *order.Attempt) string {
		return keyOfTime(a.StartedAt)
	}}
	return table[db.Attempt, *order.Attempt]{
		name: "attempts", from: "attempts", one: always(attemptOf),
		id:   idTerm(func(a *order.Attempt) uuid.UUID { return a.ID }),
		sort: map[SortField][]term[*order.Attempt]{"": {started}},
	}
}

// AttemptsOf reads, for each of an account's fulfillments, a page of its attempts, the earliest first. It fails with
// ErrKey.
func (s *Store) AttemptsOf(
	ctx context.Context, accountID uuid.UUID, fulfillmentIDs []uuid.UUID, page Page,
) (map[uuid.UUID]Slice[*order.Attempt], error) {
	by := child[*order.Attempt]{"fulfillment_id", func(a *order.Attempt) uuid.UUID { return a.FulfillmentID }}
	return children(ctx, s, attempts(), by, fulfillmentIDs, of(accountID), Sort{}, page)
}

// AttemptsByID reads an account's attempts by id; unknown ones are missing from the answer.
func (s *Store) AttemptsByID(ctx context.Context, accountID uuid.UUID, ids []uuid.UUID) (map[uuid.UUID]*order.Attempt, error) {
	return load(ctx, s, attempts(), accountID, ids)
}

// LatestDecisions reads the latest routing decision of each of an account's fulfillments; those without one are missing
// from the answer.
func (s *Store) LatestDecisions(
	ctx context.Context, accountID uuid.UUID, fulfillmentIDs []uuid.UUID,
) (map[uuid.UUID]routing.Record, error) {
	list, err := s.queries.DecisionLatest(ctx, fulfillmentIDs, accountID)
	if err != nil {
		return nil, domainError("read routing decisions", err)
	}
	found := make(map[uuid.UUID]routing.Record, len(list))
	for _, row := range list {
		decision, err := decisionOf(row)
		if err != nil {
			return nil, err
		}
		found[row.FulfillmentID] = decision
	}
	return found, nil
}

type ledgerRow struct {
	ID            uuid.UUID
	AccountID     uuid.UUID
	OrderID       uuid.UUID
	FulfillmentID uuid.UUID
	ProviderID    uuid.UUID
	Kind          string
	Currency      string
	Reserved      decimal.Decimal
	Spent         decimal.Decimal
	Overcharge    decimal.Decimal
	CreatedAt     time.Time
}

func entryOf(row ledgerRow) *order.LedgerEntry {
	return &order.LedgerEntry{
		ID: row.ID, AccountID: row.AccountID, OrderID: row.OrderID, FulfillmentID: row.FulfillmentID,
		ProviderID: row.ProviderID, Kind: order.EntryKind(row.Kind), Currency: order.Currency(row.Currency),
		Reserved: row.Reserved, Spent: row.Spent, Overcharge: row.Overcharge, CreatedAt: row.CreatedAt.UTC(),
	}
}

func entries() table[ledgerRow, *order.LedgerEntry] {
	return table[ledgerRow, *order.LedgerEntry]{
		name: "ledger entries", from: "ledger_entries", one: always(entryOf),
		id: idTerm(func(e *order.LedgerEntry) uuid.UUID { return e.ID }),
		sort: map[SortField][]term[*order.LedgerEntry]{
			"": {createdTerm(func(e *order.LedgerEntry) time.Time { return e.CreatedAt })},
		},
	}
}

// EntriesOf reads, for each of an account's orders, a page of its ledger entries, the earliest first. It fails with
// ErrKey.
func (s *Store) EntriesOf(
	ctx context.Context, accountID uuid.UUID, orderIDs []uuid.UUID, page Page,
) (map[uuid.UUID]Slice[*order.LedgerEntry], error) {
	by := child[*order.LedgerEntry]{ofOrder, func(e *order.LedgerEntry) uuid.UUID { return e.OrderID }}
	return children(ctx, s, entries(), by, orderIDs, of(accountID), Sort{}, page)
}

// Entries reads an account's ledger entries by id; unknown ones are missing from the answer.
func (s *Store) Entries(ctx context.Context, accountID uuid.UUID, ids []uuid.UUID) (map[uuid.UUID]*order.LedgerEntry, error) {
	return load(ctx, s, entries(), accountID, ids)
}
