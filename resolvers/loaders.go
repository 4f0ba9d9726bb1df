package resolvers

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vikstrous/dataloadgen"

	"github.com/boostress/boostress/access"
	"github.com/boostress/boostress/account"
	"github.com/boostress/boostress/fulfillment"
	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/routing"
	"github.com/boostress/boostress/schedule"
	"github.com/boostress/boostress/store"
	"github.com/boostress/boostress/task"
)

// batch loads things of the principal's account by id, or by the id of a parent: several at once in one statement.
type batch[T any] struct {
	*dataloadgen.Loader[uuid.UUID, T]

	read func(context.Context, []uuid.UUID) (map[uuid.UUID]T, error)

	mu     sync.Mutex
	known  map[uuid.UUID]T // what was read ahead
	absent map[uuid.UUID]bool
}

// ahead reads what will be asked for, in one statement, so that nobody has to wait for others who ask.
func (b *batch[T]) ahead(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]T, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	found := make(map[uuid.UUID]T, len(ids))
	var unknown []uuid.UUID
	for _, id := range ids {
		if value, ok := b.known[id]; ok {
			found[id] = value
		} else if !b.absent[id] {
			b.absent[id] = true // until it is found
			unknown = append(unknown, id)
		}
	}
	if len(unknown) == 0 {
		return found, nil
	}
	fresh, err := b.read(ctx, unknown)
	if err != nil {
		for _, id := range unknown {
			delete(b.absent, id)
		}
		return nil, err
	}
	for id, value := range fresh {
		delete(b.absent, id)
		b.known[id], found[id] = value, value
	}
	return found, nil
}

// get returns one thing, from what was read ahead or else together with others that are asked for. ok is false where
// there is none.
func (b *batch[T]) get(ctx context.Context, id uuid.UUID) (value T, ok bool, err error) {
	if id == uuid.Nil {
		return value, false, nil
	}
	b.mu.Lock()
	value, ok = b.known[id]
	absent := b.absent[id]
	b.mu.Unlock()
	if ok || absent {
		return value, ok, nil
	}
	value, err = b.Load(ctx, id)
	if errors.Is(err, dataloadgen.ErrNotFound) {
		return value, false, nil
	}
	return value, err == nil, err //nolint:wrapcheck // it is what read failed with
}

// knows reports whether something was read ahead.
func (b *batch[T]) knows(id uuid.UUID) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	_, known := b.known[id]
	return known
}

// loaders gather what the fields of one operation, or of one event of a subscription, want to read: one statement for
// each kind of thing, however many fields ask. They also remember it, so they must not live longer than that.
type loaders struct {
	root      *Root
	principal account.Principal

	orders       *batch[*order.Order]
	holds        *batch[[]*order.Hold]   // by order
	results      *batch[[]*order.Result] // by fulfillment
	lines        *batch[*order.Line]
	fulfillments *batch[*order.Fulfillment]
	attempts     *batch[*order.Attempt]
	entries      *batch[*order.LedgerEntry]
	decisions    *batch[routing.Record]
	unknowns     *batch[fulfillment.Unknown]
	policies     *batch[*routing.Policy]
	providers    *batch[*order.Provider]
	days         *batch[order.Sums] // of today, by provider
	syncs        *batch[*order.OfferSync]
	health       *batch[*order.Health] // by provider
	offers       *batch[*order.Offer]
	bulk         *batch[*order.BulkOperation]
	schedules    *batch[*schedule.Schedule]
	own          *batch[[]*schedule.Schedule] // by order
	releases     *batch[[]time.Time]          // by order
	lastRuns     *batch[*schedule.Run]        // by schedule
	tasks        *batch[*task.Task]
	workers      *batch[*store.LiveWorker]
	users        *batch[account.User]
	keys         *batch[account.APIKey]
	sessions     *batch[*account.Session]
	audit        *batch[account.AuditEntry]

	mu       sync.Mutex
	families map[*ast.Field]any // *batch[store.Slice[T]] of parents, by where in the document their lists are asked for
}

type loadersKey struct{}

// loadersOf returns the loaders of what is going on, and who makes the request. Outside of an operation it makes fresh
// ones, which are slower and as right.
func (r *Root) loadersOf(ctx context.Context) (*loaders, error) {
	principal, ok := account.FromContext(ctx)
	if !ok {
		return nil, access.ErrUnauthenticated
	}
	if l, ok := ctx.Value(loadersKey{}).(*lazyLoaders); ok {
		return l.get(r, principal), nil
	}
	return r.newLoaders(principal), nil
}

