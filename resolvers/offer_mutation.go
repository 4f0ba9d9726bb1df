package resolvers

import (
	"bytes"
	"context"
	"slices"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/google/uuid"

	"github.com/boostress/boostress/fulfillment"
	"github.com/boostress/boostress/graph"
	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/store"
)

// CreateOffer adds an offer to a provider.
func (m mutation) CreateOffer(ctx context.Context, input graph.CreateOfferInput) (*graph.CreateOfferPayload, error) {
	principal, err := who(ctx)
	if err != nil {
		return nil, err
	}
	created, err := m.options.Fulfillment.CreateOffer(ctx, principal, fulfillment.OfferInput{
		IdempotencyKey: value(input.IdempotencyKey), ProviderID: input.ProviderID, ExternalID: input.ExternalID,
		Name: &input.Name, Category: &input.Category,
		ServiceType: &input.ServiceType, UnitPrice: input.UnitPrice, MinQuantity: input.MinQuantity,
		MaxQuantity: input.MaxQuantity, AvailableFrom: input.AvailableFrom, AvailableUntil: input.AvailableUntil,
		SLA: input.SLA, CoolDown: input.CoolDown, Regions: input.Regions, Priority: input.Priority, Weight: input.Weight,
		Enabled: input.IsEnabled,
	})
	faults, ok := userErrorsAt(err, "providerId")
	if !ok {
		return nil, err
	}
	return &graph.CreateOfferPayload{Offer: created, UserErrors: faults}, nil
}

// UpdateOffer changes an offer.
func (m mutation) UpdateOffer(ctx context.Context, input graph.UpdateOfferInput) (*graph.UpdateOfferPayload, error) {
	principal, err := who(ctx)
	if err != nil {
		return nil, err
	}
	changed, err := m.options.Fulfillment.UpdateOffer(ctx, principal, input.ID, fulfillment.OfferInput{
		Name: input.Name, Category: input.Category, ServiceType: input.ServiceType, UnitPrice: input.UnitPrice,
		MinQuantity: input.MinQuantity, MaxQuantity: orZero[int](input.MaxQuantity),
		AvailableFrom: orZero[time.Time](input.AvailableFrom), AvailableUntil: orZero[time.Time](input.AvailableUntil),
		SLA: orZero[time.Duration](input.SLA), CoolDown: orZero[time.Duration](input.CoolDown),
		Regions: input.Regions, Priority: input.Priority, Weight: input.Weight, Enabled: input.IsEnabled,
	})
	faults, ok := userErrors(err)
	if !ok {
		return nil, err
	}
	return &graph.UpdateOfferPayload{Offer: changed, UserErrors: faults}, nil
}

// orZero turns null, which the core knows as zero, into zero, and what was left out into nil.
func orZero[T any](given graphql.Omittable[*T]) *T {
	pointer, ok := given.ValueOK()
	if !ok {
		return nil
	}
	found := value(pointer)
	return &found
}

// EnableOffers lets offers be chosen.
func (m mutation) EnableOffers(ctx context.Context, input graph.EnableOffersInput) (*graph.EnableOffersPayload, error) {
	b, faults, err := m.startBulk(ctx, order.BulkEnableOffers, input.IdempotencyKey, bulkOffers(input.Ids, input.Filter))
	if err != nil {
		return nil, err
	}
	changed, err := m.changedOffers(ctx, b)
	return &graph.EnableOffersPayload{BulkOperation: b, Offers: changed, UserErrors: faults}, err
}

// DisableOffers keeps offers from being chosen.
func (m mutation) DisableOffers(ctx context.Context, input graph.DisableOffersInput) (*graph.DisableOffersPayload, error) {
	b, faults, err := m.startBulk(ctx, order.BulkDisableOffers, input.IdempotencyKey, bulkOffers(input.Ids, input.Filter))
	if err != nil {
		return nil, err
	}
	changed, err := m.changedOffers(ctx, b)
	return &graph.DisableOffersPayload{BulkOperation: b, Offers: changed, UserErrors: faults}, err
}

func bulkOffers(ids []uuid.UUID, filter *graph.OfferFilter) bulkInput {
	selected := offerFilter(filter)
	return bulkInput{filter != nil, store.BulkTargets{IDs: ids, Offers: &selected}}
}

// changedOffers reads the offers of a mass change that was done at once, by id.
func (m mutation) changedOffers(ctx context.Context, b *order.BulkOperation) ([]*order.Offer, error) {
	if b == nil || b.Total > fulfillment.FewOffers {
		return nil, nil
	}
	ids, err := m.options.Store.BulkTargetIDs(ctx, b.AccountID, b.ID, b.Total)
	if err != nil {
		return nil, err
	}
	found, err := m.options.Store.OffersByID(ctx, b.AccountID, ids)
	if err != nil {
		return nil, err
	}
	changed := make([]*order.Offer, 0, len(found))
	for _, offer := range found {
		changed = append(changed, offer)
	}
	slices.SortFunc(changed, func(a, b *order.Offer) int { return bytes.Compare(a.ID[:], b.ID[:]) })
	aheadOf(ctx, m.Root, "Offer", "offers", changed)
	return changed, nil
}
