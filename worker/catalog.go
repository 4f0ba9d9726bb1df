package worker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

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

type cataloger struct {
	service   Cataloging
	providers *Providers
}

// CheckProvider returns the handler of CHECK_PROVIDER tasks: it asks the provider whether it knows us, and for the
// balance, where it can be asked.
func CheckProvider(service Cataloging, providers *Providers) Handler {
	return Each((&cataloger{service, providers}).check)
}

// SyncOffers returns the handler of SYNC_OFFERS tasks: it reads what the provider lists, outside of any transaction.
func SyncOffers(service Cataloging, providers *Providers) Handler {
	return Each((&cataloger{service, providers}).sync)
}

func (c *cataloger) check(ctx context.Context, t task.Task) (json.RawMessage, error) {
	if t.ProviderID == nil {
		return nil, errNoProvider
	}
	provider, err := c.service.Provider(ctx, *t.ProviderID)
	if err != nil {
		return nil, fmt.Errorf("read provider: %w", err)
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
	sync, provider, err := c.service.Sync(ctx, arguments.SyncID)
	if err != nil {
		return nil, fmt.Errorf("read synchronization: %w", err)
	}
	if sync.State != order.SyncRunning {
		return answer(map[string]any{"state": sync.State})
	}
	listed, err := c.list(ctx, provider)
	if err == nil {
		ended, err := c.service.FinishSync(ctx, sync.ID, listed)
		if err != nil {
			return nil, err
		}
		return answer(map[string]any{"state": ended.State, "listed": len(listed)})
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
