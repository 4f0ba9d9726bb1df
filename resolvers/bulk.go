package resolvers

import (
	"context"

	"github.com/99designs/gqlgen/graphql"
	"github.com/google/uuid"

	"github.com/boostress/boostress/graph"
	"github.com/boostress/boostress/internal/id"
	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/store"
)

// BulkOperation reads a bulk operation by its id.
func (q query) BulkOperation(ctx context.Context, operationID uuid.UUID) (*order.BulkOperation, error) {
	l, err := q.loadersOf(ctx)
	if err != nil {
		return nil, err
	}
	return find(ctx, l.bulk, operationID)
}

// BulkOperations lists the account's bulk operations.
func (q query) BulkOperations(
	ctx context.Context, filter *graph.BulkOperationFilter, orderBy *graph.BulkOperationSort,
	first *int, after *string, last *int, before *string,
) (*graph.BulkOperationConnection, error) {
	sort := store.Sort{Desc: orderBy == nil || orderBy.Direction == graph.SortDirectionDesc}
	var selected store.BulkFilter
	if filter != nil {
		selected = store.BulkFilter{Kinds: filter.Kind, States: filter.State}
	}
	found, err := list(ctx, q.Root, "bulkOperations", selected, sort, pageArgs{first, after, last, before},
		q.options.Store.BulkList)
	if err != nil {
		return nil, err
	}
	edges, info := edgesOf(found, func(cursor string, node *order.BulkOperation) *graph.BulkOperationEdge {
		return &graph.BulkOperationEdge{Cursor: cursor, Node: node}
	})
	return &graph.BulkOperationConnection{Nodes: found.Items, Edges: edges, PageInfo: info, TotalCount: found.Total}, nil
}

func bulkRowFilter(f *graph.BulkRowFilter) store.BulkRowFilter {
	if f == nil {
		return store.BulkRowFilter{}
	}
	return store.BulkRowFilter{Outcomes: f.Outcome}
}

// Rows lists a bulk operation's rows.
func (f bulkFields) Rows(
	ctx context.Context, b *order.BulkOperation, filter *graph.BulkRowFilter,
	first *int, after *string, last *int, before *string,
) (*graph.BulkRowConnection, error) {
	found, err := children(ctx, f.Root, "rows", b.ID, bulkRowFilter(filter), pageArgs{first, after, last, before},
		f.options.Store.BulkRowsOf)
	if err != nil {
		return nil, err
	}
	edges, info := edgesOf(found, func(cursor string, node *order.BulkRow) *graph.BulkRowEdge {
		return &graph.BulkRowEdge{Cursor: cursor, Node: node}
	})
	return &graph.BulkRowConnection{Nodes: found.Items, Edges: edges, PageInfo: info, TotalCount: found.Total}, nil
}

// Target returns the thing that a row is about.
func (f bulkRowFields) Target(ctx context.Context, row *order.BulkRow) (graph.Node, error) {
	l, err := f.loadersOf(ctx)
	if err != nil {
		return nil, err
	}
	return f.node(ctx, l, row.TargetID)
}

func bulkLinks() map[string]link {
	return map[string]link{
		"BulkOperation.rows": toMany("BulkRow", "rows", func(b *order.BulkOperation) uuid.UUID { return b.ID },
			filterOf(bulkRowFilter),
			func(st *store.Store) readChildren[store.BulkRowFilter, *order.BulkRow] { return st.BulkRowsOf }),
		"BulkRow.target": {"", targetsAhead},
	}
}

// targetsAhead reads the targets of rows, those of one kind together.
func targetsAhead(ctx context.Context, l *loaders, parents []any, _ graphql.CollectedField) ([]any, error) {
	kinds := make(map[id.Kind][]uuid.UUID)
	for _, parent := range parents {
		if row, ok := parent.(*order.BulkRow); ok {
			if _, allowed := l.root.kindOf(l, row.TargetID); allowed {
				kinds[id.KindOf(row.TargetID)] = append(kinds[id.KindOf(row.TargetID)], row.TargetID)
			}
		}
	}
	for kind, ids := range kinds {
		if err := l.root.nodes[kind].ahead(ctx, l, ids); err != nil {
			return nil, err
		}
	}
	return nil, nil
}
