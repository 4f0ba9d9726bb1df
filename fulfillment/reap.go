package fulfillment

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/store"
	"github.com/boostress/boostress/task"
)

// Reap takes back the claims of workers that were silent for a whole term, at most limit, and returns how many. The
// tasks are due at once. Calls that such a worker may have made have an unknown outcome from then on, whatever their
// age. Tasks whose end was asked for end instead, before anybody else takes them.
func (s *Service) Reap(ctx context.Context, term time.Duration, limit int) (int, error) {
	var committed Committed
	count := 0
	err := s.store.Write(ctx, func(tx *store.Tx) error {
		taken, err := tx.TaskTakeBack(ctx, term, limit)
		if err != nil {
			return err
		}
		revoked, err := endRevoked(ctx, tx, limit)
		committed.Results = revoked
		if err != nil || len(taken) == 0 {
			return err
		}
		count = len(taken)
		w, err := s.openTaken(ctx, tx, taken)
		if err != nil {
			return err
		}
		for i := range taken {
			c, f := w.find(&taken[i])
			if f == nil || taken[i].Kind != task.KindDispatch {
				continue
			}
			if err := w.loseInFlight(c, f, "the worker that called the provider is gone"); err != nil {
				return fmt.Errorf("fulfillment %s: %w", f.ID, err)
			}
		}
		committed, err = w.save(ctx)
		committed.Results = append(committed.Results, revoked...)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("reap: %w", err)
	}
	s.announce(committed)
	return count, nil
}

func (s *Service) openTaken(ctx context.Context, tx *store.Tx, taken []task.Task) (*work, error) {
	var orderIDs, history []uuid.UUID
	for i := range taken {
		if taken[i].OrderID != nil {
			orderIDs = append(orderIDs, *taken[i].OrderID)
		}
	}
	w, err := s.open(ctx, tx, orderIDs, actorSystem)
	if err != nil {
		return nil, err
	}
	for i := range taken {
		if _, f := w.find(&taken[i]); f != nil && f.Status != order.FulfillmentPending {
			history = append(history, f.ID)
		}
	}
	if err := w.readAttempts(ctx, history); err != nil {
		return nil, err
	}
	return w, nil
}
