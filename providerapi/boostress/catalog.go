package boostress

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/providerapi"
	"github.com/boostress/boostress/providerapi/protocol"
)

// Offers reads what the provider sells, page by page, at most 100 pages.
func (a *Adapter) Offers(ctx context.Context) ([]providerapi.ExternalOffer, error) {
	var offers []providerapi.ExternalOffer
	path := "/v1/offers"
	for range maxPages {
		next := ""
		err := a.call(ctx, reading, http.MethodGet, path, "", nil, func(body []byte) error {
			page, cursor, err := protocol.ParseOffers(body)
			if err != nil {
				return err
			}
			next = cursor
			for i := range page {
				offer, err := offerOf(&page[i])
				if err != nil {
					return fmt.Errorf("offer %s: %w", page[i].ID, err)
				}
				offers = append(offers, offer)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
		if next == "" {
			return offers, nil
		}
		path = "/v1/offers?cursor=" + url.QueryEscape(next)
	}
	return nil, &providerapi.Error{
		Class: order.ClassUnsupported, Message: fmt.Sprintf("the catalog has more than %d pages", maxPages),
	}
}

func offerOf(wire *protocol.Offer) (providerapi.ExternalOffer, error) {
	price, err := moneyOf(wire.UnitPrice)
	if err != nil {
		return providerapi.ExternalOffer{}, err
	}
	return providerapi.ExternalOffer{
		ExternalID: wire.ID, Name: wire.Name, Category: wire.Category, ServiceType: wire.ServiceType, UnitPrice: price,
		MinQuantity: wire.MinQuantity, MaxQuantity: wire.MaxQuantity,
		AvailableFrom: wire.AvailableFrom, AvailableUntil: wire.AvailableUntil, SLA: wire.SLA,
	}, nil
}

// Quote asks what an order would cost in all. Nothing is ordered, and the request's key is not sent.
func (a *Adapter) Quote(ctx context.Context, request providerapi.CreateRequest) (order.Money, error) {
	var price order.Money
	wire := wireOf(request)
	err := a.call(ctx, reading, http.MethodPost, "/v1/quotes", "", wire.Append(nil), func(body []byte) error {
		quoted, err := protocol.ParseQuote(body)
		if err != nil {
			return err
		}
		price, err = moneyOf(quoted)
		return err
	})
	return price, err
}

// Ping checks the address and the API key.
func (a *Adapter) Ping(ctx context.Context) error {
	return a.call(ctx, reading, http.MethodGet, "/v1/ping", "", nil, nil)
}

// Balance reads what our account at the provider holds. It fails with UNSUPPORTED where the provider does not tell.
func (a *Adapter) Balance(ctx context.Context) (order.Money, error) {
	var balance order.Money
	err := a.call(ctx, reading, http.MethodGet, "/v1/balance", "", nil, func(body []byte) error {
		told, err := protocol.ParseBalance(body)
		if err != nil {
			return err
		}
		balance, err = moneyOf(told)
		return err
	})
	if refused, ok := errors.AsType[*providerapi.Error](err); ok {
		switch refused.Status {
		case http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusNotImplemented:
			// The protocol leaves it to the provider whether there is one.
			refused.Class, refused.Err = order.ClassUnsupported, nil
		}
	}
	return balance, err
}
