package worker_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/boostress/boostress/fulfillment"
	"github.com/boostress/boostress/internal/testkit"
	"github.com/boostress/boostress/limit"
	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/providerapi"
	"github.com/boostress/boostress/task"
	"github.com/boostress/boostress/worker"
)

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

// TestDispatchIntendsNothingTwice: a batch whose run ends while its intents wait is not written task by task besides.
func TestDispatchIntendsNothingTwice(t *testing.T) {
	t.Parallel()
	ctx, over := context.WithCancel(t.Context())
	r := newRig(func(r *rig, _ *worker.ProviderOptions) {
		r.service.step = func(task.Task) (fulfillment.Step, error) {
			over()
			return r.step(fulfillment.StepCreate), nil
		}
	})
	tasks := newTasks(10, nil)
	var ends atomic.Int32
	r.handler.Handle(ctx, tasks, func(int, worker.Result) { ends.Add(1) })
	r.run(t, newTasks(1, nil)) // so that what waits is written
	if ends.Load() != 10 {
		t.Errorf("%d tasks ended, want 10", ends.Load())
	}
	r.service.mu.Lock()
	defer r.service.mu.Unlock()
	if diff := cmp.Diff([]int{10, 1}, r.service.batches); diff != "" {
		t.Errorf("transactions (-want +got):\n%s", diff)
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
		report := r.service.reports[one.ID]
		if !report.Unsent || report.Outcome.Class != "" {
			t.Errorf("report %+v, though nothing was sent", report)
		}
		waits = append(waits, report.Outcome.RetryAfter.Round(time.Minute))
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
	if report := r.service.reports[first[0].ID]; report.Unsent || report.Outcome.Class != order.ClassRateLimited {
		t.Errorf("report of the call %+v", report)
	}
	if report := r.service.reports[second[0].ID]; !report.Unsent || report.Outcome.RetryAfter < 59*time.Minute {
		t.Errorf("report of none %+v", report)
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
	if report := r.service.reports[tasks[0].ID]; !report.Unsent || report.Outcome.RetryAfter < 5*time.Second {
		t.Errorf("report %+v", report)
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
	// The others wait for a moment, and then are refused.
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
