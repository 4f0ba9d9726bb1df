package order_test

import (
	"errors"
	"testing"

	"github.com/boostress/boostress/internal/id"
	"github.com/boostress/boostress/order"
)

func TestCancel(t *testing.T) {
	t.Parallel()
	t.Run("untouched", func(t *testing.T) {
		t.Parallel()
		s := newScene(t, 1, "")
		toAsk, err := s.AskCancel()
		s.ok(err)
		s.want(order.Canceled, order.FulfillmentCanceled)
		if len(toAsk) > 0 {
			t.Errorf("ask for %v", toAsk)
		}
	})
	t.Run("waiting", func(t *testing.T) {
		t.Parallel()
		s := newScene(t, 1, "10")
		f := s.submit("10")
		s.ok(s.Retry(f, "busy", false))
		_, err := s.AskCancel()
		s.ok(err)
		s.want(order.Canceled, order.FulfillmentCanceled)
		s.wantMoney("0", "0", "0")
	})
	t.Run("on its way", func(t *testing.T) {
		t.Parallel()
		s := newScene(t, 1, "10")
		f := s.submit("10")
		toAsk, err := s.AskCancel()
		s.ok(err)
		s.want(order.Canceling, order.FulfillmentSubmitting)
		if len(toAsk) > 0 || !f.CancelAsked {
			t.Errorf("ask for %v, fulfillment %+v", toAsk, f)
		}
		if !s.hears(order.ExternalAccepted, 0, "") {
			t.Fatal("it was accepted, and nobody asks to cancel it")
		}
		s.ok(s.RequestCancel(f))
		s.want(order.Canceling, order.FulfillmentCancelRequested)
		if s.hears(order.ExternalInProgress, 0, "") {
			t.Error("the provider is asked twice")
		}
		s.want(order.Canceling, order.FulfillmentCancelRequested)
		s.hears(order.ExternalCanceled, 0, "3")
		s.want(order.Canceled, order.FulfillmentCanceled)
		s.wantMoney("0", "3", "0")
	})
	t.Run("on its way, and not accepted", func(t *testing.T) {
		t.Parallel()
		s := newScene(t, 1, "10")
		f := s.submit("10")
		_, err := s.AskCancel()
		s.ok(err)
		s.ok(s.Retry(f, "busy", false))
		s.want(order.Canceled, order.FulfillmentCanceled)
		s.wantMoney("0", "0", "0")
	})
	t.Run("refused", func(t *testing.T) {
		t.Parallel()
		s := newScene(t, 2, "")
		f := s.submit("10")
		s.hears(order.ExternalAccepted, 0, "")
		toAsk, err := s.AskCancel()
		s.ok(err)
		if len(toAsk) != 1 || toAsk[0] != f {
			t.Fatalf("ask for %v", toAsk)
		}
		s.ok(s.RefuseCancel(f, "printed"))
		s.want(order.Processing, order.FulfillmentInProgress)
		if f.CancelAsked || f.Failure == "" {
			t.Errorf("after the refusal: %+v", f)
		}
		if toAsk, err = s.AskCancel(); len(toAsk) != 1 || err != nil {
			t.Errorf("a refused cancellation can't be asked for again: %v, %v", toAsk, err)
		}
		s.hears(order.ExternalFulfilled, 2, "20")
		s.want(order.Fulfilled, order.FulfillmentFulfilled)
		if _, err := s.AskCancel(); !errors.Is(err, order.ErrFulfilled) {
			t.Errorf("cancel what was delivered: %v", err)
		}
	})
	t.Run("no new start", func(t *testing.T) {
		t.Parallel()
		s := newScene(t, 1, "")
		f := s.submit("10")
		_, err := s.AskCancel()
		s.ok(err)
		if next, err := s.Reject(f, "out of stock", true); next != nil || err != nil {
			t.Errorf("rejected while being canceled: %v, %v", next, err)
		}
		s.want(order.Canceled, order.FulfillmentCanceled)
	})
}

// expire lets the deadline pass and checks how many providers are to be asked to cancel.
func (s *scene) expire(asked int) {
	s.t.Helper()
	toAsk, err := s.Expire()
	s.ok(err)
	if len(toAsk) != asked {
		s.t.Errorf("%d providers are to be asked to cancel, want %d", len(toAsk), asked)
	}
}

func TestExpire(t *testing.T) {
	t.Parallel()
	s := newScene(t, 1, "")
	s.ok(s.Unroutable(s.last(), "no offer"))
	s.expire(0)
	s.want(order.Expired, order.FulfillmentCanceled)
	if s.Order.Attention != "" {
		t.Errorf("attention is %q", s.Order.Attention)
	}

	s = newScene(t, 2, "")
	s.submit("1")
	s.hears(order.ExternalAccepted, 0, "")
	s.expire(0)
	s.want(order.Processing, order.FulfillmentSubmitted)
	s.hears(order.ExternalPartial, 1, "")
	s.hears(order.ExternalFailed, 1, "")
	s.want(order.Expired, order.FulfillmentFailed)
	s.wantMoney("0", "1", "0")
}

