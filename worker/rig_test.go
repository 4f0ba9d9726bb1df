package worker_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/boostress/boostress/fulfillment"
	"github.com/boostress/boostress/internal/id"
	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/providerapi"
	"github.com/boostress/boostress/task"
	"github.com/boostress/boostress/worker"
)

// fakeService hands out a step for each task and keeps what is reported.
type fakeService struct {
	step   func(task.Task) (fulfillment.Step, error)
	refuse func(fulfillment.Report) (stale, err error)

	mu      sync.Mutex
	batches []int
	reports map[uuid.UUID]fulfillment.Report
}

var errBad = errors.New("bad row")

func (f *fakeService) IntendIf(_ context.Context, tasks []task.Task, _ fulfillment.Admit) ([]fulfillment.Step, error) {
	f.mu.Lock()
	f.batches = append(f.batches, len(tasks))
	f.mu.Unlock()
	steps := make([]fulfillment.Step, len(tasks))
	for i, t := range tasks {
		var err error
		if steps[i], err = f.step(t); err != nil {
			return nil, err
		}
		steps[i].Task = t
	}
	return steps, nil
}

func (f *fakeService) Record(_ context.Context, reports []fulfillment.Report) ([]error, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	stale := make([]error, len(reports))
	for i, r := range reports {
		if f.refuse != nil {
			var err error
			if stale[i], err = f.refuse(r); err != nil {
				return nil, err
			}
		}
	}
	for i, r := range reports {
		if stale[i] == nil {
			f.reports[r.Step.Task.ID] = r
		}
	}
	return stale, nil
}

// outcomes lists the classes reported for tasks.
func (f *fakeService) outcomes(tasks []task.Task) (classes []order.Class) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, t := range tasks {
		classes = append(classes, f.reports[t.ID].Outcome.Class)
	}
	return classes
}

// fakeAdapter is a provider that answers with answer, and nothing it was not asked for.
type fakeAdapter struct {
	answer func(ctx context.Context, call string) (order.ExternalOrder, error)

	mu    sync.Mutex
	calls []string
}

func (a *fakeAdapter) For(context.Context, order.Provider) (providerapi.Provider, error) {
	return a, nil
}

func (a *fakeAdapter) called(ctx context.Context, call string) (order.ExternalOrder, error) {
	a.mu.Lock()
	a.calls = append(a.calls, call)
	a.mu.Unlock()
	if a.answer == nil {
		return order.ExternalOrder{ExternalID: "x", State: order.ExternalAccepted}, nil
	}
	return a.answer(ctx, call)
}

func (a *fakeAdapter) count() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.calls)
}

func (*fakeAdapter) Capabilities() order.Capabilities { return order.Capabilities{} }

func (a *fakeAdapter) Create(ctx context.Context, r providerapi.CreateRequest) (order.ExternalOrder, error) {
	return a.called(ctx, "create "+r.Key+" "+r.OfferID)
}

func (a *fakeAdapter) Get(ctx context.Context, externalID string) (order.ExternalOrder, error) {
	return a.called(ctx, "get "+externalID)
}

func (a *fakeAdapter) Cancel(ctx context.Context, externalID, key string) (order.ExternalOrder, error) {
	return a.called(ctx, "cancel "+externalID+" "+key)
}

func (a *fakeAdapter) FindByKey(ctx context.Context, key string) (order.ExternalOrder, error) {
	return a.called(ctx, "find "+key)
}

type rig struct {
	service  *fakeService
	adapter  *fakeAdapter
	handler  worker.Handler
	provider order.Provider
}

// newRig has a handler whose every task is a creation at one provider, unless changed.
func newRig(change func(*rig, *worker.ProviderOptions)) *rig {
	r := &rig{
		service: &fakeService{reports: map[uuid.UUID]fulfillment.Report{}}, adapter: &fakeAdapter{},
		provider: order.Provider{ID: id.New(id.Provider), Name: "p", Timeout: 10 * time.Second},
	}
	r.service.step = func(task.Task) (fulfillment.Step, error) { return r.step(fulfillment.StepCreate), nil }
	options := worker.ProviderOptions{Adapters: r.adapter}
	if change != nil {
		change(r, &options)
	}
	r.handler = worker.Dispatch(r.service, worker.NewProviders(options))
	return r
}

func (r *rig) step(kind fulfillment.StepKind) fulfillment.Step {
	return fulfillment.Step{
		Kind: kind, Provider: r.provider, Attempt: order.Attempt{Key: "key"}, ExternalID: "x-1",
		Request: &fulfillment.Request{OfferExternalID: "offer"},
	}
}

// run has the handler run tasks and returns their results.
func (r *rig) run(t *testing.T, tasks []task.Task) []worker.Result {
	t.Helper()
	results := make([]worker.Result, len(tasks))
	ended := make([]int, len(tasks))
	var mu sync.Mutex
	r.handler.Handle(t.Context(), tasks, func(place int, result worker.Result) {
		mu.Lock()
		defer mu.Unlock()
		results[place] = result
		ended[place]++
	})
	if slices.ContainsFunc(ended, func(times int) bool { return times != 1 }) {
		t.Fatalf("tasks ended %v times", ended)
	}
	return results
}
