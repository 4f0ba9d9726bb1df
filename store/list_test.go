package store_test

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/boostress/boostress/internal/id"
	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/store"
)

// plain is an order with what the tests sort and select by.
type plain struct {
	id       uuid.UUID
	created  time.Time
	deadline time.Time // zero: none
	priority int
	status   order.Status
	category string
	worry    string
}

// insertPlain writes orders that share times and priorities, so that ties are met.
func insertPlain(t testing.TB, st testStore, accountID uuid.UUID, count int) []plain {
	t.Helper()
	start := time.Date(2026, 1, 2, 3, 4, 5, 678901000, time.UTC)
	list := make([]plain, count)
	for i := range list {
		p := plain{
			id: id.New(id.Order), created: start.Add(time.Duration(i/3) * time.Microsecond), priority: i * 7 % 4,
			status: order.Statuses()[i%4+1], category: []string{"prints", "cards"}[i%2],
		}
		if i%3 != 0 {
			p.deadline = start.Add(time.Duration(i%5) * time.Hour)
		}
		if i%6 == 0 {
			p.worry = "look"
		}
		list[i] = p
		execute(t, st, `INSERT INTO orders (id, account_id, reference, category, destination, status, currency, quantity,
				deadline, priority, attention, created_by, created_at, updated_at)
			VALUES ($1, $2, $3, $4, '{}', $5, 'EUR', 1, $6, $7, $8, 'test', $9, $9)`,
			p.id, accountID, fmt.Sprintf("A-%03d", i), p.category, string(p.status), orNull(p.deadline), p.priority, p.worry, p.created)
	}
	return list
}

func orNull(at time.Time) *time.Time {
	if at.IsZero() {
		return nil
	}
	return &at
}

// sorted is the model: the orders in the order that a list must have.
func sorted(list []plain, sort store.Sort) []uuid.UUID {
	list = slices.Clone(list)
	slices.SortFunc(list, func(a, b plain) int {
		var by int
		switch sort.Field {
		case store.ByDeadline:
			late := time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)
			at := func(p plain) time.Time {
				if p.deadline.IsZero() {
					return late
				}
				return p.deadline
			}
			by = at(a).Compare(at(b))
		case store.ByPriority:
			by = cmp.Compare(a.priority, b.priority)
		default:
			by = a.created.Compare(b.created)
		}
		if by == 0 {
			by = slices.Compare(a.id[:], b.id[:])
		}
		if sort.Desc {
			by = -by
		}
		return by
	})
	ids := make([]uuid.UUID, len(list))
	for i, p := range list {
		ids[i] = p.id
	}
	return ids
}

func TestOrderListPagesLikeTheModel(t *testing.T) {
	t.Parallel()
	st := openStore(t)
	mine, other := id.New(id.Account), id.New(id.Account)
	list := insertPlain(t, st, mine, 17)
	insertOthers(t, st, other)

	for _, field := range []store.SortField{"", store.ByCreated, store.ByDeadline, store.ByPriority} {
		for _, desc := range []bool{false, true} {
			for _, last := range []bool{false, true} {
				for _, size := range []int{1, 2, 5, 17, 50} {
					sort := store.Sort{Field: field, Desc: desc}
					name := fmt.Sprintf("%s desc=%v last=%v size=%d", field, desc, last, size)
					got := walk(t, name, size, last, len(list), func(page store.Page) (store.Slice[*order.Order], error) {
						return st.OrderList(t.Context(), mine, store.OrderFilter{}, sort, page)
					})
					if diff := gocmp.Diff(sorted(list, sort), got); diff != "" {
						t.Errorf("%s (-model +list):\n%s", name, diff)
					}
				}
			}
		}
	}
}

func insertOthers(t testing.TB, st testStore, accountID uuid.UUID) {
	t.Helper()
	insertPlain(t, st, accountID, 5)
}

// walk reads a whole list page by page, from one of its ends.
func walk(
	t testing.TB, name string, size int, last bool, total int, read func(store.Page) (store.Slice[*order.Order], error),
) []uuid.UUID {
	t.Helper()
	var all []uuid.UUID
	page := store.Page{Size: size, Last: last, Count: true}
	for range total + 1 {
		slice, err := read(page)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if slice.Total != total {
			t.Errorf("%s: total is %d, want %d", name, slice.Total, total)
		}
		ids := make([]uuid.UUID, len(slice.Items))
		for i, o := range slice.Items {
			ids[i] = o.ID
		}
		if last {
			all = slices.Concat(ids, all)
		} else {
			all = slices.Concat(all, ids)
		}
		if more := len(all) < total; slice.More != more {
			t.Errorf("%s: more is %v after %d of %d", name, slice.More, len(all), total)
		}
		if !slice.More {
			return all
		}
		if last {
			page.Before = slice.Keys[0]
		} else {
			page.After = slice.Keys[len(slice.Keys)-1]
		}
	}
	t.Fatalf("%s: the pages don't end", name)
	return nil
}

