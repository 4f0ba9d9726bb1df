package fulfillment_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/google/uuid"

	"github.com/boostress/boostress/account"
	"github.com/boostress/boostress/fulfillment"
	"github.com/boostress/boostress/internal/id"
	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/store"
	"github.com/boostress/boostress/task"
)

// setOffers enables or disables offers in bulk.
func (s *stand) setOffers(who account.Principal, enabled bool, ids ...uuid.UUID) (*order.BulkOperation, error) {
	kind := order.BulkDisableOffers
	if enabled {
		kind = order.BulkEnableOffers
	}
	return s.StartBulk(s.ctx(), who, fulfillment.BulkInput{
		Kind: kind, Targets: store.BulkTargets{IDs: ids, Offers: &store.OfferFilter{}}, Arguments: []byte("{}"),
	})
}

// cancelOrders is a mass change of orders: of ids or, where there are none, of all.
func cancelOrders(ids ...uuid.UUID) fulfillment.BulkInput {
	return fulfillment.BulkInput{
		Kind: order.BulkCancelOrders, Targets: store.BulkTargets{IDs: ids, Orders: &store.OrderFilter{}}, Arguments: []byte("{}"),
	}
}

func (s *stand) bulk(who account.Principal, input fulfillment.BulkInput) *order.BulkOperation {
	s.t.Helper()
	started, err := s.StartBulk(s.ctx(), who, input)
	must(s.t, err)
	return started
}

// claimBulk claims the one bulk task that waits.
func (s *stand) claimBulk() task.Task {
	s.t.Helper()
	tasks, err := s.store.TaskClaimDue(s.ctx(), s.worker, alive, task.QueueSystem, 10)
	must(s.t, err)
	if len(tasks) != 1 || tasks[0].Kind != task.KindBulk {
		s.t.Fatalf("claimed %+v, want one bulk task", tasks)
	}
	return tasks[0]
}

// workAll claims the bulk task and works it off.
func (s *stand) workAll() {
	s.t.Helper()
	t := s.claimBulk()
	for more := true; more; {
		var err error
		more, err = s.WorkBulk(s.ctx(), t)
		must(s.t, err)
	}
}

func (s *stand) lookBulk(b *order.BulkOperation) *order.BulkOperation {
	s.t.Helper()
	found, err := s.store.BulkOperations(s.ctx(), b.AccountID, []uuid.UUID{b.ID})
	must(s.t, err)
	return found[b.ID]
}

// wantBulk checks where an operation stands.
func (s *stand) wantBulk(b *order.BulkOperation, state order.BulkState, done, failed int) {
	s.t.Helper()
	now := s.lookBulk(b)
	if now.State != state || now.Done != done || now.Failed != failed || state.Final() != (now.FinishedAt != nil) {
		s.t.Errorf("operation is %s with %d and %d of %d (%s), want %s with %d and %d",
			now.State, now.Done, now.Failed, now.Total, now.Error, state, done, failed)
	}
}

// outcomes lists what became of an operation's rows.
func (s *stand) outcomes(b *order.BulkOperation) []string {
	s.t.Helper()
	return query[string](s, "SELECT trim(outcome || ' ' || code) FROM bulk_rows WHERE operation_id = $1 ORDER BY position", b.ID)
}

// placeMany places as many orders that no offer matches.
func (s *stand) placeMany(count int) []*order.Order {
	s.t.Helper()
	var placed []*order.Order
	for begin := 0; begin < count; begin += 100 {
		drafts := make([]order.Draft, min(100, count-begin))
		for i := range drafts {
			drafts[i] = draft(nil)
		}
		some, faults, err := s.CreateOrders(s.ctx(), s.who, "", drafts)
		must(s.t, errors.Join(err, faults.Err()))
		placed = append(placed, some...)
	}
	return placed
}

