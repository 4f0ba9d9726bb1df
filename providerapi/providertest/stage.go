package providertest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/providerapi"
)

const (
	patience = 20 * time.Second       // for a call that should succeed
	haste    = 200 * time.Millisecond // for one that should not
	shortest = 12                     // of a credential that is a secret and no setting, in bytes
)

// stage is an adapter, its simulator, and the wire between them.
type stage struct {
	t         *testing.T
	suite     *Suite
	simulator Simulator
	wire      *wire
	config    providerapi.Config
	provider  providerapi.Provider
	can       order.Capabilities
	keys      atomic.Int32
}

func open(t *testing.T, suite *Suite) *stage {
	t.Helper()
	s := &stage{t: t, suite: suite, simulator: suite.Open(t)}
	s.config = s.simulator.Config()
	s.wire = newWire(t, &s.config)
	client := providerapi.NewHTTPClient(providerapi.Guard{Allow: providerapi.Loopback()})
	t.Cleanup(client.CloseIdleConnections)
	s.config.HTTP, s.config.Timeout = client, patience
	s.provider = s.adapter(s.config)
	s.can = s.provider.Capabilities()
	return s
}

func (s *stage) adapter(config providerapi.Config) providerapi.Provider {
	s.t.Helper()
	provider, err := s.suite.New(config)
	if err != nil {
		s.t.Fatalf("open adapter: %v", err)
	}
	return provider
}

// key is a new one, as the engine makes them.
func (s *stage) key() string {
	return fmt.Sprintf("0199c0de000070008000000000000001-00000001-%d", s.keys.Add(1))
}

func (s *stage) inject(fault Fault) {
	s.t.Helper()
	if err := s.simulator.Inject(fault); err != nil {
		s.t.Fatalf("inject %s: %v", fault, err)
	}
}

func (s *stage) calm() {
	s.t.Helper()
	if err := s.simulator.Calm(); err != nil {
		s.t.Fatalf("calm: %v", err)
	}
}

// asked makes a call as the engine does, and looks for credentials in all that came of it.
func (s *stage) asked(what string, do func(ctx context.Context) (order.ExternalOrder, error)) (order.ExternalOrder, error) {
	s.t.Helper()
	var exchange providerapi.Exchange
	seen, err := do(providerapi.Capture(s.t.Context(), &exchange))
	if err != nil {
		s.noSecret(what+"'s error", fmt.Sprintf("%v %+v", err, err))
		if _, classified := errors.AsType[*providerapi.Error](err); !classified && !errors.Is(err, providerapi.ErrAbsent) {
			s.t.Errorf("%s: the error is no *providerapi.Error: %v", what, err)
		}
	}
	s.noSecret(what+"'s outcome", providerapi.OutcomeOf(seen, err, 0).Message)
	s.noSecret(what+"'s request", string(exchange.Request))
	s.noSecret(what+"'s response", string(exchange.Response))
	return seen, err
}

func (s *stage) noSecret(where, text string) {
	s.t.Helper()
	for name, secret := range s.config.Credentials {
		if len(secret) >= shortest && strings.Contains(text, secret) {
			s.t.Errorf("%s tells the credential %s", where, name)
		}
	}
}

func (s *stage) create(key string) (order.ExternalOrder, error) {
	s.t.Helper()
	return s.createWith(s.provider, key)
}

func (s *stage) createWith(provider providerapi.Provider, key string) (order.ExternalOrder, error) {
	s.t.Helper()
	request := s.suite.Order
	request.Key = key
	return s.asked("create", func(ctx context.Context) (order.ExternalOrder, error) { return provider.Create(ctx, request) })
}

func (s *stage) get(externalID string) (order.ExternalOrder, error) {
	s.t.Helper()
	return s.asked("get", func(ctx context.Context) (order.ExternalOrder, error) { return s.provider.Get(ctx, externalID) })
}

func (s *stage) cancel(externalID, key string) (order.ExternalOrder, error) {
	s.t.Helper()
	return s.asked("cancel", func(ctx context.Context) (order.ExternalOrder, error) {
		return s.provider.Cancel(ctx, externalID, key+"-cancel")
	})
}

// find looks an order up by its key; only for providers that declare it.
func (s *stage) find(key string) (order.ExternalOrder, error) {
	s.t.Helper()
	finder, ok := s.provider.(providerapi.ReferenceFinder)
	if !ok {
		s.t.Fatal("the capability Lookup needs the interface ReferenceFinder")
	}
	return s.asked("find", func(ctx context.Context) (order.ExternalOrder, error) { return finder.FindByKey(ctx, key) })
}

// placed is an order that the provider took.
func (s *stage) placed() (key string, made order.ExternalOrder) {
	s.t.Helper()
	key = s.key()
	made, err := s.create(key)
	if err != nil || made.ExternalID == "" {
		s.t.Fatalf("create: got %+v, %v, want an order", made, err)
	}
	return key, made
}

// class checks what an error means.
func (s *stage) class(what string, err error, want ...order.Class) {
	s.t.Helper()
	if got := providerapi.ClassOf(err); !slices.Contains(want, got) {
		s.t.Errorf("%s: got %s (%v), want %v", what, got, err, want)
	}
}

// provesNothing checks that an answer counts neither as an order nor as proof that there is none.
func (s *stage) provesNothing(what string, err error) {
	s.t.Helper()
	switch {
	case err == nil:
		s.t.Errorf("%s: got an answer where there is none", what)
	case errors.Is(err, providerapi.ErrAbsent):
		s.t.Errorf("%s: took it for proof that there is no order: %v", what, err)
	}
}

// live checks how many orders the provider holds under a key, by its own books.
func (s *stage) live(key string, want int) {
	s.t.Helper()
	if got := s.simulator.Live(key); got != want {
		s.t.Errorf("the provider holds %d live orders under one key, want %d", got, want)
	}
}

// needsLookup skips what is about lookups where the provider has none.
func (s *stage) needsLookup() {
	s.t.Helper()
	if !s.can.Lookup {
		s.t.Skip("the adapter declares no Lookup")
	}
}

// repeatable reports whether the same key may be sent again to find out what became of it.
func (s *stage) repeatable() bool {
	return s.can.Idempotency == order.IdempotencyNative && !s.can.ReplaysErrors
}

// reconciled finds out, in the ways that the capabilities promise, what became of a create, and checks that the
// provider holds one order.
func (s *stage) reconciled(key string) {
	s.t.Helper()
	var found order.ExternalOrder
	if s.can.Lookup {
		var err error
		if found, err = s.find(key); err != nil {
			s.t.Errorf("find: got %v, want the order", err)
		}
	}
	if s.repeatable() {
		again, err := s.create(key)
		if err != nil || found.ExternalID != "" && again.ExternalID != found.ExternalID {
			s.t.Errorf("the same key again: got %+v, %v, want order %q", again, err, found.ExternalID)
		}
	}
	s.live(key, 1)
}
