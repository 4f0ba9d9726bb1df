package fulfillment_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/boostress/boostress/fulfillment"
	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/routing"
	"github.com/boostress/boostress/task"
)

func TestOrderGoesToTheCheapest(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	s.provider("dear", "5")
	cheap := s.provider("cheap", "4")
	offers := query[string](s, "SELECT external_id FROM offers WHERE provider_id = $1", cheap.ID)
	o := s.place(func(d *order.Draft) { d.Budget = money("10"); d.Lines[0].Attributes = []byte(`{"file": "a.pdf"}`) })
	step := s.step(fulfillment.StepCreate)
	f := s.fulfillment(o)
	s.want(o, order.Processing, order.FulfillmentSubmitting)
	s.wantMoney(o, "8", "0", "0")
	s.wantAttempts(f, order.AttemptInFlight)
	request := step.Request
	if step.Provider.ID != cheap.ID || request.OfferExternalID != offers[0] || request.Quantity != 2 || request.ServiceType != "poster-a3" ||
		!request.UnitPrice.Amount.Equal(amount("4")) || request.OrderReference != o.Reference || string(request.Attributes) != `{"file": "a.pdf"}` {
		t.Errorf("step is %+v, request %+v", step, request)
	}
	if step.Attempt.Key != order.CreateKey(f) || step.Attempt.CallNumber != 1 || step.Attempt.ID == uuid.Nil {
		t.Errorf("attempt is %+v", step.Attempt)
	}
	s.record(step, accepted("x-1"))
	s.want(o, order.Processing, order.FulfillmentSubmitted)
	f = s.fulfillment(o)
	if f.ExternalID != "x-1" || f.NextPollAt == nil || f.SubmittedAt == nil || *f.ProviderID != cheap.ID {
		t.Errorf("fulfillment is %+v", f)
	}
	a := s.attempts(f)[0]
	if a.State != order.AttemptAccepted || a.Class != order.ClassAccepted || a.Latency != time.Millisecond || a.FinishedAt == nil ||
		string(a.Request) != `{"a": 1}` || string(a.Response) != `{"b": 2}` {
		t.Errorf("attempt is %+v", a)
	}
	s.wantTasks()
	results := query[string](s, "SELECT state || ' ' || kind || ' ' || (result ->> 'status') FROM task_results")
	if !slices.Equal(results, []string{"SUCCESS DISPATCH SUBMITTED"}) {
		t.Errorf("results are %v", results)
	}
	s.observe(f, seen("x-1", order.ExternalFulfilled, 2, money("7.90")))
	s.want(o, order.Fulfilled, order.FulfillmentFulfilled)
	s.wantMoney(o, "0", "7.90", "0")
}

func TestReplyThatIsFinalAlready(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	s.provider("instant", "5")
	o := s.place(nil)
	s.record(s.step(fulfillment.StepCreate), order.Outcome{
		Class: order.ClassAccepted, Order: seen("x-1", order.ExternalFulfilled, 2, money("10")),
	})
	s.want(o, order.Fulfilled, order.FulfillmentFulfilled)
	if kinds := s.kinds(o); !slices.Equal(kinds, []string{"PLACED", "FULFILLMENT_SUBMITTING", "FULFILLMENT_FULFILLED"}) {
		t.Errorf("events are %v", kinds)
	}
	if f := s.fulfillment(o); f.NextPollAt != nil {
		t.Errorf("polled though nothing is to come: %+v", f)
	}
}

func TestDuplicateIsASuccess(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	s.provider("one", "5")
	o := s.place(nil)
	s.record(s.step(fulfillment.StepCreate), order.Outcome{
		Class: order.ClassDuplicate, Order: seen("x-1", order.ExternalInProgress, 0, nil),
	})
	s.want(o, order.Processing, order.FulfillmentInProgress)
	s.wantAttempts(s.fulfillment(o), order.AttemptAccepted)
}

