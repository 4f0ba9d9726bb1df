package boostress_test

import (
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/providerapi"
	"github.com/boostress/boostress/providerapi/boostress"
	"github.com/boostress/boostress/providerapi/protocol"
	"github.com/boostress/boostress/providerapi/providertest"
	"github.com/boostress/boostress/providerapi/sandbox"
)

// TestConformance holds the adapter to the kit, against the simulated provider of the same protocol.
func TestConformance(t *testing.T) {
	t.Parallel()
	suite := providertest.Suite{
		Open: func(t *testing.T) providertest.Simulator {
			t.Helper()
			return simulator{openShop(t, "", sandbox.Behavior{LateStatus: true})}
		},
		New: boostress.New, Order: request(t),
		// The protocol throttles with 429; a 403 is about credentials.
		Forbidden: order.ClassAuth, Rotten: map[string]string{"apiKey": "a-wrong-key"},
	}
	providertest.Run(t, suite)
	t.Run("keys that are references", func(t *testing.T) {
		t.Parallel()
		suite := suite
		suite.Open = func(t *testing.T) providertest.Simulator {
			t.Helper()
			shop := openShop(t, "", sandbox.Behavior{LateStatus: true, RefuseDuplicates: true})
			shop.config.Credentials["idempotency"] = "reference"
			return simulator{shop}
		}
		suite.Lacks = map[providertest.Fault]string{
			providertest.FaultStoredError: "a provider that refuses duplicates stores no answers",
		}
		providertest.Run(t, suite)
	})
}

// simulator has the simulated provider do what the kit asks for.
type simulator struct{ *shop }

var errFault = errors.New("no such fault")

func (s simulator) Config() providerapi.Config { return s.config }

func (s simulator) behavior() sandbox.Behavior {
	return sandbox.Behavior{LateStatus: true, RefuseDuplicates: s.config.Credentials["idempotency"] == "reference"}
}

func (s simulator) Calm() error { return s.server.SetBehavior(s.slug, s.behavior()) }

func (s simulator) Inject(fault providertest.Fault) error {
	b := s.behavior()
	switch fault {
	case providertest.FaultErrorAfter:
		b.ErrorAfter = 1
	case providertest.FaultStoredError:
		b.StoredErrors, b.Next = true, map[string]int{"errorBefore": 1}
	case providertest.FaultLateLookup:
		b.LookupDelayMS = int(time.Hour.Milliseconds())
	case providertest.FaultDuplicate:
		b.RefuseDuplicates = true
	case providertest.FaultReject:
		b.Reject = 1
	case providertest.FaultRateLimit:
		b.RateLimit, b.RetryAfterMS = 1, int(providertest.RetryAfter.Milliseconds())
	case providertest.FaultRateLimitMute:
		b.RateLimit = 1
	case providertest.FaultForbidden:
		b.Forbid = 1
	case providertest.FaultRefuseCancel:
		b.RefuseCancel = true
	case providertest.FaultUnknownStatus:
		b.StatusWord = "at_the_bindery"
	default:
		return fmt.Errorf("%w: %s", errFault, fault)
	}
	return s.server.SetBehavior(s.slug, b)
}

func (s simulator) Live(key string) int { return s.server.Live(s.slug, key) }

// Webhook is signed as the simulated provider signs them.
func (s simulator) Webhook(deliveryID string, at time.Time, about order.ExternalOrder) (http.Header, []byte, error) {
	secrets, err := protocol.ParseSecrets(s.config.Credentials["webhookSecret"])
	if err != nil {
		return nil, nil, err
	}
	webhook := protocol.Webhook{
		Type: protocol.TypeOrdersChanged, OrderIDs: []string{about.ExternalID}, Keys: []string{about.Key},
	}
	header, body := http.Header{}, webhook.Append(nil)
	protocol.Sign(header, secrets, deliveryID, at, body)
	return header, body, nil
}