func TestBulkCancelsOnTheirOwnMerits(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	s.provider("acme", "5")
	delivered := s.place(nil)
	s.record(s.step(fulfillment.StepCreate), order.Outcome{
		Class: order.ClassAccepted, Order: seen("x", order.ExternalFulfilled, 2, money("10")),
	})
	atProvider, _ := s.submitted(nil)
	waiting, canceled := s.place(nil), s.place(nil)
	s.cancel(canceled)

	s.committed = nil
	b := s.bulk(s.who, cancelOrders(delivered.ID, atProvider.ID, waiting.ID, canceled.ID, waiting.ID))
	if b.State != order.BulkPending || b.Total != 4 || b.StartedAt != nil || b.CreatedBy != s.who.Actor {
		t.Errorf("began as %+v", b)
	}
	if len(s.committed) != 1 || len(s.committed[0].Tasks) != 1 || s.committed[0].Tasks[0].Queue != task.QueueSystem {
		t.Errorf("left %+v to announce", s.committed)
	}
	s.workAll()
	last := s.committed[len(s.committed)-1]
	s.wantBulk(b, order.BulkSucceeded, 3, 1)
	if got := s.outcomes(b); !slices.Equal(got, []string{"FAILED ALREADY_FULFILLED", "SUCCEEDED", "SUCCEEDED", "SUCCEEDED"}) {
		t.Errorf("outcomes are %v", got)
	}
	s.want(delivered, order.Fulfilled, order.FulfillmentFulfilled)
	s.want(atProvider, order.Canceling, order.FulfillmentCancelRequested)
	s.want(waiting, order.Canceled, order.FulfillmentCanceled)
	if count := len(last.Results); count == 0 || string(last.Results[count-1].Result) != `{"done":3,"failed":1}` || len(last.Operations) != 1 {
		t.Errorf("the last rows left %+v to announce", last)
	}
	s.step(fulfillment.StepCancel)
}

func TestBulkRefusesWhatItCantMean(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	mine := s.place(nil)
	other := s.account("other")
	theirs, err := s.CreateOrder(s.ctx(), other, draft(nil))
	must(t, err)

	_, err = s.StartBulk(s.ctx(), s.who, cancelOrders(mine.ID, theirs.ID, id.New(id.Order), uuid.Nil))
	wantFaults(t, err, "ids.1 NOT_FOUND", "ids.2 NOT_FOUND", "ids.3 NOT_FOUND")
	_, err = s.StartBulk(s.ctx(), s.who, cancelOrders(make([]uuid.UUID, order.MaxBulkIDs+1)...))
	wantFaults(t, err, "ids OUT_OF_RANGE")
	nul := cancelOrders()
	nul.Targets.Orders.ReferencePrefix, nul.Arguments = "a\x00", []byte(`{"filter": {"referencePrefix": "a\u0000"}}`)
	_, err = s.StartBulk(s.ctx(), s.who, nul)
	wantFaults(t, err, " INVALID")
	if left := query[int](s, "SELECT count(*)::int FROM bulk_operations"); left[0] != 0 {
		t.Errorf("%d operations are left", left[0])
	}
	s.want(mine, order.Pending, order.FulfillmentPending)

	all := s.bulk(s.who, cancelOrders())
	s.workAll()
	s.wantBulk(all, order.BulkSucceeded, 1, 0)
	if found, err := s.store.Orders(s.ctx(), other.AccountID, []uuid.UUID{theirs.ID}); err != nil || found[theirs.ID].Status != order.Pending {
		t.Errorf("another account's order is %+v, %v", found[theirs.ID], err)
	}
}

func TestBulkOfNothingSucceeds(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	s.wantBulk(s.bulk(s.who, cancelOrders()), order.BulkSucceeded, 0, 0)
	s.wantBulk(s.bulk(s.who, cancelOrders([]uuid.UUID{}...)), order.BulkSucceeded, 0, 0)
}

func TestBulkOnce(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	s.place(nil)
	input := cancelOrders()
	input.IdempotencyKey = "k"
	first := s.bulk(s.who, input)
	s.workAll()
	again := s.bulk(s.who, input)
	if again.ID != first.ID || again.State != order.BulkSucceeded {
		t.Errorf("the same request again answers with %+v", again)
	}
	input.Arguments = []byte(`{"filter": {}}`)
	_, err := s.StartBulk(s.ctx(), s.who, input)
	wantFaults(t, err, "idempotencyKey IDEMPOTENCY_KEY_REUSED")
	if count := query[int](s, "SELECT count(*)::int FROM bulk_operations"); count[0] != 1 {
		t.Errorf("%d operations", count[0])
	}
}

