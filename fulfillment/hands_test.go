package fulfillment_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/boostress/boostress/fulfillment"
	"github.com/boostress/boostress/internal/id"
	"github.com/boostress/boostress/order"
)

// reached brings an order of two posters to where its first fulfillment is in a state.
func (s *stand) reached(status order.FulfillmentStatus) (*order.Order, *order.Fulfillment) {
	s.t.Helper()
	s.provider("one", "5")
	var o *order.Order
	switch status {
	case order.FulfillmentPending:
		o = s.place(nil)
	case order.FulfillmentScheduled:
		o = s.place(nil)
		_, err := s.RescheduleFulfillment(s.ctx(), s.who, s.fulfillment(o).ID, new(time.Now().Add(time.Hour)))
		must(s.t, err)
	case order.FulfillmentUnroutable:
		s.exec("UPDATE offers SET enabled = false")
		o = s.place(nil)
		s.idle()
		s.exec("UPDATE offers SET enabled = true")
	case order.FulfillmentSubmitting:
		o = s.place(nil)
		s.step(fulfillment.StepCreate)
	case order.FulfillmentRetryWait:
		o = s.created(outcome(order.ClassRetryable))
	case order.FulfillmentUnknown:
		o = s.created(outcome(order.ClassUnknown))
	case order.FulfillmentFailed:
		o = s.created(outcome(order.ClassRejected))
	case order.FulfillmentRejected:
		o = s.created(order.Outcome{Class: order.ClassRejected, Reroutable: true})
	case order.FulfillmentCanceled:
		o = s.created(order.Outcome{Class: order.ClassAccepted, Order: seen("x", order.ExternalCanceled, 1, nil)})
	default:
		o = s.atProvider(status)
	}
	f := s.open(o).Fulfillments[0]
	if f.Status != status {
		s.t.Fatalf("the fulfillment is %s, want %s", f.Status, status)
	}
	return o, f
}

func (s *stand) created(answer order.Outcome) *order.Order {
	s.t.Helper()
	o := s.place(nil)
	s.record(s.step(fulfillment.StepCreate), answer)
	return o
}

func (s *stand) atProvider(status order.FulfillmentStatus) *order.Order {
	s.t.Helper()
	o, f := s.submitted(nil)
	switch status {
	case order.FulfillmentInProgress:
		s.observe(f, seen(f.ExternalID, order.ExternalInProgress, 0, nil))
	case order.FulfillmentPartiallyFulfilled:
		s.observe(f, seen(f.ExternalID, order.ExternalPartial, 1, nil))
	case order.FulfillmentFulfilled:
		s.observe(f, seen(f.ExternalID, order.ExternalFulfilled, 2, money("10")))
	case order.FulfillmentCancelRequested:
		_, err := s.CancelFulfillment(s.ctx(), s.who, f.ID)
		must(s.t, err)
	default:
	}
	return o
}

// hands are what people can do with a fulfillment; each returns the fulfillments that it answers with.
func (s *stand) hands() map[string]func(*order.Fulfillment) ([]*order.Fulfillment, error) {
	one := func(f *order.Fulfillment, err error) ([]*order.Fulfillment, error) {
		return []*order.Fulfillment{f}, err
	}
	return map[string]func(*order.Fulfillment) ([]*order.Fulfillment, error){
		"retry": func(f *order.Fulfillment) ([]*order.Fulfillment, error) {
			return one(s.RetryFulfillment(s.ctx(), s.who, f.ID))
		},
		"reroute": func(f *order.Fulfillment) ([]*order.Fulfillment, error) {
			return one(s.RerouteFulfillment(s.ctx(), s.who, f.ID, true))
		},
		"cancel": func(f *order.Fulfillment) ([]*order.Fulfillment, error) {
			return one(s.CancelFulfillment(s.ctx(), s.who, f.ID))
		},
		"resolve accepted": func(f *order.Fulfillment) ([]*order.Fulfillment, error) {
			return one(s.ResolveFulfillment(s.ctx(), s.who, fulfillment.ResolveInput{
				ID: f.ID, Outcome: order.ResolvedAccepted, ExternalID: "theirs-" + f.ID.String(),
			}))
		},
		"resolve absent": func(f *order.Fulfillment) ([]*order.Fulfillment, error) {
			return one(s.ResolveFulfillment(s.ctx(), s.who, fulfillment.ResolveInput{ID: f.ID, Outcome: order.ResolvedAbsent}))
		},
		"split": func(f *order.Fulfillment) ([]*order.Fulfillment, error) {
			return s.SplitFulfillment(s.ctx(), s.who, f.ID, []int{1, 1})
		},
		"reschedule": func(f *order.Fulfillment) ([]*order.Fulfillment, error) {
			return one(s.RescheduleFulfillment(s.ctx(), s.who, f.ID, new(time.Now().Add(2*time.Hour))))
		},
		"now": func(f *order.Fulfillment) ([]*order.Fulfillment, error) {
			return one(s.RescheduleFulfillment(s.ctx(), s.who, f.ID, nil))
		},
	}
}

