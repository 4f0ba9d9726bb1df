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
	"github.com/boostress/boostress/internal/testkit"
	"github.com/boostress/boostress/limit"
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

func (f *fakeService) Intend(_ context.Context, tasks []task.Task) ([]fulfillment.Step, error) {
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

func TestDispatchCallsAndRecords(t *testing.T) {
	t.Parallel()
	refused := &providerapi.Error{Class: order.ClassRejected}
	tests := map[string]struct {
		kind   fulfillment.StepKind
		answer error
		call   string
		want   order.Class
		absent bool
	}{
		"create":              {fulfillment.StepCreate, nil, "create key offer", order.ClassAccepted, false},
		"create, refused":     {fulfillment.StepCreate, refused, "create key offer", order.ClassRejected, false},
		"create, no class":    {fulfillment.StepCreate, errBad, "create key offer", order.ClassUnknown, false},
		"find":                {fulfillment.StepFind, nil, "find key", order.ClassAccepted, false},
		"find, there is none": {fulfillment.StepFind, providerapi.ErrAbsent, "find key", order.ClassAccepted, true},
		"cancel":              {fulfillment.StepCancel, nil, "cancel x-1 key", order.ClassAccepted, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(func(r *rig, _ *worker.ProviderOptions) {
				r.service.step = func(task.Task) (fulfillment.Step, error) { return r.step(test.kind), nil }
				r.adapter.answer = func(context.Context, string) (order.ExternalOrder, error) {
					return order.ExternalOrder{ExternalID: "x-1"}, test.answer
				}
			})
			tasks := newTasks(1, nil)
			if got := r.run(t, tasks); !got[0].Settled {
				t.Errorf("result: %+v", got[0])
			}
			report := r.service.reports[tasks[0].ID]
			if report.Outcome.Class != test.want || report.Absent != test.absent || report.Outcome.Latency <= 0 {
				t.Errorf("report: %+v", report)
			}
			if diff := cmp.Diff([]string{test.call}, r.adapter.calls); diff != "" {
				t.Errorf("calls (-want +got):\n%s", diff)
			}
		})
	}
}

func TestDispatchIntendsABatchTogether(t *testing.T) {
	t.Parallel()
	r := newRig(nil)
	r.run(t, newTasks(40, nil))
	if diff := cmp.Diff([]int{40}, r.service.batches); diff != "" {
		t.Errorf("transactions (-want +got):\n%s", diff)
	}
}

func TestDispatchBadTaskSinksNoNeighbor(t *testing.T) {
	t.Parallel()
	tasks := newTasks(10, nil)
	for name, fail := range map[string]func() error{
		"error": func() error { return errBad },
		"panic": func() error { panic("bad row") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(func(r *rig, _ *worker.ProviderOptions) {
				r.service.step = func(one task.Task) (fulfillment.Step, error) {
					if one.ID == tasks[3].ID {
						return fulfillment.Step{}, fail()
					}
					return r.step(fulfillment.StepCreate), nil
				}
			})
			for place, result := range r.run(t, tasks) {
				if result.Settled != (place != 3) || (result.Err != nil) != (place == 3) {
					t.Errorf("task %d: %+v", place, result)
				}
			}
			if r.adapter.count() != 9 {
				t.Errorf("%d calls, want 9", r.adapter.count())
			}
		})
	}
}

func TestDispatchSurvivesAPanickingAdapter(t *testing.T) {
	t.Parallel()
	r := newRig(func(r *rig, _ *worker.ProviderOptions) {
		r.adapter.answer = func(context.Context, string) (order.ExternalOrder, error) { panic("adapter") }
	})
	tasks := newTasks(1, nil)
	r.run(t, tasks)
	if got := r.service.outcomes(tasks); got[0] != order.ClassUnknown {
		t.Errorf("outcome %s, want UNKNOWN: it may have been sent", got[0])
	}
}

func TestDispatchSettledTasksAreNotCalled(t *testing.T) {
	t.Parallel()
	r := newRig(func(r *rig, _ *worker.ProviderOptions) {
		r.service.step = func(task.Task) (fulfillment.Step, error) { return fulfillment.Step{Kind: fulfillment.StepNone}, nil }
	})
	if got := r.run(t, newTasks(1, nil)); !got[0].Settled || r.adapter.count() != 0 {
		t.Errorf("result %+v after %d calls", got[0], r.adapter.count())
	}
}

func TestDispatchRecordsWhenTheDatabaseIsBack(t *testing.T) {
	t.Parallel()
	away := 3
	r := newRig(func(r *rig, _ *worker.ProviderOptions) {
		r.service.refuse = func(fulfillment.Report) (stale, err error) {
			if away > 0 {
				away--
				err = context.DeadlineExceeded
			}
			return nil, err
		}
	})
	tasks := newTasks(1, nil)
	if got := r.run(t, tasks); !got[0].Settled || r.adapter.count() != 1 {
		t.Errorf("result %+v after %d calls", got[0], r.adapter.count())
	}
	if got := r.service.outcomes(tasks); got[0] != order.ClassAccepted {
		t.Errorf("outcome %q", got[0])
	}
}

func TestDispatchDropsWhatIsStale(t *testing.T) {
	t.Parallel()
	r := newRig(func(r *rig, _ *worker.ProviderOptions) {
		r.service.refuse = func(fulfillment.Report) (error, error) { return fulfillment.ErrStale, nil }
	})
	if got := r.run(t, newTasks(1, nil)); !got[0].Settled || len(r.service.reports) != 0 {
		t.Errorf("result %+v", got[0])
	}
}