func TestDecisionIsKept(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	dear, cheap := s.provider("dear", "5"), s.provider("cheap", "4")
	paused := s.provider("paused", "1")
	_, err := s.PauseProvider(s.ctx(), s.who, paused.ID, "broken")
	must(t, err)
	o := s.place(nil)
	s.step(fulfillment.StepCreate)
	texts := query[string](s, "SELECT candidates::text FROM routing_decisions WHERE fulfillment_id = $1", s.fulfillment(o).ID)
	var verdicts []routing.Verdict
	must(t, json.Unmarshal([]byte(texts[0]), &verdicts))
	if len(verdicts) != 3 || verdicts[0].ProviderID != cheap.ID || verdicts[0].Rank != 1 || !verdicts[0].Cost.Equal(amount("8")) ||
		verdicts[1].ProviderID != dear.ID || verdicts[2].Reason != routing.ProviderPaused {
		t.Errorf("verdicts are %+v", verdicts)
	}
}

func TestUnroutableUntilTheCatalogChanges(t *testing.T) {
	t.Parallel()
	for name, mend := range map[string]func(*stand, *order.Provider, *order.Offer) error{
		"offer updated": func(s *stand, _ *order.Provider, o *order.Offer) error {
			_, err := s.UpdateOffer(s.ctx(), s.who, o.ID, fulfillment.OfferInput{UnitPrice: money("5")})
			return err
		},
		"offer enabled": func(s *stand, _ *order.Provider, o *order.Offer) error {
			_, err := s.UpdateOffer(s.ctx(), s.who, o.ID, fulfillment.OfferInput{UnitPrice: money("5")})
			if err == nil {
				_, err = s.setOffers(s.who, true, o.ID)
			}
			return err
		},
		"provider resumed": func(s *stand, p *order.Provider, o *order.Offer) error {
			_, err := s.UpdateOffer(s.ctx(), s.who, o.ID, fulfillment.OfferInput{UnitPrice: money("5")})
			if err == nil {
				_, err = s.ResumeProvider(s.ctx(), s.who, p.ID)
			}
			return err
		},
		"offer added": func(s *stand, p *order.Provider, _ *order.Offer) error {
			s.offer(p, "5")
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStand(t)
			provider := s.providerWith(fulfillment.ProviderInput{Name: &name})
			offer := s.offer(provider, "5.01")
			o := s.place(func(d *order.Draft) { d.Budget = money("10") })
			steps, err := s.Intend(s.ctx(), s.claim())
			must(t, err)
			if steps[0].Kind != fulfillment.StepNone {
				t.Fatalf("step is %+v", steps[0])
			}
			s.want(o, order.Pending, order.FulfillmentUnroutable)
			if now := s.order(o); !strings.Contains(now.Attention, "ABOVE_ORDER_BUDGET") {
				t.Errorf("attention is %q", now.Attention)
			}
			s.idle() // the same reason again makes no noise
			if kinds := s.kinds(o); len(kinds) != 2 {
				t.Errorf("events are %v", kinds)
			}
			if due := s.claim(); len(due) > 0 {
				t.Fatal("the task is due though nothing has changed")
			}
			must(t, mend(s, provider, offer))
			steps, err = s.Intend(s.ctx(), s.claim())
			must(t, err)
			if len(steps) != 1 || steps[0].Kind != fulfillment.StepCreate {
				t.Fatalf("after the change the steps are %+v", steps)
			}
			if now := s.order(o); now.Attention != "" {
				t.Errorf("attention is still %q", now.Attention)
			}
		})
	}
}

func TestStaleTokensWriteNothing(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	s.provider("one", "1")
	o := s.place(nil)
	zombies := s.claim()
	s.exec("UPDATE tasks SET claim_token = gen_random_uuid()") // somebody else's claim
	steps, err := s.Intend(s.ctx(), zombies)
	must(t, err)
	if steps[0].Kind != fulfillment.StepNone {
		t.Errorf("a zombie may call: %+v", steps[0])
	}
	s.want(o, order.Pending, order.FulfillmentPending)

	s.exec("UPDATE tasks SET claim_token = $1", zombies[0].Token)
	steps, err = s.Intend(s.ctx(), zombies)
	must(t, err)
	s.exec("UPDATE tasks SET claim_token = gen_random_uuid()")
	before := query[string](s, "SELECT row_to_json(o)::text FROM orders o")[0]
	for _, answer := range []order.Outcome{accepted("x"), outcome(order.ClassRejected), outcome(order.ClassUnknown), outcome(order.ClassAuth)} {
		errs, err := s.Record(s.ctx(), []fulfillment.Report{{Step: steps[0], Outcome: answer}})
		must(t, err)
		if !errors.Is(errs[0], fulfillment.ErrStale) {
			t.Errorf("a zombie's late %s: %v", answer.Class, errs[0])
		}
	}
	if after := query[string](s, "SELECT row_to_json(o)::text FROM orders o")[0]; after != before {
		t.Errorf("a zombie changed the order from %s to %s", before, after)
	}
	s.wantAttempts(s.fulfillment(o), order.AttemptInFlight)
	s.wantTasks(task.KindDispatch)
}

