package store

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/store/internal/db"
)

// Provider reads a provider of any account. It fails with order.ErrNotFound.
func (s *Store) Provider(ctx context.Context, providerID uuid.UUID) (*order.Provider, error) {
	row, err := s.queries.ProviderGet(ctx, providerID)
	if err != nil {
		return nil, domainError("read provider", err)
	}
	return providerOf(row), nil
}

// WatchProvider reads a provider of an account, and a mark that differs once anything of it, of its sums of a day, of its
// health or of its open breakers does. It fails with order.ErrNotFound.
func (s *Store) WatchProvider(
	ctx context.Context, accountID, providerID uuid.UUID, day time.Time,
) (p *order.Provider, mark string, err error) {
	row, err := s.queries.ProviderWatch(ctx, order.DayOf(day), accountID, providerID)
	if err != nil {
		return nil, "", domainError("watch provider", err)
	}
	return providerOf(row.Provider), row.Mark, nil
}

// Credentials reads a provider's sealed credentials; nil where it has none.
func (s *Store) Credentials(ctx context.Context, providerID uuid.UUID) ([]byte, error) {
	row, err := s.queries.ProviderGet(ctx, providerID)
	if err != nil {
		return nil, domainError("read provider", err)
	}
	return row.Credentials, nil
}

// LockProvider reads a provider of an account, with its sums of today, for change.
func (t *Tx) LockProvider(ctx context.Context, accountID, providerID uuid.UUID) (*order.Provider, error) {
	row, err := t.queries.ProviderLock(ctx, accountID, providerID)
	if err != nil {
		return nil, domainError("lock provider", err)
	}
	p := providerOf(row)
	days, err := t.queries.ProviderDays(ctx, accountID, []uuid.UUID{providerID}, order.DayOf(t.Now))
	if err != nil {
		return nil, fmt.Errorf("read provider's day: %w", err)
	}
	for _, day := range days {
		p.Today = sumsOfDay(day)
	}
	return p, nil
}

// ProviderDays reads, for an account's providers, the sums of one day; those of which nothing was reserved on it are
// missing from the answer.
func (s *Store) ProviderDays(
	ctx context.Context, accountID uuid.UUID, providerIDs []uuid.UUID, day time.Time,
) (map[uuid.UUID]order.Sums, error) {
	list, err := s.queries.ProviderDays(ctx, accountID, providerIDs, order.DayOf(day))
	if err != nil {
		return nil, fmt.Errorf("read providers' days: %w", err)
	}
	days := make(map[uuid.UUID]order.Sums, len(list))
	for _, row := range list {
		days[row.ProviderID] = sumsOfDay(row)
	}
	return days, nil
}

func sumsOfDay(row db.ProviderDay) order.Sums {
	return order.Sums{Reserved: row.Reserved, Spent: row.Spent, Overcharge: row.Overcharge}
}

// InsertProvider writes a new provider. It fails with order.ErrNameTaken.
func (t *Tx) InsertProvider(ctx context.Context, p *order.Provider, sealed []byte) (*order.Provider, error) {
	row, err := t.queries.ProviderInsert(ctx, db.ProviderInsertParams{
		ID: p.ID, AccountID: p.AccountID, Name: p.Name, Adapter: p.Adapter, BaseUrl: p.BaseURL, Credentials: sealed,
		Enabled: p.Enabled, Simulated: p.Simulated, TimeoutMs: p.Timeout.Milliseconds(),
		Concurrency: small(p.Concurrency), Budget: p.Budget, DayBudget: p.DayBudget,
		Currency: string(p.Currency), RateCalls: small(p.RateCalls), RatePerMs: p.RatePer.Milliseconds(),
		Priority: int16(p.Priority), Weight: small(p.Weight), Now: t.Now, //nolint:gosec // 0 to 9
	})
	if err != nil {
		return nil, domainError("insert provider", err)
	}
	return providerOf(row), nil
}

