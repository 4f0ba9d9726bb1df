package providertest

import (
	"context"
	"time"

	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/providerapi"
)

func refusals() []scenario {
	return []scenario{
		{name: "rejected", needs: FaultReject, run: func(s *stage) { s.refused(FaultReject, order.ClassRejected) }},
		{name: "too many requests", needs: FaultRateLimit, run: func(s *stage) {
			if after := s.refused(FaultRateLimit, order.ClassRateLimited).RetryAfter; after != RetryAfter {
				s.t.Errorf("told to wait %s, want %s", after, RetryAfter)
			}
		}},
		{name: "too many requests, not told how long", needs: FaultRateLimitMute, run: func(s *stage) {
			if after := s.refused(FaultRateLimitMute, order.ClassRateLimited).RetryAfter; after != 0 {
				s.t.Errorf("told to wait %s, want nothing", after)
			}
		}},
		{name: "403, as it is declared", needs: FaultForbidden, run: func(s *stage) { s.refused(FaultForbidden, s.suite.Forbidden) }},
	}
}

// refused has a create refused and then taken, and returns what came of the first.
func (s *stage) refused(fault Fault, want order.Class) order.Outcome {
	s.t.Helper()
	s.inject(fault)
	key := s.key()
	_, err := s.create(key)
	s.class("create", err, want)
	s.live(key, 0)
	s.calm()
	if _, err := s.create(key); err != nil {
		s.t.Errorf("the same key once all is well: %v", err)
	}
	s.live(key, 1)
	return providerapi.OutcomeOf(order.ExternalOrder{}, err, 0)
}

func losses() []scenario {
	return []scenario{
		{name: "accepted, then a 5xx", needs: FaultErrorAfter, run: errorAfter},
		{name: "a 5xx that is stored for its key", needs: FaultStoredError, run: storedError},
		{name: "create, request lost", run: requestLost},
		{name: "slow drip", run: slowDrip},
		{name: "stranger's 404 proves nothing", run: strangers},
	}
}

func damages() []scenario {
	damages := []damage{loseReply, breakReply, cutReply, garbleReply, swellReply, gateway}
	all := make([]scenario, 0, 3*len(damages))
	for _, does := range damages {
		all = append(all,
			scenario{name: "create, " + string(does), run: func(s *stage) { s.createDamaged(does) }},
			scenario{name: "cancel, " + string(does), run: func(s *stage) { s.cancelDamaged(does) }},
			scenario{name: "read, " + string(does), run: func(s *stage) { s.readDamaged(does) }},
		)
	}
	return all
}

// createDamaged: what was accepted and not heard of is UNKNOWN, was sent once, and is found again.
func (s *stage) createDamaged(does damage) {
	// A kept connection tempts the HTTP client to send the request again by itself.
	s.placed()
	s.wire.count()
	s.wire.set(does)
	key := s.key()
	_, err := s.create(key)
	s.class("create", err, order.ClassUnknown)
	if sent := s.wire.count(); sent != 1 {
		s.t.Errorf("the create was sent %d times, want once", sent)
	}
	s.live(key, 1)
	s.wire.set(intact)
	s.reconciled(key)
}

func (s *stage) cancelDamaged(does damage) {
	if !s.can.Cancel {
		s.t.Skip("the adapter declares no Cancel")
	}
	key, made := s.placed()
	s.wire.set(does)
	_, err := s.cancel(made.ExternalID, key)
	s.class("cancel", err, order.ClassUnknown)
	s.wire.set(intact)
	again, err := s.cancel(made.ExternalID, key)
	if err != nil || again.State != order.ExternalCanceled && again.State != order.ExternalCanceling {
		s.t.Errorf("again: got %+v, %v, want it canceled", again, err)
	}
}

func (s *stage) readDamaged(does damage) {
	key, made := s.placed()
	s.wire.set(does)
	_, err := s.get(made.ExternalID)
	s.provesNothing("get", err)
	if s.can.Lookup {
		_, err = s.find(key)
		s.provesNothing("find", err)
	}
	if bulk, ok := s.provider.(providerapi.BulkStatuser); ok {
		many, err := bulk.GetMany(s.t.Context(), []string{made.ExternalID})
		if err == nil {
			s.t.Errorf("get many: got %+v where there is no answer", many)
		}
	}
	s.wire.set(intact)
	if _, err := s.get(made.ExternalID); err != nil {
		s.t.Errorf("once all is well: %v", err)
	}
}

func requestLost(s *stage) {
	s.placed()
	s.wire.count()
	s.wire.set(loseRequest)
	key := s.key()
	_, err := s.create(key)
	s.class("create", err, order.ClassUnknown)
	if sent := s.wire.count(); sent != 1 {
		s.t.Errorf("the create was sent %d times, want once", sent)
	}
	s.live(key, 0)
	s.wire.set(intact)
	if _, err := s.create(key); err != nil {
		s.t.Errorf("again: %v", err)
	}
	s.live(key, 1)
}

func errorAfter(s *stage) {
	s.inject(FaultErrorAfter)
	key := s.key()
	_, err := s.create(key)
	s.class("create", err, order.ClassUnknown)
	s.live(key, 1)
	s.calm()
	s.reconciled(key)
}

// storedError: however often such a key is sent, its error proves nothing; another key is free of it.
func storedError(s *stage) {
	s.inject(FaultStoredError)
	key := s.key()
	for range 2 {
		_, err := s.create(key)
		s.class("create", err, order.ClassUnknown)
	}
	s.live(key, 0)
	other := s.key()
	if _, err := s.create(other); err != nil {
		s.t.Errorf("another key: %v", err)
	}
	s.live(other, 1)
}

// slowDrip: a call ends with its timeout, whatever trickles in; who has the time reads all of it.
func slowDrip(s *stage) {
	hasty := s.config
	hasty.Timeout = haste
	s.wire.set(dripReply)
	key, began := s.key(), time.Now()
	_, err := s.createWith(s.adapter(hasty), key)
	s.class("hasty create", err, order.ClassUnknown)
	if took := time.Since(began); took > patience/2 {
		s.t.Errorf("a call with a timeout of %s took %s", haste, took)
	}
	s.live(key, 1)
	_, err = s.asked("create", func(ctx context.Context) (order.ExternalOrder, error) {
		ctx, cancel := context.WithTimeout(ctx, haste)
		defer cancel()
		request := s.suite.Order
		request.Key = s.key()
		return s.provider.Create(ctx, request)
	})
	s.class("create given up on the way", err, order.ClassUnknown)
	_, err = s.create(s.key())
	s.class("patient create", err, order.ClassAccepted)
	s.wire.set(intact)
	s.reconciled(key)
}

// strangers answer in the provider's place, as a wrong base URL has them do.
func strangers(s *stage) {
	key, made := s.placed()
	s.wire.set(stranger)
	_, err := s.get(made.ExternalID)
	s.provesNothing("get", err)
	if s.can.Lookup {
		_, err = s.find(key)
		s.provesNothing("find", err)
	}
}
