package fulfillment_test

import (
	"slices"
	"sync"
	"testing"

	"github.com/google/uuid"

	"github.com/boostress/boostress/fulfillment"
	"github.com/boostress/boostress/order"
)

// yesterday makes everything that was written so far look a day older.
func (s *stand) yesterday() {
	s.t.Helper()
	for _, statement := range []string{
		"UPDATE provider_days SET day = day - 1",
		"UPDATE ledger_entries SET day = day - 1, created_at = created_at - interval '1 day'",
		"UPDATE fulfillments SET budget_day = budget_day - 1",
	} {
		s.exec(statement)
	}
}

// days tells, by day, what a provider's budgets hold, the latest last.
func (s *stand) days(p *order.Provider) []string {
	s.t.Helper()
	return query[string](s, `SELECT (now() AT TIME ZONE 'UTC')::date - day || ' days ago: ' || trim_scale(reserved) || ', ' || trim_scale(spent)
		|| ', ' || trim_scale(overcharge) FROM provider_days WHERE provider_id = $1 ORDER BY day`, p.ID)
}

func (s *stand) wantDays(p *order.Provider, want ...string) {
	s.t.Helper()
	if got := s.days(p); !slices.Equal(got, want) {
		s.t.Errorf("days (reserved, spent, overcharge) are %q, want %q", got, want)
	}
}

// TestDayBudgetUnderTwoHundred has two hundred goroutines bring the lines of twenty orders to a provider, whose day has
// room for 37 of them.
func TestDayBudgetUnderTwoHundred(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	provider := s.providerWith(fulfillment.ProviderInput{Name: new("one"), DayBudget: new(amount("37.99"))})
	s.offer(provider, "0.50")
	for range 20 {
		s.place(func(d *order.Draft) {
			d.Lines = slices.Repeat([]order.LineDraft{{ServiceType: "poster-a3", Quantity: 2}}, 5)
		})
	}
	ids := query[uuid.UUID](s, "SELECT id FROM tasks ORDER BY random()")
	var callers sync.WaitGroup
	for i := range 200 { // each id comes twice, as Redis may have it
		callers.Go(func() {
			claimed, err := s.store.TaskClaim(s.ctx(), s.worker, alive, ids[i%100:i%100+1])
			if err == nil {
				_, err = s.Intend(s.ctx(), claimed)
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	callers.Wait()
	s.wantDays(provider, "0 days ago: 37, 0, 0")
	if counts := query[int](s, "SELECT count(*)::int FROM fulfillments GROUP BY status ORDER BY status"); !slices.Equal(counts, []int{37, 63}) {
		t.Errorf("submitting and unroutable are %v", counts)
	}
}

// TestDayBudgetWithinAGroup: what one member of a group reserves is gone for the next.
func TestDayBudgetWithinAGroup(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	provider := s.providerWith(fulfillment.ProviderInput{Name: new("one"), DayBudget: new(amount("10"))})
	s.offer(provider, "2")
	for range 5 {
		s.place(nil)
	}
	calls := slices.DeleteFunc(s.steps(), func(step fulfillment.Step) bool { return step.Kind == fulfillment.StepNone })
	if len(calls) != 2 {
		t.Errorf("%d calls, want two", len(calls))
	}
	s.wantDays(provider, "0 days ago: 8, 0, 0")
}

// TestMidnightFreesTheDay: a new day has all of its budget, and what happens to yesterday's reservations counts for
// yesterday.
func TestMidnightFreesTheDay(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	provider := s.providerWith(fulfillment.ProviderInput{Name: new("one"), DayBudget: new(amount("10"))})
	s.offer(provider, "4")
	first, held := s.submitted(nil)
	second := s.place(nil)
	s.idle()
	s.want(second, order.Pending, order.FulfillmentUnroutable)

	s.yesterday()
	s.record(s.step(fulfillment.StepCreate), accepted("x-2"))
	s.wantDays(provider, "1 days ago: 8, 0, 0", "0 days ago: 8, 0, 0")

	s.observe(held, seen(held.ExternalID, order.ExternalFulfilled, 2, money("11"))) // three more than was reserved
	s.wantMoney(first, "0", "11", "3")
	s.wantDays(provider, "1 days ago: 0, 11, 3", "0 days ago: 8, 0, 0")

	s.observe(s.fulfillment(second), seen("x-2", order.ExternalCanceled, 0, nil))
	s.wantDays(provider, "1 days ago: 0, 11, 3", "0 days ago: 0, 0, 0")
	s.place(nil)
	s.step(fulfillment.StepCreate) // yesterday's overcharge keeps nothing from today
	s.wantDays(provider, "1 days ago: 0, 11, 3", "0 days ago: 8, 0, 0")
}

// TestOverchargeClosesTheDay: a day on which a provider took more than was reserved takes nothing more, until a refund
// takes it back.
func TestOverchargeClosesTheDay(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	provider := s.providerWith(fulfillment.ProviderInput{Name: new("one"), DayBudget: new(amount("100"))})
	s.offer(provider, "4")
	_, f := s.submitted(nil)
	s.observe(f, seen(f.ExternalID, order.ExternalInProgress, 0, money("9")))
	s.place(nil)
	s.idle()
	s.wantDays(provider, "0 days ago: 0, 9, 1")
	s.observe(s.fulfillment(&order.Order{ID: f.OrderID}), seen(f.ExternalID, order.ExternalInProgress, 0, money("7")))
	s.step(fulfillment.StepCreate)
	s.wantDays(provider, "0 days ago: 9, 7, 0")
}

// TestReservationMovesToTheDayItIsMadeOn: what is given back and reserved anew counts for the new day.
func TestReservationMovesToTheDayItIsMadeOn(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	first := s.provider("first", "4")
	o := s.place(nil)
	s.record(s.step(fulfillment.StepCreate), outcome(order.ClassRetryable))
	s.yesterday()
	s.record(s.step(fulfillment.StepCreate), outcome(order.ClassRetryable))
	s.wantDays(first, "1 days ago: 8, 0, 0") // the same provider again: the same reservation

	_, err := s.PauseProvider(s.ctx(), s.who, first.ID, "")
	must(t, err)
	second := s.provider("second", "5")
	s.step(fulfillment.StepCreate)
	s.wantDays(first, "1 days ago: 0, 0, 0")
	s.wantDays(second, "0 days ago: 10, 0, 0")
	s.wantMoney(o, "10", "0", "0")
}

func TestDayBudgetHasRoomForWhatIsTaken(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	p := s.provider("one", "5")
	s.submitted(nil)
	set := func(budget string) error {
		_, err := s.UpdateProvider(s.ctx(), s.who, p.ID, fulfillment.ProviderInput{DayBudget: new(amount(budget))})
		return err
	}
	wantFaults(t, set("9.99"), "dayBudget OUT_OF_RANGE")
	must(t, set("10"))
	s.place(nil)
	s.idle()
	must(t, set("20"))
	s.step(fulfillment.StepCreate)
	must(t, set("0"))
	if now := s.providerNow(p); now.DayBudget != nil {
		t.Errorf("the budget is %s after it was taken away", now.DayBudget)
	}
	must(t, set("20")) // what was reserved while there was none counts
	wantFaults(t, set("19"), "dayBudget OUT_OF_RANGE")
	s.yesterday()
	must(t, set("1"))
}