// UpdateProvider writes a provider that was locked before; sealed credentials replace the old ones where given. It
// fails with order.ErrNameTaken.
func (t *Tx) UpdateProvider(ctx context.Context, p *order.Provider, sealed []byte) (*order.Provider, error) {
	row, err := t.queries.ProviderUpdate(ctx, db.ProviderUpdateParams{
		Name: p.Name, BaseUrl: p.BaseURL, Credentials: sealed, Enabled: p.Enabled, PausedReason: p.PausedReason,
		PausedAt: p.PausedAt, TimeoutMs: p.Timeout.Milliseconds(), Concurrency: small(p.Concurrency),
		Budget: p.Budget, DayBudget: p.DayBudget, RateCalls: small(p.RateCalls), RatePerMs: p.RatePer.Milliseconds(),
		Priority: int16(p.Priority), Weight: small(p.Weight), //nolint:gosec // 0 to 9
		Attention: p.Attention, Now: t.Now, AccountID: p.AccountID, ID: p.ID,
	})
	if err != nil {
		return nil, domainError("update provider", err)
	}
	return providerOf(row), nil
}

// LockOffer reads an offer of an account for change.
func (t *Tx) LockOffer(ctx context.Context, accountID, offerID uuid.UUID) (*order.Offer, error) {
	row, err := t.queries.OfferLock(ctx, accountID, offerID)
	if err != nil {
		return nil, domainError("lock offer", err)
	}
	return offerOf(row), nil
}

// InsertOffer writes a new offer. It fails with order.ErrExternalIDTaken.
func (t *Tx) InsertOffer(ctx context.Context, o *order.Offer) (*order.Offer, error) {
	row, err := t.queries.OfferInsert(ctx, db.OfferInsertParams{
		ID: o.ID, AccountID: o.AccountID, ProviderID: o.ProviderID, ExternalID: o.ExternalID, Name: o.Name,
		Category: o.Category, ServiceType: o.ServiceType, UnitPrice: o.UnitPrice, Currency: string(o.Currency),
		MinQuantity: small(o.MinQuantity), MaxQuantity: small(o.MaxQuantity), AvailableFrom: o.AvailableFrom,
		AvailableUntil: o.AvailableUntil, SlaMs: o.SLA.Milliseconds(), CoolDownMs: o.CoolDown.Milliseconds(),
		Regions: given(o.Regions), Priority: int16(o.Priority), Weight: small(o.Weight), //nolint:gosec // 0 to 9
		Enabled: o.Enabled, Now: t.Now,
	})
	if err != nil {
		return nil, domainError("insert offer", err)
	}
	return offerOf(row), nil
}

// UpdateOffer writes an offer that was locked before.
func (t *Tx) UpdateOffer(ctx context.Context, o *order.Offer) (*order.Offer, error) {
	row, err := t.queries.OfferUpdate(ctx, db.OfferUpdateParams{
		Name: o.Name, Category: o.Category, ServiceType: o.ServiceType, UnitPrice: o.UnitPrice,
		MinQuantity: small(o.MinQuantity), MaxQuantity: small(o.MaxQuantity), AvailableFrom: o.AvailableFrom,
		AvailableUntil: o.AvailableUntil, SlaMs: o.SLA.Milliseconds(), CoolDownMs: o.CoolDown.Milliseconds(),
		Regions: given(o.Regions), Priority: int16(o.Priority), Weight: small(o.Weight), //nolint:gosec // 0 to 9
		Enabled: o.Enabled, Vanished: o.Vanished, Now: t.Now, AccountID: o.AccountID, ID: o.ID,
	})
	if err != nil {
		return nil, domainError("update offer", err)
	}
	return offerOf(row), nil
}

// SetOffersEnabled enables or disables offers of an account and returns those it found.
func (t *Tx) SetOffersEnabled(
	ctx context.Context, accountID uuid.UUID, offerIDs []uuid.UUID, enabled bool,
) ([]*order.Offer, error) {
	list, err := t.queries.OfferSetEnabled(ctx, enabled, t.Now, accountID, offerIDs)
	if err != nil {
		return nil, domainError("enable offers", err)
	}
	return rows(list, offerOf), nil
}

// CatalogChanged has an account's unroutable fulfillments routed again at once.
func (t *Tx) CatalogChanged(ctx context.Context, accountID uuid.UUID) error {
	return domainError("hurry unroutable tasks", t.queries.TaskHurryUnroutable(ctx, accountID))
}

