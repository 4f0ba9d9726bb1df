package fulfillment

import (
	"context"

	"github.com/google/uuid"

	"github.com/boostress/boostress/account"
	"github.com/boostress/boostress/order"
)

// Processed is what ProcessOrder did.
type Processed struct {
	Placed  bool `json:"placed"`  // it was a draft
	Retried int  `json:"retried"` // fulfillments that waited and are tried at once
}

// ProcessOrder places a draft; of an order that is placed, it has tried again at once what found no offer or waits after a
// failure. Where there is nothing of that kind, it changes nothing. It fails with order.Faults and order.ErrNotFound.
func (s *Service) ProcessOrder(ctx context.Context, who account.Principal, orderID uuid.UUID) (Processed, error) {
	var done Processed
	_, err := s.change(ctx, who, orderID, func(w *work, c *order.Case) error {
		if c.Order.Status == order.Drafted {
			done.Placed = true
			return placeDraft(ctx, w, c)
		}
		for _, f := range c.Fulfillments {
			if f.Status != order.FulfillmentUnroutable && f.Status != order.FulfillmentRetryWait {
				continue
			}
			if _, err := w.retry(c, f); err != nil {
				return err
			}
			done.Retried++
		}
		return nil
	})
	return done, err
}
