package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/boostress/boostress/fulfillment"
	"github.com/boostress/boostress/internal/failpoint"
	"github.com/boostress/boostress/internal/group"
	"github.com/boostress/boostress/internal/id"
	"github.com/boostress/boostress/limit"
	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/providerapi"
	"github.com/boostress/boostress/store"
	"github.com/boostress/boostress/task"
)

// Dispatching writes intents and outcomes; *fulfillment.Service does it.
type Dispatching interface {
	// IntendIf prepares claimed tasks, as far as they are admitted, in one transaction and returns the call that each
	// allows.
	IntendIf(ctx context.Context, tasks []task.Task, admit fulfillment.Admit) ([]fulfillment.Step, error)
	// Record writes what came of calls in one transaction; see fulfillment.ErrStale for the first result.
	Record(ctx context.Context, reports []fulfillment.Report) ([]error, error)
}

// Adapters opens the adapters of providers; *providerapi.Pool does it.
type Adapters interface {
	For(ctx context.Context, provider order.Provider) (providerapi.Provider, error)
}

// ProviderOptions wire the handlers that call providers. Adapters is required.
type ProviderOptions struct {
	Adapters Adapters
	// Rates are shared by all processes; default: this process only.
	Rates *limit.Rates
	// Rate is how often a provider may be called; default: as its own rate limit says.
	Rate func(order.Provider) limit.Rate
	// Breakers is told when one opens or closes; default: nobody is.
	Breakers Breakers
	Log      *slog.Logger
	Metrics  *Metrics
}

// Breakers shares what one process's breakers do with the others; *store.Store does it.
type Breakers interface {
	OpenBreaker(ctx context.Context, b store.Breaker, while time.Duration) error
	CloseBreaker(ctx context.Context, b store.Breaker) error
}

// Providers calls providers for the handlers, which share its breakers, rates and concurrency.
type Providers struct {
	ProviderOptions

	gate *gate
	id   uuid.UUID // of this process's breakers
}

// NewProviders returns a Providers for all handlers of a process.
func NewProviders(options ProviderOptions) *Providers {
	if options.Rates == nil {
		options.Rates = limit.NewRates(nil, limit.RatesOptions{})
	}
	if options.Log == nil {
		options.Log = slog.New(slog.DiscardHandler)
	}
	if options.Metrics == nil {
		options.Metrics = NewMetrics(nil)
	}
	return &Providers{ProviderOptions: options, gate: newGate(options.Rates, options.Rate), id: id.New(id.Worker)}
}

const (
	mostIntents = 8   // batches in one transaction
	mostRecords = 200 // reports in one transaction
	groupLanes  = 2   // such transactions at a time
)

// dispatcher handles DISPATCH and CANCEL tasks: intent, call, outcome.
type dispatcher struct {
	service   Dispatching
	providers *Providers
	intents   *group.Group[[]task.Task, []fulfillment.Step]
	records   *group.Group[fulfillment.Report, error]
}

// Dispatch returns the handler of DISPATCH and CANCEL tasks.
func Dispatch(service Dispatching, providers *Providers) Handler {
	d := &dispatcher{service: service, providers: providers}
	d.intents = group.New(mostIntents, groupLanes, d.intend)
	d.records = group.New(mostRecords, groupLanes, d.record)
	return d
}

// Handle writes the intents of all tasks together and then makes the calls side by side.
func (d *dispatcher) Handle(ctx context.Context, tasks []task.Task, end func(int, Result)) {
	defer d.providers.gate.release(tasks...)
	var ready []task.Task
	var places []int
	for place, t := range tasks {
		if wait := d.closedFor(&t); wait > 0 {
			end(place, Result{Err: &LaterError{After: wait, Reason: "the provider is left alone for a while", Free: true}})
			continue
		}
		ready, places = append(ready, t), append(places, place)
	}
	steps, errs := d.steps(ctx, ready)
	refused := d.limit(ctx, steps)
	var calls sync.WaitGroup
	for i := range steps {
		calls.Go(func() {
			if errs[i] != nil {
				end(places[i], Result{Err: errs[i]})
				return
			}
			var result Result
			run := runOf(ctx, &ready[i])
			if err := guard(func() error { result = d.carryOut(run, &steps[i], refused[i]); return nil }); err != nil {
				result = Result{Err: err}
			}
			d.providers.gate.release(ready[i])
			end(places[i], result)
		})
	}
	calls.Wait()
}

