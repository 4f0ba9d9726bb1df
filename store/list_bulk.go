package store

import (
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/store/internal/db"
)

// BulkFilter selects operations; zero fields select nothing.
type BulkFilter struct {
	Kinds  []order.BulkKind  // one of these; nil: any, empty: none
	States []order.BulkState // one of these; nil: any, empty: none
}

func bulkOperations() table[db.BulkOperation, *order.BulkOperation] {
	created := createdTerm(func(b *order.BulkOperation) time.Time { return b.CreatedAt })
	return table[db.BulkOperation, *order.BulkOperation]{
		name: "bulk operations", from: "bulk_operations", one: always(bulkOf),
		id:   idTerm(func(b *order.BulkOperation) uuid.UUID { return b.ID }),
		sort: map[SortField][]term[*order.BulkOperation]{"": {created}, ByCreated: {created}},
	}
}

// BulkList reads a page of an account's operations by time. It fails with ErrKey.
func (s *Store) BulkList(
	ctx context.Context, accountID uuid.UUID, filter BulkFilter, sort Sort, page Page,
) (Slice[*order.BulkOperation], error) {
	w := of(accountID)
	if filter.Kinds != nil {
		w.add("t.kind = ANY(?)", filter.Kinds)
	}
	if filter.States != nil {
		w.add("t.state = ANY(?)", filter.States)
	}
	return list(ctx, s, bulkOperations(), w, sort, page)
}

// BulkOperations reads an account's operations by id; unknown ones are missing from the answer.
func (s *Store) BulkOperations(
	ctx context.Context, accountID uuid.UUID, ids []uuid.UUID,
) (map[uuid.UUID]*order.BulkOperation, error) {
	return load(ctx, s, bulkOperations(), accountID, ids)
}

// BulkRowFilter selects rows of an operation; zero fields select nothing.
type BulkRowFilter struct {
	Outcomes []order.BulkOutcome // one of these; nil: any, empty: none
}

// BulkRowsOf reads, for each of an account's operations, a page of its rows by position. It fails with ErrKey.
func (s *Store) BulkRowsOf(
	ctx context.Context, accountID uuid.UUID, operationIDs []uuid.UUID, filter BulkRowFilter, page Page,
) (map[uuid.UUID]Slice[*order.BulkRow], error) {
	w := of(accountID)
	if filter.Outcomes != nil {
		w.add("t.outcome = ANY(?)", filter.Outcomes)
	}
	if slices.Equal(filter.Outcomes, []order.BulkOutcome{order.BulkRowFailed}) {
		w.add("t.code <> ''") // so that the index of these is found
	}
	position := term[*order.BulkRow]{sql: "t.position", kind: keyNumber, of: func(r *order.BulkRow) string {
		return strconv.Itoa(r.Position)
	}}
	tab := table[db.BulkRow, *order.BulkRow]{
		name: "bulk rows", from: "bulk_rows", id: position, sort: map[SortField][]term[*order.BulkRow]{"": nil},
		one: always(func(row db.BulkRow) *order.BulkRow {
			one := bulkRowOf(row)
			return &one
		}),
	}
	by := child[*order.BulkRow]{"operation_id", func(r *order.BulkRow) uuid.UUID { return r.OperationID }}
	return children(ctx, s, tab, by, operationIDs, w, Sort{}, page)
}

// BulkTargetIDs reads the ids of the first targets of an account's operation.
func (s *Store) BulkTargetIDs(ctx context.Context, accountID, operationID uuid.UUID, limit int) ([]uuid.UUID, error) {
	ids, err := s.queries.BulkTargets(ctx, accountID, operationID, small(limit))
	return ids, domainError("read bulk targets", err)
}
