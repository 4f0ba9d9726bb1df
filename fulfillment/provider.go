package fulfillment

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/govalues/decimal"

	"github.com/boostress/boostress/account"
	"github.com/boostress/boostress/internal/id"
	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/store"
)

// ProviderInput is a provider as asked for. Nil fields of a change leave things as they are; of a new provider they
// take their defaults.
type ProviderInput struct {
	IdempotencyKey string `json:"-"` // of a new provider only
	Name           *string
	Adapter        string // of a new provider only
	BaseURL        *string
	Credentials    map[string]string // replaces all; nil: none, or as they are
	Currency       order.Currency    // of a new provider only; "": the account's
	Simulated      bool              // of a new provider only
	Enabled        *bool             // default true
	Timeout        *time.Duration    // of one call, 1 s to 10 min; default 30 s
	Concurrency    *int              // calls at a time per worker process, 0 to 1000; default 0: unlimited
	Budget         *decimal.Decimal  // for all time; zero: no budget
	DayBudget      *decimal.Decimal  // for each day, UTC; zero: no budget
	RateLimit      *order.RateLimit  // no calls: no limit
	Priority       *int              // 0 to 9; default 0
	Weight         *int              // 1 to 1000; default 1
}

// CreateProvider adds a provider. It fails with order.Faults.
func (s *Service) CreateProvider(
	ctx context.Context, who account.Principal, input ProviderInput,
) (*order.Provider, error) {
	p := &order.Provider{
		ID: id.New(id.Provider), AccountID: who.AccountID, Adapter: input.Adapter, Enabled: true,
		Simulated: input.Simulated, Timeout: defaultTimeout, Currency: input.Currency, Weight: 1,
	}
	if p.Currency == "" {
		p.Currency = order.Currency(who.Currency)
	}
	faults := input.apply(p)
	if !slices.Contains(s.options.Adapters(), p.Adapter) {
		faults = append(faults, order.Fault{
			Field: []string{"adapter"}, Code: order.CodeInvalid,
			Message: "is unknown: use one of " + strings.Join(s.options.Adapters(), ", "),
		})
	}
	faults = append(faults, s.checkProvider(p)...)
	if len(faults) > 0 {
		return nil, faults
	}
	sealed, err := s.sealCredentials(p.ID, input.Credentials)
	if err != nil {
		return nil, err
	}
	var created *order.Provider
	err = s.store.Write(ctx, func(tx *store.Tx) error {
		made, err := Once(ctx, tx, who, "createProvider", input.IdempotencyKey, input, func() (uuid.UUID, error) {
			if _, err := tx.InsertProvider(ctx, p, sealed); err != nil {
				return uuid.Nil, err
			}
			return p.ID, changedCatalog(ctx, tx, who, account.ActionProviderCreate, p.ID)
		})
		if err != nil {
			return err
		}
		created, err = tx.LockProvider(ctx, who.AccountID, made)
		return err
	})
	return created, taken(err)
}

// UpdateProvider changes a provider. It fails with order.Faults and order.ErrNotFound.
func (s *Service) UpdateProvider(
	ctx context.Context, who account.Principal, providerID uuid.UUID, input ProviderInput,
) (*order.Provider, error) {
	return s.changeProvider(ctx, who, providerID, input.Credentials, func(p *order.Provider, _ time.Time) error {
		p.Attention = ""
		return append(input.apply(p), s.checkProvider(p)...).Err()
	})
}

// PauseProvider stops new fulfillments to a provider; those that it has go on. Pausing a paused one changes its
// reason.
func (s *Service) PauseProvider(
	ctx context.Context, who account.Principal, providerID uuid.UUID, reason string,
) (*order.Provider, error) {
	return s.changeProvider(ctx, who, providerID, nil, func(p *order.Provider, now time.Time) error {
		if len(reason) > order.MaxName {
			return order.Faults{{
				Field: []string{"reason"}, Code: order.CodeTooLong,
				Message: fmt.Sprintf("must be at most %d bytes", order.MaxName),
			}}
		}
		if p.PausedAt == nil {
			p.PausedAt = &now
		}
		p.PausedReason = reason
		return nil
	})
}

// ResumeProvider ends a pause; a provider that isn't paused stays as it is.
func (s *Service) ResumeProvider(
	ctx context.Context, who account.Principal, providerID uuid.UUID,
) (*order.Provider, error) {
	return s.changeProvider(ctx, who, providerID, nil, func(p *order.Provider, _ time.Time) error {
		p.PausedAt, p.PausedReason, p.Attention = nil, "", ""
		return nil
	})
}

func (s *Service) changeProvider(
	ctx context.Context, who account.Principal, providerID uuid.UUID, credentials map[string]string,
	do func(*order.Provider, time.Time) error,
) (*order.Provider, error) {
	sealed, err := s.sealCredentials(providerID, credentials)
	if err != nil {
		return nil, err
	}
	var changed *order.Provider
	err = s.store.Write(ctx, func(tx *store.Tx) error {
		p, err := tx.LockProvider(ctx, who.AccountID, providerID)
		if err != nil {
			return err
		}
		if err := do(p, tx.Now); err != nil {
			return err
		}
		if changed, err = tx.UpdateProvider(ctx, p, sealed); err != nil {
			return err
		}
		return changedCatalog(ctx, tx, who, account.ActionProviderUpdate, providerID)
	})
	return changed, taken(err)
}

func set[T any](field, value *T) {
	if value != nil {
		*field = *value
	}
}

// sealCredentials seals credentials to their provider's row; nil stays nil.
func (s *Service) sealCredentials(providerID uuid.UUID, credentials map[string]string) ([]byte, error) {
	if credentials == nil {
		return nil, nil
	}
	plain, err := json.Marshal(credentials)
	if err != nil {
		return nil, fmt.Errorf("write credentials: %w", err)
	}
	sealed, err := s.options.Seal.Seal(plain, providerID[:])
	if err != nil {
		return nil, fmt.Errorf("seal credentials: %w", err)
	}
	return sealed, nil
}

// Credentials reads a provider's credentials, for adapters only.
func (s *Service) Credentials(ctx context.Context, providerID uuid.UUID) (map[string]string, error) {
	sealed, err := s.store.Credentials(ctx, providerID)
	if err != nil || sealed == nil {
		return nil, err
	}
	plain, err := s.options.Seal.Open(sealed, providerID[:])
	if err != nil {
		return nil, fmt.Errorf("open credentials of provider %s: %w", providerID, err)
	}
	var credentials map[string]string
	if err := json.Unmarshal(plain, &credentials); err != nil {
		return nil, fmt.Errorf("read credentials of provider %s: %w", providerID, err)
	}
	return credentials, nil
}

// taken turns a taken name or external id into a fault of the input.
func taken(err error) error {
	switch {
	case errors.Is(err, order.ErrNameTaken):
		return order.Faults{{
			Field: []string{"name"}, Code: order.CodeNameTaken, Message: "is taken: choose another one",
		}}
	case errors.Is(err, order.ErrExternalIDTaken):
		return order.Faults{{
			Field: []string{fieldExternalID}, Code: order.CodeNameTaken, Message: "the provider has an offer with this id",
		}}
	default:
		return err
	}
}
