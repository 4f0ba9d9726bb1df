package worker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/boostress/boostress/fulfillment"
	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/providerapi"
	"github.com/boostress/boostress/task"
)

// Cataloging keeps what providers say of themselves; *fulfillment.Service does it.
type Cataloging interface {
	// Provider reads the provider to be called.
	Provider(ctx context.Context, providerID uuid.UUID) (order.Provider, error)
	// RecordCheck keeps what a check found.
	RecordCheck(ctx context.Context, providerID uuid.UUID, found fulfillment.Checked) error
	// Sync reads a synchronization with its provider.
	Sync(ctx context.Context, syncID uuid.UUID) (order.OfferSync, order.Provider, error)
	// FinishSync takes in what a provider lists.
	FinishSync(ctx context.Context, syncID uuid.UUID, listed []order.ExternalOffer) (*order.OfferSync, error)
	// FailSync ends a synchronization whose provider can't be asked.
	FailSync(ctx context.Context, syncID uuid.UUID, reason string) error
}

// Beginning begins synchronizations in tasks of schedules; *scheduling.Service does it.
type Beginning interface {
	// BeginSync begins one, for which the task stands from then on, unless an earlier one is running.
	BeginSync(ctx context.Context, t task.Task) (sync *order.OfferSync, ours bool, err error)
}

type cataloger struct {
	service   Cataloging
	beginning Beginning
	providers *Providers
}

// CheckProvider returns the handler of CHECK_PROVIDER tasks: it asks the provider whether it knows us, and for the
// balance, where it can be asked.
func CheckProvider(service Cataloging, providers *Providers) Handler {
	return Each((&cataloger{service: service, providers: providers}).check)
}

// SyncOffers returns the handler of SYNC_OFFERS tasks: it reads what the provider lists, outside of any transaction. Those
// that schedules began are begun first.
func SyncOffers(service Cataloging, beginning Beginning, providers *Providers) Handler {
	return Each((&cataloger{service, beginning, providers}).sync)
}

func (c *cataloger) check(ctx context.Context, t task.Task) (json.RawMessage, error) {
	if t.ProviderID == nil {
		return nil, errNoProvider
	}
	provider, err := c.service.Provider(ctx, *t.ProviderID)
	if err != nil {
		return nil, refused("read provider", err)
	}
	if err := gone(&t, provider); err != nil {
		return nil, err
	}
	found, err := c.look(ctx, provider)
	if err != nil {
		return nil, err
	}
	if err := c.service.RecordCheck(ctx, provider.ID, found); err != nil {
		return nil, fmt.Errorf("record check: %w", err)
	}
	return answer(map[string]any{"ok": found.Problem == "", "problem": found.Problem})
}

// look fails only where the provider may not be called now.
func (c *cataloger) look(ctx context.Context, provider order.Provider) (found fulfillment.Checked, err error) {
	adapter, failed := c.providers.Adapters.For(ctx, provider)
	if failed != nil {
		found.Problem, found.Class = "its adapter can't be opened: "+failed.Error(), order.ClassNeedsAction
		return found, nil //nolint:nilerr // that is what was found
	}
	pinger, pings := adapter.(providerapi.Pinger)
	balancer, balances := adapter.(providerapi.Balancer)
	if !pings && !balances {
		return fulfillment.Checked{Problem: "its adapter has nothing to check", Class: order.ClassUnsupported}, nil
	}
	if pings {
		err = c.ask(ctx, provider, pinger.Ping)
	}
	if err == nil && balances {
		err = c.ask(ctx, provider, func(ctx context.Context) error {
			balance, err := balancer.Balance(ctx)
			if err == nil {
				found.Balance = &balance
			}
			return err
		})
		if providerapi.ClassOf(err) == order.ClassUnsupported && pings {
			err = nil // it tells no balance, which is no problem
		}
	}
	if _, later := errors.AsType[*LaterError](err); later || ctx.Err() != nil {
		return found, err
	}
	if err != nil {
		outcome := providerapi.OutcomeOf(order.ExternalOrder{}, err, 0)
		found.Problem, found.Class = outcome.Message, outcome.Class
		if found.Problem == "" {
			found.Problem = string(outcome.Class)
		}
	}
	return found, nil
}