// lazyLoaders cost an operation nothing that reads nothing.
type lazyLoaders struct {
	once    sync.Once
	loaders *loaders
}

func (l *lazyLoaders) get(r *Root, principal account.Principal) *loaders {
	l.once.Do(func() { l.loaders = r.newLoaders(principal) })
	return l.loaders
}

func withLoaders(ctx context.Context) context.Context {
	return context.WithValue(ctx, loadersKey{}, new(lazyLoaders))
}

func (r *Root) newLoaders(principal account.Principal) *loaders {
	st := r.options.Store
	return &loaders{
		root: r, principal: principal, families: make(map[*ast.Field]any),
		orders:       single(r, principal, st.Orders),
		holds:        single(r, principal, st.OpenHolds),
		results:      single(r, principal, st.Results),
		lines:        single(r, principal, st.Lines),
		fulfillments: single(r, principal, st.Fulfillments),
		attempts:     single(r, principal, st.AttemptsByID),
		entries:      single(r, principal, st.Entries),
		decisions:    single(r, principal, st.LatestDecisions),
		unknowns:     single(r, principal, r.options.Fulfillment.Unknowns),
		policies:     single(r, principal, st.Policies),
		providers:    single(r, principal, st.Providers),
		days: single(r, principal, func(ctx context.Context, accountID uuid.UUID, ids []uuid.UUID) (map[uuid.UUID]order.Sums, error) {
			return st.ProviderDays(ctx, accountID, ids, r.options.Clock())
		}),
		syncs:     single(r, principal, st.Syncs),
		health:    single(r, principal, st.Health),
		offers:    single(r, principal, st.OffersByID),
		bulk:      single(r, principal, st.BulkOperations),
		schedules: single(r, principal, st.Schedules),
		own:       single(r, principal, st.OwnSchedules),
		releases:  single(r, principal, st.Releases),
		lastRuns:  single(r, principal, st.LatestRuns),
		tasks:     single(r, principal, st.Tasks),
		workers: newBatch(r, func(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]*store.LiveWorker, error) {
			return st.WorkersByID(ctx, ids, r.options.Term)
		}),
		users:    single(r, principal, st.Users),
		keys:     single(r, principal, st.APIKeys),
		sessions: single(r, principal, st.Sessions),
		audit:    single(r, principal, st.AuditEntries),
	}
}

// single makes a loader of things by their ids out of a read that is scoped by account.
func single[T any](
	r *Root, principal account.Principal,
	read func(context.Context, uuid.UUID, []uuid.UUID) (map[uuid.UUID]T, error),
) *batch[T] {
	return newBatch(r, func(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]T, error) {
		return read(ctx, principal.AccountID, ids)
	})
}

func newBatch[T any](r *Root, read func(context.Context, []uuid.UUID) (map[uuid.UUID]T, error)) *batch[T] {
	return &batch[T]{
		Loader: dataloadgen.NewMappedLoader(read, dataloadgen.WithWait(r.options.Wait)), read: read,
		known: make(map[uuid.UUID]T), absent: make(map[uuid.UUID]bool),
	}
}

// find loads one thing, nil where there is none.
func find[T any](ctx context.Context, loader *batch[*T], id uuid.UUID) (*T, error) {
	found, _, err := loader.get(ctx, id)
	return found, err
}

// findValue is find for things that are loaded as values.
func findValue[T any](ctx context.Context, loader *batch[T], id uuid.UUID) (*T, error) {
	found, ok, err := loader.get(ctx, id)
	if !ok || err != nil {
		return nil, err
	}
	return &found, nil
}

// findMaybe is find for an id that may be missing.
func findMaybe[T any](ctx context.Context, loader *batch[*T], id *uuid.UUID) (*T, error) {
	if id == nil {
		return nil, nil
	}
	return find(ctx, loader, *id)
}

// familyOf returns the loader of a list that belongs to parents. All parents of one place in a document ask for the same
// list with the same arguments, and share it.
func familyOf[T any](
	l *loaders, place *ast.Field, read func(context.Context, []uuid.UUID) (map[uuid.UUID]store.Slice[T], error),
) *batch[store.Slice[T]] {
	l.mu.Lock()
	defer l.mu.Unlock()
	family, known := l.families[place].(*batch[store.Slice[T]])
	if !known {
		family = newBatch(l.root, read)
		l.families[place] = family
	}
	return family
}