// Test-mode keys touch what was placed in test mode only, row by row.
func TestBulkInTestMode(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	tester := s.who
	tester.TestMode = true
	ours := s.place(nil)
	test, err := s.CreateOrder(s.ctx(), tester, draft(nil))
	must(t, err)
	b := s.bulk(tester, cancelOrders())
	s.workAll()
	s.wantBulk(b, order.BulkSucceeded, 1, 1)
	if got := s.outcomes(b); !slices.Equal(got, []string{"FAILED FORBIDDEN", "SUCCEEDED"}) {
		t.Errorf("outcomes are %v", got)
	}
	s.want(ours, order.Pending, order.FulfillmentPending)
	s.want(test, order.Canceled, order.FulfillmentCanceled)

	notTest := s.bulk(s.who, cancelOrders(ours.ID))
	_, err = s.CancelBulkOperation(s.ctx(), tester, notTest.ID)
	wantFaults(t, err, "id FORBIDDEN")
	s.wantBulk(notTest, order.BulkPending, 0, 0)
}

func TestCancelBulk(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	s.placeMany(250)
	other, integrator := s.account("other"), s.who
	integrator.Role = account.Integrator

	waiting := s.bulk(s.who, cancelOrders())
	_, err := s.CancelBulkOperation(s.ctx(), other, waiting.ID)
	if !errors.Is(err, order.ErrNotFound) {
		t.Errorf("another account's operation: %v", err)
	}
	s.wantBulk(waiting, order.BulkPending, 0, 0)
	canceled, err := s.CancelBulkOperation(s.ctx(), integrator, waiting.ID)
	must(t, err)
	if canceled.State != order.BulkCanceled || !canceled.CancelAsked {
		t.Errorf("what nothing works on is %+v", canceled)
	}
	s.wantBulk(waiting, order.BulkCanceled, 0, 0)

	running := s.bulk(s.who, cancelOrders())
	one := s.claimBulk()
	more, err := s.WorkBulk(s.ctx(), one)
	if err != nil || !more {
		t.Fatalf("more: %v, %v", more, err)
	}
	for range 2 {
		if canceled, err = s.CancelBulkOperation(s.ctx(), s.who, running.ID); err != nil || canceled.State != order.BulkRunning {
			t.Errorf("what runs is %+v, %v", canceled, err)
		}
	}
	if more, err = s.WorkBulk(s.ctx(), one); err != nil || more {
		t.Errorf("it goes on: %v, %v", more, err)
	}
	s.wantBulk(running, order.BulkCanceled, 100, 0)
	if canceled, err = s.CancelBulkOperation(s.ctx(), s.who, running.ID); err != nil || canceled.State != order.BulkCanceled {
		t.Errorf("canceled again: %+v, %v", canceled, err)
	}
	if audited := query[string](s, "SELECT actor FROM audit_entries WHERE action = 'bulkOperation.cancel' ORDER BY id"); len(audited) != 2 {
		t.Errorf("audited are %v", audited)
	}
	if left := query[int](s, "SELECT count(*)::int FROM orders WHERE finished_at IS NULL"); left[0] != 150 {
		t.Errorf("%d orders are left open, want 150", left[0])
	}

	offers, err := s.setOffers(s.who, true)
	must(t, err)
	_, err = s.CancelBulkOperation(s.ctx(), integrator, offers.ID)
	wantFaults(t, err, "id FORBIDDEN")
}

// One bad row must not sink its neighbors.
func TestBadBulkRowFailsAlone(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	placed := s.placeMany(130)
	s.exec(fmt.Sprintf(`CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN RAISE EXCEPTION 'bad row' USING ERRCODE = 'check_violation'; END $$;
		CREATE TRIGGER refuse BEFORE UPDATE ON orders FOR EACH ROW WHEN (OLD.id = '%s') EXECUTE FUNCTION refuse()`, placed[7].ID))
	b := s.bulk(s.who, cancelOrders())
	s.workAll()
	s.wantBulk(b, order.BulkSucceeded, 129, 1)
	if got := s.outcomes(b); got[7] != "FAILED INTERNAL" {
		t.Errorf("the bad row is %s", got[7])
	}
	s.want(placed[7], order.Pending, order.FulfillmentPending)
	s.want(placed[8], order.Canceled, order.FulfillmentCanceled)
}

