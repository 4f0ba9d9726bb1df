package store

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/schedule"
	"github.com/boostress/boostress/store/internal/db"
)

// Attempts reads all attempts of fulfillments, oldest first.
func (t *Tx) Attempts(ctx context.Context, fulfillmentIDs []uuid.UUID) (map[uuid.UUID][]*order.Attempt, error) {
	list, err := t.queries.AttemptOfFulfillments(ctx, fulfillmentIDs)
	if err != nil {
		return nil, fmt.Errorf("read attempts: %w", err)
	}
	attempts := make(map[uuid.UUID][]*order.Attempt, len(fulfillmentIDs))
	for _, row := range list {
		attempts[row.FulfillmentID] = append(attempts[row.FulfillmentID], attemptOf(row))
	}
	return attempts, nil
}

// InsertAttempts writes the intent of calls.
func (t *Tx) InsertAttempts(ctx context.Context, list []*order.Attempt) error {
	if len(list) == 0 {
		return nil
	}
	type attempt = *order.Attempt
	err := t.queries.AttemptInsert(ctx, db.AttemptInsertParams{
		Ids:            column(list, func(a attempt) uuid.UUID { return a.ID }),
		AccountIds:     column(list, func(a attempt) uuid.UUID { return a.AccountID }),
		FulfillmentIds: column(list, func(a attempt) uuid.UUID { return a.FulfillmentID }),
		ProviderIds:    column(list, func(a attempt) uuid.UUID { return a.ProviderID }),
		Operations:     column(list, func(a attempt) string { return string(a.Operation) }),
		Keys:           column(list, func(a attempt) string { return a.Key }),
		CallNumbers:    column(list, func(a attempt) int32 { return small(a.CallNumber) }),
		States:         column(list, func(a attempt) string { return string(a.State) }),
		Now:            t.Now,
	})
	return domainError("insert attempts", err)
}

// UpdateAttempts writes the state and outcome of calls.
func (t *Tx) UpdateAttempts(ctx context.Context, list []*order.Attempt) error {
	if len(list) == 0 {
		return nil
	}
	type attempt = *order.Attempt
	count, err := t.queries.AttemptUpdate(ctx, db.AttemptUpdateParams{
		Now:       t.Now,
		Ids:       column(list, func(a attempt) uuid.UUID { return a.ID }),
		States:    column(list, func(a attempt) string { return string(a.State) }),
		Classes:   column(list, func(a attempt) string { return string(a.Class) }),
		Messages:  column(list, func(a attempt) string { return a.Message }),
		Latencies: column(list, func(a attempt) int64 { return a.Latency.Microseconds() }),
		Requests:  column(list, func(a attempt) string { return string(a.Request) }),
		Responses: column(list, func(a attempt) string { return string(a.Response) }),
		Finisheds: column(list, func(a attempt) bool { return !a.State.Unsettled() }),
	})
	return wroteAll("update attempts", count, len(list), err)
}

// DropAttempts takes back intents whose call was surely not made.
func (t *Tx) DropAttempts(ctx context.Context, ids []uuid.UUID) error {
	if len(ids) == 0 {
		return nil
	}
	return domainError("drop attempts", t.queries.AttemptDrop(ctx, ids))
}

// Want is a service that something has to be found for.
type Want struct {
	AccountID   uuid.UUID
	Category    string
	ServiceType string
}

// Offers reads every offer of the wanted services, enabled or not, and the versions of their accounts' policies. Offers
// with a cool-down are locked, in id order, until the transaction ends, if any.
func (t *Tx) Offers(ctx context.Context, wants []Want) (map[Want][]order.Offer, map[uuid.UUID]int64, error) {
	offers, versions, err := readOffers(ctx, t.queries, wants)
	if err != nil {
		return nil, nil, err
	}
	var resting []uuid.UUID
	for _, several := range offers {
		for i := range several {
			if several[i].CoolDown > 0 {
				resting = append(resting, several[i].ID)
			}
		}
	}
	return offers, versions, t.lockCooling(ctx, resting, offers)
}

func readOffers(
	ctx context.Context, queries *db.Queries, wants []Want,
) (offers map[Want][]order.Offer, versions map[uuid.UUID]int64, err error) {
	list, err := queries.OfferCandidates(ctx,
		column(wants, func(w Want) uuid.UUID { return w.AccountID }),
		column(wants, func(w Want) string { return w.Category }),
		column(wants, func(w Want) string { return w.ServiceType }))
	if err != nil {
		return nil, nil, fmt.Errorf("read offers: %w", err)
	}
	offers, versions = make(map[Want][]order.Offer, len(wants)), make(map[uuid.UUID]int64, 1)
	for _, row := range list {
		offer := offerOf(row.Offer)
		offer.FulfillTime = durationOf(row.FulfillMs, time.Millisecond)
		want := Want{offer.AccountID, offer.Category, offer.ServiceType}
		offers[want] = append(offers[want], *offer)
		versions[offer.AccountID] = row.PoliciesVersion
	}
	return offers, versions, nil
}

