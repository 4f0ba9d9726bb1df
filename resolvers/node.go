package resolvers

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"github.com/boostress/boostress/account"
	"github.com/boostress/boostress/graph"
	"github.com/boostress/boostress/internal/id"
	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/routing"
	"github.com/boostress/boostress/schedule"
	"github.com/boostress/boostress/task"
)

// nodeKind is how one kind of thing is fetched by its id.
type nodeKind struct {
	typeName string
	fetch    func(ctx context.Context, l *loaders, id uuid.UUID) (graph.Node, error)
	// ahead reads several for fetch.
	ahead func(ctx context.Context, l *loaders, ids []uuid.UUID) error
}

// nodesOfPointers is a kind of which the loader knows pointers.
func nodesOfPointers[T any](typeName string, of func(*loaders) *batch[*T]) nodeKind {
	return nodeKind{
		typeName: typeName,
		fetch: func(ctx context.Context, l *loaders, id uuid.UUID) (graph.Node, error) {
			return fetched(find(ctx, of(l), id))
		},
		ahead: func(ctx context.Context, l *loaders, ids []uuid.UUID) error {
			_, err := of(l).ahead(ctx, ids)
			return err
		},
	}
}

// nodesOfValues is a kind of which the loader knows values.
func nodesOfValues[T any](typeName string, of func(*loaders) *batch[T]) nodeKind {
	return nodeKind{
		typeName: typeName,
		fetch: func(ctx context.Context, l *loaders, id uuid.UUID) (graph.Node, error) {
			return fetched(findValue(ctx, of(l), id))
		},
		ahead: func(ctx context.Context, l *loaders, ids []uuid.UUID) error {
			_, err := of(l).ahead(ctx, ids)
			return err
		},
	}
}

// fetched keeps a nil pointer from becoming a node.
func fetched[T any](found *T, err error) (graph.Node, error) {
	if found == nil || err != nil {
		return nil, err
	}
	return found, nil
}

func nodeKinds() map[id.Kind]nodeKind {
	schedules := nodesOfPointers("Schedule", func(l *loaders) *batch[*schedule.Schedule] { return l.schedules })
	schedules.fetch = func(ctx context.Context, l *loaders, id uuid.UUID) (graph.Node, error) {
		found, err := find(ctx, l.schedules, id)
		return fetched(shownSchedule(found), err)
	}
	return map[id.Kind]nodeKind{
		id.Account: {
			"Account",
			func(ctx context.Context, l *loaders, id uuid.UUID) (graph.Node, error) {
				if id != l.principal.AccountID {
					return nil, nil
				}
				found, err := l.root.options.Store.Account(ctx, id)
				return fetched(&found, err)
			},
			func(context.Context, *loaders, []uuid.UUID) error { return nil },
		},
		id.User:          nodesOfValues("User", func(l *loaders) *batch[account.User] { return l.users }),
		id.Session:       nodesOfPointers("Session", func(l *loaders) *batch[*account.Session] { return l.sessions }),
		id.APIKey:        nodesOfValues("ApiKey", func(l *loaders) *batch[account.APIKey] { return l.keys }),
		id.Order:         nodesOfPointers("Order", func(l *loaders) *batch[*order.Order] { return l.orders }),
		id.Line:          nodesOfPointers("OrderLine", func(l *loaders) *batch[*order.Line] { return l.lines }),
		id.Fulfillment:   nodesOfPointers("Fulfillment", func(l *loaders) *batch[*order.Fulfillment] { return l.fulfillments }),
		id.Attempt:       nodesOfPointers("Attempt", func(l *loaders) *batch[*order.Attempt] { return l.attempts }),
		id.Provider:      nodesOfPointers("Provider", func(l *loaders) *batch[*order.Provider] { return l.providers }),
		id.Offer:         nodesOfPointers("Offer", func(l *loaders) *batch[*order.Offer] { return l.offers }),
		id.OfferSync:     nodesOfPointers("OfferSync", func(l *loaders) *batch[*order.OfferSync] { return l.syncs }),
		id.RoutingPolicy: nodesOfPointers("RoutingPolicy", func(l *loaders) *batch[*routing.Policy] { return l.policies }),
		id.LedgerEntry:   nodesOfPointers("LedgerEntry", func(l *loaders) *batch[*order.LedgerEntry] { return l.entries }),
		id.BulkOperation: nodesOfPointers("BulkOperation", func(l *loaders) *batch[*order.BulkOperation] { return l.bulk }),
		id.Schedule:      schedules,
		id.OrderPacing:   schedules,
		id.OrderPolling:  schedules,
		id.Task:          nodesOfPointers("TaskResult", func(l *loaders) *batch[*task.Task] { return l.tasks }),
		id.AuditEntry:    nodesOfValues("AuditEntry", func(l *loaders) *batch[account.AuditEntry] { return l.audit }),
	}
}

// Node fetches anything by its id, where the caller may fetch things of its kind.
func (q query) Node(ctx context.Context, nodeID uuid.UUID) (graph.Node, error) {
	l, err := q.loadersOf(ctx)
	if err != nil {
		return nil, err
	}
	return q.node(ctx, l, nodeID)
}

func (r *Root) node(ctx context.Context, l *loaders, nodeID uuid.UUID) (graph.Node, error) {
	kind, allowed := r.kindOf(l, nodeID)
	if !allowed {
		return nil, nil
	}
	return kind.fetch(ctx, l, nodeID)
}

// kindOf returns the kind of thing that an id is of, where the caller may fetch such.
func (r *Root) kindOf(l *loaders, nodeID uuid.UUID) (kind nodeKind, allowed bool) {
	kind, known := r.nodes[id.KindOf(nodeID)]
	return kind, known && nodeID != uuid.Nil && r.rules.mayFetch(l.principal.Role, kind.typeName)
}

// mostNodes is how many things one field fetches.
const mostNodes = 100

// Nodes fetches several things at once: those of one kind, and what is selected below them, together.
func (q query) Nodes(ctx context.Context, ids []uuid.UUID) ([]graph.Node, error) {
	if len(ids) > mostNodes {
		return nil, refuse(codeBadUserInput, fmt.Sprintf("ids must be at most %d", mostNodes))
	}
	l, err := q.loadersOf(ctx)
	if err != nil {
		return nil, err
	}
	kinds := make(map[id.Kind][]uuid.UUID)
	for _, nodeID := range ids {
		if _, allowed := q.kindOf(l, nodeID); allowed {
			kinds[id.KindOf(nodeID)] = append(kinds[id.KindOf(nodeID)], nodeID)
		}
	}
	for kind, several := range kinds {
		if err := q.nodes[kind].ahead(ctx, l, several); err != nil {
			return nil, err
		}
	}
	found, types := make([]graph.Node, len(ids)), make(map[string][]graph.Node)
	for i, nodeID := range ids {
		if found[i], err = q.node(ctx, l, nodeID); err != nil {
			return nil, err
		}
		if found[i] != nil {
			typeName := q.nodes[id.KindOf(nodeID)].typeName
			types[typeName] = append(types[typeName], found[i])
		}
	}
	for typeName, several := range types {
		aheadOf(ctx, q.Root, typeName, "", several)
	}
	return found, nil
}