// A claim that was taken over writes nothing any more, and whoever took over goes on where it was.
func TestBulkIsFencedByItsClaim(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	s.placeMany(150)
	b := s.bulk(s.who, cancelOrders())
	first := s.claimBulk()
	_, err := s.WorkBulk(s.ctx(), first)
	must(t, err)
	s.exec("UPDATE workers SET heartbeat_at = now() - interval '1 hour'")
	_, err = s.Reap(s.ctx(), term, 10)
	must(t, err)
	s.worker = s.register()
	second := s.claimBulk()
	if second.Attempt != 2 {
		t.Errorf("taken over at attempt %d", second.Attempt)
	}
	if _, err := s.WorkBulk(s.ctx(), first); !errors.Is(err, fulfillment.ErrStale) {
		t.Errorf("a zombie's work: %v", err)
	}
	if err := s.FailBulk(s.ctx(), first, task.Breakdown{Message: "it died"}); !errors.Is(err, fulfillment.ErrStale) {
		t.Errorf("a zombie's failure: %v", err)
	}
	s.wantBulk(b, order.BulkRunning, 100, 0)
	if more, err := s.WorkBulk(s.ctx(), second); err != nil || more {
		t.Errorf("more: %v, %v", more, err)
	}
	s.wantBulk(b, order.BulkSucceeded, 150, 0)
	if twice := query[int](s, "SELECT count(*)::int FROM events WHERE kind = 'CANCEL_REQUESTED'"); twice[0] != 150 {
		t.Errorf("%d orders were canceled, want 150", twice[0])
	}
}

func TestBulkThatBreaksDown(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	s.placeMany(150)
	b := s.bulk(s.who, cancelOrders())
	one := s.claimBulk()
	_, err := s.WorkBulk(s.ctx(), one)
	must(t, err)
	must(t, s.FailBulk(s.ctx(), one, task.Breakdown{Message: "no more", Class: task.ErrorStore}))
	s.wantBulk(b, order.BulkFailed, 100, 0)
	if now := s.lookBulk(b); now.Error != "no more" {
		t.Errorf("it tells %q", now.Error)
	}
	if dead := query[bool](s, "SELECT dead FROM task_results WHERE kind = 'BULK'"); !slices.Equal(dead, []bool{true}) {
		t.Errorf("its task is dead: %v", dead)
	}
}

// Progress has the breakdowns of a long operation counted anew.
func TestBulkProgressResetsAttempts(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	s.placeMany(150)
	s.bulk(s.who, cancelOrders())
	s.exec("UPDATE tasks SET attempt = 20 WHERE kind = 'BULK'")
	one := s.claimBulk()
	_, err := s.WorkBulk(s.ctx(), one)
	must(t, err)
	if got := query[int](s, "SELECT attempt::int FROM tasks WHERE kind = 'BULK'"); !slices.Equal(got, []int{1}) {
		t.Errorf("attempt is %v, want 1", got)
	}
}

