package fulfillment_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/boostress/boostress/fulfillment"
	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/task"
)

func (s *stand) resolve(f *order.Fulfillment, as order.Resolution, externalID string) error {
	s.t.Helper()
	_, err := s.ResolveFulfillment(s.ctx(), s.who, fulfillment.ResolveInput{
		ID: f.ID, Outcome: as, ExternalID: externalID, Note: "asked them by phone",
	})
	return err
}

func TestResolveAccepted(t *testing.T) {
	t.Parallel()
	for name, can := range map[string]order.Capabilities{"manual": {Cancel: true}, "lookup": lookup, "native": native} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, o, _ := unknown(t, can)
			if name == "manual" {
				s.idle()
			}
			f := s.fulfillment(o)
			must(t, s.resolve(f, order.ResolvedAccepted, " theirs "))
			s.want(o, order.Processing, order.FulfillmentSubmitted)
			s.wantAttempts(f, order.AttemptAccepted)
			s.wantTasks()
			if now := s.fulfillment(o); now.ExternalID != "theirs" || now.Attention != "" || now.NextPollAt == nil {
				t.Errorf("fulfillment is %+v", now)
			}
			if kinds := s.kinds(o); kinds[len(kinds)-1] != string(order.EventResolved) {
				t.Errorf("events are %v", kinds)
			}
			audit := query[string](s, "SELECT actor || ' ' || details::text FROM audit_entries WHERE action = 'fulfillment.resolve'")
			if len(audit) != 1 || !strings.HasPrefix(audit[0], s.who.Actor) || !strings.Contains(audit[0], "asked them by phone") {
				t.Errorf("audit entries are %v", audit)
			}
			wantFaults(t, s.resolve(f, order.ResolvedAccepted, "other"), "id CONFLICT")
			s.observe(s.fulfillment(o), seen("theirs", order.ExternalFulfilled, 2, money("10")))
			s.want(o, order.Fulfilled, order.FulfillmentFulfilled)
		})
	}
}

func TestResolveAbsent(t *testing.T) {
	t.Parallel()
	s, o, first := unknown(t, order.Capabilities{})
	s.idle()
	f := s.fulfillment(o)
	must(t, s.resolve(f, order.ResolvedAbsent, ""))
	s.want(o, order.Processing, order.FulfillmentRetryWait)
	s.wantAttempts(f, order.AttemptAbsent)
	s.wantTasks(task.KindDispatch)
	again := s.step(fulfillment.StepCreate)
	if again.Attempt.Key == first.Attempt.Key {
		t.Errorf("called again under the key %s", again.Attempt.Key)
	}
}

func TestResolveWhatIsToBeCanceled(t *testing.T) {
	t.Parallel()
	s, o, _ := unknown(t, order.Capabilities{Cancel: true})
	s.idle()
	s.cancel(o)
	must(t, s.resolve(s.fulfillment(o), order.ResolvedAccepted, "theirs"))
	s.want(o, order.Canceling, order.FulfillmentCancelRequested)
	s.wantTasks(task.KindCancel)

	s, o, _ = unknown(t, native)
	s.cancel(o)
	must(t, s.resolve(s.fulfillment(o), order.ResolvedAbsent, ""))
	s.want(o, order.Canceled, order.FulfillmentCanceled)
	s.wantTasks()
	s.wantMoney(o, "0", "0", "0")
}

func TestResolveIsRefused(t *testing.T) {
	t.Parallel()
	s, o, _ := unknown(t, native)
	f := s.fulfillment(o)
	wantFaults(t, s.resolve(f, order.ResolvedAccepted, " "), "externalId REQUIRED")
	wantFaults(t, s.resolve(f, order.ResolvedAbsent, "x"), "externalId INVALID")
	wantFaults(t, s.resolve(f, order.ResolvedAccepted, "a\x00"), "externalId INVALID")
	wantFaults(t, s.resolve(f, order.ResolvedAccepted, strings.Repeat("ä", 201)), "externalId TOO_LONG")

	// While its provider is asked, the answer to which would contradict the person.
	step := s.step(fulfillment.StepCreate)
	wantFaults(t, s.resolve(f, order.ResolvedAbsent, ""), "id CONFLICT")
	s.record(step, outcome(order.ClassUnknown))
	must(t, s.resolve(f, order.ResolvedAbsent, ""))
}

func TestResolveToAnothersOrder(t *testing.T) {
	t.Parallel()
	s, o, _ := unknown(t, order.Capabilities{})
	s.idle()
	other := s.place(nil)
	s.record(s.step(fulfillment.StepCreate), accepted("taken"))
	if external := s.fulfillment(other).ExternalID; external != "taken" {
		t.Fatalf("the other order is %q", external)
	}
	wantFaults(t, s.resolve(s.fulfillment(o), order.ResolvedAccepted, "taken"), "externalId CONFLICT")
	if states := s.attempts(s.fulfillment(o)); !slices.ContainsFunc(states, func(a *order.Attempt) bool { return a.State == order.AttemptManual }) {
		t.Error("it was resolved")
	}
	must(t, s.resolve(s.fulfillment(o), order.ResolvedAccepted, "free"))
}
