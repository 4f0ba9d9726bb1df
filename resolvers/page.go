package resolvers

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"

	"github.com/99designs/gqlgen/graphql"
	"github.com/google/uuid"

	"github.com/boostress/boostress/graph"
	"github.com/boostress/boostress/store"
)

const (
	mostPerPage  = 100
	usualPerPage = 20
	// longestCursor bounds what is decoded; a name of 200 characters and an id fit well.
	longestCursor = 2048
	cursorVersion = "1"
)

// pageArgs are the arguments that every list has.
type pageArgs struct {
	first  *int
	after  *string
	last   *int
	before *string
}

// page reads the arguments of a list that is sorted in a certain way, which its cursors name. It fails with errors for
// the client.
func (a pageArgs) page(sorted string, count bool) (store.Page, error) {
	page := store.Page{Size: usualPerPage, Count: count}
	switch {
	case a.first != nil && a.last != nil:
		return page, refuse(codeBadUserInput, "give first or last, not both")
	case a.first != nil:
		page.Size = *a.first
	case a.last != nil:
		page.Size, page.Last = *a.last, true
	}
	if !goodPageSize(page.Size) {
		name := "first"
		if page.Last {
			name = "last"
		}
		return page, refuse(codeBadUserInput, badPageSize(name))
	}
	var err error
	if page.After, err = decodeCursor(sorted, a.after); err != nil {
		return page, err
	}
	page.Before, err = decodeCursor(sorted, a.before)
	return page, err
}

// encodeCursor makes a key opaque: version, order and values.
func encodeCursor(sorted string, key store.Key) string {
	text, err := json.Marshal(append([]string{cursorVersion, sorted}, key...))
	if err != nil {
		panic(err) // texts can always be written
	}
	return base64.RawURLEncoding.EncodeToString(text)
}

// decodeCursor reads what encodeCursor wrote for a list of the same order. It fails with CURSOR_INVALID.
func decodeCursor(sorted string, cursor *string) (store.Key, error) {
	if cursor == nil {
		return nil, nil
	}
	if len(*cursor) > longestCursor {
		return nil, badCursor()
	}
	text, err := base64.RawURLEncoding.Strict().DecodeString(*cursor)
	if err != nil {
		return nil, badCursor()
	}
	var values []string
	if err := json.Unmarshal(text, &values); err != nil || len(values) < 3 {
		return nil, badCursor()
	}
	if values[0] != cursorVersion || values[1] != sorted {
		return nil, badCursor()
	}
	return values[2:], nil
}

func badCursor() error {
	return refuse(codeCursorInvalid, "the cursor is not one of this list: begin anew without it")
}

// listed is a page that was read.
type listed[T any] struct {
	store.Slice[T]

	page   store.Page
	sorted string // names the order, for cursors
}

// list reads a page of one of the account's lists.
func list[F, T any](
	ctx context.Context, r *Root, name string, filter F, sort store.Sort, args pageArgs,
	read func(context.Context, uuid.UUID, F, store.Sort, store.Page) (store.Slice[T], error),
) (listed[T], error) {
	found := listed[T]{sorted: fmt.Sprintf("%s/%s/%v", name, sort.Field, sort.Desc)}
	principal, err := who(ctx)
	if err != nil {
		return found, err
	}
	if found.page, err = args.page(found.sorted, graphql.FieldRequested(ctx, "totalCount")); err != nil {
		return found, err
	}
	if found.Slice, err = read(ctx, principal.AccountID, filter, sort, found.page); err != nil {
		return found, err
	}
	aheadOfList(ctx, r, found.Items)
	return found, nil
}

// readChildren reads, for each of several parents, a page of its list.
type readChildren[F, T any] func(
	ctx context.Context, accountID uuid.UUID, parents []uuid.UUID, filter F, page store.Page,
) (map[uuid.UUID]store.Slice[T], error)

// children reads a page of a list that belongs to a parent, together with those of its siblings.
func children[F, T any](
	ctx context.Context, r *Root, name string, parent uuid.UUID, filter F, args pageArgs, read readChildren[F, T],
) (listed[T], error) {
	found := listed[T]{sorted: name}
	l, err := r.loadersOf(ctx)
	if err != nil {
		return found, err
	}
	if found.page, err = args.page(found.sorted, graphql.FieldRequested(ctx, "totalCount")); err != nil {
		return found, err
	}
	family := familyOf(l, graphql.GetFieldContext(ctx).Field.Field,
		func(ctx context.Context, parents []uuid.UUID) (map[uuid.UUID]store.Slice[T], error) {
			return read(ctx, l.principal.AccountID, parents, filter, found.page)
		})
	wasAhead := family.knows(parent)
	if found.Slice, _, err = family.get(ctx, parent); err != nil {
		return found, err
	}
	if !wasAhead {
		aheadOfList(ctx, r, found.Items)
	}
	return found, nil
}

// edgesOf makes a page's edges and tells where it lies.
func edgesOf[T, E any](found listed[T], edge func(cursor string, node T) *E) ([]*E, *graph.PageInfo) {
	edges, cursors := make([]*E, len(found.Items)), make([]string, len(found.Items))
	for i, item := range found.Items {
		cursors[i] = encodeCursor(found.sorted, found.Keys[i])
		edges[i] = edge(cursors[i], item)
	}
	info := &graph.PageInfo{HasNextPage: found.More, HasPreviousPage: found.page.After != nil}
	if found.page.Last {
		info.HasNextPage, info.HasPreviousPage = found.page.Before != nil, found.More
	}
	if len(cursors) > 0 {
		info.StartCursor, info.EndCursor = &cursors[0], &cursors[len(cursors)-1]
	}
	return edges, info
}

// sortOf reads what a list is to be sorted by; the fields' names are those of the record.
func sortOf[F ~string](field F, direction graph.SortDirection) store.Sort {
	return store.Sort{Field: store.SortField(field), Desc: direction == graph.SortDirectionDesc}
}

// noFilter is of lists that have none.
type noFilter struct{}

// unfiltered fits a read without a filter to children.
func unfiltered[T any](
	read func(context.Context, uuid.UUID, []uuid.UUID, store.Page) (map[uuid.UUID]store.Slice[T], error),
) readChildren[noFilter, T] {
	return func(
		ctx context.Context, accountID uuid.UUID, parents []uuid.UUID, _ noFilter, page store.Page,
	) (map[uuid.UUID]store.Slice[T], error) {
		return read(ctx, accountID, parents, page)
	}
}