func TestStaleMembersSinkNoNeighbors(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	s.provider("one", "1")
	o, other := s.place(nil), s.place(nil)
	steps := s.steps()
	zombie, alive := steps[0], steps[1]
	zombie.Task.Token = uuid.New()
	errs, err := s.Record(s.ctx(), []fulfillment.Report{{Step: zombie, Outcome: accepted("x")}, {Step: alive, Outcome: accepted("y")}})
	must(t, err)
	if !errors.Is(errs[0], fulfillment.ErrStale) || errs[1] != nil {
		t.Errorf("errors are %v", errs)
	}
	states := []order.FulfillmentStatus{s.fulfillment(o).Status, s.fulfillment(other).Status}
	slices.Sort(states)
	if !slices.Equal(states, []order.FulfillmentStatus{order.FulfillmentSubmitted, order.FulfillmentSubmitting}) {
		t.Errorf("fulfillments are %v", states)
	}
	s.exec("UPDATE workers SET heartbeat_at = 'epoch'")
	if count, err := s.Reap(s.ctx(), term, 100); count != 1 || err != nil {
		t.Errorf("reaped %d, %v", count, err)
	}
}

func TestTaskOfAFulfillmentThatIsGone(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	o := s.place(nil)
	for _, table := range []string{"order_lines", "fulfillments", "events"} {
		s.exec("DELETE FROM "+table+" WHERE order_id = $1", o.ID)
	}
	s.exec("DELETE FROM orders")
	s.idle()
	if states := query[string](s, "SELECT state || ' ' || dead FROM task_results"); !slices.Equal(states, []string{"FAILURE true"}) {
		t.Errorf("results are %v", states)
	}
}

func TestTestModeReachesSimulatedProvidersOnly(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	live, simulated := s.provider("live", "1"), s.provider("simulated", "2")
	s.exec("UPDATE providers SET simulated = false WHERE id = $1", live.ID)
	s.who.TestMode = true
	o := s.place(nil)
	if step := s.step(fulfillment.StepCreate); step.Provider.ID != simulated.ID {
		t.Errorf("a test order goes to %s", step.Provider.Name)
	}
	s.want(o, order.Processing, order.FulfillmentSubmitting)
}

func TestOtherCurrencyIsNoCandidate(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	s.provider("one", "1")
	o := s.place(func(d *order.Draft) { d.Budget = &order.Money{Amount: amount("100"), Currency: "USD"} })
	s.idle()
	if now := s.order(o); now.Currency != "USD" || !strings.Contains(now.Attention, "OTHER_CURRENCY") {
		t.Errorf("order is %+v", now)
	}
}

func TestOtherAccountsOffersAreNoCandidates(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	s.provider("one", "1")
	o, err := s.CreateOrder(s.ctx(), s.account("other"), draft(nil))
	must(t, err)
	s.idle()
	s.want(o, order.Pending, order.FulfillmentUnroutable)
}

// TestSpareTasksEnd: a task whose fulfillment is at its provider already, or has ended, is done.
func TestSpareTasksEnd(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	s.provider("one", "1")
	spare := `INSERT INTO tasks (id, account_id, kind, queue, order_id, fulfillment_id)
		SELECT gen_random_uuid(), account_id, 'DISPATCH', 'dispatch', order_id, id FROM fulfillments WHERE id = $1`
	o, f := s.submitted(nil)
	s.exec(spare, f.ID)
	s.idle()
	s.want(o, order.Processing, order.FulfillmentSubmitted)
	s.wantTasks()
	s.observe(f, seen(f.ExternalID, order.ExternalFulfilled, 2, money("2")))
	s.exec(spare, f.ID)
	s.idle()
	s.wantTasks()
}
