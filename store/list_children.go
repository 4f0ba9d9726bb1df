package store

import (
	"context"
	"fmt"
	"slices"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// ofOrder is the column that names a row's order.
const ofOrder = "order_id"

// child says by which column rows belong to a parent, and how an item tells.
type child[T any] struct {
	column string
	of     func(T) uuid.UUID
}

// children reads, for each of the parents, one page of its rows that w selects, all in one statement (and one more where
// the totals are wanted). Every parent has a slice in the answer, if an empty one.
func children[R, T any](
	ctx context.Context, s *Store, tab table[R, T], by child[T], parents []uuid.UUID, w *where, sort Sort, page Page,
) (map[uuid.UUID]Slice[T], error) {
	terms, err := tab.terms(sort.Field)
	if err != nil {
		return nil, err
	}
	bounded := &where{conditions: slices.Clone(w.conditions), args: slices.Clone(w.args)}
	if err := bound(bounded, terms, sort.Desc, page); err != nil {
		return nil, err
	}
	order := orderBy(terms, sort.Desc != page.Last)
	//nolint:unqueryvet // what is selected of the inner rows are the explicit columns
	query := fmt.Sprintf(`SELECT %s FROM unnest(%s::uuid[]) WITH ORDINALITY AS p (id, place)
CROSS JOIN LATERAL (SELECT t.* FROM %s t WHERE t.%s = p.id AND %s ORDER BY %s LIMIT %d) t
ORDER BY p.place, %s`,
		columnsOf[R]("t"), bounded.arg(parents), tab.from, by.column, bounded, order, page.Size+1, order)
	items, err := tab.read(ctx, s, query, bounded.args)
	if err != nil {
		return nil, err
	}
	families := make(map[uuid.UUID][]T, len(parents))
	for _, item := range items {
		parent := by.of(item)
		families[parent] = append(families[parent], item)
	}
	found := make(map[uuid.UUID]Slice[T], len(parents))
	for _, parent := range parents {
		found[parent] = cut(families[parent], terms, page)
	}
	if page.Count {
		err = countChildren(ctx, s, tab, by, parents, w, found)
	}
	return found, err
}

func countChildren[R, T any](
	ctx context.Context, s *Store, tab table[R, T], by child[T], parents []uuid.UUID, w *where, found map[uuid.UUID]Slice[T],
) error {
	counted := &where{conditions: slices.Clone(w.conditions), args: slices.Clone(w.args)}
	counted.add("t."+by.column+" = ANY(?)", parents)
	query := fmt.Sprintf("SELECT t.%s, count(*) FROM %s t WHERE %s GROUP BY 1", by.column, tab.from, counted)
	list, err := s.pool.Query(ctx, query, counted.args...)
	if err != nil {
		return fmt.Errorf("count %s: %w", tab.name, err)
	}
	type count struct {
		Parent uuid.UUID
		Total  int
	}
	counts, err := pgx.CollectRows(list, pgx.RowToStructByPos[count])
	if err != nil {
		return fmt.Errorf("count %s: %w", tab.name, err)
	}
	for _, c := range counts {
		slice := found[c.Parent]
		slice.Total = c.Total
		found[c.Parent] = slice
	}
	return nil
}