func TestExpireAndCancel(t *testing.T) {
	t.Parallel()
	s := newScene(t, 2, "")
	s.Order.DeadlineAction = order.DeadlineCancel
	f := s.submit("1")
	s.expire(0)
	s.want(order.Processing, order.FulfillmentSubmitting)
	if !s.hears(order.ExternalAccepted, 0, "") {
		t.Fatal("it was accepted too late, and nobody asks to cancel it")
	}
	s.ok(s.RequestCancel(f))
	s.hears(order.ExternalCanceled, 1, "1")
	s.want(order.Expired, order.FulfillmentCanceled)

	s = newScene(t, 2, "")
	s.Order.DeadlineAction = order.DeadlineCancel
	f = s.submit("1")
	s.hears(order.ExternalAccepted, 0, "")
	s.expire(1)
	s.want(order.Processing, order.FulfillmentCancelRequested)
	s.ok(s.RefuseCancel(f, "printed"))
	s.expire(0) // once is enough
	s.hears(order.ExternalFulfilled, 2, "2")
	s.want(order.Fulfilled, order.FulfillmentFulfilled)
}

func TestDraft(t *testing.T) {
	t.Parallel()
	begin := func() *order.Case {
		c := &order.Case{Order: &order.Order{ID: id.New(id.Order), Currency: "EUR", Quantity: 2}, Now: noon}
		if err := c.Draft(); err != nil || c.Order.Status != order.Drafted || c.Order.FinishedAt != nil || len(c.Fulfillments) > 0 {
			t.Fatalf("%v, drafted %+v", err, c.Order)
		}
		return c
	}
	c := begin()
	if _, err := c.Expire(); err != nil || len(c.Events) != 1 {
		t.Errorf("a draft expires: %v, %v", err, c.Events)
	}
	if err := c.Expedite(); err == nil {
		t.Error("a draft can't be hurried")
	}
	if ready, err := c.CheckPlace(); !ready || err != nil {
		t.Fatalf("%t, %v", ready, err)
	}
	if err := c.Place([]order.Line{{ID: id.New(id.Line), Quantity: 2}}); err != nil || c.Order.Status != order.Pending {
		t.Fatalf("%v, placed %+v", err, c.Order)
	}
	if ready, err := c.CheckPlace(); ready || err != nil {
		t.Errorf("placed again: %t, %v", ready, err)
	}

	c = begin()
	if _, err := c.AskCancel(); err != nil || c.Order.Status != order.Canceled || c.Order.FinishedAt == nil {
		t.Errorf("%v, canceled %+v", err, c.Order)
	}
	if ready, err := c.CheckPlace(); ready || err == nil {
		t.Errorf("what was canceled is placed: %t, %v", ready, err)
	}
	if err := c.Note("why"); err != nil || c.Order.Status != order.Canceled {
		t.Errorf("%v, remarked %+v", err, c.Order)
	}

	c = begin()
	c.Order.Deadline = new(noon)
	if ready, err := c.CheckPlace(); ready || err == nil {
		t.Errorf("what is late is placed: %t, %v", ready, err)
	}
}

func TestUnassign(t *testing.T) {
	t.Parallel()
	s := newScene(t, 1, "10")
	f := s.submit("10")
	key := order.CreateKey(f)
	s.ok(s.Retry(f, "busy", false))
	s.ok(s.Unassign(f, "the provider is paused"))
	s.wantMoney("0", "0", "0")
	s.want(order.Pending, order.FulfillmentPending)
	if f.ProviderID != nil || f.OfferID != nil {
		t.Errorf("still with its provider: %+v", f)
	}
	s.submit("10")
	if order.CreateKey(f) == key {
		t.Error("the key is the old one")
	}
}

func TestImpossibleSteps(t *testing.T) {
	t.Parallel()
	s := newScene(t, 1, "")
	f := s.last()
	if err := s.Lost(f, "?"); !errors.Is(err, order.ErrTransition) {
		t.Errorf("lose what was never sent: %v", err)
	}
	if err := s.RequestCancel(f); !errors.Is(err, order.ErrTransition) {
		t.Errorf("ask nobody to cancel: %v", err)
	}
	tooDear := &order.Offer{ProviderID: id.New(id.Provider), UnitPrice: amount("9999999999999"), Currency: "EUR"}
	if err := s.Submit(f, tooDear); !errors.Is(err, order.ErrMoney) {
		t.Errorf("an impossible price: %v", err)
	}
	if s.Find(id.New(id.Fulfillment)) != nil || s.Find(f.ID) != f {
		t.Error("Find finds what it should not, or doesn't find what it should")
	}
}
