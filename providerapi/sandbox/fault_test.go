package sandbox_test

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/boostress/boostress/providerapi/protocol"
	"github.com/boostress/boostress/providerapi/sandbox"
)

// faults are the switches that a create can meet: what the caller sees, and how many orders stand after it and after
// the same create without the fault.
func TestFaultsOfCreates(t *testing.T) {
	t.Parallel()

	for name, tt := range map[string]struct {
		patch    string
		meets    func(c *bench, answer reply)
		recorded int
	}{
		"dropBefore": {`{"dropBefore":1}`, (*bench).gotNothing, 0},
		"dropReply":  {`{"dropReply":1}`, (*bench).gotNothing, 1},
		"truncate":   {`{"truncate":1}`, (*bench).gotHalf, 1},
		"rateLimit": {`{"rateLimit":1,"retryAfterMs":1500}`, func(c *bench, answer reply) {
			if refusal := c.refused(answer, http.StatusTooManyRequests, "rate_limited"); !refusal.Retryable {
				c.t.Error("not retryable")
			}
			if after := answer.header.Get("Retry-After"); after != "2" {
				c.t.Errorf("Retry-After: %q", after)
			}
		}, 0},
		"forbid": {`{"forbid":1,"retryAfterMs":1500}`, func(c *bench, answer reply) {
			c.refused(answer, http.StatusForbidden, "forbidden")
			if answer.header.Get("Retry-After") != "2" {
				c.t.Errorf("got %v", answer.header)
			}
		}, 0},
		"statusWord": {`{"statusWord":"at_the_bindery"}`, func(c *bench, answer reply) {
			if order := c.order(answer, http.StatusCreated); order.Status != "at_the_bindery" {
				c.t.Errorf("got %+v", order)
			}
		}, 1},
		"errorBefore": {`{"errorBefore":1}`, func(c *bench, answer reply) {
			c.refused(answer, http.StatusInternalServerError, "internal")
		}, 0},
		"errorAfter": {`{"errorAfter":1}`, func(c *bench, answer reply) {
			c.refused(answer, http.StatusInternalServerError, "internal")
		}, 1},
		"garbage": {`{"garbage":1}`, func(c *bench, answer reply) {
			if _, err := protocol.ParseOrder(answer.body); err == nil || answer.status != http.StatusOK || answer.err != nil {
				c.t.Errorf("got %+v", answer)
			}
		}, 1},
		"reject": {`{"reject":1,"rejectReroutable":true}`, func(c *bench, answer reply) {
			if refusal := c.refused(answer, http.StatusUnprocessableEntity, "rejected"); !refusal.Reroutable {
				c.t.Error("not reroutable")
			}
		}, 0},
		"unavailable": {`{"unavailable":true}`, func(c *bench, answer reply) {
			c.refused(answer, http.StatusServiceUnavailable, "unavailable")
		}, 0},
		"drip": {`{"drip":1,"dripMs":3}`, func(c *bench, answer reply) { c.order(answer, http.StatusCreated) }, 1},
		"slow": {`{"slow":{"probability":1,"ms":5}}`, func(c *bench, answer reply) { c.order(answer, http.StatusCreated) }, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			c := started(t, sandbox.Behavior{Instant: true})
			c.behave(tt.patch)
			tt.meets(c, c.create("k"))
			if orders := c.server.Stats().Orders; orders != tt.recorded {
				t.Errorf("%d orders, want %d", orders, tt.recorded)
			}
			if status := c.admin(http.MethodDelete, "/providers/"+slug+"/behavior", nil, nil); status != http.StatusOK {
				t.Fatalf("reset: HTTP %d", status)
			}
			c.order(c.create("k"), http.StatusCreated-tt.recorded)
			if diff := cmp.Diff(sandbox.Stats{Orders: 1, LiveOrders: 1, DistinctKeys: 1}, c.server.Stats()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func (c *bench) gotNothing(answer reply) {
	c.t.Helper()
	if answer.err == nil || answer.status != 0 {
		c.t.Errorf("got %+v", answer)
	}
}

func (c *bench) gotHalf(answer reply) {
	c.t.Helper()
	if answer.err == nil || answer.status != http.StatusCreated || len(answer.body) == 0 {
		c.t.Errorf("got %+v", answer)
	}
}

func TestNextCountsCreates(t *testing.T) {
	t.Parallel()

	c := started(t, sandbox.Behavior{Instant: true, Next: map[string]int{"errorBefore": 1}})
	c.refused(c.create("k0"), http.StatusInternalServerError, "internal")
	c.behave(`{"next":{"dropReply":2,"rateLimit":1}}`)
	c.refused(c.create("k1"), http.StatusTooManyRequests, "rate_limited")
	c.gotNothing(c.create("k1"))
	var left sandbox.Behavior
	c.admin(http.MethodGet, "/providers/"+slug+"/behavior", nil, &left)
	if diff := cmp.Diff(map[string]int{"dropReply": 1}, left.Next); diff != "" {
		t.Error(diff)
	}
	// Another setting does not wind the counters back.
	if err := c.server.SetWebhookURL(slug, ""); err != nil {
		t.Fatal(err)
	}
	c.gotNothing(c.create("k2"))
	c.order(c.create("k1"), http.StatusOK)
	c.order(c.create("k2"), http.StatusOK)
	c.order(c.create("k3"), http.StatusCreated)
}

func TestDuplicatesAreRefused(t *testing.T) {
	t.Parallel()

	c := started(t, sandbox.Behavior{Instant: true, RefuseDuplicates: true})
	c.order(c.create("k"), http.StatusCreated)
	c.refused(c.create("k"), http.StatusConflict, protocol.CodeDuplicate)
	if stats := c.server.Stats(); stats.Orders != 1 {
		t.Errorf("the ledger holds %+v", stats)
	}
}

func TestStoredErrorsStay(t *testing.T) {
	t.Parallel()

	c := started(t, sandbox.Behavior{Instant: true, StoredErrors: true})
	c.behave(`{"next":{"errorAfter":1}}`)
	for range 3 {
		c.refused(c.create("k"), http.StatusInternalServerError, "internal")
	}
	if found := c.byKey("k"); len(found) != 1 {
		t.Errorf("by key: %+v", found)
	}
	c.order(c.create("other"), http.StatusCreated)
}

func TestLateStatusHoldsOrdersBack(t *testing.T) {
	t.Parallel()

	c := started(t, sandbox.Behavior{Instant: true, LateStatus: true, AcceptMS: sandbox.Span{Min: 1, Max: 1}})
	late := c.order(c.create("k"), http.StatusCreated)
	// An order of another provider passes through all states meanwhile.
	other := sandbox.DefaultProviders([]byte("secret"))[1]
	if err := c.server.SetBehavior(other.Slug, sandbox.Behavior{AcceptMS: sandbox.Span{Min: 20, Max: 20}}); err != nil {
		t.Fatal(err)
	}
	placed := c.order(c.do(http.MethodPost, "/"+other.Slug+"/v1/orders", other.APIKey, "k", poster), http.StatusCreated)
	until(t, "another order ends", func() bool {
		answer := c.do(http.MethodGet, "/"+other.Slug+"/v1/orders/"+placed.ID, other.APIKey, "", "")
		return c.order(answer, http.StatusOK).Status == protocol.StatusFulfilled
	})
	if got := c.order(c.get("/v1/orders/"+late.ID), http.StatusOK); got.Status != protocol.StatusAccepted {
		t.Errorf("got %s", got.Status)
	}
	c.behave(`{"lateStatus":false}`)
	c.becomes(late.ID, protocol.StatusFulfilled)
}

func TestLookupDelayHidesOrders(t *testing.T) {
	t.Parallel()

	c := started(t, sandbox.Behavior{Instant: true, LookupDelayMS: 3_600_000})
	hidden := c.order(c.create("k"), http.StatusCreated)
	c.refused(c.get("/v1/orders/"+hidden.ID), http.StatusNotFound, protocol.CodeNotFound)
	if found := c.byKey("k"); len(found) != 0 {
		t.Errorf("by key: %+v", found)
	}
	if again := c.order(c.create("k"), http.StatusOK); again.ID != hidden.ID {
		t.Error("the key was forgotten")
	}
	c.behave(`{"lookupDelayMs":30}`)
	seen := c.order(c.create("k2"), http.StatusCreated)
	until(t, "the order is seen", func() bool { return c.get("/v1/orders/"+seen.ID).status == http.StatusOK })
}

func TestCancel(t *testing.T) {
	t.Parallel()

	c := started(t, sandbox.Behavior{LateStatus: true})
	placed := c.order(c.create("k"), http.StatusCreated)
	c.behave(`{"refuseCancel":true}`)
	c.refused(c.cancel(placed.ID), http.StatusConflict, protocol.CodeNotCancelable)
	c.behave(`{"refuseCancel":false}`)
	for range 2 {
		if got := c.order(c.cancel(placed.ID), http.StatusOK); got.Status != protocol.StatusCanceled || got.Charge != nil {
			t.Errorf("got %+v", got)
		}
	}
	c.behave(`{"lateStatus":false,"acceptMs":{"max":3600000},"cancelMs":{"min":10,"max":20}}`)
	slow := c.order(c.create("k2"), http.StatusCreated)
	if got := c.order(c.cancel(slow.ID), http.StatusOK); got.Status != protocol.StatusCanceling {
		t.Errorf("got %+v", got)
	}
	c.becomes(slow.ID, protocol.StatusCanceled)
	c.behave(`{"refuseCancelLate":true,"acceptMs":{"min":3600000}}`)
	kept := c.order(c.create("k3"), http.StatusCreated)
	c.order(c.cancel(kept.ID), http.StatusOK)
	c.becomes(kept.ID, protocol.StatusFulfilled)
	c.refused(c.cancel(kept.ID), http.StatusConflict, protocol.CodeNotCancelable)
}

func TestEndings(t *testing.T) {
	t.Parallel()

	c := started(t, sandbox.Behavior{})
	c.behave(`{"rejectLate":1,"rejectReroutable":true}`)
	if got := c.becomes(c.order(c.create("k1"), http.StatusCreated).ID, protocol.StatusRejected); !got.Reroutable || got.Message == "" {
		t.Errorf("got %+v", got)
	}
	c.behave(`{"rejectLate":0,"fail":1}`)
	c.becomes(c.order(c.create("k2"), http.StatusCreated).ID, protocol.StatusFailed)
	if diff := cmp.Diff(sandbox.Stats{Orders: 2, DistinctKeys: 2}, c.server.Stats()); diff != "" {
		t.Error(diff)
	}
	c.behave(`{"fail":0,"partial":1,"fulfillMs":{"min":3600000,"max":3600000}}`)
	partial := c.becomes(c.order(c.create("k3"), http.StatusCreated).ID, protocol.StatusPartial)
	if partial.Delivered != 1 || partial.Charge != nil {
		t.Errorf("got %+v", partial)
	}
	if got := c.order(c.cancel(partial.ID), http.StatusOK); got.Charge == nil || got.Charge.Amount != "4.90" {
		t.Errorf("got %+v", got)
	}
}

func TestCharges(t *testing.T) {
	t.Parallel()

	c := started(t, sandbox.Behavior{Instant: true, PriceDrift: 1.2})
	if got := c.order(c.create("k1"), http.StatusCreated); got.Charge == nil || got.Charge.Amount != "11.76" {
		t.Errorf("got %+v", got)
	}
	c.behave(`{"priceDrift":0,"chargeLateMs":30}`)
	late := c.order(c.create("k2"), http.StatusCreated)
	if late.Status != protocol.StatusFulfilled || late.Charge != nil {
		t.Errorf("got %+v", late)
	}
	until(t, "the charge is known", func() bool {
		return c.order(c.get("/v1/orders/"+late.ID), http.StatusOK).Charge != nil
	})
}

// What a caller sent is done also when the caller hung up before the answer.
func TestLatencyOutlivesTheCaller(t *testing.T) {
	t.Parallel()

	c := started(t, sandbox.Behavior{Instant: true, LatencyMS: sandbox.Span{Min: 200, Max: 200}})
	c.client.Timeout = 20 * time.Millisecond
	c.gotNothing(c.create("k"))
	until(t, "the order is recorded", func() bool { return c.server.Stats().Orders == 1 })
}

func TestChanceIsRepeatable(t *testing.T) {
	t.Parallel()

	run := func() string {
		var seen strings.Builder
		c := started(t, sandbox.Behavior{Instant: true, ErrorBefore: 0.5})
		for i := range 40 {
			seen.WriteString(strconv.Itoa(c.create(fmt.Sprint("k", i)).status) + " ")
		}
		return seen.String()
	}
	first := run()
	if second := run(); first != second {
		t.Errorf("%s\n%s", first, second)
	}
}
