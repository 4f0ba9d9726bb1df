package store

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/store/internal/db"
)

// OrderFilter selects orders; zero fields select nothing.
type OrderFilter struct {
	Statuses        []order.Status // one of these; nil: any, empty: none
	Categories      []string       // one of these; nil: any, empty: none
	ReferencePrefix string
	CreatedAfter    *time.Time // at or after
	CreatedBefore   *time.Time
	DeadlineBefore  *time.Time
	NeedsAttention  *bool
	Open            *bool // whether something of it is still open
}

func (f *OrderFilter) where(accountID uuid.UUID) *where {
	w := of(accountID)
	if f.Statuses != nil {
		w.add("t.status = ANY(?)", f.Statuses)
	}
	if f.Categories != nil {
		w.add("t.category = ANY(?)", f.Categories)
	}
	if f.ReferencePrefix != "" {
		w.add("starts_with(t.reference, ?)", f.ReferencePrefix)
	}
	if f.CreatedAfter != nil {
		w.add("t.created_at >= ?", *f.CreatedAfter)
	}
	if f.CreatedBefore != nil {
		w.add("t.created_at < ?", *f.CreatedBefore)
	}
	if f.DeadlineBefore != nil {
		w.add("t.deadline < ?", *f.DeadlineBefore)
	}
	w.attention(f.NeedsAttention)
	if f.Open != nil {
		w.add("(t.finished_at IS NULL) = ?", *f.Open)
	}
	return w
}

// Match tells the same of an order as the list does.
func (f *OrderFilter) Match(o *order.Order) bool {
	return in(f.Statuses, o.Status) && in(f.Categories, o.Category) &&
		strings.HasPrefix(o.Reference, f.ReferencePrefix) &&
		(f.CreatedAfter == nil || !o.CreatedAt.Before(*f.CreatedAfter)) &&
		(f.CreatedBefore == nil || o.CreatedAt.Before(*f.CreatedBefore)) &&
		(f.DeadlineBefore == nil || o.Deadline != nil && o.Deadline.Before(*f.DeadlineBefore)) &&
		(f.NeedsAttention == nil || *f.NeedsAttention == (o.Attention != "")) &&
		(f.Open == nil || *f.Open == (o.FinishedAt == nil))
}

// attention writes its condition so that the partial indexes on rows that need some are found.
func (w *where) attention(needed *bool) {
	switch {
	case needed == nil:
	case *needed:
		w.add("t.attention <> ''")
	default:
		w.add("t.attention = ''")
	}
}

func orders() table[db.Order, *order.Order] {
	created := createdTerm(func(o *order.Order) time.Time { return o.CreatedAt })
	return table[db.Order, *order.Order]{
		name: "orders", from: "orders", one: orderOf,
		id: idTerm(func(o *order.Order) uuid.UUID { return o.ID }),
		sort: map[SortField][]term[*order.Order]{
			"": {created}, ByCreated: {created},
			ByDeadline: {{sql: "coalesce(t.deadline, 'infinity')", kind: keyTime, of: func(o *order.Order) string {
				if o.Deadline == nil {
					return never
				}
				return keyOfTime(*o.Deadline)
			}}},
			ByPriority: {{
				sql: "t.priority", kind: keyNumber, of: func(o *order.Order) string { return strconv.Itoa(o.Priority) },
			}},
		},
	}
}

// OrderList reads a page of an account's orders, usually by time. It fails with ErrKey.
func (s *Store) OrderList(
	ctx context.Context, accountID uuid.UUID, filter OrderFilter, sort Sort, page Page,
) (Slice[*order.Order], error) {
	return list(ctx, s, orders(), filter.where(accountID), sort, page)
}

// OrderByReference reads an account's order. It fails with order.ErrNotFound.
func (s *Store) OrderByReference(ctx context.Context, accountID uuid.UUID, reference string) (*order.Order, error) {
	row, err := s.queries.OrderByReference(ctx, accountID, reference)
	if err != nil {
		return nil, domainError("read order", err)
	}
	return orderOf(row)
}

func lines() table[db.OrderLine, *order.Line] {
	position := term[*order.Line]{sql: "t.position", kind: keyNumber, of: func(l *order.Line) string {
		return strconv.Itoa(l.Position)
	}}
	return table[db.OrderLine, *order.Line]{
		name: "order lines", from: "order_lines", one: always(lineOf),
		id:   idTerm(func(l *order.Line) uuid.UUID { return l.ID }),
		sort: map[SortField][]term[*order.Line]{"": {position}},
	}
}

// LinesOf reads, for each of an account's orders, a page of its lines by position. It fails with ErrKey.
func (s *Store) LinesOf(
	ctx context.Context, accountID uuid.UUID, orderIDs []uuid.UUID, page Page,
) (map[uuid.UUID]Slice[*order.Line], error) {
	by := child[*order.Line]{ofOrder, func(l *order.Line) uuid.UUID { return l.OrderID }}
	return children(ctx, s, lines(), by, orderIDs, of(accountID), Sort{}, page)
}

// Lines reads an account's order lines by id; unknown ones are missing from the answer.
func (s *Store) Lines(ctx context.Context, accountID uuid.UUID, ids []uuid.UUID) (map[uuid.UUID]*order.Line, error) {
	return load(ctx, s, lines(), accountID, ids)
}

// always fits a mapping that can't fail.
func always[R, T any](one func(R) T) func(R) (T, error) {
	return func(row R) (T, error) { return one(row), nil }
}
