package order_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/boostress/boostress/order"
)

// reach lists what can be reached from a state, the state itself included.
func reach[S comparable](from S, all []S, canBecome func(S, S) bool) map[S]bool {
	reached, open := map[S]bool{from: true}, []S{from}
	for len(open) > 0 {
		state := open[0]
		open = open[1:]
		for _, next := range all {
			if canBecome(state, next) && !reached[next] {
				reached[next] = true
				open = append(open, next)
			}
		}
	}
	return reached
}

func TestFulfillmentTransitions(t *testing.T) {
	t.Parallel()
	all := order.FulfillmentStatuses()
	reached := reach(order.FulfillmentPending, all, order.FulfillmentStatus.CanBecome)
	for _, status := range all {
		if !reached[status] {
			t.Errorf("%s can't be reached from PENDING", status)
		}
		if status.CanBecome(status) {
			t.Errorf("%s follows itself", status)
		}
		if ends := reach(status, all, order.FulfillmentStatus.CanBecome); !status.Final() && !ends[order.FulfillmentCanceled] {
			t.Errorf("%s never ends", status)
		}
		if status.Untouched() && status.AtProvider() {
			t.Errorf("%s is both untouched and at a provider", status)
		}
		if (status.Untouched() || status.AtProvider()) && status.Final() {
			t.Errorf("%s is final, and untouched or at a provider", status)
		}
		for _, next := range status.Next() {
			if !status.CanBecome(next) {
				t.Errorf("%s lists %s as next, and can't become it", status, next)
			}
			if status == order.FulfillmentUnknown && next.Untouched() {
				t.Errorf("%s may become %s: nothing proves that its provider holds nothing", status, next)
			}
		}
	}
	if len(reached) != len(all) {
		t.Errorf("%d states are reached, %d are listed", len(reached), len(all))
	}
}

func TestFulfillmentStatusKinds(t *testing.T) {
	t.Parallel()
	type kind struct{ final, untouched, atProvider, live bool }
	want := map[order.FulfillmentStatus]kind{
		order.FulfillmentPending:            {untouched: true, live: true},
		order.FulfillmentScheduled:          {untouched: true, live: true},
		order.FulfillmentUnroutable:         {untouched: true, live: true},
		order.FulfillmentSubmitting:         {live: true},
		order.FulfillmentUnknown:            {live: true},
		order.FulfillmentRetryWait:          {live: true},
		order.FulfillmentSubmitted:          {atProvider: true, live: true},
		order.FulfillmentInProgress:         {atProvider: true, live: true},
		order.FulfillmentPartiallyFulfilled: {atProvider: true, live: true},
		order.FulfillmentCancelRequested:    {atProvider: true, live: true},
		order.FulfillmentFulfilled:          {final: true, live: true},
		order.FulfillmentRejected:           {final: true},
		order.FulfillmentFailed:             {final: true},
		order.FulfillmentCanceled:           {final: true},
	}
	got := map[order.FulfillmentStatus]kind{}
	for _, s := range order.FulfillmentStatuses() {
		got[s] = kind{final: s.Final(), untouched: s.Untouched(), atProvider: s.AtProvider(), live: s.Live()}
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(kind{})); diff != "" {
		t.Errorf("kinds of states (-want +got):\n%s", diff)
	}
}

func TestAttemptTransitions(t *testing.T) {
	t.Parallel()
	all := order.AttemptStates()
	reached := reach(order.AttemptInFlight, all, order.AttemptState.CanBecome)
	settled := map[order.AttemptState]bool{
		order.AttemptAccepted: true, order.AttemptRejected: true, order.AttemptRetryable: true,
		order.AttemptRateLimited: true, order.AttemptAbsent: true,
	}
	for _, state := range all {
		if !reached[state] {
			t.Errorf("%s can't be reached from IN_FLIGHT", state)
		}
		if state.Unsettled() == settled[state] {
			t.Errorf("%s: Unsettled is %t", state, state.Unsettled())
		}
		next := reach(state, all, order.AttemptState.CanBecome)
		if settled[state] && len(next) > 1 {
			t.Errorf("%s is settled, and more follows: %v", state, next)
		}
		if state.Unsettled() && (!next[order.AttemptAccepted] || !next[order.AttemptAbsent]) {
			t.Errorf("%s can't be settled either way", state)
		}
	}
	if len(reached) != len(all) {
		t.Errorf("%d states are reached, %d are listed", len(reached), len(all))
	}
}