// Two operations over the same orders, and people beside them, do each of them once and get into nobody's way.
func TestBulkBesideOthers(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	placed := s.placeMany(120)
	one, other := s.bulk(s.who, cancelOrders()), s.bulk(s.who, cancelOrders())
	tasks, err := s.store.TaskClaimDue(s.ctx(), s.worker, alive, task.QueueSystem, 10)
	must(t, err)
	done := make(chan error)
	for _, one := range tasks {
		go func() {
			for more := true; more; {
				var err error
				if more, err = s.WorkBulk(s.ctx(), one); err != nil {
					done <- err
					return
				}
			}
			done <- nil
		}()
	}
	go func() {
		for _, o := range slices.Backward(placed) {
			if _, err := s.CancelOrder(s.ctx(), s.who, o.ID); err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	for range len(tasks) + 1 {
		must(t, <-done)
	}
	s.wantBulk(one, order.BulkSucceeded, 120, 0)
	s.wantBulk(other, order.BulkSucceeded, 120, 0)
	if asked := query[int](s, "SELECT count(*)::int FROM events WHERE kind = 'CANCEL_REQUESTED'"); asked[0] != 120 {
		t.Errorf("%d cancellations, want 120", asked[0])
	}
}

func TestManyOffersAreChangedByATask(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	p := s.providerWith(providerInput(nil))
	s.exec(`INSERT INTO offers (id, account_id, provider_id, external_id, name, category, service_type, unit_price, currency, created_at, updated_at)
		SELECT gen_random_uuid(), $1, $2, n::text, 'Poster', 'prints', 'poster-a3', 5, 'EUR', now(), now() FROM generate_series(1, 1001) n`,
		s.who.AccountID, p.ID)
	waiting := s.place(nil)
	b := s.bulk(s.who, fulfillment.BulkInput{
		Kind: order.BulkDisableOffers, Targets: store.BulkTargets{Offers: &store.OfferFilter{}}, Arguments: []byte("{}"),
	})
	s.wantBulk(b, order.BulkPending, 0, 0)
	s.workAll()
	s.wantBulk(b, order.BulkSucceeded, 1001, 0)
	if audited := query[int](s, "SELECT count(DISTINCT target_id)::int FROM audit_entries WHERE action = 'offer.update'"); audited[0] != 1001 {
		t.Errorf("%d changes are audited", audited[0])
	}
	s.idle()
	s.want(waiting, order.Pending, order.FulfillmentUnroutable)
}

func (s *stand) holdAll(name, reason string) (*order.BulkOperation, error) {
	return s.StartBulk(s.ctx(), s.who, fulfillment.BulkInput{
		Kind: order.BulkHoldOrders, Targets: store.BulkTargets{Orders: &store.OrderFilter{}},
		Arguments: fmt.Appendf(nil, `{"filter": {}, "name": %q, "reason": %q}`, name, reason),
	})
}

func TestBulkHoldsAndReleases(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	s.provider("acme", "5")
	canceled, first, second := s.place(nil), s.place(nil), s.place(nil)
	s.cancel(canceled)
	_, err := s.holdAll("", "")
	wantFaults(t, err, "name REQUIRED", "reason REQUIRED")

	held, err := s.holdAll("payment", "not paid yet")
	must(t, err)
	s.workAll()
	s.wantBulk(held, order.BulkSucceeded, 2, 1)
	if got := s.outcomes(held); !slices.Equal(got, []string{"FAILED CONFLICT", "SUCCEEDED", "SUCCEEDED"}) {
		t.Errorf("outcomes are %v", got)
	}
	if !s.order(first).Held || !s.order(second).Held || s.order(canceled).Held {
		t.Error("the open orders are to be held, and no other")
	}
	s.idle()

	released := s.bulk(s.who, fulfillment.BulkInput{
		Kind: order.BulkReleaseOrders, Targets: store.BulkTargets{IDs: []uuid.UUID{first.ID}, Orders: &store.OrderFilter{}},
		Arguments: []byte(`{"name": "payment"}`),
	})
	s.workAll()
	s.wantBulk(released, order.BulkSucceeded, 1, 0)
	if s.order(first).Held || !s.order(second).Held {
		t.Error("one of the two is to be held")
	}
	if step := s.step(fulfillment.StepCreate); *step.Task.OrderID != first.ID {
		t.Errorf("order %s goes on, want %s", step.Task.OrderID, first.ID)
	}
}

// Fulfillments of one order are in one chunk: what is refused of it must not undo what was granted.
func TestBulkRetriesFulfillments(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	o := s.place(func(d *order.Draft) { d.Lines = append(d.Lines, d.Lines[0], d.Lines[0]) })
	s.idle() // no offer matches
	fulfillments := s.open(o).Fulfillments
	s.provider("acme", "5")
	s.record(s.steps()[0], order.Outcome{Class: order.ClassAccepted, Order: seen("x", order.ExternalFulfilled, 2, money("10"))})
	other := s.account("other")

	b := s.bulk(s.who, fulfillment.BulkInput{
		Kind: order.BulkRetryFulfillments, Targets: store.BulkTargets{Fulfillments: &store.FulfillmentFilter{OrderID: &o.ID}},
		Arguments: []byte("{}"),
	})
	if b.Total != len(fulfillments) {
		t.Errorf("%d rows, want %d", b.Total, len(fulfillments))
	}
	s.workAll()
	failed := 0
	for _, outcome := range s.outcomes(b) {
		if outcome == "FAILED ALREADY_FULFILLED" || outcome == "FAILED CONFLICT" {
			failed++
		}
	}
	s.wantBulk(b, order.BulkSucceeded, b.Total-failed, failed)
	if failed == 0 {
		t.Error("what is fulfilled or on its way was tried again")
	}
	_, err := s.StartBulk(s.ctx(), other, fulfillment.BulkInput{
		Kind: order.BulkRetryFulfillments, Arguments: []byte("{}"),
		Targets: store.BulkTargets{IDs: []uuid.UUID{fulfillments[0].ID}, Fulfillments: &store.FulfillmentFilter{}},
	})
	wantFaults(t, err, "ids.0 NOT_FOUND")
}