// DuePolls lists fulfillments at a provider whose status is to be read now, the most overdue first.
func (s *Store) DuePolls(ctx context.Context, providerID uuid.UUID, limit int) ([]*order.Fulfillment, error) {
	list, err := s.queries.FulfillmentDuePolls(ctx, small(limit), providerID)
	if err != nil {
		return nil, fmt.Errorf("read due polls: %w", err)
	}
	return rows(list, fulfillmentOf), nil
}

// PollTarget is a provider of which something is due to be read.
type PollTarget struct{ AccountID, ProviderID uuid.UUID }

// PollProviders lists the providers of which something is due to be read.
func (s *Store) PollProviders(ctx context.Context) ([]PollTarget, error) {
	list, err := s.queries.FulfillmentPollProviders(ctx)
	if err != nil {
		return nil, fmt.Errorf("read providers to poll: %w", err)
	}
	return rows(list, func(row db.FulfillmentPollProvidersRow) PollTarget {
		return PollTarget{AccountID: row.AccountID, ProviderID: row.ProviderID}
	}), nil
}

// TakeWebhook notes a webhook's delivery and reports whether it is new.
func (t *Tx) TakeWebhook(ctx context.Context, providerID uuid.UUID, deliveryID string) (bool, error) {
	count, err := t.queries.WebhookReceipt(ctx, providerID, deliveryID)
	if err != nil {
		return false, domainError("note webhook", err)
	}
	return count == 1, nil
}

// HintPolls makes fulfillments at a provider due to be read now, by the provider's ids and by ours, and returns how
// many were waiting for it.
func (t *Tx) HintPolls(
	ctx context.Context, providerID uuid.UUID, externalIDs []string, fulfillmentIDs []uuid.UUID,
) (int, error) {
	hinted, err := t.queries.FulfillmentHint(ctx, providerID, externalIDs, fulfillmentIDs)
	if err != nil {
		return 0, domainError("hint polls", err)
	}
	return len(hinted), nil
}

// ProviderByName reads an account's provider. It fails with order.ErrNotFound.
func (s *Store) ProviderByName(ctx context.Context, accountID uuid.UUID, name string) (*order.Provider, error) {
	row, err := s.queries.ProviderByName(ctx, accountID, name)
	if err != nil {
		return nil, domainError("read provider", err)
	}
	return providerOf(row), nil
}

// ProviderWithCredentials returns the id of some provider that has credentials. It fails with order.ErrNotFound where
// none has.
func (s *Store) ProviderWithCredentials(ctx context.Context) (uuid.UUID, error) {
	providerID, err := s.queries.ProviderWithCredentials(ctx)
	return providerID, domainError("find credentials", err)
}

// DeleteProvider hides a provider that was locked before, forgets its credentials and disables its offers.
func (t *Tx) DeleteProvider(ctx context.Context, accountID, providerID uuid.UUID) (*order.Provider, error) {
	if err := t.queries.OfferDisableAll(ctx, t.Now, accountID, providerID); err != nil {
		return nil, domainError("disable offers", err)
	}
	row, err := t.queries.ProviderDelete(ctx, &t.Now, accountID, providerID)
	if err != nil {
		return nil, domainError("delete provider", err)
	}
	return providerOf(row), nil
}

// ProviderBusy reports whether anything of a provider is open.
func (t *Tx) ProviderBusy(ctx context.Context, accountID, providerID uuid.UUID) (bool, error) {
	busy, err := t.queries.ProviderBusy(ctx, providerID, accountID)
	return busy, domainError("look for open fulfillments", err)
}

// Checked keeps what a check of a provider found: "" where all is well, and its balance, where it tells.
func (t *Tx) Checked(ctx context.Context, p *order.Provider, problem string, balance *order.Money) error {
	params := db.HealthCheckParams{ProviderID: p.ID, AccountID: p.AccountID, Now: t.Now, CheckError: problem}
	if balance != nil {
		params.Balance, params.BalanceCurrency = &balance.Amount, string(balance.Currency)
	}
	return domainError("keep check", t.queries.HealthCheck(ctx, params))
}
