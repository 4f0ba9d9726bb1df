package fulfillment_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/google/uuid"

	"github.com/boostress/boostress/fulfillment"
	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/store"
	"github.com/boostress/boostress/task"
)

func TestDeleteProvider(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	p := s.provider("one", "4")
	_, f := s.submitted(nil)
	remove := func() error { _, err := s.DeleteProvider(s.ctx(), s.who, p.ID); return err }
	wantFaults(t, remove(), "id CONFLICT")
	s.observe(f, seen(f.ExternalID, order.ExternalFulfilled, 2, nil))
	wantFaults(t, remove(), "id CONFLICT") // it may still charge
	s.observe(s.fulfillment(&order.Order{ID: f.OrderID}), seen(f.ExternalID, order.ExternalFulfilled, 2, money("8")))
	if _, err := s.DeleteProvider(s.ctx(), s.account("other"), p.ID); !errors.Is(err, order.ErrNotFound) {
		t.Errorf("another account deletes it: %v", err)
	}
	must(t, remove())
	if err := remove(); !errors.Is(err, order.ErrNotFound) {
		t.Errorf("deleted once more: %v", err)
	}

	waiting := s.place(nil)
	s.idle()
	s.want(waiting, order.Pending, order.FulfillmentUnroutable)
	listed, err := s.store.ProviderList(s.ctx(), s.who.AccountID, store.ProviderFilter{}, store.Sort{}, store.Page{Size: 10})
	must(t, err)
	offers, err := s.store.OfferList(s.ctx(), s.who.AccountID, store.OfferFilter{}, store.Sort{}, store.Page{Size: 10})
	must(t, err)
	if len(listed.Items) > 0 || len(offers.Items) > 0 {
		t.Errorf("still listed: %d providers, %d offers", len(listed.Items), len(offers.Items))
	}
	history, err := s.store.Providers(s.ctx(), s.who.AccountID, []uuid.UUID{p.ID})
	if err != nil || history[p.ID] == nil || history[p.ID].DeletedAt == nil || history[p.ID].Name != "one" {
		t.Errorf("its history reads %+v, %v", history[p.ID], err)
	}
	if kept, err := s.Credentials(s.ctx(), p.ID); err != nil || kept != nil {
		t.Errorf("its credentials are kept: %v, %v", kept, err)
	}

	s.provider("one", "4") // the name is free
	s.step(fulfillment.StepCreate)
}

// TestDeletedTakesNoReservations: whoever read the provider before it was deleted can reserve nothing of it.
func TestDeletedTakesNoReservations(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	p := s.provider("one", "4")
	_, err := s.DeleteProvider(s.ctx(), s.who, p.ID)
	must(t, err)
	if _, err := s.pool.Exec(s.ctx(), "UPDATE providers SET reserved = 1"); err == nil {
		t.Error("something was reserved of a deleted provider")
	}
}

func TestCheckProvider(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	p := s.provider("one", "4")
	checked, check, err := s.CheckProvider(s.ctx(), s.who, p.ID)
	if err != nil || checked.ID != p.ID || check.Kind != task.KindCheckProvider || check.State != task.Pending {
		t.Fatalf("check is %+v of %+v, %v", check, checked, err)
	}
	if _, again, err := s.CheckProvider(s.ctx(), s.who, p.ID); err != nil || again.ID != check.ID {
		t.Errorf("the same again: %+v, %v", again, err)
	}
	s.exec("DELETE FROM tasks")

	must(t, s.RecordCheck(s.ctx(), p.ID, fulfillment.Checked{Problem: "unauthorized", Class: order.ClassAuth}))
	if health := s.health(p); health.CheckedAt == nil || health.CheckError != "unauthorized" || s.providerNow(p).Attention != "unauthorized" {
		t.Errorf("health is %+v, attention %q", health, s.providerNow(p).Attention)
	}
	waiting := s.place(nil)
	s.idle()
	s.want(waiting, order.Pending, order.FulfillmentUnroutable)
	s.exec("UPDATE tasks SET due_at = now() + interval '1 hour'")
	must(t, s.RecordCheck(s.ctx(), p.ID, fulfillment.Checked{Problem: "timeout", Class: order.ClassRetryable}))
	if now := s.providerNow(p).Attention; now != "unauthorized" {
		t.Errorf("a provider that is away for a moment changed the attention to %q", now)
	}

	must(t, s.RecordCheck(s.ctx(), p.ID, fulfillment.Checked{Balance: money("12.5")}))
	health := s.health(p)
	if health.CheckError != "" || health.Balance == nil || !health.Balance.Amount.Equal(amount("12.5")) || s.providerNow(p).Attention != "" {
		t.Errorf("health is %+v, attention %q", health, s.providerNow(p).Attention)
	}
	if due := query[bool](s, "SELECT due_at <= now() FROM tasks"); !slices.Equal(due, []bool{true}) {
		t.Errorf("what waited for it is due: %v", due)
	}
}
