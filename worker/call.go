package worker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/boostress/boostress/fulfillment"
	"github.com/boostress/boostress/internal/failpoint"
	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/providerapi"
	"github.com/boostress/boostress/store"
)

// defaultTimeout is a provider's where it has none.
const defaultTimeout = 30 * time.Second

// carryOut makes the call of a report's step and fills in what came of it.
func (p *Providers) carryOut(ctx context.Context, report *fulfillment.Report) {
	step := &report.Step
	adapter, err := p.Adapters.For(ctx, step.Provider)
	if err != nil {
		report.Broke = breakdownOf(err)
		report.Outcome = order.Outcome{Class: order.ClassRetryable, Message: "its adapter can't be opened: " + err.Error()}
		return
	}
	op := operationOf(step.Kind)
	leave, refused := p.gate.enter(ctx, step.Provider, op)
	if refused != nil {
		report.Unsent, report.Outcome = true, refused.outcome()
		return
	}
	var exchange providerapi.Exchange
	placed, took, err := p.timed(ctx, step.Provider, op, leave, func(ctx context.Context) (order.ExternalOrder, error) {
		return call(providerapi.Capture(ctx, &exchange), adapter, step)
	})
	if step.Kind == fulfillment.StepCreate {
		failpoint.Hit(failpoint.WorkerAnswered)
	}
	if step.Kind == fulfillment.StepFind && errors.Is(err, providerapi.ErrAbsent) {
		report.Absent, err = true, nil
	}
	if err != nil {
		report.Broke = breakdownOf(err)
	}
	report.Outcome = providerapi.OutcomeOf(placed, err, took)
	report.Outcome.Request, report.Outcome.Response = exchange.Request, exchange.Response
	p.gate.limited(ctx, step.Provider, &report.Outcome)
}

func operationOf(kind fulfillment.StepKind) operation {
	switch kind {
	case fulfillment.StepFind:
		return operationFind
	case fulfillment.StepCancel:
		return operationCancel
	case fulfillment.StepCreate, fulfillment.StepNone:
	}
	return operationCreate
}

// timed makes a call within the provider's timeout, as long as the claim holds, and tells the breaker and the metrics of
// it. A panic of the adapter counts as an unknown outcome.
func (p *Providers) timed(
	ctx context.Context, provider order.Provider, op operation, leave leaving,
	do func(context.Context) (order.ExternalOrder, error),
) (answer order.ExternalOrder, took time.Duration, err error) {
	timeout := provider.Timeout
	if timeout <= 0 {
		timeout = defaultTimeout
	}
	calling, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	calling = providerapi.WithCheck(calling, func() error { return Check(ctx) })
	began := time.Now()
	if err = Check(ctx); err != nil {
		err = &providerapi.Error{Class: order.ClassRetryable, Message: "nothing was sent", Err: err}
	} else {
		err = guard(func() (err error) {
			answer, err = do(calling)
			return err
		})
	}
	took = time.Since(began)
	p.gate.note(provider.ID, took)
	class := providerapi.ClassOf(err)
	if errors.Is(err, providerapi.ErrAbsent) {
		class = order.ClassAccepted
	}
	p.Metrics.called(provider.Name, string(op), string(class), took)
	if ctx.Err() != nil {
		class = order.ClassAccepted // we gave up, which says nothing about the provider
	}
	p.share(ctx, provider, op, leave(class))
	if failure, ok := errors.AsType[*panicked](err); ok {
		p.Log.ErrorContext(ctx, "adapter panicked", "provider", provider.ID, "error", err, "stack", string(failure.stack))
	}
	return answer, took, err
}

// shareTime bounds how long a call waits for others to be told of its breaker: they would find out by themselves.
const shareTime = 2 * time.Second

// share tells the other processes that a breaker opened or closed. Only then: not with every call.
func (p *Providers) share(ctx context.Context, provider order.Provider, op operation, did turn) {
	if did == turnNone || p.Breakers == nil {
		return
	}
	ctx, cancel := context.WithTimeout(lasting(ctx), shareTime)
	defer cancel()
	breaker := store.Breaker{AccountID: provider.AccountID, ProviderID: provider.ID, Operation: string(op), WorkerID: p.id}
	var err error
	if did == turnOpened {
		p.Log.WarnContext(ctx, "provider fails and is left alone for a while", "provider", provider.ID, "operation", op)
		err = p.Breakers.OpenBreaker(ctx, breaker, p.gate.closedFor(provider.ID, op))
	} else {
		p.Log.InfoContext(ctx, "provider answers again", "provider", provider.ID, "operation", op)
		err = p.Breakers.CloseBreaker(ctx, breaker)
	}
	if err != nil {
		p.Log.WarnContext(ctx, "others don't know of a breaker", "provider", provider.ID, "operation", op, "error", err)
	}
}

// call makes the call that a step allows.
func call(ctx context.Context, adapter providerapi.Provider, step *fulfillment.Step) (order.ExternalOrder, error) {
	switch step.Kind {
	case fulfillment.StepCreate:
		request := step.Request
		return adapter.Create(failpoint.Sent(ctx, failpoint.WorkerSent), providerapi.CreateRequest{
			Key: step.Attempt.Key, OrderReference: request.OrderReference, OfferID: request.OfferExternalID,
			ServiceType: request.ServiceType, Quantity: request.Quantity, UnitPrice: request.UnitPrice,
			Destination: request.Destination, Attributes: request.Attributes, Deadline: request.Deadline,
		})
	case fulfillment.StepFind:
		finder, ok := adapter.(providerapi.ReferenceFinder)
		if !ok {
			return order.ExternalOrder{}, &providerapi.Error{Class: order.ClassUnsupported, Message: "it can't be asked by key"}
		}
		return finder.FindByKey(ctx, step.Attempt.Key)
	case fulfillment.StepCancel:
		return adapter.Cancel(ctx, step.ExternalID, step.Attempt.Key)
	case fulfillment.StepNone:
	}
	return order.ExternalOrder{}, fmt.Errorf("%w: %d", errStep, step.Kind)
}

var errStep = errors.New("no call belongs to this step")
