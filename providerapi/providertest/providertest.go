// Package providertest is the conformance kit: what the engine relies on in an adapter, as tests that any adapter runs
// against a simulator of its own provider.
//
//	func TestConformance(t *testing.T) {
//		providertest.Run(t, providertest.Suite{Open: openSimulator, New: example.New, …})
//	}
//
// What can go wrong between the two (lost, broken, slow and oversized answers) the kit does by itself, in a proxy that
// it puts in front of the simulator. What only a provider can do (forgetting, refusing, throttling) the simulator has
// to be able to, or has to say why it is not.
package providertest

import (
	"net/http"
	"testing"
	"time"

	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/providerapi"
)

// Fault is something that a provider does and an adapter must understand. A simulator can be switched to one at a time.
type Fault string

// The faults that simulators are asked for. None of them is met by an order that was placed before.
const (
	// FaultErrorAfter answers creates with a 5xx after the order was recorded.
	FaultErrorAfter Fault = "ERROR_AFTER"
	// FaultStoredError answers the next create with a 5xx, records nothing, and answers its key so from then on.
	FaultStoredError Fault = "STORED_ERROR"
	// FaultLateLookup keeps new orders from every way of looking them up.
	FaultLateLookup Fault = "LATE_LOOKUP"
	// FaultDuplicate refuses a create whose key has an order, as a duplicate.
	FaultDuplicate Fault = "DUPLICATE"
	// FaultReject refuses creates for good.
	FaultReject Fault = "REJECT"
	// FaultRateLimit refuses creates because there are too many, and says to come back after RetryAfter;
	// FaultRateLimitMute does not say when.
	FaultRateLimit     Fault = "RATE_LIMIT"
	FaultRateLimitMute Fault = "RATE_LIMIT_MUTE"
	// FaultForbidden refuses creates by 403, whether the provider means by it a throttle or bad credentials.
	FaultForbidden Fault = "FORBIDDEN"
	// FaultRefuseCancel refuses cancellations: the order goes on.
	FaultRefuseCancel Fault = "REFUSE_CANCEL"
	// FaultUnknownStatus has orders in a status whose word the adapter can't know.
	FaultUnknownStatus Fault = "UNKNOWN_STATUS"
)

// RetryAfter is what FaultRateLimit asks for.
const RetryAfter = 7 * time.Second

// Simulator is a provider of the test's own, over real HTTP. An order that it takes stays open until it is canceled.
type Simulator interface {
	// Config opens the adapter: address and credentials. The kit adds the rest.
	Config() providerapi.Config
	// Inject switches a fault on, in the place of any other; Calm switches it off.
	Inject(fault Fault) error
	Calm() error
	// Live counts, by the simulator's own books, the orders that were placed under a key and not canceled.
	Live(key string) int
}

// WebhookSender is a Simulator whose provider sends webhooks: it makes the one that tells of an order, as it would be
// sent at a time, under a delivery id.
type WebhookSender interface {
	Webhook(deliveryID string, at time.Time, about order.ExternalOrder) (http.Header, []byte, error)
}

// Suite is what an adapter brings. All but Lacks and Rotten is required.
type Suite struct {
	// Open starts a simulator for one test; it ends with it.
	Open func(t *testing.T) Simulator
	// New is the adapter's.
	New providerapi.Factory
	// Order is one that the provider takes, of several units. The kit gives it keys.
	Order providerapi.CreateRequest
	// Forbidden is what a 403 means at this provider: RATE_LIMITED where it throttles so, AUTH where it is about
	// credentials.
	Forbidden order.Class
	// Rotten are credentials, in the place of those of Config, that the provider refuses.
	Rotten map[string]string
	// Lacks says of each fault that the simulator can't produce why not; what needs it is skipped with that reason.
	Lacks map[Fault]string
}

// scenario is one thing that must hold.
type scenario struct {
	name  string
	needs Fault // "": the kit does it by itself
	run   func(s *stage)
}

func scenarios() []scenario {
	var all []scenario
	for _, part := range [][]scenario{basics(), creations(), refusals(), losses(), damages(), lookups(), cancellations(), webhooks()} {
		all = append(all, part...)
	}
	return all
}

// Run holds an adapter to everything the engine relies on, a subtest each.
func Run(t *testing.T, suite Suite) {
	t.Helper()
	if suite.Open == nil || suite.New == nil || suite.Order.Quantity < 2 || suite.Forbidden == "" {
		t.Fatal("a suite needs Open, New, an Order of several units, and what Forbidden means")
	}
	for fault, reason := range suite.Lacks {
		if reason == "" {
			t.Fatalf("say why the simulator lacks %s", fault)
		}
	}
	for _, one := range scenarios() {
		t.Run(one.name, func(t *testing.T) {
			t.Parallel()
			if reason, lacks := suite.Lacks[one.needs]; lacks {
				t.Skipf("the simulator lacks %s: %s", one.needs, reason)
			}
			one.run(open(t, &suite))
		})
	}
}
