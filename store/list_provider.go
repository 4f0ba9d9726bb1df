package store

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/store/internal/db"
)

// ProviderFilter selects providers; zero fields select nothing.
type ProviderFilter struct {
	Adapter string
	Enabled *bool
	Paused  *bool
}

func (f *ProviderFilter) where(accountID uuid.UUID) *where {
	w := of(accountID)
	w.add("t.deleted_at IS NULL")
	if f.Adapter != "" {
		w.add("t.adapter = ?", f.Adapter)
	}
	if f.Enabled != nil {
		w.add("t.enabled = ?", *f.Enabled)
	}
	if f.Paused != nil {
		w.add("(t.paused_at IS NOT NULL) = ?", *f.Paused)
	}
	return w
}

func providers() table[db.Provider, *order.Provider] {
	name := term[*order.Provider]{sql: "t.name", kind: keyText, of: func(p *order.Provider) string { return p.Name }}
	return table[db.Provider, *order.Provider]{
		name: "providers", from: "providers", one: always(providerOf),
		id: idTerm(func(p *order.Provider) uuid.UUID { return p.ID }),
		sort: map[SortField][]term[*order.Provider]{
			"": {name}, ByName: {name},
			ByCreated: {createdTerm(func(p *order.Provider) time.Time { return p.CreatedAt })},
		},
	}
}

// ProviderList reads a page of an account's providers, usually by name. It fails with ErrKey.
func (s *Store) ProviderList(
	ctx context.Context, accountID uuid.UUID, filter ProviderFilter, sort Sort, page Page,
) (Slice[*order.Provider], error) {
	return list(ctx, s, providers(), filter.where(accountID), sort, page)
}

// Providers reads an account's providers by id; unknown ones are missing from the answer.
func (s *Store) Providers(ctx context.Context, accountID uuid.UUID, ids []uuid.UUID) (map[uuid.UUID]*order.Provider, error) {
	return load(ctx, s, providers(), accountID, ids)
}

// OfferFilter selects offers; zero fields select nothing.
type OfferFilter struct {
	ProviderID   *uuid.UUID
	Categories   []string // one of these; nil: any, empty: none
	ServiceTypes []string // one of these; nil: any, empty: none
	Enabled      *bool
}

func (f *OfferFilter) where(accountID uuid.UUID) *where {
	w := of(accountID)
	if f.ProviderID != nil {
		w.add("t.provider_id = ?", *f.ProviderID)
	}
	if f.Categories != nil {
		w.add("t.category = ANY(?)", f.Categories)
	}
	if f.ServiceTypes != nil {
		w.add("t.service_type = ANY(?)", f.ServiceTypes)
	}
	if f.Enabled != nil {
		w.add("t.enabled = ?", *f.Enabled)
	}
	return w
}

func offers() table[db.Offer, *order.Offer] {
	created := createdTerm(func(o *order.Offer) time.Time { return o.CreatedAt })
	return table[db.Offer, *order.Offer]{
		name: "offers", from: "offers", one: always(offerOf),
		id: idTerm(func(o *order.Offer) uuid.UUID { return o.ID }),
		sort: map[SortField][]term[*order.Offer]{
			"": {created}, ByCreated: {created},
			ByPrice: {{sql: "t.unit_price", kind: keyDecimal, of: func(o *order.Offer) string { return o.UnitPrice.String() }}},
		},
	}
}

// OfferList reads a page of an account's offers, usually by time, but for those of deleted providers. It fails with ErrKey.
func (s *Store) OfferList(
	ctx context.Context, accountID uuid.UUID, filter OfferFilter, sort Sort, page Page,
) (Slice[*order.Offer], error) {
	w := filter.where(accountID)
	w.add("NOT EXISTS (SELECT FROM providers p WHERE p.id = t.provider_id AND p.deleted_at IS NOT NULL)")
	return list(ctx, s, offers(), w, sort, page)
}

// OffersOf reads, for each of an account's providers, a page of its offers, the oldest first. It fails with ErrKey.
func (s *Store) OffersOf(
	ctx context.Context, accountID uuid.UUID, providerIDs []uuid.UUID, filter OfferFilter, page Page,
) (map[uuid.UUID]Slice[*order.Offer], error) {
	by := child[*order.Offer]{"provider_id", func(o *order.Offer) uuid.UUID { return o.ProviderID }}
	return children(ctx, s, offers(), by, providerIDs, filter.where(accountID), Sort{}, page)
}

// OffersByID reads an account's offers by id; unknown ones are missing from the answer.
func (s *Store) OffersByID(ctx context.Context, accountID uuid.UUID, ids []uuid.UUID) (map[uuid.UUID]*order.Offer, error) {
	return load(ctx, s, offers(), accountID, ids)
}
