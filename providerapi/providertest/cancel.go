package providertest

import (
	"errors"

	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/providerapi"
)

func cancellations() []scenario {
	return []scenario{
		{name: "canceled, and again", run: cancelTwice},
		{name: "cancel refused", needs: FaultRefuseCancel, run: cancelRefused},
		{name: "cancel what never was", run: cancelUnknown},
	}
}

func cancelTwice(s *stage) {
	key, made := s.placed()
	if !s.can.Cancel {
		_, err := s.cancel(made.ExternalID, key)
		s.class("cancel", err, order.ClassUnsupported)
		s.live(key, 1)
		return
	}
	for _, time := range []string{"first", "second"} {
		canceled, err := s.cancel(made.ExternalID, key)
		if err != nil || canceled.State != order.ExternalCanceled && canceled.State != order.ExternalCanceling {
			s.t.Errorf("the %s time: got %+v, %v, want it canceled", time, canceled, err)
		}
	}
}

// cancelRefused: too late is no failure of the call, and nothing to try for ever.
func cancelRefused(s *stage) {
	if !s.can.Cancel {
		s.t.Skip("the adapter declares no Cancel")
	}
	key, made := s.placed()
	s.inject(FaultRefuseCancel)
	_, err := s.cancel(made.ExternalID, key)
	s.class("cancel", err, order.ClassRejected)
	s.live(key, 1)
	if _, err := s.get(made.ExternalID); err != nil {
		s.t.Errorf("it goes on: %v", err)
	}
}

func cancelUnknown(s *stage) {
	if !s.can.Cancel {
		s.t.Skip("the adapter declares no Cancel")
	}
	if _, err := s.cancel("unknown-1", s.key()); !errors.Is(err, providerapi.ErrAbsent) {
		s.t.Errorf("got %v, want ErrAbsent", err)
	}
}