// ask makes one call, when the provider's rate allows it, within the provider's time.
func (c *cataloger) ask(ctx context.Context, provider order.Provider, do func(context.Context) error) error {
	got, wait, _ := c.providers.gate.tokens(ctx, provider, 1)
	if got == 0 {
		return &LaterError{After: wait, Reason: "the provider's rate allows no call now", Free: true}
	}
	timeout := provider.Timeout
	if timeout <= 0 {
		timeout = defaultTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	return guard(func() error { return do(ctx) })
}

func (c *cataloger) sync(ctx context.Context, t task.Task) (json.RawMessage, error) {
	var arguments fulfillment.SyncArguments
	if err := json.Unmarshal(t.Arguments, &arguments); err != nil {
		return nil, fmt.Errorf("read arguments: %w", err)
	}
	sync, provider, ended, err := c.open(ctx, t, arguments)
	if err != nil || ended != nil {
		return ended, err
	}
	listed, err := c.list(ctx, provider)
	if err == nil {
		ended, err := c.service.FinishSync(ctx, sync.ID, listed)
		if err != nil {
			return nil, err
		}
		return answer(map[string]any{"state": ended.State, "listed": len(listed)})
	}
	if errors.Is(context.Cause(ctx), errRevoked) {
		recording := lasting(ctx)
		ending := persist(recording, func() error { return c.service.FailSync(recording, sync.ID, task.RevokedMessage) })
		return nil, errors.Join(err, ending)
	}
	if _, later := errors.AsType[*LaterError](err); later || ctx.Err() != nil {
		return nil, err
	}
	outcome := providerapi.OutcomeOf(order.ExternalOrder{}, err, 0)
	passing := outcome.Class == order.ClassRetryable || outcome.Class == order.ClassRateLimited || outcome.Class == order.ClassUnknown
	if passing && t.Attempt < t.MaxAttempts {
		return nil, fmt.Errorf("list offers: %w", err)
	}
	if err := c.service.FailSync(ctx, sync.ID, outcome.Message); err != nil {
		return nil, fmt.Errorf("fail synchronization: %w", err)
	}
	return answer(map[string]any{"state": order.SyncFailed, "problem": outcome.Message})
}

// open reads the synchronization of a task, or begins it. ended is what comes of a task that has nothing to do any more.
func (c *cataloger) open(ctx context.Context, t task.Task, arguments fulfillment.SyncArguments) (
	sync order.OfferSync, provider order.Provider, ended json.RawMessage, err error,
) {
	if arguments.SyncID == uuid.Nil {
		return c.begin(ctx, t)
	}
	sync, provider, err = c.service.Sync(ctx, arguments.SyncID)
	switch {
	case err != nil:
		return sync, provider, nil, fmt.Errorf("read synchronization: %w", err)
	case sync.State == order.SyncRunning:
		return sync, provider, nil, nil
	case arguments.ProviderID != uuid.Nil && t.Attempt <= 1:
		return c.begin(ctx, t) // a person has done again what another task did
	}
	ended, err = answer(map[string]any{"state": sync.State})
	return sync, provider, ended, err
}

// begin begins the synchronization that a schedule wants.
func (c *cataloger) begin(ctx context.Context, t task.Task) (
	sync order.OfferSync, provider order.Provider, ended json.RawMessage, err error,
) {
	begun, ours, err := c.beginning.BeginSync(ctx, t)
	var faults order.Faults
	switch {
	case errors.As(err, &faults) && faults[0].Code == order.CodeConflict:
		return sync, provider, nil, &LaterError{After: syncWait, Reason: faults[0].Message, Free: true}
	case err != nil:
		return sync, provider, nil, refused("begin synchronization", err)
	case !ours:
		ended, err = answer(map[string]any{"state": begun.State, "offerSyncId": begun.ID})
		return sync, provider, ended, err
	}
	if sync, provider, err = c.service.Sync(ctx, begun.ID); err != nil {
		return sync, provider, nil, fmt.Errorf("read synchronization: %w", err)
	}
	return sync, provider, nil, nil
}

// syncWait is how long a task waits for another synchronization of its provider to end.
const syncWait = time.Minute

// gone fails for good where a schedule is about a provider that is deleted.
func gone(t *task.Task, provider order.Provider) error {
	if t.ScheduleID == nil || provider.DeletedAt == nil {
		return nil
	}
	return refused("call provider", fmt.Errorf("provider %s was deleted: %w", provider.ID, order.ErrNotFound))
}

var errNoCatalog = &providerapi.Error{Class: order.ClassUnsupported, Message: "its adapter can't list offers"}

func (c *cataloger) list(ctx context.Context, provider order.Provider) (listed []order.ExternalOffer, err error) {
	adapter, err := c.providers.Adapters.For(ctx, provider)
	if err != nil {
		return nil, &providerapi.Error{Class: order.ClassNeedsAction, Message: "its adapter can't be opened: " + err.Error()}
	}
	lister, ok := adapter.(providerapi.OfferLister)
	if !ok {
		return nil, errNoCatalog
	}
	err = c.ask(ctx, provider, func(ctx context.Context) (err error) {
		listed, err = lister.Offers(ctx)
		return err
	})
	return listed, err
}

func answer(value map[string]any) (json.RawMessage, error) {
	text, err := json.Marshal(value)
	if err != nil {
		return nil, fmt.Errorf("write result: %w", err)
	}
	return text, nil
}
