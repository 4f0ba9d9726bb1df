package worker_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/boostress/boostress/fulfillment"
	"github.com/boostress/boostress/internal/id"
	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/providerapi"
	"github.com/boostress/boostress/task"
	"github.com/boostress/boostress/worker"
)

// fakeWatch has fulfillments that are due until they were observed.
type fakeWatch struct {
	provider order.Provider

	mu   sync.Mutex
	due  []*order.Fulfillment
	seen map[uuid.UUID]*order.ExternalOrder
}

func (f *fakeWatch) DuePolls(_ context.Context, _ uuid.UUID, most int) (order.Provider, []*order.Fulfillment, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.provider, slices.Clone(f.due[:min(most, len(f.due))]), nil
}

func (f *fakeWatch) Observe(_ context.Context, _ order.Provider, seen []fulfillment.Observation) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, one := range seen {
		f.seen[one.FulfillmentID] = one.Order
		f.due = slices.DeleteFunc(f.due, func(due *order.Fulfillment) bool { return due.ID == one.FulfillmentID })
	}
	return nil
}

// bulkAdapter reads many at once.
type bulkAdapter struct {
	*fakeAdapter

	size  int
	known map[string]bool
}

func (b *bulkAdapter) For(context.Context, order.Provider) (providerapi.Provider, error) {
	return b, nil
}

func (b *bulkAdapter) Capabilities() order.Capabilities {
	return order.Capabilities{BulkStatusSize: b.size}
}

func (b *bulkAdapter) GetMany(_ context.Context, externalIDs []string) (list []order.ExternalOrder, _ error) {
	b.calls = append(b.calls, "bulk")
	if len(externalIDs) > b.size {
		return nil, errBad
	}
	for _, externalID := range externalIDs {
		if b.known[externalID] {
			list = append(list, order.ExternalOrder{ExternalID: externalID})
		}
	}
	return list, nil
}

func newWatch(count int) *fakeWatch {
	f := &fakeWatch{provider: order.Provider{ID: id.New(id.Provider)}, seen: map[uuid.UUID]*order.ExternalOrder{}}
	for range count {
		f.due = append(f.due, &order.Fulfillment{ID: id.New(id.Fulfillment), ExternalID: uuid.NewString()})
	}
	return f
}

// poll runs one task and returns its result.
func poll(t *testing.T, watch *fakeWatch, adapters worker.Adapters) worker.Result {
	t.Helper()
	var result worker.Result
	one := newTask(func(n *task.Task) { n.Kind, n.ProviderID, n.MaxAttempts = task.KindPollProvider, &watch.provider.ID, 1 })
	worker.Poll(watch, worker.NewProviders(worker.ProviderOptions{Adapters: adapters})).Handle(t.Context(), []task.Task{one},
		func(_ int, got worker.Result) { result = got })
	return result
}

func TestPollReadsAllThatIsDue(t *testing.T) {
	t.Parallel()
	watch := newWatch(1234)
	adapter := &bulkAdapter{fakeAdapter: &fakeAdapter{}, size: 100, known: map[string]bool{}}
	for _, f := range watch.due[1:] {
		adapter.known[f.ExternalID] = true
	}
	unknown := watch.due[0].ID
	got := poll(t, watch, adapter)
	if diff := cmp.Diff(worker.Result{Value: json.RawMessage(`{"read":1234}`)}, got); diff != "" {
		t.Errorf("result (-want +got):\n%s", diff)
	}
	if len(watch.seen) != 1234 || len(adapter.calls) != 13 {
		t.Errorf("saw %d in %d calls", len(watch.seen), len(adapter.calls))
	}
	if seen, there := watch.seen[unknown]; !there || seen != nil {
		t.Error("one that the provider does not know was not observed as such")
	}
}

func TestPollOneByOne(t *testing.T) {
	t.Parallel()
	watch := newWatch(20)
	broken, absent := watch.due[4].ExternalID, watch.due[5].ExternalID
	adapter := &fakeAdapter{answer: func(_ context.Context, call string) (order.ExternalOrder, error) {
		switch call {
		case "get " + broken:
			return order.ExternalOrder{}, errBad
		case "get " + absent:
			return order.ExternalOrder{}, providerapi.ErrAbsent
		}
		return order.ExternalOrder{ExternalID: call[len("get "):]}, nil
	}}
	if got := poll(t, watch, adapter); got.Err != nil || len(watch.seen) != 20 {
		t.Errorf("result %+v, saw %d", got, len(watch.seen))
	}
}

func TestPollFailsWhereNothingCanBeRead(t *testing.T) {
	t.Parallel()
	watch := newWatch(3)
	limited := &providerapi.Error{Class: order.ClassRateLimited, RetryAfter: time.Minute}
	for name, test := range map[string]struct {
		err   error
		later bool
	}{"error": {errBad, false}, "limited": {limited, true}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := poll(t, watch, &fakeAdapter{answer: func(context.Context, string) (order.ExternalOrder, error) {
				return order.ExternalOrder{}, test.err
			}})
			var later *worker.LaterError
			if got.Err == nil || errors.As(got.Err, &later) != test.later {
				t.Errorf("result %+v", got)
			}
		})
	}
}