// closedFor returns how long a task waits because its provider, known before any intent, is not called now.
func (d *dispatcher) closedFor(t *task.Task) time.Duration {
	if t.Kind != task.KindCancel || t.ProviderID == nil {
		return 0
	}
	return d.providers.gate.closedFor(*t.ProviderID, operationCancel)
}

// steps writes the intents of tasks: all together, and where that fails, one by one, so that a bad one sinks no
// neighbor. Where the run ends first, they may still be written, by whoever has them in a group: not once more then.
func (d *dispatcher) steps(ctx context.Context, tasks []task.Task) ([]fulfillment.Step, []error) {
	errs := make([]error, len(tasks))
	if len(tasks) == 0 {
		return nil, nil
	}
	steps, err := d.intents.Do(ctx, tasks)
	if err == nil || len(tasks) == 1 {
		if err != nil {
			steps, errs[0] = make([]fulfillment.Step, 1), err
		}
		return steps, errs
	}
	steps = make([]fulfillment.Step, len(tasks))
	if ctx.Err() != nil {
		for i := range errs {
			errs[i] = err
		}
		return steps, errs
	}
	for i := range tasks {
		one, err := d.intents.Do(ctx, tasks[i:i+1])
		if errs[i] = err; err == nil {
			steps[i] = one[0]
		}
	}
	return steps, errs
}

func (d *dispatcher) intend(ctx context.Context, batches [][]task.Task) ([][]fulfillment.Step, error) {
	var all []task.Task
	for _, batch := range batches {
		all = append(all, batch...)
	}
	var steps []fulfillment.Step
	err := guard(func() (err error) {
		steps, err = d.service.IntendIf(ctx, all, d.providers.gate.admit)
		return err
	})
	if err != nil {
		return nil, err
	}
	failpoint.Hit(failpoint.WorkerIntended)
	parts := make([][]fulfillment.Step, len(batches))
	for i, batch := range batches {
		parts[i], steps = steps[:len(batch)], steps[len(batch):]
	}
	return parts, nil
}

func (d *dispatcher) record(ctx context.Context, reports []fulfillment.Report) (errs []error, err error) {
	err = guard(func() (err error) {
		errs, err = d.service.Record(ctx, reports)
		return err
	})
	failpoint.Hit(failpoint.WorkerRecorded)
	return errs, err
}

// limit takes tokens for the steps' calls, provider by provider, and refuses those that get none.
func (d *dispatcher) limit(ctx context.Context, steps []fulfillment.Step) []*refusal {
	refused := make([]*refusal, len(steps))
	calls := make(map[uuid.UUID][]int)
	for i := range steps {
		if steps[i].Kind != fulfillment.StepNone {
			calls[steps[i].Provider.ID] = append(calls[steps[i].Provider.ID], i)
		}
	}
	for _, places := range calls {
		provider := steps[places[0]].Provider
		got, wait, every := d.providers.gate.tokens(ctx, provider, len(places))
		d.providers.gate.lacks(provider.ID, len(places)-got, wait, every)
		for nth, place := range places[got:] {
			after := wait + time.Duration(nth)*every
			refused[place] = &refusal{after, "the provider's rate allows no call now"}
		}
	}
	return refused
}

// carryOut makes a step's call, unless it is refused, and records what came of it.
func (d *dispatcher) carryOut(ctx context.Context, step *fulfillment.Step, refused *refusal) Result {
	if step.Kind == fulfillment.StepNone {
		return Result{Settled: true}
	}
	report := fulfillment.Report{Step: *step}
	if refused != nil {
		report.Unsent, report.Outcome = true, refused.outcome()
	} else {
		d.providers.carryOut(ctx, &report)
	}
	// The run may be over, by its worker's silence or its end; what the provider said is recorded all the same, as long
	// as the claim holds.
	recording := lasting(ctx)
	err := persist(recording, func() error {
		stale, err := d.records.Do(recording, report)
		return errors.Join(stale, err)
	})
	switch {
	case errors.Is(err, fulfillment.ErrStale):
		d.providers.Log.WarnContext(ctx, "outcome dropped, somebody else goes on with the task",
			"task", step.Task.ID, "class", report.Outcome.Class)
		return Result{Settled: true}
	case err != nil:
		return Result{Err: fmt.Errorf("record outcome: %w", err)}
	}
	return Result{Settled: true}
}
