package fulfillment

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/boostress/boostress/order"
)

// reconciliationOf says how an outcome that is not known is found out: by what the provider can do, and by what was tried.
// Unwanted is what is to end, or is held: it is rather looked up than asked for again, which might create it only now.
func reconciliationOf(
	can order.Capabilities, attempts []*order.Attempt, unwanted, offered bool, now time.Time,
) order.Reconciliation {
	last := lastOpen(attempts)
	switch {
	case last == nil:
		return order.ReconcileManual
	case unwanted && can.Lookup:
		return order.ReconcileLookup
	case offered && canRepeat(can, attempts, last.Key, now):
		return order.ReconcileSameKey
	case can.Lookup:
		return order.ReconcileLookup
	default:
		return order.ReconcileManual
	}
}

// lastOpen returns the latest creation whose outcome is open.
func lastOpen(attempts []*order.Attempt) *order.Attempt {
	var last *order.Attempt
	for _, a := range attempts {
		if a.Operation == order.OperationCreate && a.State.Unsettled() {
			last = a
		}
	}
	return last
}

// Unknown is since when a fulfillment's outcome has not been known, and how it is being found out.
type Unknown struct {
	Since          time.Time // when the first of the calls whose outcome is open was made
	Reconciliation order.Reconciliation
}

// Unknowns tells of those of an account's fulfillments whose outcome is not known, by id; the others are missing.
func (s *Service) Unknowns(ctx context.Context, accountID uuid.UUID, ids []uuid.UUID) (map[uuid.UUID]Unknown, error) {
	open, err := s.store.UnknownFulfillments(ctx, accountID, ids)
	if err != nil || len(open) == 0 {
		return nil, err
	}
	found := make(map[uuid.UUID]Unknown, len(open))
	known := make(map[uuid.UUID]order.Capabilities)
	for _, one := range open {
		can, read := known[one.Provider.ID]
		if !read {
			// Without its adapter, nothing can be asked of a provider.
			can, _ = s.options.Capabilities(ctx, *one.Provider)
			known[one.Provider.ID] = can
		}
		found[one.FulfillmentID] = Unknown{
			Since:          one.Since,
			Reconciliation: reconciliationOf(can, one.Attempts, one.Unwanted, one.Offered, s.options.Clock()),
		}
	}
	return found, nil
}
