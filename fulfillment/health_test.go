package fulfillment_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"

	"github.com/boostress/boostress/internal/id"
	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/store"
)

func (s *stand) health(p *order.Provider) *order.Health {
	s.t.Helper()
	must(s.t, s.store.MeasureHealth(s.ctx()))
	found, err := s.store.Health(s.ctx(), s.who.AccountID, []uuid.UUID{p.ID})
	must(s.t, err)
	return found[p.ID]
}

// measured is a provider as routing sees it.
func (s *stand) measured(p *order.Provider) (found *order.Provider) {
	s.t.Helper()
	must(s.t, s.store.Write(s.ctx(), func(tx *store.Tx) error {
		providers, err := tx.Providers(s.ctx(), []uuid.UUID{p.ID})
		found = providers[p.ID]
		return err
	}))
	return found
}

// mintedAt is an id as it was minted at a time.
func mintedAt(at time.Time) uuid.UUID {
	minted := id.New(id.Attempt)
	for i := range 6 {
		minted[i] = byte(at.UnixMilli() >> (40 - 8*i))
	}
	return minted
}

func TestHealthIsMeasured(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	p, idle := s.provider("one", "1"), s.provider("idle", "9")
	for range 6 {
		s.place(nil)
	}
	classes := []order.Class{
		order.ClassAccepted, order.ClassAccepted, order.ClassAccepted, order.ClassUnknown, order.ClassRejected, order.ClassRejected,
	}
	for i, step := range s.steps() {
		answer := outcome(classes[i])
		if classes[i] == order.ClassAccepted {
			answer.Order = seen(uuid.NewString(), order.ExternalFulfilled, 2, money("2"))
		}
		answer.Latency = time.Duration(i+1) * 100 * time.Millisecond
		s.record(step, answer)
	}
	s.exec("UPDATE fulfillments SET submitted_at = finished_at - interval '40 seconds' WHERE status = 'FULFILLED'")
	s.exec(`INSERT INTO attempts SELECT $1, account_id, fulfillment_id, provider_id, operation, key || 'old', call_number, state, 'AUTH',
		message, latency_us, request, response, started_at, finished_at FROM attempts WHERE class = 'ACCEPTED' LIMIT 1`,
		mintedAt(time.Now().Add(-61*time.Minute)))
	t.Cleanup(func() { s.exec("DELETE FROM attempts WHERE class = 'AUTH'") })

	got := s.health(p)
	want := &order.Health{
		MeasuredAt: got.MeasuredAt, Calls: 6, Succeeded: 3,
		Failures:   map[order.Class]int{order.ClassUnknown: 1, order.ClassRejected: 2},
		LatencyP50: new(350 * time.Millisecond), LatencyP95: new(575 * time.Millisecond),
		Ended: 5, Fulfilled: 3, FulfillTime: new(40 * time.Second),
	}
	if diff := cmp.Diff(want, got); diff != "" || got.MeasuredAt == nil {
		t.Errorf("health (-want +got):\n%s", diff)
	}
	if rate := got.SuccessRate(); rate == nil || *rate != 0.5 {
		t.Errorf("success rate %v, want a half", rate)
	}
	if diff := cmp.Diff(order.Measured{SuccessRate: new(0.6), FulfillTime: new(40 * time.Second)}, s.measured(p).Measured,
		cmpopts.IgnoreFields(order.Measured{}, "Open", "LastChosenAt")); diff != "" {
		t.Errorf("measured (-want +got):\n%s", diff)
	}
	nothing := &order.Health{MeasuredAt: got.MeasuredAt, Failures: map[order.Class]int{}}
	if diff := cmp.Diff(nothing, s.health(idle), cmpopts.IgnoreFields(order.Health{}, "MeasuredAt")); diff != "" {
		t.Errorf("an idle provider's health (-want +got):\n%s", diff)
	}
	if rate := s.health(idle).SuccessRate(); rate != nil {
		t.Errorf("success rate %v of no calls", *rate)
	}
}

// TestBreakersReachRouting: routing sees that some worker's breaker for creations is open, until it closes.
func TestBreakersReachRouting(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	p := s.provider("one", "1")
	breaker := func(operation string) store.Breaker {
		return store.Breaker{AccountID: p.AccountID, ProviderID: p.ID, Operation: operation, WorkerID: id.New(id.Worker)}
	}
	first, second, status := breaker("CREATE"), breaker("CREATE"), breaker("STATUS")
	must(t, s.store.OpenBreaker(s.ctx(), status, time.Hour))
	if until := s.measured(p).Measured.BreakerOpenUntil; until != nil {
		t.Errorf("open for creations until %s, though only for statuses", until)
	}
	must(t, s.store.OpenBreaker(s.ctx(), first, time.Minute))
	must(t, s.store.OpenBreaker(s.ctx(), second, time.Hour))
	if until := s.measured(p).Measured.BreakerOpenUntil; until == nil || time.Until(*until) < 50*time.Minute {
		t.Errorf("open until %v, want an hour", until)
	}
	want := []order.Breaker{{Operation: "CREATE", Workers: 2}, {Operation: "STATUS", Workers: 1}}
	if diff := cmp.Diff(want, s.health(p).Breakers, cmpopts.IgnoreFields(order.Breaker{}, "OpenUntil")); diff != "" {
		t.Errorf("breakers (-want +got):\n%s", diff)
	}
	must(t, s.store.CloseBreaker(s.ctx(), second))
	must(t, s.store.OpenBreaker(s.ctx(), first, 0)) // over
	if until := s.measured(p).Measured.BreakerOpenUntil; until != nil {
		t.Errorf("still open until %s", until)
	}
	s.exec("UPDATE provider_breakers SET open_until = now() - interval '11 minutes'")
	s.health(p)
	if len(query[string](s, "SELECT operation FROM provider_breakers")) != 0 {
		t.Error("breakers of workers that are gone are kept for ever")
	}
}
