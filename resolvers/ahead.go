package resolvers

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"sync"

	"github.com/99designs/gqlgen/graphql"
	"github.com/google/uuid"
	"github.com/vektah/gqlparser/v2/ast"

	"github.com/boostress/boostress/graph"
	"github.com/boostress/boostress/store"
)

// Loaders alone wait a moment for all who will ask, and on a busy machine not all have asked by then: the longer a list,
// the more statements. So whoever returns a list first looks at what is selected below it and reads that ahead, level by
// level, one statement for each field; the fields then find it in their loaders. What can't be read ahead, or fails,
// is left to the fields, which meet the same error and tell it where it belongs.

// link leads from the parents of a type, by one of its fields, to the things that the field answers with.
type link struct {
	child string // their type; "": nothing is read below them
	read  func(ctx context.Context, l *loaders, parents []any, field graphql.CollectedField) (children []any, err error)
}

// aheadOfList reads what is selected below the nodes of the connection that is being answered.
func aheadOfList[T any](ctx context.Context, r *Root, items []T) {
	field := graphql.GetFieldContext(ctx).Field
	if len(items) == 0 {
		return
	}
	l, err := r.loadersOf(ctx)
	if err != nil {
		return
	}
	parents := anyOf(items)
	l.below(ctx, nodeType(field.Field), parents, nodesOf(ctx, field))
}

// aheadOf reads what is selected below things that the field that is being answered returns as they are, or within its
// payload under a name.
func aheadOf[T any](ctx context.Context, r *Root, typeName, within string, items []T) {
	field := graphql.GetFieldContext(ctx).Field
	l, err := r.loadersOf(ctx)
	if err != nil || len(items) == 0 {
		return
	}
	selections := []ast.SelectionSet{field.Selections}
	if within != "" {
		selections = nil
		for _, part := range collect(ctx, field.Selections, field.Definition.Type.Name()) {
			if part.Name == within {
				selections = append(selections, part.Selections)
			}
		}
	}
	l.below(ctx, typeName, anyOf(items), selections)
}

func anyOf[T any](items []T) []any {
	list := make([]any, len(items))
	for i, item := range items {
		list[i] = item
		if shown, ok := any(item).(*graph.Schedule); ok {
			list[i] = shown.Stored
		}
	}
	return list
}

// nodeType returns the type of a connection's nodes.
func nodeType(field *ast.Field) string {
	const suffix = len("Connection")
	name := field.Definition.Type.Name()
	return name[:len(name)-suffix]
}

// nodesOf returns what is selected of a connection's nodes: below nodes and below the edges.
func nodesOf(ctx context.Context, connection graphql.CollectedField) []ast.SelectionSet {
	var selections []ast.SelectionSet
	node := nodeType(connection.Field)
	for _, part := range collect(ctx, connection.Selections, node+"Connection") {
		switch part.Name {
		case "nodes":
			selections = append(selections, part.Selections)
		case "edges":
			for _, edge := range collect(ctx, part.Selections, node+"Edge") {
				if edge.Name == "node" {
					selections = append(selections, edge.Selections)
				}
			}
		}
	}
	return selections
}

func collect(ctx context.Context, selections ast.SelectionSet, typeName string) []graphql.CollectedField {
	return graphql.CollectFields(graphql.GetOperationContext(ctx), selections, []string{typeName, "Node"})
}

// below reads what the selections want of parents of a type, and goes on below that. It returns when all is there.
func (l *loaders) below(ctx context.Context, typeName string, parents []any, selections []ast.SelectionSet) {
	if len(parents) == 0 {
		return
	}
	var all sync.WaitGroup
	for _, selection := range selections {
		for _, field := range collect(ctx, selection, typeName) {
			found, known := l.root.links[typeName+"."+field.Name]
			if !known {
				continue
			}
			all.Go(func() {
				children, err := found.read(ctx, l, parents, field)
				if err != nil || found.child == "" {
					return
				}
				selections := []ast.SelectionSet{field.Selections}
				if field.Definition.Type.Name() != found.child {
					selections = nodesOf(ctx, field)
				}
				l.below(ctx, found.child, children, selections)
			})
		}
	}
	all.Wait()
}

