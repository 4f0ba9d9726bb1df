package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/govalues/decimal"

	"github.com/boostress/boostress/access"
	"github.com/boostress/boostress/account"
	"github.com/boostress/boostress/fulfillment"
	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/providerapi/protocol"
	"github.com/boostress/boostress/providerapi/sandbox"
)

// seeder brings the simulated providers into dev's catalog. What exists is only pointed at where the providers are now:
// whatever a person changed stays.
type seeder struct {
	app      *app
	server   *sandbox.Server
	base     string // where the simulated providers are
	webhooks string // what their webhooks' addresses begin with
}

func (s *seeder) seed(ctx context.Context, providers []sandbox.Provider) error {
	home, err := s.app.store.AccountByName(ctx, access.DefaultAccount)
	if err != nil {
		return fmt.Errorf("seed: %w", err)
	}
	who := account.Principal{AccountID: home.ID, Currency: home.Currency, Actor: account.ActorSystem, Role: account.Admin}
	for _, p := range providers {
		providerID, err := s.provider(ctx, who, p)
		if err != nil {
			return fmt.Errorf("seed %s: %w", p.Name, err)
		}
		if err := s.server.SetWebhookURL(p.Slug, s.webhooks+providerID.String()); err != nil {
			return fmt.Errorf("seed %s: %w", p.Name, err)
		}
	}
	return nil
}

// provider returns the id of a simulated provider's row, made with its offers where it is not there.
func (s *seeder) provider(ctx context.Context, who account.Principal, p sandbox.Provider) (uuid.UUID, error) {
	base := s.base + "/" + p.Slug
	credentials := map[string]string{"apiKey": p.APIKey, "webhookSecret": p.WebhookSecret}
	known, err := s.app.store.ProviderByName(ctx, who.AccountID, p.Name)
	if err == nil {
		if known.BaseURL == base {
			return known.ID, nil
		}
		input := fulfillment.ProviderInput{BaseURL: &base, Credentials: credentials}
		_, err := s.app.service.UpdateProvider(ctx, who, known.ID, input)
		return known.ID, err
	}
	if !errors.Is(err, order.ErrNotFound) {
		return uuid.Nil, err
	}
	made, err := s.app.service.CreateProvider(ctx, who, fulfillment.ProviderInput{
		Name: &p.Name, Adapter: adapterBoostress, BaseURL: &base, Credentials: credentials, Simulated: true,
	})
	if err != nil {
		return uuid.Nil, err
	}
	for _, offer := range p.Offers {
		if err := s.offer(ctx, who, made.ID, offer); err != nil {
			return uuid.Nil, fmt.Errorf("offer %s: %w", offer.ID, err)
		}
	}
	return made.ID, nil
}

func (s *seeder) offer(ctx context.Context, who account.Principal, providerID uuid.UUID, offer protocol.Offer) error {
	amount, err := decimal.Parse(offer.UnitPrice.Amount)
	if err != nil {
		return fmt.Errorf("read price: %w", err)
	}
	_, err = s.app.service.CreateOffer(ctx, who, fulfillment.OfferInput{
		ProviderID: providerID, ExternalID: offer.ID, Name: &offer.Name, Category: &offer.Category,
		ServiceType: &offer.ServiceType, MinQuantity: &offer.MinQuantity, MaxQuantity: &offer.MaxQuantity,
		UnitPrice:     &order.Money{Amount: amount, Currency: order.Currency(offer.UnitPrice.Currency)},
		AvailableFrom: offer.AvailableFrom, AvailableUntil: offer.AvailableUntil, SLA: &offer.SLA,
	})
	return err
}
