package live_test

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/boostress/boostress/internal/id"
	"github.com/boostress/boostress/internal/testkit"
	"github.com/boostress/boostress/live"
	"github.com/boostress/boostress/task"
)

func TestResults(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	hub := s.hub()
	results := live.NewResults(s.client(), s.options())
	s.run(results)
	orderID := id.New(id.Order)
	finished := task.Task{
		ID: id.New(id.Task), AccountID: s.account, Kind: task.KindDispatch, State: task.Success, OrderID: &orderID,
		Result: json.RawMessage(`{"n":1}`), Token: id.New(id.Task),
	}
	foreign, other := finished, finished
	foreign.AccountID, other.Kind = id.New(id.Account), task.KindCancel
	subscription, err := hub.SubscribeResults(t.Context(), live.ResultFilter{
		AccountID: s.account, Match: func(t *task.Task) bool { return t.Kind == task.KindDispatch },
	})
	if err != nil {
		t.Fatal(err)
	}
	got := make(chan *task.Task)
	go func() {
		defer close(got)
		next, err := subscription.Next(t.Context())
		if err != nil {
			t.Error(err)
		}
		got <- next
	}()
	var first *task.Task
	testkit.Eventually(t, patience, "a finished task is announced", func() bool {
		results.Publish([]task.Task{foreign, other, finished})
		select {
		case first = <-got:
			return true
		default:
			return false
		}
	})
	finished.Token = uuid.Nil // which stays where it is
	if diff := cmp.Diff(&finished, first); diff != "" {
		t.Error(diff)
	}
	subscription.Close()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if _, err := subscription.Next(ctx); err == nil {
		t.Error("a closed subscription goes on")
	}
}

func TestStream(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	hub := live.NewHub(s.store, s.client(), s.options())
	stop := s.run(hub)
	orderID := id.New(id.Order)
	ctx, ended := live.WithEnding(t.Context())
	subscription := s.subscribe(hub, live.Filter{}, live.Now())
	sequences := live.Stream(ctx, subscription, func(d live.Delivery) int { return d.Event.Sequence })
	s.write(orderID, 1, 2)
	for _, want := range []int{1, 2} {
		if got := <-sequences; got != want {
			t.Errorf("got %d, want %d", got, want)
		}
	}
	if err := ended(); err != nil {
		t.Errorf("ended too early: %v", err)
	}
	stop()
	if _, open := <-sequences; open {
		t.Error("an event of a stopped hub")
	}
	if diff := cmp.Diff(live.ErrClosed.Error(), ended().Error()); diff != "" {
		t.Error(diff)
	}
}
