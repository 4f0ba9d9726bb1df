package worker

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/boostress/boostress/store"
	"github.com/boostress/boostress/task"
)

// How long things are kept.
const (
	keepKeys     = 7 * 24 * time.Hour // as the API promises
	keepReceipts = 30 * 24 * time.Hour
	keepSlots    = 90 * 24 * time.Hour
	keepWorkers  = time.Hour // after they fell silent
	keepBulk     = 30 * 24 * time.Hour
)

// Retention returns the handler that drops what is past its keep.
func Retention(st *store.Store) Handler {
	return Each(func(ctx context.Context, _ task.Task) (json.RawMessage, error) {
		forgotten, err := st.Forget(ctx, store.Keep{
			Keys: keepKeys, Receipts: keepReceipts, Slots: keepSlots, Workers: keepWorkers, Bulk: keepBulk,
		})
		if err != nil {
			return nil, err
		}
		result, err := json.Marshal(forgotten)
		if err != nil {
			return nil, fmt.Errorf("write result: %w", err)
		}
		return result, nil
	})
}