// lockCooling locks offers with a cool-down and reads again when each was last given a fulfillment.
func (t *Tx) lockCooling(ctx context.Context, ids []uuid.UUID, offers map[Want][]order.Offer) error {
	if len(ids) == 0 {
		return nil
	}
	list, err := t.queries.OfferLockCooling(ctx, ids)
	if err != nil {
		return fmt.Errorf("lock offers: %w", err)
	}
	given := make(map[uuid.UUID]*time.Time, len(list))
	for _, row := range list {
		given[row.ID] = utc(row.GivenAt)
	}
	for _, several := range offers {
		for i := range several {
			if several[i].CoolDown > 0 {
				several[i].GivenAt = given[several[i].ID]
			}
		}
	}
	return nil
}

// OffersGiven notes that offers with a cool-down were given a fulfillment.
func (t *Tx) OffersGiven(ctx context.Context, ids []uuid.UUID) error {
	if len(ids) == 0 {
		return nil
	}
	return domainError("note given offers", t.queries.OfferGiven(ctx, t.Now, ids))
}

// QuantityBounds reads the smallest and the largest quantity that the enabled offers of each wanted service allow; those of
// which there is none are missing from the answer.
func (t *Tx) QuantityBounds(ctx context.Context, wants []Want) (map[Want]schedule.Bounds, error) {
	if len(wants) == 0 {
		return map[Want]schedule.Bounds{}, nil
	}
	list, err := t.queries.OfferBounds(ctx,
		column(wants, func(w Want) uuid.UUID { return w.AccountID }),
		column(wants, func(w Want) string { return w.Category }),
		column(wants, func(w Want) string { return w.ServiceType }))
	if err != nil {
		return nil, fmt.Errorf("read bounds of offers: %w", err)
	}
	bounds := make(map[Want]schedule.Bounds, len(list))
	for _, row := range list {
		bounds[Want{row.AccountID, row.Category, row.ServiceType}] = schedule.Bounds{Least: int(row.Least), Most: int(row.Most)}
	}
	return bounds, nil
}

// OffersByID reads offers.
func (t *Tx) OffersByID(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]*order.Offer, error) {
	list, err := t.queries.OfferGetMany(ctx, ids)
	if err != nil {
		return nil, fmt.Errorf("read offers: %w", err)
	}
	offers := make(map[uuid.UUID]*order.Offer, len(list))
	for _, row := range list {
		offers[row.ID] = offerOf(row)
	}
	return offers, nil
}

// Providers reads providers with their sums of today and what is measured of them; those that have a budget, for all time or for each day, are
// locked, in id order, until the transaction ends, because what they may still reserve must not change under the caller.
func (t *Tx) Providers(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]*order.Provider, error) {
	if err := t.queries.ProviderLockBudgeted(ctx, ids); err != nil {
		return nil, fmt.Errorf("lock providers: %w", err)
	}
	return readProviders(ctx, t.queries, t.Now, ids)
}

func readProviders(ctx context.Context, queries *db.Queries, now time.Time, ids []uuid.UUID) (map[uuid.UUID]*order.Provider, error) {
	list, err := queries.ProviderGetMany(ctx, order.DayOf(now), ids)
	if err != nil {
		return nil, fmt.Errorf("read providers: %w", err)
	}
	providers := make(map[uuid.UUID]*order.Provider, len(list))
	for _, row := range list {
		p := providerOf(row.Provider)
		p.Today = order.Sums{Reserved: row.DayReserved, Spent: row.DaySpent, Overcharge: row.DayOvercharge}
		measure(p, &row)
		providers[p.ID] = p
	}
	return providers, nil
}

// LockExternal returns which fulfillments have a provider's order of this id. Until the transaction ends, nobody else who
// asks so gets an answer for the same order.
func (t *Tx) LockExternal(ctx context.Context, providerID uuid.UUID, externalID string) ([]uuid.UUID, error) {
	if err := t.queries.FulfillmentExternalLock(ctx, providerID, externalID); err != nil {
		return nil, domainError("lock external order", err)
	}
	holders, err := t.queries.FulfillmentByExternal(ctx, externalID, providerID)
	return holders, domainError("read external order", err)
}
