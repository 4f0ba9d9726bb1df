package fulfillment

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/boostress/boostress/account"
	"github.com/boostress/boostress/internal/id"
	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/store"
)

// OfferInput is an offer as asked for. Nil fields of a change leave things as they are; of a new offer they take
// their defaults.
type OfferInput struct {
	IdempotencyKey string    `json:"-"` // of a new offer only
	ProviderID     uuid.UUID // of a new offer only
	ExternalID     string    // of a new offer only
	Name           *string
	Category       *string
	ServiceType    *string
	UnitPrice      *order.Money // in the provider's currency
	MinQuantity    *int         // default 1
	MaxQuantity    *int         // default 0: unlimited
	AvailableFrom  *time.Time   // zero: it always was
	AvailableUntil *time.Time   // zero: it stays
	SLA            *time.Duration
	CoolDown       *time.Duration
	Regions        []string // ISO 3166-1 alpha-2 codes; nil: as they are, empty: everywhere
	Priority       *int     // 0 to 9; default 0
	Weight         *int     // 1 to 1000; default 1
	Enabled        *bool    // default true
}

// CreateOffer adds an offer to a provider's catalog. It fails with order.Faults.
func (s *Service) CreateOffer(ctx context.Context, who account.Principal, input OfferInput) (*order.Offer, error) {
	var created *order.Offer
	err := s.store.Write(ctx, func(tx *store.Tx) error {
		provider, err := tx.LockProvider(ctx, who.AccountID, input.ProviderID)
		if err != nil {
			return err
		}
		o := &order.Offer{
			ID: id.New(id.Offer), AccountID: who.AccountID, ProviderID: provider.ID, ExternalID: input.ExternalID,
			Currency: provider.Currency, MinQuantity: 1, Weight: 1, Enabled: true,
		}
		if err := input.apply(o); err != nil {
			return err
		}
		made, err := Once(ctx, tx, who, "createOffer", input.IdempotencyKey, input, func() (uuid.UUID, error) {
			if _, err := tx.InsertOffer(ctx, o); err != nil {
				return uuid.Nil, err
			}
			return o.ID, changedCatalog(ctx, tx, who, account.ActionOfferCreate, o.ID)
		})
		if err != nil {
			return err
		}
		created, err = tx.LockOffer(ctx, who.AccountID, made)
		return err
	})
	return created, taken(err)
}

// UpdateOffer changes an offer; running fulfillments keep the price they were given. It fails with order.Faults and
// order.ErrNotFound.
func (s *Service) UpdateOffer(
	ctx context.Context, who account.Principal, offerID uuid.UUID, input OfferInput,
) (*order.Offer, error) {
	var changed *order.Offer
	err := s.store.Write(ctx, func(tx *store.Tx) error {
		o, err := tx.LockOffer(ctx, who.AccountID, offerID)
		if err != nil {
			return err
		}
		if err := input.apply(o); err != nil {
			return err
		}
		if input.Enabled != nil {
			o.Vanished = false // from here on, whether it is enabled is a person's decision
		}
		if changed, err = tx.UpdateOffer(ctx, o); err != nil {
			return err
		}
		return changedCatalog(ctx, tx, who, account.ActionOfferUpdate, offerID)
	})
	return changed, taken(err)
}

// apply sets what the input names and checks the whole.
func (input *OfferInput) apply(o *order.Offer) error {
	set(&o.Name, input.Name)
	set(&o.Category, input.Category)
	set(&o.ServiceType, input.ServiceType)
	set(&o.MinQuantity, input.MinQuantity)
	set(&o.MaxQuantity, input.MaxQuantity)
	set(&o.SLA, input.SLA)
	set(&o.CoolDown, input.CoolDown)
	set(&o.Priority, input.Priority)
	set(&o.Weight, input.Weight)
	if input.Regions != nil {
		o.Regions = input.Regions
	}
	set(&o.Enabled, input.Enabled)
	setBound(&o.AvailableFrom, input.AvailableFrom)
	setBound(&o.AvailableUntil, input.AvailableUntil)
	return append(input.applyPrice(o), checkOffer(o)...).Err()
}

// setBound sets an end of a time window where one is named; the zero time takes it away.
func setBound(bound **time.Time, wanted *time.Time) {
	switch {
	case wanted == nil:
	case wanted.IsZero():
		*bound = nil
	default:
		*bound = wanted
	}
}

func (input *OfferInput) applyPrice(o *order.Offer) order.Faults {
	if input.UnitPrice == nil {
		return nil
	}
	price, err := order.NewMoney(input.UnitPrice.Amount, input.UnitPrice.Currency)
	switch {
	case err != nil:
		return order.Faults{{Field: []string{"unitPrice", "amount"}, Code: order.CodeInvalid, Message: err.Error()}}
	case price.Currency != o.Currency:
		return order.Faults{{
			Field: []string{"unitPrice", "currency"}, Code: order.CodeInvalid,
			Message: fmt.Sprintf("must be the provider's, %s", o.Currency),
		}}
	}
	o.UnitPrice = price.Amount
	return nil
}

func checkOffer(o *order.Offer) order.Faults {
	var faults order.Faults
	for _, text := range []struct{ field, value string }{
		{fieldExternalID, o.ExternalID},
		{"name", o.Name},
		{"category", o.Category},
		{"serviceType", o.ServiceType},
	} {
		if strings.TrimSpace(text.value) == "" || len(text.value) > order.MaxName {
			faults = append(faults, order.Fault{
				Field: []string{text.field}, Code: order.CodeInvalid,
				Message: fmt.Sprintf("must be 1 to %d bytes", order.MaxName),
			})
		}
	}
	fault := func(wrong bool, field, message string) {
		if wrong {
			faults = append(faults, order.Fault{Field: []string{field}, Code: order.CodeOutOfRange, Message: message})
		}
	}
	fault(o.MinQuantity < 1 || o.MinQuantity > order.MaxQuantity, "minQuantity",
		fmt.Sprintf("must be 1 to %d", order.MaxQuantity))
	fault(o.MaxQuantity < 0 || o.MaxQuantity > order.MaxQuantity, "maxQuantity",
		fmt.Sprintf("must be 0 (unlimited) to %d", order.MaxQuantity))
	fault(o.MaxQuantity > 0 && o.MaxQuantity < o.MinQuantity, "maxQuantity", "must not be below minQuantity")
	fault(o.AvailableFrom != nil && o.AvailableUntil != nil && !o.AvailableFrom.Before(*o.AvailableUntil),
		"availableUntil", "must be after availableFrom")
	fault(o.SLA < 0, "sla", "must not be negative")
	fault(o.CoolDown < 0, "coolDown", "must not be negative")
	return append(append(faults, checkRank(o.Priority, o.Weight)...), checkRegions(o.Regions)...)
}
