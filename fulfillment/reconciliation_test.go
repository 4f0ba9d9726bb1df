package fulfillment_test

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/boostress/boostress/order"
)

func TestUnknownsAreVisible(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		can  order.Capabilities
		held bool
		want order.Reconciliation
	}{
		"same key":         {native, false, order.ReconcileSameKey},
		"lookup":           {lookup, false, order.ReconcileLookup},
		"lookup when held": {order.Capabilities{Idempotency: order.IdempotencyNative, Lookup: true}, true, order.ReconcileLookup},
		"nobody":           {order.Capabilities{}, false, order.ReconcileManual},
		"errors replayed":  {order.Capabilities{Idempotency: order.IdempotencyNative, ReplaysErrors: true}, false, order.ReconcileManual},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, o, _ := unknown(t, test.can)
			s.exec("UPDATE attempts SET started_at = started_at - interval '1 hour'")
			if test.held {
				s.exec("UPDATE orders SET held = true")
			}
			waiting := s.fulfillment(s.place(nil))
			f := s.fulfillment(o)
			found, err := s.Unknowns(s.ctx(), s.who.AccountID, []uuid.UUID{f.ID, waiting.ID})
			must(t, err)
			if one := found[f.ID]; len(found) != 1 || one.Reconciliation != test.want || time.Since(one.Since) < 59*time.Minute {
				t.Errorf("unknown: %+v, want %s for an hour", found, test.want)
			}
			others, err := s.Unknowns(s.ctx(), s.account("other").AccountID, []uuid.UUID{f.ID})
			must(t, err)
			if len(others) > 0 {
				t.Errorf("another account sees %+v", others)
			}
			if test.held {
				s.exec("UPDATE orders SET held = false")
				return
			}
			counted, err := s.store.Unsettled(s.ctx())
			must(t, err)
			if counted.Unknown != 1 || counted.OldestUnknown < 59*time.Minute || counted.Manual != 0 {
				t.Errorf("counted %+v", counted)
			}
		})
	}
	s, _, _ := unknown(t, order.Capabilities{})
	s.idle()
	counted, err := s.store.Unsettled(s.ctx())
	must(t, err)
	if counted.Unknown != 1 || counted.Manual != 1 || counted.OldestManual <= 0 {
		t.Errorf("counted %+v", counted)
	}
}
