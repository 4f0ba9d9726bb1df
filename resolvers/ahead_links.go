package resolvers

import (
	"context"
	"maps"

	"github.com/99designs/gqlgen/graphql"
	"github.com/google/uuid"

	"github.com/boostress/boostress/account"
	"github.com/boostress/boostress/fulfillment"
	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/routing"
	"github.com/boostress/boostress/schedule"
	"github.com/boostress/boostress/store"
	"github.com/boostress/boostress/task"
)

// newLinks lists every field, by type and name, that leads from one thing to others and can be read ahead.
func newLinks() map[string]link {
	all := make(map[string]link)
	for _, some := range []map[string]link{
		orderLinks(), fulfillmentLinks(), routingLinks(), catalogLinks(), taskLinks(), scheduleLinks(), bulkLinks(),
	} {
		maps.Copy(all, some)
	}
	return all
}

func toOrders(l *loaders) *batch[*order.Order]             { return l.orders }
func toLines(l *loaders) *batch[*order.Line]               { return l.lines }
func toFulfillments(l *loaders) *batch[*order.Fulfillment] { return l.fulfillments }
func toProviders(l *loaders) *batch[*order.Provider]       { return l.providers }
func toOffers(l *loaders) *batch[*order.Offer]             { return l.offers }
func toDecisions(l *loaders) *batch[routing.Record]        { return l.decisions }
func toPolicies(l *loaders) *batch[*routing.Policy]        { return l.policies }
func toSchedules(l *loaders) *batch[*schedule.Schedule]    { return l.schedules }
func toUsers(l *loaders) *batch[account.User]              { return l.users }

func orderLinks() map[string]link {
	orderID := func(o *order.Order) uuid.UUID { return o.ID }
	return map[string]link{
		"Order.routingPolicy": toOne("RoutingPolicy", func(o *order.Order) *uuid.UUID { return o.RoutingPolicyID }, toPolicies),
		"Order.destination": toOne("", func(o *order.Order) *uuid.UUID {
			if knowsDestination(o) {
				return nil
			}
			return &o.ID
		}, toOrders),
		"Order.holds": toOne("", func(o *order.Order) *uuid.UUID { return &o.ID },
			func(l *loaders) *batch[[]*order.Hold] { return l.holds }),
		"Order.lines": toMany("OrderLine", "lines", orderID, withoutFilter,
			func(st *store.Store) readChildren[noFilter, *order.Line] { return unfiltered(st.LinesOf) }),
		"Order.fulfillments": toMany("Fulfillment", "fulfillments", orderID, filterOf(fulfillmentFilter),
			func(st *store.Store) readChildren[store.FulfillmentFilter, *order.Fulfillment] {
				return st.FulfillmentsOf
			}),
		"Order.events": toMany("OrderEvent", "events", orderID, withoutFilter,
			func(st *store.Store) readChildren[noFilter, *order.Event] { return unfiltered(st.EventsOf) }),
		"Order.ledgerEntries": toMany("LedgerEntry", "ledgerEntries", orderID, withoutFilter,
			func(st *store.Store) readChildren[noFilter, *order.LedgerEntry] { return unfiltered(st.EntriesOf) }),

		"OrderEvent.order": {"Order", func(_ context.Context, _ *loaders, parents []any, _ graphql.CollectedField) ([]any, error) {
			var orders []any
			for _, parent := range parents {
				if event, ok := parent.(*order.Event); ok {
					orders = append(orders, event.OrderAt())
				}
			}
			return orders, nil
		}},
		"OrderEvent.fulfillment": toOne("Fulfillment", func(e *order.Event) *uuid.UUID { return e.FulfillmentID }, toFulfillments),
	}
}

func toUnknowns(l *loaders) *batch[fulfillment.Unknown] { return l.unknowns }

// unknownID leads to how an outcome is found out, where it is not known.
func unknownID(f *order.Fulfillment) *uuid.UUID {
	if f.Status != order.FulfillmentUnknown {
		return nil
	}
	return &f.ID
}

