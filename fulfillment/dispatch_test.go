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
				_, err = s.SetOffersEnabled(s.ctx(), s.who, []uuid.UUID{o.ID}, true)
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

func TestCallsThatMayBeMadeAgain(t *testing.T) {
	t.Parallel()
	for class, state := range map[order.Class]order.AttemptState{
		order.ClassRetryable: order.AttemptRetryable, order.ClassRateLimited: order.AttemptRateLimited,
	} {
		s := newStand(t)
		s.provider("one", "5")
		o := s.place(nil)
		first := s.step(fulfillment.StepCreate)
		answer := outcome(class)
		answer.RetryAfter = 90 * time.Minute
		s.record(first, answer)
		s.want(o, order.Processing, order.FulfillmentRetryWait)
		s.wantAttempts(s.fulfillment(o), state)
		s.wantMoney(o, "10", "0", "0")
		due := query[float64](s, "SELECT extract(epoch FROM due_at - now())::float8 FROM tasks")
		if due[0] < 5000 || due[0] > 5400 {
			t.Errorf("%s: tried again after %v s, the provider said 90 minutes", class, due)
		}
		second := s.step(fulfillment.StepCreate)
		if second.Attempt.Key != first.Attempt.Key || second.Attempt.CallNumber != 2 {
			t.Errorf("%s: the second call is %+v", class, second.Attempt)
		}
		if second.Task.Attempt != 1 {
			t.Errorf("%s: an orderly wait has used up an attempt of the task: %d", class, second.Task.Attempt)
		}
		s.record(second, accepted("x"))
		s.want(o, order.Processing, order.FulfillmentSubmitted)
	}
}

func TestAfterManyFailuresTheQuantityGoesElsewhere(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	bad, good := s.provider("bad", "1"), s.provider("good", "2")
	o := s.place(nil)
	for call := 1; ; call++ {
		step := s.step(fulfillment.StepCreate)
		if step.Provider.ID == good.ID {
			s.record(step, accepted("x"))
			break
		}
		if step.Provider.ID != bad.ID || call > 8 {
			t.Fatalf("call %d goes to %s", call, step.Provider.Name)
		}
		s.record(step, outcome(order.ClassRetryable))
	}
	opened := s.open(o)
	if first := opened.Fulfillments[0]; len(opened.Fulfillments) != 2 || first.Status != order.FulfillmentRejected || len(s.attempts(first)) != 8 {
		t.Errorf("fulfillments are %+v", opened.Fulfillments)
	}
	s.wantMoney(o, "4", "0", "0")
}

func TestWaitingGoesElsewhereWhenItsProviderStops(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	first, second := s.provider("first", "1"), s.provider("second", "2")
	o := s.place(nil)
	step := s.step(fulfillment.StepCreate)
	s.record(step, outcome(order.ClassRetryable))
	_, err := s.PauseProvider(s.ctx(), s.who, first.ID, "broken")
	must(t, err)
	again := s.step(fulfillment.StepCreate)
	if again.Provider.ID != second.ID || again.Attempt.Key == step.Attempt.Key {
		t.Errorf("the next call is %+v", again)
	}
	s.wantMoney(o, "4", "0", "0")
	_, err = s.PauseProvider(s.ctx(), s.who, second.ID, "broken, too")
	must(t, err)
	s.record(again, outcome(order.ClassRetryable))
	s.idle()
	s.want(o, order.Pending, order.FulfillmentUnroutable)
	s.wantMoney(o, "0", "0", "0")
	_, err = s.ResumeProvider(s.ctx(), s.who, first.ID)
	must(t, err)
	third := s.step(fulfillment.StepCreate)
	if third.Provider.ID != first.ID || third.Attempt.Key == step.Attempt.Key || third.Attempt.CallNumber != 1 {
		t.Errorf("the third call is %+v", third)
	}
}