func TestDispatchKeepsToAProvidersRate(t *testing.T) {
	t.Parallel()
	r := newRig(func(_ *rig, o *worker.ProviderOptions) {
		o.Rate = func(order.Provider) limit.Rate { return limit.Rate{Every: time.Minute, Burst: 3} }
	})
	tasks := newTasks(6, nil)
	r.run(t, tasks)
	if r.adapter.count() != 3 {
		t.Errorf("%d calls, want 3", r.adapter.count())
	}
	var waits []time.Duration
	for _, one := range tasks[3:] {
		outcome := r.service.reports[one.ID].Outcome
		if outcome.Class != order.ClassRateLimited {
			t.Errorf("outcome %s, want RATE_LIMITED", outcome.Class)
		}
		waits = append(waits, outcome.RetryAfter.Round(time.Minute))
	}
	if diff := cmp.Diff([]time.Duration{time.Minute, 2 * time.Minute, 3 * time.Minute}, waits); diff != "" {
		t.Errorf("waits (-want +got):\n%s", diff)
	}
}

func TestDispatchHeedsAProviderThatAsksForLess(t *testing.T) {
	t.Parallel()
	r := newRig(func(r *rig, _ *worker.ProviderOptions) {
		r.adapter.answer = func(context.Context, string) (order.ExternalOrder, error) {
			return order.ExternalOrder{}, &providerapi.Error{Class: order.ClassRateLimited, RetryAfter: time.Hour}
		}
	})
	first, second := newTasks(1, nil), newTasks(5, nil)
	r.run(t, first)
	r.run(t, second)
	if r.adapter.count() != 1 {
		t.Errorf("%d calls, want none after the first was limited", r.adapter.count())
	}
	if outcome := r.service.reports[second[0].ID].Outcome; outcome.Class != order.ClassRateLimited || outcome.RetryAfter < 59*time.Minute {
		t.Errorf("outcome %+v", outcome)
	}
}

func TestDispatchLeavesABrokenProviderAlone(t *testing.T) {
	t.Parallel()
	r := newRig(func(r *rig, _ *worker.ProviderOptions) {
		r.service.step = func(one task.Task) (fulfillment.Step, error) {
			if one.Kind == task.KindCancel {
				return r.step(fulfillment.StepCancel), nil
			}
			return r.step(fulfillment.StepCreate), nil
		}
		r.adapter.answer = func(context.Context, string) (order.ExternalOrder, error) {
			return order.ExternalOrder{}, &providerapi.Error{Class: order.ClassAuth}
		}
	})
	for range 15 {
		r.run(t, newTasks(1, nil))
	}
	if r.adapter.count() != 10 {
		t.Errorf("%d calls, want 10", r.adapter.count())
	}
	tasks := newTasks(1, nil)
	r.run(t, tasks)
	if outcome := r.service.reports[tasks[0].ID].Outcome; outcome.Class != order.ClassRetryable || outcome.RetryAfter < 5*time.Second {
		t.Errorf("outcome %+v", outcome)
	}
	// Another operation has a breaker of its own, which spares even the intent where the provider is known.
	cancel := func() worker.Result {
		return r.run(t, newTasks(1, func(n *task.Task) { n.Kind, n.ProviderID = task.KindCancel, &r.provider.ID }))[0]
	}
	for range 10 {
		if got := cancel(); !got.Settled {
			t.Fatalf("cancel: %+v", got)
		}
	}
	intents := len(r.service.batches)
	var later *worker.LaterError
	if got := cancel(); !errors.As(got.Err, &later) || !later.Free || later.After <= 0 || len(r.service.batches) != intents {
		t.Errorf("cancel at a broken provider: %+v", got)
	}
}

func TestDispatchKeepsToAProvidersConcurrency(t *testing.T) {
	t.Parallel()
	running, finish := make(chan struct{}, 20), make(chan struct{})
	r := newRig(func(r *rig, _ *worker.ProviderOptions) {
		r.provider.Concurrency = 2
		r.adapter.answer = func(context.Context, string) (order.ExternalOrder, error) {
			running <- struct{}{}
			<-finish
			return order.ExternalOrder{}, nil
		}
	})
	tasks := newTasks(10, nil)
	done := make(chan struct{})
	go func() {
		defer close(done)
		r.run(t, tasks)
	}()
	<-running
	<-running
	// Two wait for a moment, the others are refused at once.
	testkit.Eventually(t, patience, "the rest is refused", func() bool {
		r.service.mu.Lock()
		defer r.service.mu.Unlock()
		return len(r.service.reports) == 8
	})
	if len(running) != 0 {
		t.Error("more calls ran than the provider allows")
	}
	close(finish)
	<-done
	if r.adapter.count() != 2 {
		t.Errorf("%d calls, want 2", r.adapter.count())
	}
}

func TestDispatchEndsACallAtTheProvidersTimeout(t *testing.T) {
	t.Parallel()
	r := newRig(func(r *rig, _ *worker.ProviderOptions) {
		r.provider.Timeout = 20 * time.Millisecond
		r.adapter.answer = func(ctx context.Context, _ string) (order.ExternalOrder, error) {
			<-ctx.Done()
			return order.ExternalOrder{}, ctx.Err()
		}
	})
	tasks := newTasks(1, nil)
	r.run(t, tasks)
	if got := r.service.outcomes(tasks); got[0] != order.ClassUnknown {
		t.Errorf("outcome %s", got[0])
	}
}

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