func TestOrderListFilters(t *testing.T) {
	t.Parallel()
	st := openStore(t)
	mine := id.New(id.Account)
	list := insertPlain(t, st, mine, 24)
	yes, no := true, false
	middle := list[12].created

	for name, filter := range map[string]store.OrderFilter{
		"all":          {},
		"status":       {Statuses: []order.Status{order.Pending, order.Fulfilled}},
		"no status":    {Statuses: []order.Status{}},
		"category":     {Categories: []string{"cards"}},
		"reference":    {ReferencePrefix: "A-01"},
		"after":        {CreatedAfter: &middle},
		"before":       {CreatedBefore: &middle},
		"deadline":     {DeadlineBefore: &middle},
		"attention":    {NeedsAttention: &yes},
		"no attention": {NeedsAttention: &no},
		"open":         {Open: &yes},
		"closed":       {Open: &no},
		"several":      {Categories: []string{"prints"}, NeedsAttention: &yes, CreatedAfter: &middle},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			everything, err := st.OrderList(t.Context(), mine, store.OrderFilter{}, store.Sort{}, store.Page{Size: 100})
			if err != nil {
				t.Fatal(err)
			}
			want := []uuid.UUID{}
			for _, o := range everything.Items {
				if filter.Match(o) {
					want = append(want, o.ID)
				}
			}
			slice, err := st.OrderList(t.Context(), mine, filter, store.Sort{}, store.Page{Size: 100, Count: true})
			if err != nil {
				t.Fatal(err)
			}
			got := make([]uuid.UUID, 0, len(slice.Items))
			for _, o := range slice.Items {
				got = append(got, o.ID)
			}
			if diff := gocmp.Diff(want, got); diff != "" {
				t.Errorf("what matches (-Match +list):\n%s", diff)
			}
			if slice.Total != len(want) {
				t.Errorf("total is %d, want %d", slice.Total, len(want))
			}
		})
	}
}

func TestChildrenPageForEachParent(t *testing.T) {
	t.Parallel()
	st := openStore(t)
	mine := id.New(id.Account)
	parents := []uuid.UUID{id.New(id.Order), id.New(id.Order), id.New(id.Order)}
	for p, parent := range parents {
		for position := range p * 3 {
			execute(t, st, `INSERT INTO order_lines (id, account_id, order_id, position, service_type, quantity)
				VALUES ($1, $2, $3, $4, 'poster', 1)`, id.New(id.Line), mine, parent, position)
		}
	}

	for name, tt := range map[string]struct {
		account uuid.UUID
		page    store.Page
		want    [][]int // positions by parent
		more    []bool
		total   []int
	}{
		"first two": {mine, store.Page{Size: 2, Count: true}, [][]int{nil, {0, 1}, {0, 1}}, []bool{false, true, true}, []int{0, 3, 6}},
		"last two":  {mine, store.Page{Size: 2, Last: true}, [][]int{nil, {1, 2}, {4, 5}}, []bool{false, true, true}, []int{0, 0, 0}},
		"all":       {mine, store.Page{Size: 9}, [][]int{nil, {0, 1, 2}, {0, 1, 2, 3, 4, 5}}, []bool{false, false, false}, []int{0, 0, 0}},
		"foreign": {id.New(id.Account), store.Page{Size: 9, Count: true}, [][]int{nil, nil, nil}, []bool{
			false, false,
			false,
		}, []int{0, 0, 0}},
		"after": {
			mine,
			store.Page{Size: 2, After: store.Key{"1", uuid.Max.String()}},
			[][]int{nil, {2}, {2, 3}},
			[]bool{false, false, true},
			[]int{0, 0, 0},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			families, err := st.LinesOf(t.Context(), tt.account, parents, tt.page)
			if err != nil {
				t.Fatal(err)
			}
			for p, parent := range parents {
				slice, known := families[parent]
				if !known {
					t.Fatalf("parent %d has no slice", p)
				}
				var got []int
				for _, line := range slice.Items {
					got = append(got, line.Position)
				}
				if diff := gocmp.Diff(tt.want[p], got); diff != "" {
					t.Errorf("parent %d (-want +got):\n%s", p, diff)
				}
				if slice.More != tt.more[p] || slice.Total != tt.total[p] {
					t.Errorf("parent %d: more %v, total %d, want %v, %d", p, slice.More, slice.Total, tt.more[p], tt.total[p])
				}
			}
		})
	}
}