func TestRejected(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		outcome order.Outcome
		reroute bool
	}{
		"may go elsewhere": {order.Outcome{Class: order.ClassRejected, Message: "no paper", Reroutable: true}, true},
		"unsupported":      {order.Outcome{Class: order.ClassUnsupported, Message: "no posters"}, true},
		"for good":         {order.Outcome{Class: order.ClassRejected, Message: "no such address"}, false},
		"accepted, and rejected at once": {order.Outcome{
			Class: order.ClassAccepted, Order: &order.ExternalOrder{ExternalID: "x", State: order.ExternalRejected, Message: "no paper", Reroutable: true},
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStand(t)
			cheap, dear := s.provider("cheap", "1"), s.provider("dear", "2")
			o := s.place(nil)
			s.record(s.step(fulfillment.StepCreate), test.outcome)
			first := s.open(o).Fulfillments[0]
			if !test.reroute {
				s.want(o, order.Failed, order.FulfillmentFailed)
				s.wantMoney(o, "0", "0", "0")
				s.wantTasks()
				if s.order(o).Attention == "" {
					t.Error("it failed, and nobody is told")
				}
				return
			}
			s.want(o, order.Pending, order.FulfillmentPending)
			step := s.step(fulfillment.StepCreate)
			next := s.fulfillment(o)
			if step.Provider.ID != dear.ID || *next.ReplacesID != first.ID || !slices.Equal(next.Excluded, []uuid.UUID{cheap.ID}) {
				t.Errorf("the next is %+v", next)
			}
			s.record(step, order.Outcome{Class: order.ClassRejected, Reroutable: true})
			s.idle()
			s.want(o, order.Pending, order.FulfillmentUnroutable)
			s.offer(cheap, "1") // changes nothing: the provider is excluded
			s.idle()
			third := s.provider("third", "3")
			if step := s.step(fulfillment.StepCreate); step.Provider.ID != third.ID {
				t.Errorf("the third call goes to %s", step.Provider.Name)
			}
			s.wantMoney(o, "6", "0", "0")
		})
	}
}

func TestProviderThatWantsAPerson(t *testing.T) {
	t.Parallel()
	for _, class := range []order.Class{order.ClassAuth, order.ClassNeedsAction} {
		s := newStand(t)
		one := s.provider("one", "1")
		o, other := s.place(nil), s.place(nil)
		steps := s.steps()
		s.report(
			fulfillment.Report{Step: steps[0], Outcome: outcome(class)}, fulfillment.Report{Step: steps[1], Outcome: outcome(class)},
		)
		now, err := s.Provider(s.ctx(), one.ID)
		must(t, err)
		if now.Attention != "it said "+string(class) || now.Open() {
			t.Errorf("%s: the provider is %+v", class, now)
		}
		s.wantAttempts(s.fulfillment(o), order.AttemptRetryable)
		s.idle()
		s.want(o, order.Pending, order.FulfillmentUnroutable)
		s.wantMoney(o, "0", "0", "0")
		two := s.provider("two", "2")
		steps = s.steps()
		if len(steps) != 2 || steps[0].Provider.ID != two.ID {
			t.Fatalf("%s: the quantity does not go elsewhere: %+v", class, steps)
		}
		s.report(
			fulfillment.Report{Step: steps[0], Outcome: outcome(class)}, fulfillment.Report{Step: steps[1], Outcome: accepted("x")},
		)
		s.idle()
		_, err = s.UpdateProvider(s.ctx(), s.who, one.ID, fulfillment.ProviderInput{Credentials: map[string]string{"apiKey": "new"}})
		must(t, err)
		step := s.step(fulfillment.StepCreate)
		if step.Provider.ID != one.ID {
			t.Errorf("%s: mended, and passed over: %+v", class, step.Provider)
		}
		s.record(step, accepted("y"))
		s.want(o, order.Processing, order.FulfillmentSubmitted)
		s.want(other, order.Processing, order.FulfillmentSubmitted)
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

func TestHeldOrdersWait(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	s.provider("one", "1")
	o := s.place(nil)
	s.exec("UPDATE orders SET held = true")
	s.idle()
	s.want(o, order.Pending, order.FulfillmentPending)
	s.exec("UPDATE orders SET held = false")
	s.step(fulfillment.StepCreate)
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
