package resolvers

import (
	"context"

	"github.com/google/uuid"
	"github.com/govalues/decimal"

	"github.com/boostress/boostress/graph"
	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/store"
)

// Provider reads a provider by its id.
func (q query) Provider(ctx context.Context, id uuid.UUID) (*order.Provider, error) {
	l, err := q.loadersOf(ctx)
	if err != nil {
		return nil, err
	}
	return find(ctx, l.providers, id)
}

// Providers lists the account's providers.
func (q query) Providers(
	ctx context.Context, filter *graph.ProviderFilter, orderBy *graph.ProviderSort,
	first *int, after *string, last *int, before *string,
) (*graph.ProviderConnection, error) {
	sort := store.Sort{Field: store.ByName}
	if orderBy != nil {
		sort = sortOf(orderBy.Field, orderBy.Direction)
	}
	var selected store.ProviderFilter
	if filter != nil {
		selected = store.ProviderFilter{Adapter: value(filter.Adapter), Enabled: filter.IsEnabled, Paused: filter.IsPaused}
	}
	found, err := list(ctx, q.Root, "providers", selected, sort, pageArgs{first, after, last, before}, q.options.Store.ProviderList)
	if err != nil {
		return nil, err
	}
	edges, info := edgesOf(found, func(cursor string, node *order.Provider) *graph.ProviderEdge {
		return &graph.ProviderEdge{Cursor: cursor, Node: node}
	})
	return &graph.ProviderConnection{Nodes: found.Items, Edges: edges, PageInfo: info, TotalCount: found.Total}, nil
}

// Offers lists what the provider sells.
func (f providerFields) Offers(
	ctx context.Context, p *order.Provider, filter *graph.OfferFilter, first *int, after *string, last *int, before *string,
) (*graph.OfferConnection, error) {
	found, err := children(ctx, f.Root, "offers", p.ID, offerFilter(filter), pageArgs{first, after, last, before},
		f.options.Store.OffersOf)
	if err != nil {
		return nil, err
	}
	return offerConnection(found), nil
}

// Today tells what of the provider's budget of the day is taken.
func (f providerFields) Today(ctx context.Context, p *order.Provider) (*graph.ProviderDay, error) {
	l, err := f.loadersOf(ctx)
	if err != nil {
		return nil, err
	}
	sums, _, err := l.days.get(ctx, p.ID) // none: nothing was reserved today
	if err != nil {
		return nil, err
	}
	money := func(amount decimal.Decimal) *order.Money { return &order.Money{Amount: amount, Currency: p.Currency} }
	return &graph.ProviderDay{
		Day: order.DayOf(f.options.Clock()), Reserved: money(sums.Reserved), Spent: money(sums.Spent),
		Overcharge: money(sums.Overcharge),
	}, nil
}

// Offer reads an offer by its id.
func (q query) Offer(ctx context.Context, id uuid.UUID) (*order.Offer, error) {
	l, err := q.loadersOf(ctx)
	if err != nil {
		return nil, err
	}
	return find(ctx, l.offers, id)
}

// Offers lists the account's offers.
func (q query) Offers(
	ctx context.Context, filter *graph.OfferFilter, orderBy *graph.OfferSort,
	first *int, after *string, last *int, before *string,
) (*graph.OfferConnection, error) {
	sort := store.Sort{Field: store.ByCreated, Desc: true}
	if orderBy != nil {
		sort = sortOf(orderBy.Field, orderBy.Direction)
	}
	found, err := list(ctx, q.Root, "allOffers", offerFilter(filter), sort, pageArgs{first, after, last, before},
		q.options.Store.OfferList)
	if err != nil {
		return nil, err
	}
	return offerConnection(found), nil
}

func offerFilter(f *graph.OfferFilter) store.OfferFilter {
	if f == nil {
		return store.OfferFilter{}
	}
	return store.OfferFilter{ProviderID: f.ProviderID, Categories: f.Category, ServiceTypes: f.ServiceType, Enabled: f.IsEnabled}
}

func offerConnection(found listed[*order.Offer]) *graph.OfferConnection {
	edges, info := edgesOf(found, func(cursor string, node *order.Offer) *graph.OfferEdge {
		return &graph.OfferEdge{Cursor: cursor, Node: node}
	})
	return &graph.OfferConnection{Nodes: found.Items, Edges: edges, PageInfo: info, TotalCount: found.Total}
}

// Provider returns who sells the offer.
func (f offerFields) Provider(ctx context.Context, o *order.Offer) (*order.Provider, error) {
	l, err := f.loadersOf(ctx)
	if err != nil {
		return nil, err
	}
	return must(find(ctx, l.providers, o.ProviderID))
}
