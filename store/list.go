package store

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// ErrKey is returned for a place in a list that can't be one: it came from outside and was made up.
var ErrKey = errors.New("bad place in a list")

// Key is a row's place in a sorted list: the values that it is sorted by, the last one being unique.
type Key []string

// Page says which part of a list is read.
type Page struct {
	Size   int  // the most rows, at least 1
	Last   bool // the last ones rather than the first
	After  Key  // only what comes later in the list; nil: no bound
	Before Key  // only what comes earlier; nil: no bound
	Count  bool // Total is wanted, too
}

// Slice is a part of a list, in the list's order.
type Slice[T any] struct {
	Items []T
	Keys  []Key // of Items
	More  bool  // the list goes on: behind the items, or before them where the page asked for the last ones
	Total int   // of the whole list, where it was asked for
}

// SortField names what a list can be sorted by; each list knows some of them.
type SortField string

// What lists can be sorted by.
const (
	ByCreated  SortField = "CREATED_AT"
	ByDeadline SortField = "DEADLINE"
	ByPriority SortField = "PRIORITY"
	ByName     SortField = "NAME"
	ByPrice    SortField = "UNIT_PRICE"
)

// Sort is the order of a list. Equals are sorted by id, in the same direction.
type Sort struct {
	Field SortField // "": the list's usual one
	Desc  bool
}

// term is one value that a list is sorted by.
type term[T any] struct {
	sql  string // of the table with the alias t; never NULL
	kind keyKind
	of   func(T) string // the same value of an item
}

// table is what can be listed and loaded: rows R become items T.
type table[R, T any] struct {
	name string // for errors
	from string // what is selected from, without its alias t
	one  func(R) (T, error)
	id   term[T]
	sort map[SortField][]term[T] // besides the id; the usual order is under ""
	// planned: each statement is planned for its own arguments, because which way is the best one depends on them.
	planned bool
}

// where collects conditions and their arguments.
type where struct {
	conditions []string
	args       []any
	each       *each
	words      string // the condition of a full text search; "": none
}

// each is a column that has one of several values.
type each struct {
	column string
	values string // an array's argument
}

// oneOf adds the condition that a column of a type has one of some values. An index in which another column follows keeps
// the order of that one only within one value, so that lists read each of the values for itself.
func oneOf[T any](w *where, column, kind string, values []T) {
	switch {
	case len(values) == 1:
		w.add("t."+column+" = ?", values[0])
	case w.each != nil:
		w.add("t."+column+" = ANY(?::"+kind+"[])", values)
	default:
		w.each = &each{column, w.arg(values) + "::" + kind + "[]"}
	}
}

// add adds a condition in which each ? stands for one argument.
func (w *where) add(condition string, args ...any) {
	for _, arg := range args {
		condition = strings.Replace(condition, "?", w.arg(arg), 1)
	}
	w.conditions = append(w.conditions, condition)
}

// arg adds an argument and returns what stands for it.
func (w *where) arg(value any) string {
	w.args = append(w.args, value)
	return "$" + strconv.Itoa(len(w.args))
}

func (w *where) String() string {
	conditions := slices.Clone(w.conditions)
	if w.each != nil {
		conditions = append(conditions, "t."+w.each.column+" = ANY("+w.each.values+")")
	}
	if w.words != "" {
		conditions = append(conditions, w.words)
	}
	return strings.Join(conditions, " AND ")
}

// first reads the first rows in an order.
func (tab *table[R, T]) first(ctx context.Context, s *Store, w *where, order string, limit int) ([]T, error) {
	if w.words == "" {
		return tab.read(ctx, s, tab.query(w, order, limit), w.args)
	}
	common, err := tab.read(ctx, s, tab.common(w, order, limit), w.args)
	if err != nil || len(common) == limit {
		return common, err
	}
	return tab.read(ctx, s, tab.rare(w, order, limit), w.args)
}

// query selects the first rows in an order.
func (tab *table[R, T]) query(w *where, order string, limit int) string {
	if w.each == nil {
		return fmt.Sprintf("SELECT %s FROM %s t WHERE %s ORDER BY %s LIMIT %d", columnsOf[R]("t"), tab.from, w, order, limit)
	}
	//nolint:unqueryvet // what is selected of the inner rows are the explicit columns
	return fmt.Sprintf(`SELECT %s FROM (SELECT DISTINCT unnest(%s) AS value) one
CROSS JOIN LATERAL (SELECT t.* FROM %s t WHERE %s AND t.%s = one.value ORDER BY %s LIMIT %d) t ORDER BY %s LIMIT %d`,
		columnsOf[R]("t"), w.each.values, tab.from, strings.Join(w.conditions, " AND "), w.each.column, order, limit, order, limit)
}

