package store

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/boostress/boostress/order"
)

// RoutingOffers reads every offer of the wanted services, enabled or not, and locks none.
func (s *Store) RoutingOffers(ctx context.Context, wants []Want) (map[Want][]order.Offer, error) {
	offers, _, err := readOffers(ctx, s.queries, wants)
	return offers, err
}

// RoutingProviders reads providers with what is measured of them and their sums of the day, and locks none.
func (s *Store) RoutingProviders(ctx context.Context, now time.Time, ids []uuid.UUID) (map[uuid.UUID]*order.Provider, error) {
	return readProviders(ctx, s.queries, now, ids)
}

// LinesOfOrders reads the lines of an account's orders, in their places, at most so many of all.
func (s *Store) LinesOfOrders(
	ctx context.Context, accountID uuid.UUID, orderIDs []uuid.UUID, most int,
) (map[uuid.UUID][]order.Line, error) {
	list, err := s.queries.LineOfOrders(ctx, accountID, orderIDs, small(most))
	if err != nil {
		return nil, fmt.Errorf("read lines: %w", err)
	}
	lines := make(map[uuid.UUID][]order.Line, len(orderIDs))
	for _, row := range list {
		lines[row.OrderID] = append(lines[row.OrderID], *lineOf(row))
	}
	return lines, nil
}

// FulfillmentsOfOrders reads all fulfillments of orders, the oldest first, by the line.
func (s *Store) FulfillmentsOfOrders(ctx context.Context, orderIDs []uuid.UUID) (map[uuid.UUID][]*order.Fulfillment, error) {
	list, err := s.queries.FulfillmentOfOrders(ctx, orderIDs)
	if err != nil {
		return nil, fmt.Errorf("read fulfillments: %w", err)
	}
	fulfillments := make(map[uuid.UUID][]*order.Fulfillment, len(list))
	for _, row := range list {
		fulfillments[row.LineID] = append(fulfillments[row.LineID], fulfillmentOf(row))
	}
	return fulfillments, nil
}
