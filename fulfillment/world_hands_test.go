package fulfillment_test

import (
	"errors"
	"math/rand/v2"
	"time"

	"github.com/google/uuid"

	"github.com/boostress/boostress/fulfillment"
	"github.com/boostress/boostress/order"
)

// hand is a person who does anything with any fulfillment.
func (w *world) hand() error {
	var picked uuid.UUID
	for _, id := range query[uuid.UUID](w.stand, "SELECT id FROM fulfillments ORDER BY random() LIMIT 1") {
		picked = id
	}
	var err error
	switch rand.IntN(7) {
	case 0:
		_, err = w.RetryFulfillment(w.ctx(), w.who, picked)
	case 1:
		_, err = w.RerouteFulfillment(w.ctx(), w.who, picked, rand.IntN(2) == 0)
	case 2:
		if rand.IntN(4) == 0 { // else little else would be left
			_, err = w.CancelFulfillment(w.ctx(), w.who, picked)
		}
	case 3:
		_, err = w.SplitFulfillment(w.ctx(), w.who, picked, []int{1, 1})
	case 4:
		_, err = w.RescheduleFulfillment(w.ctx(), w.who, picked, new(time.Now().Add(rand.N(time.Second))))
	default:
		unknown := query[uuid.UUID](w.stand, "SELECT id FROM fulfillments WHERE status = 'UNKNOWN' ORDER BY random() LIMIT 1")
		if len(unknown) > 0 {
			return w.findOut(unknown[0])
		}
	}
	return allowed(err)
}

// allowed takes away what a person is told when something can't be done.
func allowed(err error) error {
	var refused order.Faults
	if errors.As(err, &refused) || errors.Is(err, order.ErrFulfilled) {
		return nil
	}
	return err
}

// findOut is a person who looks at the provider what became of an UNKNOWN fulfillment. Nobody calls the provider between
// the look and the word.
func (w *world) findOut(id uuid.UUID) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	input := fulfillment.ResolveInput{ID: id, Outcome: order.ResolvedAbsent}
	for _, key := range query[string](w.stand, `SELECT key FROM attempts WHERE fulfillment_id = $1 AND operation = 'CREATE'
			AND state IN ('IN_FLIGHT', 'UNKNOWN', 'RECONCILING', 'MANUAL')`, id) {
		if known := w.orders[w.byKey[key]]; known != nil {
			input.Outcome, input.ExternalID = order.ResolvedAccepted, known.order.ExternalID
		}
	}
	_, err := w.ResolveFulfillment(w.ctx(), w.who, input)
	return allowed(err)
}
