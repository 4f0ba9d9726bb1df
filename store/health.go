package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/store/internal/db"
)

// What is measured of providers. The cost of a measurement is bounded by these numbers, whatever the tables hold.
const (
	callsFor    = time.Hour
	mostCalls   = 50_000             // of all providers, the latest ones
	sampleFor   = 7 * 24 * time.Hour // before now, cut into stretches
	stretches   = 64                 // the more recent, the shorter
	stretchMost = 300                // fulfillments of a stretch
)

// MeasureHealth measures how all providers do, and forgets breakers of workers that are gone.
func (s *Store) MeasureHealth(ctx context.Context) error {
	now, err := s.clock(ctx)
	if err != nil {
		return err
	}
	begins, ends := sampleStretches(now)
	err = s.queries.HealthMeasure(ctx, db.HealthMeasureParams{
		CallsSince: lowestID(now.Add(-callsFor)), MostCalls: mostCalls, StretchBegins: begins, StretchEnds: ends, StretchMost: stretchMost,
	})
	if err == nil {
		err = s.queries.HealthMeasureOffers(ctx, begins, ends, stretchMost)
	}
	if err == nil {
		err = s.queries.BreakerForget(ctx)
	}
	return domainError("measure health", err)
}

func (s *Store) clock(ctx context.Context) (now time.Time, err error) {
	err = s.pool.QueryRow(ctx, "SELECT now()").Scan(&now)
	return now, domainError("read time", err)
}

// sampleStretches cuts the time before now into stretches, as bounds of ids: a provider that takes seconds is measured
// by what it did a moment ago, and one that takes days by what it did in the last days. The latest one reaches beyond
// now, for clocks differ.
func sampleStretches(now time.Time) (begins, ends []uuid.UUID) {
	bound := func(n int) uuid.UUID {
		part := float64(n) / stretches
		return lowestID(now.Add(-time.Duration(part * part * part * float64(sampleFor))))
	}
	end := lowestID(now.Add(time.Minute))
	for n := range stretches {
		begin := bound(n + 1)
		begins, ends = append(begins, begin), append(ends, end)
		end = begin
	}
	return begins, ends
}

// measure fills in what routing ranks a provider by.
func measure(p *order.Provider, row *db.ProviderGetManyRow) {
	health := order.Health{Ended: int(row.Ended), Fulfilled: int(row.Fulfilled)}
	p.Measured.SuccessRate = health.FulfilledRate()
	p.Measured.FulfillTime = durationOf(row.FulfillMs, time.Millisecond)
	if row.BreakerOpenUntil.Unix() > 0 {
		p.Measured.BreakerOpenUntil = utc(&row.BreakerOpenUntil)
	}
}

// Health reads how an account's providers do; those that were never measured nor checked are missing from the answer,
// unless a breaker of theirs is open.
func (s *Store) Health(ctx context.Context, accountID uuid.UUID, providerIDs []uuid.UUID) (map[uuid.UUID]*order.Health, error) {
	list, err := s.queries.HealthGetMany(ctx, accountID, providerIDs)
	if err != nil {
		return nil, fmt.Errorf("read health: %w", err)
	}
	found := make(map[uuid.UUID]*order.Health, len(list))
	for _, row := range list {
		if found[row.ProviderID], err = healthOf(row); err != nil {
			return nil, err
		}
	}
	breakers, err := s.queries.BreakerList(ctx, accountID, providerIDs)
	if err != nil {
		return nil, fmt.Errorf("read breakers: %w", err)
	}
	for _, row := range breakers {
		health := found[row.ProviderID]
		if health == nil {
			health = &order.Health{}
			found[row.ProviderID] = health
		}
		health.Breakers = append(health.Breakers, order.Breaker{
			Operation: row.Operation, OpenUntil: row.OpenUntil.UTC(), Workers: int(row.Workers),
		})
	}
	return found, nil
}

func healthOf(row db.ProviderHealth) (*order.Health, error) {
	health := &order.Health{
		MeasuredAt: utc(row.MeasuredAt), Calls: int(row.Calls), Succeeded: int(row.Succeeded),
		LatencyP50: durationOf(row.LatencyP50Us, time.Microsecond), LatencyP95: durationOf(row.LatencyP95Us, time.Microsecond),
		Ended: int(row.Ended), Fulfilled: int(row.Fulfilled), FulfillTime: durationOf(row.FulfillMs, time.Millisecond),
		CheckedAt: utc(row.CheckedAt), CheckError: row.CheckError,
	}
	if row.Balance != nil {
		health.Balance = &order.Money{Amount: *row.Balance, Currency: order.Currency(row.BalanceCurrency)}
	}
	if err := json.Unmarshal(row.Failures, &health.Failures); err != nil {
		return nil, fmt.Errorf("read failures of provider %s: %w", row.ProviderID, err)
	}
	return health, nil
}

// durationOf turns a count of units into a duration; NULL stays nil.
func durationOf(count *int64, unit time.Duration) *time.Duration {
	if count == nil {
		return nil
	}
	took := time.Duration(*count) * unit
	return &took
}

// Breaker is one process's breaker for an operation of a provider.
type Breaker struct {
	AccountID  uuid.UUID
	ProviderID uuid.UUID
	Operation  string
	WorkerID   uuid.UUID
}

// OpenBreaker notes that a breaker keeps calls away for a while, so that routing in every process heeds it.
func (s *Store) OpenBreaker(ctx context.Context, b Breaker, while time.Duration) error {
	return domainError("open breaker", s.queries.BreakerOpen(ctx, db.BreakerOpenParams{
		ProviderID: b.ProviderID, Operation: b.Operation, WorkerID: b.WorkerID, AccountID: b.AccountID, Seconds: while.Seconds(),
	}))
}

// CloseBreaker notes that a breaker lets calls pass again.
func (s *Store) CloseBreaker(ctx context.Context, b Breaker) error {
	return domainError("close breaker", s.queries.BreakerClose(ctx, b.ProviderID, b.Operation, b.WorkerID))
}
