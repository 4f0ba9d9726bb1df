package resolvers

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/google/uuid"
	"github.com/vikstrous/dataloadgen"

	"github.com/boostress/boostress/access"
	"github.com/boostress/boostress/account"
	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/schedule"
	"github.com/boostress/boostress/store"
	"github.com/boostress/boostress/task"
)

// byID loads single things of the principal's account.
type byID[T any] = dataloadgen.Loader[uuid.UUID, T]

// loaders gather what the fields of one operation, or of one event of a subscription, want to read: one statement for
// each kind of thing, however many fields ask. They also remember it, so they must not live longer than that.
type loaders struct {
	root      *Root
	principal account.Principal

	orders       *byID[*order.Order]
	lines        *byID[*order.Line]
	fulfillments *byID[*order.Fulfillment]
	attempts     *byID[*order.Attempt]
	entries      *byID[*order.LedgerEntry]
	decisions    *byID[store.LatestDecision]
	providers    *byID[*order.Provider]
	offers       *byID[*order.Offer]
	schedules    *byID[*schedule.Schedule]
	tasks        *byID[*task.Task]
	users        *byID[account.User]
	keys         *byID[account.APIKey]
	sessions     *byID[*account.Session]
	audit        *byID[account.AuditEntry]

	mu       sync.Mutex
	children map[string]any // *byID[store.Slice[T]] of parents, by list and arguments
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
		root: r, principal: principal, children: make(map[string]any),
		orders:       single(r, principal, st.Orders),
		lines:        single(r, principal, st.Lines),
		fulfillments: single(r, principal, st.Fulfillments),
		attempts:     single(r, principal, st.AttemptsByID),
		entries:      single(r, principal, st.Entries),
		decisions:    single(r, principal, st.LatestDecisions),
		providers:    single(r, principal, st.Providers),
		offers:       single(r, principal, st.OffersByID),
		schedules:    single(r, principal, st.Schedules),
		tasks:        single(r, principal, st.Tasks),
		users:        single(r, principal, st.Users),
		keys:         single(r, principal, st.APIKeys),
		sessions:     single(r, principal, st.Sessions),
		audit:        single(r, principal, st.AuditEntries),
	}
}

// single makes a loader of things by their ids out of a read that is scoped by account.
func single[T any](
	r *Root, principal account.Principal,
	read func(context.Context, uuid.UUID, []uuid.UUID) (map[uuid.UUID]T, error),
) *byID[T] {
	return dataloadgen.NewMappedLoader(func(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]T, error) {
		return read(ctx, principal.AccountID, ids)
	}, dataloadgen.WithWait(r.options.Wait))
}

// find loads one thing, nil where there is none.
func find[T any](ctx context.Context, loader *byID[*T], id uuid.UUID) (*T, error) {
	found, err := loader.Load(ctx, id)
	if errors.Is(err, dataloadgen.ErrNotFound) {
		return nil, nil
	}
	return found, err
}

// findValue is find for things that are loaded as values.
func findValue[T any](ctx context.Context, loader *byID[T], id uuid.UUID) (*T, error) {
	found, err := loader.Load(ctx, id)
	if errors.Is(err, dataloadgen.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &found, nil
}

// findMaybe is find for an id that may be missing.
func findMaybe[T any](ctx context.Context, loader *byID[*T], id *uuid.UUID) (*T, error) {
	if id == nil {
		return nil, nil
	}
	return find(ctx, loader, *id)
}

// childrenOf loads a parent's page of a list. Parents that ask for the same list with the same arguments, which name is
// made of, share one statement.
func childrenOf[T any](
	ctx context.Context, l *loaders, name string, parent uuid.UUID,
	read func(ctx context.Context, accountID uuid.UUID, parents []uuid.UUID) (map[uuid.UUID]store.Slice[T], error),
) (store.Slice[T], error) {
	l.mu.Lock()
	loader, known := l.children[name].(*byID[store.Slice[T]])
	if !known {
		loader = single(l.root, l.principal, read)
		l.children[name] = loader
	}
	l.mu.Unlock()
	slice, err := loader.Load(ctx, parent)
	if err != nil {
		return slice, fmt.Errorf("load list: %w", err)
	}
	return slice, nil
}
