package resolvers

import (
	"context"
	"fmt"
	"sync"

	"github.com/google/uuid"

	"github.com/boostress/boostress/graph"
	"github.com/boostress/boostress/internal/id"
)

// nodeKind is how one kind of thing is fetched by its id.
type nodeKind struct {
	typeName string
	fetch    func(ctx context.Context, l *loaders, id uuid.UUID) (graph.Node, error)
}

// fetched keeps a nil pointer from becoming a node.
func fetched[T any](found *T, err error) (graph.Node, error) {
	if found == nil || err != nil {
		return nil, err
	}
	return found, nil
}

func nodeKinds() map[id.Kind]nodeKind {
	type fetch = func(ctx context.Context, l *loaders, id uuid.UUID) (graph.Node, error)
	kinds := map[id.Kind]nodeKind{}
	add := func(kind id.Kind, typeName string, fetch fetch) { kinds[kind] = nodeKind{typeName, fetch} }

	add(id.Account, "Account", func(ctx context.Context, l *loaders, id uuid.UUID) (graph.Node, error) {
		if id != l.principal.AccountID {
			return nil, nil
		}
		found, err := l.root.options.Store.Account(ctx, id)
		return fetched(&found, err)
	})
	add(id.User, "User", func(ctx context.Context, l *loaders, id uuid.UUID) (graph.Node, error) {
		return fetched(findValue(ctx, l.users, id))
	})
	add(id.Session, "Session", func(ctx context.Context, l *loaders, id uuid.UUID) (graph.Node, error) {
		return fetched(find(ctx, l.sessions, id))
	})
	add(id.APIKey, "ApiKey", func(ctx context.Context, l *loaders, id uuid.UUID) (graph.Node, error) {
		return fetched(findValue(ctx, l.keys, id))
	})
	add(id.Order, "Order", func(ctx context.Context, l *loaders, id uuid.UUID) (graph.Node, error) {
		return fetched(find(ctx, l.orders, id))
	})
	add(id.Line, "OrderLine", func(ctx context.Context, l *loaders, id uuid.UUID) (graph.Node, error) {
		return fetched(find(ctx, l.lines, id))
	})
	add(id.Fulfillment, "Fulfillment", func(ctx context.Context, l *loaders, id uuid.UUID) (graph.Node, error) {
		return fetched(find(ctx, l.fulfillments, id))
	})
	add(id.Attempt, "Attempt", func(ctx context.Context, l *loaders, id uuid.UUID) (graph.Node, error) {
		return fetched(find(ctx, l.attempts, id))
	})
	add(id.Provider, "Provider", func(ctx context.Context, l *loaders, id uuid.UUID) (graph.Node, error) {
		return fetched(find(ctx, l.providers, id))
	})
	add(id.Offer, "Offer", func(ctx context.Context, l *loaders, id uuid.UUID) (graph.Node, error) {
		return fetched(find(ctx, l.offers, id))
	})
	add(id.LedgerEntry, "LedgerEntry", func(ctx context.Context, l *loaders, id uuid.UUID) (graph.Node, error) {
		return fetched(find(ctx, l.entries, id))
	})
	add(id.Schedule, "Schedule", func(ctx context.Context, l *loaders, id uuid.UUID) (graph.Node, error) {
		found, err := find(ctx, l.schedules, id)
		return fetched(shownSchedule(found), err)
	})
	add(id.Task, "TaskResult", func(ctx context.Context, l *loaders, id uuid.UUID) (graph.Node, error) {
		return fetched(find(ctx, l.tasks, id))
	})
	add(id.AuditEntry, "AuditEntry", func(ctx context.Context, l *loaders, id uuid.UUID) (graph.Node, error) {
		return fetched(findValue(ctx, l.audit, id))
	})
	return kinds
}

// Node fetches anything by its id, where the caller may fetch things of its kind.
func (q query) Node(ctx context.Context, id uuid.UUID) (graph.Node, error) {
	l, err := q.loadersOf(ctx)
	if err != nil {
		return nil, err
	}
	return q.node(ctx, l, id)
}

func (r *Root) node(ctx context.Context, l *loaders, nodeID uuid.UUID) (graph.Node, error) {
	kind, known := r.nodes[id.KindOf(nodeID)]
	if nodeID == uuid.Nil || !known || !r.rules.mayFetch(l.principal.Role, kind.typeName) {
		return nil, nil
	}
	return kind.fetch(ctx, l, nodeID)
}

// mostNodes is how many things one field fetches.
const mostNodes = 100

// Nodes fetches several things at once.
func (q query) Nodes(ctx context.Context, ids []uuid.UUID) ([]graph.Node, error) {
	if len(ids) > mostNodes {
		return nil, refuse(codeBadUserInput, fmt.Sprintf("ids must be at most %d", mostNodes))
	}
	l, err := q.loadersOf(ctx)
	if err != nil {
		return nil, err
	}
	found, faults := make([]graph.Node, len(ids)), make([]error, len(ids))
	var all sync.WaitGroup
	for i, nodeID := range ids {
		all.Go(func() { found[i], faults[i] = q.node(ctx, l, nodeID) })
	}
	all.Wait()
	for _, err := range faults {
		if err != nil {
			return nil, err
		}
	}
	return found, nil
}
