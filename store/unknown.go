package store

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/boostress/boostress/order"
)

// UnknownFulfillment is a fulfillment whose outcome is not known, and what decides about how it is found out.
type UnknownFulfillment struct {
	FulfillmentID uuid.UUID
	Provider      *order.Provider
	Attempts      []*order.Attempt // oldest first
	Since         time.Time        // when the first of the attempts whose outcome is open began
	Offered       bool             // its offer still exists
	Unwanted      bool             // it is to end, or is held
}

// UnknownFulfillments reads those of an account's fulfillments whose outcome is not known.
func (s *Store) UnknownFulfillments(ctx context.Context, accountID uuid.UUID, ids []uuid.UUID) ([]UnknownFulfillment, error) {
	list, err := s.queries.FulfillmentUnknown(ctx, ids, accountID)
	if err != nil || len(list) == 0 {
		return nil, domainError("read unknown fulfillments", err)
	}
	unknown, places := make([]UnknownFulfillment, len(list)), make(map[uuid.UUID]int, len(list))
	for i, row := range list {
		places[row.ID] = i
		unknown[i] = UnknownFulfillment{
			FulfillmentID: row.ID, Provider: providerOf(row.Provider), Offered: row.Offered, Unwanted: row.Unwanted,
		}
	}
	attempts, err := s.queries.AttemptOfFulfillments(ctx, ids)
	if err != nil {
		return nil, domainError("read attempts", err)
	}
	for _, row := range attempts {
		place, asked := places[row.FulfillmentID]
		if !asked {
			continue
		}
		one, a := &unknown[place], attemptOf(row)
		one.Attempts = append(one.Attempts, a)
		if open := a.Operation == order.OperationCreate && a.State.Unsettled(); open && one.Since.IsZero() {
			one.Since = a.StartedAt
		}
	}
	return unknown, nil
}

// Unsettled counts what of all accounts is not known, and what only a person can find out, with the age of the oldest.
type Unsettled struct {
	Unknown, Manual             int64
	OldestUnknown, OldestManual time.Duration
}

// Unsettled reads whole tables: for metrics that are asked for now and then.
func (s *Store) Unsettled(ctx context.Context) (Unsettled, error) {
	row, err := s.queries.UnsettledCount(ctx)
	return Unsettled{
		Unknown: row.Unknown, Manual: row.Manual,
		OldestUnknown: seconds(row.UnknownSeconds), OldestManual: seconds(row.ManualSeconds),
	}, domainError("count unknown outcomes", err)
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
