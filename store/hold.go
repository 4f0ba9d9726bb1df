package store

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/store/internal/db"
)

// OpenHolds reads the open holds of orders of one account, the oldest first; orders without one are missing from the
// answer.
func (s *Store) OpenHolds(
	ctx context.Context, accountID uuid.UUID, orderIDs []uuid.UUID,
) (map[uuid.UUID][]*order.Hold, error) {
	return openHolds(ctx, s.queries, accountID, orderIDs)
}

// ReadHolds reads the open holds of a case whose holds are to change.
func (t *Tx) ReadHolds(ctx context.Context, c *order.Case) error {
	found, err := openHolds(ctx, t.queries, c.Order.AccountID, []uuid.UUID{c.Order.ID})
	c.Holds = found[c.Order.ID]
	return err
}

func openHolds(
	ctx context.Context, queries *db.Queries, accountID uuid.UUID, orderIDs []uuid.UUID,
) (map[uuid.UUID][]*order.Hold, error) {
	list, err := queries.HoldOpenOfOrders(ctx, accountID, orderIDs)
	if err != nil {
		return nil, fmt.Errorf("read holds: %w", err)
	}
	holds := make(map[uuid.UUID][]*order.Hold, len(orderIDs))
	for _, row := range list {
		holds[row.OrderID] = append(holds[row.OrderID], &order.Hold{
			ID: row.ID, AccountID: row.AccountID, OrderID: row.OrderID, Name: row.Name, Reason: row.Reason,
			PlacedBy: row.PlacedBy, PlacedAt: row.PlacedAt.UTC(),
			ReleasedBy: value(row.ReleasedBy), ReleasedAt: utc(row.ReleasedAt),
		})
	}
	return holds, nil
}

func (t *Tx) saveHolds(ctx context.Context, list []*order.Hold) error {
	if len(list) == 0 {
		return nil
	}
	type hold = *order.Hold
	return domainError("save holds", t.queries.HoldSave(ctx, db.HoldSaveParams{
		Ids:         column(list, func(h hold) uuid.UUID { return h.ID }),
		AccountIds:  column(list, func(h hold) uuid.UUID { return h.AccountID }),
		OrderIds:    column(list, func(h hold) uuid.UUID { return h.OrderID }),
		Names:       column(list, func(h hold) string { return h.Name }),
		Reasons:     column(list, func(h hold) string { return h.Reason }),
		PlacedBys:   column(list, func(h hold) string { return h.PlacedBy }),
		PlacedAts:   column(list, func(h hold) time.Time { return h.PlacedAt }),
		ReleasedBys: column(list, func(h hold) string { return h.ReleasedBy }),
		ReleasedAts: column(list, func(h hold) string { return textOfTime(h.ReleasedAt) }),
	}))
}