// TestHands tries everything that people can do in every state: where it is refused, nothing has changed; where not, the
// tasks and all else that must hold do (see newStand).
func TestHands(t *testing.T) {
	t.Parallel()
	const conflict, fulfilled = "CONFLICT", "fulfilled"
	table := map[order.FulfillmentStatus]map[string]string{
		order.FulfillmentPending: {
			"reroute": "PENDING", "cancel": "CANCELED", "split": "PENDING+PENDING", "reschedule": "SCHEDULED", "now": "PENDING",
		},
		order.FulfillmentScheduled: {
			"cancel": "CANCELED", "split": "SCHEDULED+SCHEDULED", "reschedule": "SCHEDULED", "now": "PENDING",
		},
		order.FulfillmentUnroutable: {
			"retry": "UNROUTABLE", "reroute": "UNROUTABLE", "cancel": "CANCELED", "split": "UNROUTABLE+PENDING",
			"reschedule": "SCHEDULED", "now": "UNROUTABLE",
		},
		order.FulfillmentSubmitting: {"cancel": "SUBMITTING"},
		order.FulfillmentRetryWait: {
			"retry": "RETRY_WAIT", "reroute": "PENDING", "cancel": "CANCELED", "split": "PENDING+PENDING",
			"reschedule": "SCHEDULED", "now": "RETRY_WAIT",
		},
		order.FulfillmentUnknown: {
			"retry": "UNKNOWN", "cancel": "UNKNOWN", "resolve accepted": "SUBMITTED", "resolve absent": "RETRY_WAIT",
		},
		order.FulfillmentSubmitted:          {"reroute": "CANCEL_REQUESTED", "cancel": "CANCEL_REQUESTED"},
		order.FulfillmentInProgress:         {"reroute": "CANCEL_REQUESTED", "cancel": "CANCEL_REQUESTED"},
		order.FulfillmentPartiallyFulfilled: {"reroute": "CANCEL_REQUESTED", "cancel": "CANCEL_REQUESTED"},
		order.FulfillmentCancelRequested:    {"reroute": "CANCEL_REQUESTED", "cancel": "CANCEL_REQUESTED"},
		order.FulfillmentFulfilled:          {"retry": fulfilled, "reroute": fulfilled, "cancel": fulfilled},
		order.FulfillmentRejected:           {},
		order.FulfillmentFailed:             {"retry": "PENDING", "reroute": "FAILED"},
		order.FulfillmentCanceled:           {"retry": "PENDING", "reroute": "CANCELED", "cancel": "CANCELED"},
	}
	for _, status := range order.FulfillmentStatuses() {
		t.Run(string(status), func(t *testing.T) {
			t.Parallel()
			s := newStand(t)
			for hand, do := range s.hands() {
				o, f := s.reached(status)
				before := s.open(o)
				list, err := do(f)
				want, allowed := table[status][hand]
				if !allowed {
					want = conflict
				}
				if got := s.became(list, err); got != want {
					t.Errorf("%s of what is %s: %s (%v), want %s", hand, status, got, err, want)
				}
				if diff := cmp.Diff(before.Order, s.open(o).Order); err != nil && diff != "" {
					t.Errorf("%s of what is %s was refused, and the order changed: %s", hand, status, diff)
				}
				s.wantInvariants()
				s.forget()
			}
		})
	}
}

// forget empties the database but for the account and the worker.
func (s *stand) forget() {
	s.t.Helper()
	tables := query[string](s, `SELECT string_agg(tablename, ', ') FROM pg_tables WHERE schemaname = 'public'
		AND tablename NOT IN ('accounts', 'meta', 'workers', 'audit_entries', 'goose_db_version')`)
	s.exec("TRUNCATE " + tables[0] + " CASCADE")
}

// became tells in one word what people are answered with.
func (s *stand) became(list []*order.Fulfillment, err error) string {
	s.t.Helper()
	var faults order.Faults
	switch {
	case errors.Is(err, order.ErrFulfilled):
		return "fulfilled"
	case errors.As(err, &faults):
		return string(faults[0].Code)
	}
	must(s.t, err)
	states := make([]string, len(list))
	for i, f := range list {
		states[i] = string(f.Status)
	}
	return strings.Join(states, "+")
}

func TestHandsOfOthers(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	s.provider("one", "5")
	o := s.place(nil)
	f := s.fulfillment(o)
	mine := s.who
	for hand, do := range s.hands() {
		s.who = s.account("other " + hand)
		if _, err := do(f); !errors.Is(err, order.ErrNotFound) {
			t.Errorf("%s of another account's: %v", hand, err)
		}
		s.who = mine
		if _, err := do(&order.Fulfillment{ID: id.New(id.Fulfillment)}); !errors.Is(err, order.ErrNotFound) {
			t.Errorf("%s of nothing: %v", hand, err)
		}
		s.who.TestMode = true
		_, err := do(f)
		wantFaults(t, err, "id FORBIDDEN")
		s.who = mine
	}
	s.want(o, order.Pending, order.FulfillmentPending)
}