func TestMadeUpKeysAreRefused(t *testing.T) {
	t.Parallel()
	st := openStore(t)

	for name, tt := range map[string]struct {
		field store.SortField
		key   store.Key
	}{
		"no values":       {store.ByCreated, store.Key{}},
		"too few":         {store.ByCreated, store.Key{"2026-01-01T00:00:00Z"}},
		"too many":        {store.ByCreated, store.Key{"2026-01-01T00:00:00Z", uuid.Max.String(), "1"}},
		"no time":         {store.ByCreated, store.Key{"yesterday", uuid.Max.String()}},
		"no id":           {store.ByCreated, store.Key{"2026-01-01T00:00:00Z", "1"}},
		"SQL":             {store.ByPriority, store.Key{"1); DROP TABLE orders; --", uuid.Max.String()}},
		"too large":       {store.ByPriority, store.Key{"99999999999999999999", uuid.Max.String()}},
		"a year too long": {store.ByDeadline, store.Key{"10000-01-01T00:00:00Z", uuid.Max.String()}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := st.OrderList(t.Context(), id.New(id.Account), store.OrderFilter{}, store.Sort{Field: tt.field},
				store.Page{Size: 1, After: tt.key})
			if !errors.Is(err, store.ErrKey) {
				t.Errorf("error is %v, want ErrKey", err)
			}
		})
	}
}

// Every list runs, forwards and backwards, with every order that it knows, and accepts its own keys.
func TestEveryListRuns(t *testing.T) {
	t.Parallel()
	st := openStore(t)
	mine, ctx := id.New(id.Account), t.Context()
	some := uuid.New()
	yes := true
	now := time.Now()

	lists := map[string]func(store.Sort, store.Page) error{
		"fulfillments": func(s store.Sort, p store.Page) error {
			_, err := st.FulfillmentList(ctx, mine, store.FulfillmentFilter{
				Statuses: order.FulfillmentStatuses(), OrderID: &some, ProviderID: &some, NeedsAttention: &yes,
			}, s, p)
			return err
		},
		"events": func(s store.Sort, p store.Page) error {
			_, err := st.EventList(ctx, mine, store.EventFilter{
				Kinds: []order.EventKind{order.EventPlaced}, OrderID: &some, FulfillmentID: &some, OccurredAfter: &now,
				OccurredBefore: &now,
			}, s, p)
			return err
		},
		"providers": func(s store.Sort, p store.Page) error {
			_, err := st.ProviderList(ctx, mine, store.ProviderFilter{Adapter: "a", Enabled: &yes, Paused: &yes}, s, p)
			return err
		},
		"offers": func(s store.Sort, p store.Page) error {
			_, err := st.OfferList(ctx, mine, store.OfferFilter{
				ProviderID: &some, Categories: []string{"a"}, ServiceTypes: []string{"b"}, Enabled: &yes,
			}, s, p)
			return err
		},
		"schedules": func(s store.Sort, p store.Page) error {
			_, err := st.ScheduleList(ctx, mine, store.ScheduleFilter{Enabled: &yes}, s, p)
			return err
		},
		"tasks": func(s store.Sort, p store.Page) error {
			_, err := st.TaskList(ctx, mine, store.TaskFilter{
				OrderID: &some, FulfillmentID: &some, ProviderID: &some,
				Dead: &yes, Queue: "q",
			}, s, p)
			return err
		},
		"keys": func(s store.Sort, p store.Page) error {
			_, err := st.APIKeyList(ctx, mine, store.APIKeyFilter{Revoked: &yes}, s, p)
			return err
		},
		"users": func(s store.Sort, p store.Page) error {
			_, err := st.UserList(ctx, mine, store.UserFilter{Disabled: &yes}, s, p)
			return err
		},
		"sessions": func(s store.Sort, p store.Page) error {
			_, err := st.SessionList(ctx, mine, store.SessionFilter{UserID: &some}, s, p)
			return err
		},
		"audit": func(s store.Sort, p store.Page) error {
			_, err := st.AuditList(ctx, mine, store.AuditFilter{Actor: "a", Action: "b", TargetID: &some}, s, p)
			return err
		},
	}
	fields := map[string][]store.SortField{
		"providers": {store.ByName}, "users": {store.ByName}, "schedules": {store.ByName}, "offers": {store.ByPrice},
	}
	keys := map[store.SortField]store.Key{
		store.ByCreated: {"2026-01-01T00:00:00Z", some.String()}, store.ByName: {"n", some.String()},
		store.ByPrice: {"1.5", some.String()},
	}
	for name, read := range lists {
		for _, field := range append([]store.SortField{"", store.ByCreated}, fields[name]...) {
			key := keys[field]
			switch {
			case name == "tasks":
				key = store.Key{some.String()}
			case name == "events":
				key = store.Key{"1", "2"}
			case key == nil && fields[name] != nil && name != "offers":
				key = keys[store.ByName]
			case key == nil:
				key = keys[store.ByCreated]
			}
			for _, page := range []store.Page{
				{Size: 5, Count: true},
				{Size: 5, Last: true},
				{Size: 5, After: key},
				{Size: 5, Last: true, Before: key},
				{Size: 5, After: key, Before: key},
			} {
				if err := read(store.Sort{Field: field, Desc: page.Last}, page); err != nil {
					t.Errorf("%s by %q, %+v: %v", name, field, page, err)
				}
			}
		}
	}
}