func fulfillmentLinks() map[string]link {
	return map[string]link{
		"Fulfillment.order":    toOne("Order", func(f *order.Fulfillment) *uuid.UUID { return &f.OrderID }, toOrders),
		"Fulfillment.line":     toOne("OrderLine", func(f *order.Fulfillment) *uuid.UUID { return &f.LineID }, toLines),
		"Fulfillment.provider": toOne("Provider", func(f *order.Fulfillment) *uuid.UUID { return f.ProviderID }, toProviders),
		"Fulfillment.offer":    toOne("Offer", func(f *order.Fulfillment) *uuid.UUID { return f.OfferID }, toOffers),
		"Fulfillment.replaces": toOne("Fulfillment", func(f *order.Fulfillment) *uuid.UUID { return f.ReplacesID }, toFulfillments),
		"Fulfillment.decision": toOne("RoutingDecision", func(f *order.Fulfillment) *uuid.UUID { return &f.ID }, toDecisions),
		"Fulfillment.results": toOne("", func(f *order.Fulfillment) *uuid.UUID { return &f.ID },
			func(l *loaders) *batch[[]*order.Result] { return l.results }),
		"Fulfillment.unknownSince":   toOne("", unknownID, toUnknowns),
		"Fulfillment.reconciliation": toOne("", unknownID, toUnknowns),
		"Fulfillment.attempts": toMany("Attempt", "attempts", func(f *order.Fulfillment) uuid.UUID { return f.ID }, withoutFilter,
			func(st *store.Store) readChildren[noFilter, *order.Attempt] { return unfiltered(st.AttemptsOf) }),
		"Fulfillment.decisions": toMany("RoutingDecision", "decisions", func(f *order.Fulfillment) uuid.UUID { return f.ID }, withoutFilter,
			func(st *store.Store) readChildren[noFilter, routing.Record] { return unfiltered(st.DecisionsOf) }),
		"Attempt.provider": toOne("Provider", func(a *order.Attempt) *uuid.UUID { return &a.ProviderID }, toProviders),
		"LedgerEntry.fulfillment": toOne("Fulfillment",
			func(e *order.LedgerEntry) *uuid.UUID { return &e.FulfillmentID }, toFulfillments),
		"LedgerEntry.provider": toOne("Provider", func(e *order.LedgerEntry) *uuid.UUID { return &e.ProviderID }, toProviders),
	}
}

func providerID(p *order.Provider) *uuid.UUID { return &p.ID }

func catalogLinks() map[string]link {
	return map[string]link{
		"Provider.health": toOne("ProviderHealth", providerID, func(l *loaders) *batch[*order.Health] { return l.health }),
		"Provider.offerSyncs": toMany("OfferSync", "offerSyncs", func(p *order.Provider) uuid.UUID { return p.ID }, withoutFilter,
			func(st *store.Store) readChildren[noFilter, *order.OfferSync] { return unfiltered(st.SyncsOf) }),
		"OfferSync.provider": toOne("Provider", func(s *order.OfferSync) *uuid.UUID { return &s.ProviderID }, toProviders),
		"OfferSync.changes": toMany("OfferChange", "offerChanges", func(s *order.OfferSync) uuid.UUID { return s.ID }, withoutFilter,
			func(st *store.Store) readChildren[noFilter, *order.OfferChange] { return unfiltered(st.ChangesOf) }),
		"OfferChange.offer": toOne("Offer", func(c *order.OfferChange) *uuid.UUID { return c.OfferID }, toOffers),
		"Provider.offers": toMany("Offer", "offers", func(p *order.Provider) uuid.UUID { return p.ID }, filterOf(offerFilter),
			func(st *store.Store) readChildren[store.OfferFilter, *order.Offer] { return st.OffersOf }),
		"Offer.provider": toOne("Provider", func(o *order.Offer) *uuid.UUID { return &o.ProviderID }, toProviders),
	}
}

func taskLinks() map[string]link {
	return map[string]link{
		"TaskResult.order":       toOne("Order", func(t *task.Task) *uuid.UUID { return t.OrderID }, toOrders),
		"TaskResult.fulfillment": toOne("Fulfillment", func(t *task.Task) *uuid.UUID { return t.FulfillmentID }, toFulfillments),
		"TaskResult.provider":    toOne("Provider", func(t *task.Task) *uuid.UUID { return t.ProviderID }, toProviders),
		"TaskResult.schedule":    toOne("Schedule", func(t *task.Task) *uuid.UUID { return t.ScheduleID }, toSchedules),
		"Session.user":           toOne("", func(s *account.Session) *uuid.UUID { return &s.UserID }, toUsers),
	}
}
