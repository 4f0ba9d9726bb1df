package providertest

import (
	"context"
	"errors"
	"maps"
	"net"
	"sync"

	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/providerapi"
)

func basics() []scenario {
	return []scenario{
		{name: "capabilities are true to the interfaces", run: capabilities},
		{name: "an order is placed and read", run: placeAndRead},
		{name: "the catalog is sound", run: catalog},
		{name: "refused credentials", run: rottenCredentials},
		{name: "nobody listens", run: nobodyListens},
		{name: "given up before it was sent", run: givenUp},
		{name: "the engine's last check", run: lastCheck},
	}
}

func capabilities(s *stage) {
	_, finds := s.provider.(providerapi.ReferenceFinder)
	_, reads := s.provider.(providerapi.BulkStatuser)
	_, hears := s.provider.(providerapi.WebhookParser)
	for interfaceName, broken := range map[string]bool{
		"ReferenceFinder": s.can.Lookup && !finds, "BulkStatuser": s.can.BulkStatusSize > 1 && !reads,
		"WebhookParser": s.can.Webhooks && !hears,
	} {
		if broken {
			s.t.Errorf("the capabilities promise what only a %s can do", interfaceName)
		}
	}
	if s.can.Idempotency == "" || s.can.PollMax > 0 && s.can.PollMin > s.can.PollMax || s.can.LookupWindow < 0 {
		s.t.Errorf("the capabilities make no sense: %+v", s.can)
	}
	if s.can.Idempotency == order.IdempotencyReference && !s.can.Lookup {
		s.t.Error("a reference that can't be looked up is no key")
	}
	if s.wire.count() > 0 {
		s.t.Error("New or Capabilities called the network")
	}
}

func placeAndRead(s *stage) {
	key, made := s.placed()
	if made.RawStatus == "" || made.State == "" || made.Key != "" && made.Key != key {
		s.t.Errorf("create: got %+v, want a state, the provider's word for it, and our key", made)
	}
	read, err := s.get(made.ExternalID)
	if err != nil || read.ExternalID != made.ExternalID || read.RawStatus == "" {
		s.t.Errorf("get: got %+v, %v", read, err)
	}
	s.live(key, 1)
}

func catalog(s *stage) {
	if pinger, ok := s.provider.(providerapi.Pinger); ok {
		if err := pinger.Ping(s.t.Context()); err != nil {
			s.t.Errorf("ping: %v", err)
		}
	}
	if quoter, ok := s.provider.(providerapi.Quoter); ok {
		request := s.suite.Order
		request.Key = s.key()
		if price, err := quoter.Quote(s.t.Context(), request); err != nil || price.Currency == "" {
			s.t.Errorf("quote: got %v, %v", price, err)
		}
		s.live(request.Key, 0)
	}
	lister, ok := s.provider.(providerapi.OfferLister)
	if !ok {
		return
	}
	offers, err := lister.Offers(s.t.Context())
	if err != nil {
		s.t.Errorf("offers: %v", err)
	}
	ids := map[string]bool{}
	for _, offer := range offers {
		if offer.ExternalID == "" || ids[offer.ExternalID] || offer.UnitPrice.Currency == "" || offer.UnitPrice.Amount.IsNeg() {
			s.t.Errorf("an offer needs an id of its own and a price: %+v", offer)
		}
		ids[offer.ExternalID] = true
	}
}

func rottenCredentials(s *stage) {
	if len(s.suite.Rotten) == 0 {
		s.t.Skip("the suite names no credentials that are refused")
	}
	config := s.config
	config.Credentials = maps.Clone(s.config.Credentials)
	maps.Copy(config.Credentials, s.suite.Rotten)
	key := s.key()
	_, err := s.createWith(s.adapter(config), key)
	s.class("create", err, order.ClassAuth)
	s.live(key, 0)
}