// of starts the conditions of a list that belongs to an account.
func of(accountID uuid.UUID) *where {
	w := new(where)
	w.add("t.account_id = ?", accountID)
	return w
}

// list reads one page of the rows that w selects.
func list[R, T any](ctx context.Context, s *Store, tab table[R, T], w *where, sort Sort, page Page) (Slice[T], error) {
	var slice Slice[T]
	terms, err := tab.terms(sort.Field)
	if err != nil {
		return slice, err
	}
	bounded := &where{conditions: slices.Clone(w.conditions), args: slices.Clone(w.args), each: w.each, words: w.words}
	if err := bound(bounded, terms, sort.Desc, page); err != nil {
		return slice, err
	}
	items, err := tab.first(ctx, s, bounded, orderBy(terms, sort.Desc != page.Last), page.Size+1)
	if err != nil {
		return slice, err
	}
	slice = cut(items, terms, page)
	if page.Count {
		query := fmt.Sprintf("SELECT count(*) FROM %s t WHERE %s", tab.from, w)
		if err := s.pool.QueryRow(ctx, query, w.args...).Scan(&slice.Total); err != nil {
			return slice, fmt.Errorf("count %s: %w", tab.name, err)
		}
	}
	return slice, nil
}

// load reads an account's rows by id. Ids that it doesn't have are missing from the answer.
func load[R, T any](ctx context.Context, s *Store, tab table[R, T], accountID uuid.UUID, ids []uuid.UUID) (map[uuid.UUID]T, error) {
	w := of(accountID)
	w.add("t.id = ANY(?)", ids)
	items, err := tab.read(ctx, s, fmt.Sprintf("SELECT %s FROM %s t WHERE %s", columnsOf[R]("t"), tab.from, w), w.args)
	if err != nil {
		return nil, err
	}
	found := make(map[uuid.UUID]T, len(items))
	for _, item := range items {
		itemID, err := uuid.Parse(tab.id.of(item))
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", tab.name, err)
		}
		found[itemID] = item
	}
	return found, nil
}

func (tab *table[R, T]) read(ctx context.Context, s *Store, query string, args []any) ([]T, error) {
	if tab.planned {
		args = append([]any{pgx.QueryExecModeCacheDescribe}, args...)
	}
	found, err := s.pool.Query(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", tab.name, err)
	}
	list, err := pgx.CollectRows(found, pgx.RowToStructByPos[R])
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", tab.name, err)
	}
	items := make([]T, len(list))
	for i, row := range list {
		if items[i], err = tab.one(row); err != nil {
			return nil, err
		}
	}
	return items, nil
}

func (tab *table[R, T]) terms(field SortField) ([]term[T], error) {
	terms, known := tab.sort[field]
	if !known {
		return nil, fmt.Errorf("list %s: can't be sorted by %q", tab.name, string(field))
	}
	return append(slices.Clone(terms), tab.id), nil
}

// cut drops the row that was read only to see whether there is more, and puts the items into the list's order.
func cut[T any](items []T, terms []term[T], page Page) Slice[T] {
	slice := Slice[T]{Items: items}
	if len(items) > page.Size {
		slice.Items, slice.More = items[:page.Size], true
	}
	if page.Last {
		slices.Reverse(slice.Items)
	}
	slice.Keys = make([]Key, len(slice.Items))
	for i, item := range slice.Items {
		slice.Keys[i] = column(terms, func(t term[T]) string { return t.of(item) })
	}
	return slice
}

// columnsOf lists the columns that R's fields are named after, in their order.
func columnsOf[R any](alias string) string {
	row := reflect.TypeFor[R]()
	names := make([]string, row.NumField())
	for i := range names {
		field := row.Field(i)
		names[i] = alias + "." + snake(field.Name)
		if cast := field.Tag.Get("cast"); cast != "" {
			names[i] += "::" + cast
		}
	}
	return strings.Join(names, ", ")
}

// snake turns BaseUrl into base_url and OrderID into order_id.
func snake(name string) string {
	var text strings.Builder
	for i, r := range strings.ReplaceAll(name, "ID", "Id") {
		if unicode.IsUpper(r) && i > 0 {
			text.WriteByte('_')
		}
		text.WriteRune(unicode.ToLower(r))
	}
	return text.String()
}
