package resolvers

import (
	"context"
	"fmt"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/google/uuid"

	"github.com/boostress/boostress/account"
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
	changed, err := m.setOffersEnabled(ctx, input.Ids, input.Filter, true)
	faults, ok := userErrors(err)
	if !ok {
		return nil, err
	}
	return &graph.EnableOffersPayload{Offers: changed, UserErrors: faults}, nil
}

// DisableOffers keeps offers from being chosen.
func (m mutation) DisableOffers(ctx context.Context, input graph.DisableOffersInput) (*graph.DisableOffersPayload, error) {
	changed, err := m.setOffersEnabled(ctx, input.Ids, input.Filter, false)
	faults, ok := userErrors(err)
	if !ok {
		return nil, err
	}
	return &graph.DisableOffersPayload{Offers: changed, UserErrors: faults}, nil
}

// mostOffers is how many offers one request changes.
const mostOffers = 1000

func (m mutation) setOffersEnabled(
	ctx context.Context, ids []uuid.UUID, filter *graph.OfferFilter, enabled bool,
) ([]*order.Offer, error) {
	principal, err := who(ctx)
	if err != nil {
		return nil, err
	}
	field := "ids"
	switch {
	case (ids == nil) == (filter == nil):
		return nil, order.Faults{{Code: order.CodeInvalid, Message: "give ids or filter, one of them"}}
	case filter != nil:
		field = "filter"
		if ids, err = m.matchingOffers(ctx, principal, filter); err != nil {
			return nil, err
		}
	}
	if len(ids) > mostOffers {
		return nil, order.Faults{{
			Field: []string{field}, Code: order.CodeOutOfRange, Message: fmt.Sprintf("must mean at most %d offers", mostOffers),
		}}
	}
	changed, err := m.options.Fulfillment.SetOffersEnabled(ctx, principal, ids, enabled)
	if err == nil && changed == nil {
		changed = []*order.Offer{}
	}
	return changed, err
}

// matchingOffers returns the ids of what a filter matches, and one more than may be changed where there are too many.
func (m mutation) matchingOffers(ctx context.Context, principal account.Principal, filter *graph.OfferFilter) ([]uuid.UUID, error) {
	found, err := m.options.Store.OfferList(ctx, principal.AccountID, offerFilter(filter), store.Sort{},
		store.Page{Size: mostOffers + 1})
	if err != nil {
		return nil, err
	}
	ids := make([]uuid.UUID, len(found.Items))
	for i, offer := range found.Items {
		ids[i] = offer.ID
	}
	return ids, nil
}