// toOne leads to a single thing, by its id.
func toOne[P, C any](child string, idOf func(P) *uuid.UUID, of func(*loaders) *batch[C]) link {
	return link{child, func(ctx context.Context, l *loaders, parents []any, _ graphql.CollectedField) ([]any, error) {
		var ids []uuid.UUID
		for _, parent := range parents {
			if parent, ok := parent.(P); ok {
				if id := idOf(parent); id != nil {
					ids = append(ids, *id)
				}
			}
		}
		found, err := of(l).ahead(ctx, ids)
		if err != nil {
			return nil, err
		}
		children := make([]any, 0, len(found))
		for _, thing := range found {
			children = append(children, thing)
		}
		return children, nil
	}}
}

// toLists leads to all things of a list that each parent has.
func toLists[P, C any](child string, idOf func(P) uuid.UUID, of func(*loaders) *batch[[]C]) link {
	return link{child, func(ctx context.Context, l *loaders, parents []any, _ graphql.CollectedField) ([]any, error) {
		var ids []uuid.UUID
		for _, parent := range parents {
			if parent, ok := parent.(P); ok {
				ids = append(ids, idOf(parent))
			}
		}
		found, err := of(l).ahead(ctx, ids)
		if err != nil {
			return nil, err
		}
		var children []any
		for _, list := range found {
			children = append(children, anyOf(list)...)
		}
		return children, nil
	}}
}

// toMany leads to a page of a list that each parent has.
func toMany[P, F, T any](
	child, name string, idOf func(P) uuid.UUID, filterOf func(json.RawMessage) (F, error),
	of func(*store.Store) readChildren[F, T],
) link {
	return link{child, func(ctx context.Context, l *loaders, parents []any, field graphql.CollectedField) ([]any, error) {
		given, filterText, err := argumentsOf(ctx, field)
		if err != nil {
			return nil, err
		}
		counted := false
		for _, part := range collect(ctx, field.Selections, child+"Connection") {
			counted = counted || part.Name == "totalCount"
		}
		page, err := given.page(name, counted)
		if err != nil {
			return nil, err
		}
		filter, err := filterOf(filterText)
		if err != nil {
			return nil, err
		}
		var ids []uuid.UUID
		for _, parent := range parents {
			if parent, ok := parent.(P); ok {
				ids = append(ids, idOf(parent))
			}
		}
		read := of(l.root.options.Store)
		family := familyOf(l, field.Field, func(ctx context.Context, parents []uuid.UUID) (map[uuid.UUID]store.Slice[T], error) {
			return read(ctx, l.principal.AccountID, parents, filter, page)
		})
		slices, err := family.ahead(ctx, ids)
		if err != nil {
			return nil, err
		}
		var children []any
		for _, slice := range slices {
			children = append(children, anyOf(slice.Items)...)
		}
		return children, nil
	}}
}

// argumentsOf reads the arguments of a list that is read ahead; gqlgen reads them only once the field is answered.
func argumentsOf(ctx context.Context, field graphql.CollectedField) (args pageArgs, filter json.RawMessage, err error) {
	values := field.ArgumentMap(graphql.GetOperationContext(ctx).Variables)
	if args.first, err = numberOf(values["first"]); err != nil {
		return args, nil, err
	}
	if args.last, err = numberOf(values["last"]); err != nil {
		return args, nil, err
	}
	args.after, args.before = textOf(values["after"]), textOf(values["before"])
	if values["filter"] == nil {
		return args, nil, nil
	}
	if filter, err = json.Marshal(values["filter"]); err != nil {
		return args, nil, fmt.Errorf("read filter: %w", err)
	}
	return args, filter, nil
}

func numberOf(value any) (*int, error) {
	var text string
	switch value := value.(type) {
	case nil:
		return nil, nil
	case int64:
		text = strconv.FormatInt(value, 10)
	case json.Number:
		text = value.String()
	}
	number, err := strconv.Atoi(text)
	if err != nil {
		return nil, fmt.Errorf("read number: %w", err)
	}
	return &number, nil
}

func textOf(value any) *string {
	if text, ok := value.(string); ok {
		return &text
	}
	return nil
}

// withoutFilter is of lists that have none.
func withoutFilter(json.RawMessage) (noFilter, error) { return noFilter{}, nil }

// filterOf reads a filter as the API has it, and turns it into the record's.
func filterOf[G, F any](convert func(*G) F) func(json.RawMessage) (F, error) {
	return func(text json.RawMessage) (F, error) {
		if text == nil {
			return convert(nil), nil
		}
		var given G
		if err := json.Unmarshal(text, &given); err != nil {
			return convert(nil), fmt.Errorf("read filter: %w", err)
		}
		return convert(&given), nil
	}
}
