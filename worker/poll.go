package worker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/boostress/boostress/fulfillment"
	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/providerapi"
	"github.com/boostress/boostress/task"
)

// Watching finds what is due to be read from a provider and takes in what it says; *fulfillment.Service does it.
type Watching interface {
	// DuePolls lists fulfillments at a provider whose status is to be read now, at most limit.
	DuePolls(ctx context.Context, providerID uuid.UUID, limit int) (order.Provider, []*order.Fulfillment, error)
	// Observe takes in what the provider said and plans when each is read again.
	Observe(ctx context.Context, provider order.Provider, seen []fulfillment.Observation) error
}

const (
	pollFor   = 30 * time.Second // one task goes on for at most so long; the next one continues
	pollMost  = 500              // fulfillments read at a time
	pollCalls = 8                // calls to a provider without bulk status at a time
)

// Poll returns the handler of POLL_PROVIDER tasks.
func Poll(service Watching, providers *Providers) Handler {
	p := &poller{service: service, providers: providers}
	return Each(p.run)
}

type poller struct {
	service   Watching
	providers *Providers
}

var errNoProvider = errors.New("the task names no provider")

// run reads what is due until nothing is, or the time for one task is over.
func (p *poller) run(ctx context.Context, t task.Task) (json.RawMessage, error) {
	if t.ProviderID == nil {
		return nil, errNoProvider
	}
	began, count := time.Now(), 0
	for time.Since(began) < pollFor {
		read, full, err := p.page(ctx, *t.ProviderID)
		count += read
		if err != nil {
			return nil, err
		}
		if !full {
			break
		}
	}
	result, err := json.Marshal(map[string]int{"read": count})
	if err != nil {
		return nil, fmt.Errorf("write result: %w", err)
	}
	return result, nil
}

// page reads as much as one call may. full: more may be due.
func (p *poller) page(ctx context.Context, providerID uuid.UUID) (read int, full bool, err error) {
	provider, due, err := p.service.DuePolls(ctx, providerID, pollMost)
	if err != nil || len(due) == 0 {
		return 0, false, err
	}
	adapter, err := p.providers.Adapters.For(ctx, provider)
	if err != nil {
		return 0, false, fmt.Errorf("open adapter: %w", err)
	}
	full = len(due) == pollMost
	bulk, ok := adapter.(providerapi.BulkStatuser)
	size := adapter.Capabilities().BulkStatusSize
	if !ok || size <= 0 {
		read, err = p.oneByOne(ctx, provider, adapter, due)
		return read, full, err
	}
	for len(due) > 0 {
		count := min(size, len(due))
		if err := p.together(ctx, provider, bulk, due[:count]); err != nil {
			return read, false, err
		}
		read, due = read+count, due[count:]
	}
	return read, full, nil
}

// together reads fulfillments in one call.
func (p *poller) together(
	ctx context.Context, provider order.Provider, adapter providerapi.BulkStatuser, due []*order.Fulfillment,
) error {
	ids := make([]string, len(due))
	for i, f := range due {
		ids[i] = f.ExternalID
	}
	var found []order.ExternalOrder
	err := p.ask(ctx, provider, func(ctx context.Context) (_ order.ExternalOrder, err error) {
		found, err = adapter.GetMany(ctx, ids)
		return order.ExternalOrder{}, err
	})
	if err != nil {
		return err
	}
	byID := make(map[string]*order.ExternalOrder, len(found))
	for i := range found {
		byID[found[i].ExternalID] = &found[i]
	}
	seen := make([]fulfillment.Observation, len(due))
	for i, f := range due {
		seen[i] = fulfillment.Observation{
			OrderID: f.OrderID, FulfillmentID: f.ID, DueAt: f.NextPollAt, Order: byID[f.ExternalID],
		}
	}
	return p.service.Observe(ctx, provider, seen)
}

// oneByOne reads fulfillments in a call each, a few at a time. Those that can't be read wait for their next turn, so that
// they hold up no others, unless none can be read at all.
func (p *poller) oneByOne(
	ctx context.Context, provider order.Provider, adapter providerapi.Provider, due []*order.Fulfillment,
) (int, error) {
	seen := make([]fulfillment.Observation, len(due))
	errs := make([]error, len(due))
	turns := make(chan struct{}, pollCalls)
	var calls sync.WaitGroup
	for i, f := range due {
		turns <- struct{}{}
		calls.Go(func() {
			defer func() { <-turns }()
			seen[i], errs[i] = p.readOne(ctx, provider, adapter, f)
		})
	}
	calls.Wait()
	var list []fulfillment.Observation
	var failed, postponed error
	good := 0
	for i, err := range errs {
		if _, later := errors.AsType[*LaterError](err); later {
			postponed = err
			continue
		}
		if err != nil {
			failed = err
		} else {
			good++
		}
		list = append(list, seen[i])
	}
	switch {
	case good == 0 && postponed != nil:
		return 0, postponed
	case good == 0:
		return 0, failed
	}
	if failed != nil {
		p.providers.Log.WarnContext(ctx, "some fulfillments can't be read", "provider", provider.ID, "error", failed)
	}
	return len(list), errors.Join(p.service.Observe(ctx, provider, list), postponed)
}

func (p *poller) readOne(
	ctx context.Context, provider order.Provider, adapter providerapi.Provider, f *order.Fulfillment,
) (fulfillment.Observation, error) {
	seen := fulfillment.Observation{OrderID: f.OrderID, FulfillmentID: f.ID, DueAt: f.NextPollAt}
	err := p.ask(ctx, provider, func(ctx context.Context) (order.ExternalOrder, error) {
		found, err := adapter.Get(ctx, f.ExternalID)
		if err == nil {
			seen.Order = &found
		}
		return found, err
	})
	if errors.Is(err, providerapi.ErrAbsent) {
		err = nil
	}
	return seen, err
}

// ask makes one call, when the provider may be called. Errors that tell how long to wait come back as LaterError.
func (p *poller) ask(
	ctx context.Context, provider order.Provider, do func(context.Context) (order.ExternalOrder, error),
) error {
	got, wait, _ := p.providers.gate.tokens(ctx, provider, 1)
	if got == 0 {
		return &LaterError{After: wait, Reason: "the provider's rate allows no call now", Free: true}
	}
	leave, refused := p.providers.gate.enter(ctx, provider, operationStatus)
	if refused != nil {
		return &LaterError{After: refused.after, Reason: refused.reason, Free: true}
	}
	_, took, err := p.providers.timed(ctx, provider, operationStatus, leave, do)
	if err == nil || errors.Is(err, providerapi.ErrAbsent) {
		return err
	}
	outcome := providerapi.OutcomeOf(order.ExternalOrder{}, err, took)
	p.providers.gate.limited(ctx, provider, &outcome)
	if outcome.RetryAfter > 0 {
		return &LaterError{After: outcome.RetryAfter, Reason: outcome.Message, Free: outcome.Class == order.ClassRateLimited, Class: classOf(err)}
	}
	return fmt.Errorf("read status: %w", err)
}