func nobodyListens(s *stage) {
	listener, err := new(net.ListenConfig).Listen(s.t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		s.t.Fatal(err)
	}
	config := s.config
	config.BaseURL = "http://" + listener.Addr().String()
	if err := listener.Close(); err != nil {
		s.t.Fatal(err)
	}
	_, err = s.createWith(s.adapter(config), s.key())
	s.class("create", err, order.ClassRetryable)
}

func givenUp(s *stage) {
	request := s.suite.Order
	request.Key = s.key()
	_, err := s.asked("create", func(ctx context.Context) (order.ExternalOrder, error) {
		ctx, cancel := context.WithCancel(ctx)
		cancel()
		return s.provider.Create(ctx, request)
	})
	s.class("create", err, order.ClassRetryable)
	s.live(request.Key, 0)
}

var errNotOurs = errors.New("the task is somebody else's")

// lastCheck has the engine take back its leave right before the first byte, on a kept connection too.
func lastCheck(s *stage) {
	_, made := s.placed()
	s.wire.count()
	request := s.suite.Order
	request.Key = s.key()
	_, err := s.asked("create", func(ctx context.Context) (order.ExternalOrder, error) {
		return s.provider.Create(providerapi.WithCheck(ctx, func() error { return errNotOurs }), request)
	})
	s.class("create", err, order.ClassRetryable)
	if s.wire.count() > 0 {
		s.t.Error("it was sent all the same")
	}
	s.live(request.Key, 0)
	if _, err := s.get(made.ExternalID); err != nil {
		s.t.Errorf("the next call: %v", err)
	}
}

func creations() []scenario {
	return []scenario{
		{name: "the same key twice", run: sameKeyTwice},
		{name: "the same key at once", run: sameKeyAtOnce},
		{name: "another order under the same key", run: otherOrder},
		{name: "refused as a duplicate", needs: FaultDuplicate, run: duplicate},
	}
}

func (s *stage) needsKeys() {
	s.t.Helper()
	if s.can.Idempotency == order.IdempotencyNone {
		s.t.Skip("the adapter declares that keys mean nothing to its provider")
	}
}

func sameKeyTwice(s *stage) {
	s.needsKeys()
	key, made := s.placed()
	again, err := s.create(key)
	if s.can.Idempotency == order.IdempotencyNative {
		s.class("again", err, order.ClassAccepted)
	} else {
		s.class("again", err, order.ClassDuplicate)
	}
	if again.ExternalID != "" && again.ExternalID != made.ExternalID {
		s.t.Errorf("again: got order %q, want %q", again.ExternalID, made.ExternalID)
	}
	s.live(key, 1)
}

func sameKeyAtOnce(s *stage) {
	s.needsKeys()
	const callers = 16
	key := s.key()
	var calls sync.WaitGroup
	for range callers {
		calls.Go(func() {
			_, err := s.create(key)
			s.class("create", err, order.ClassAccepted, order.ClassDuplicate, order.ClassUnknown)
		})
	}
	calls.Wait()
	s.live(key, 1)
}

func otherOrder(s *stage) {
	s.needsKeys()
	key, made := s.placed()
	other := s.suite.Order
	other.Key, other.Quantity = key, other.Quantity-1
	found, err := s.asked("create", func(ctx context.Context) (order.ExternalOrder, error) { return s.provider.Create(ctx, other) })
	// Whatever else is said, it must not pass for a refusal: an order stands under the key.
	s.class("another order", err, order.ClassAccepted, order.ClassDuplicate)
	if found.ExternalID != "" && found.ExternalID != made.ExternalID {
		s.t.Errorf("got order %q, want %q", found.ExternalID, made.ExternalID)
	}
	s.live(key, 1)
}

func duplicate(s *stage) {
	key, made := s.placed()
	s.inject(FaultDuplicate)
	found, err := s.create(key)
	s.class("again", err, order.ClassDuplicate)
	outcome := providerapi.OutcomeOf(found, err, 0)
	if s.can.Lookup && (outcome.Order == nil || outcome.Order.ExternalID != made.ExternalID) {
		s.t.Errorf("the order was not looked up: %+v", outcome)
	}
	s.live(key, 1)
}
