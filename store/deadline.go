package store

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
)

// deadlineSlack is how far the watermark stays behind: an order may commit a little after its deadline passed.
const deadlineSlack = time.Minute

// PassedDeadlines lists unfinished orders whose deadline has passed, at most limit, for the caller to expire in this
// transaction. A watermark remembers how far everything was done.
func (t *Tx) PassedDeadlines(ctx context.Context, limit int) ([]uuid.UUID, error) {
	watermark, err := t.queries.DeadlineWatermark(ctx)
	if err != nil {
		return nil, fmt.Errorf("read deadline watermark: %w", err)
	}
	passed, err := t.queries.OrderPastDeadline(ctx, watermark, t.Now, small(limit))
	if err != nil {
		return nil, fmt.Errorf("read passed deadlines: %w", err)
	}
	reached := t.Now.Add(-deadlineSlack)
	if len(passed) == limit || !reached.After(watermark.Add(deadlineSlack)) {
		return passed, nil
	}
	if err := t.queries.DeadlineAdvance(ctx, reached); err != nil {
		return nil, fmt.Errorf("advance deadline watermark: %w", err)
	}
	return passed, nil
}

// Late lists orders with a fulfillment of which progress was expected by now, one for each, at most limit.
func (t *Tx) Late(ctx context.Context, limit int) ([]uuid.UUID, error) {
	late, err := t.queries.FulfillmentLate(ctx, t.Now, small(limit))
	return late, domainError("read late fulfillments", err)
}
