package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/boostress/boostress/internal/gqlclient"
)

// load is what places orders and watches them.
type load struct {
	client *gqlclient.Client
	names  atomic.Int64 // makes references unique
}

var errRefused = errors.New("refused")

const (
	createMany = `mutation($input: CreateOrdersInput!) { createOrders(input: $input) {
  orders { id } userErrors { field code message } } }`
	createOne = `mutation($input: CreateOrderInput!) { createOrder(input: $input) {
  order { id status } userErrors { field code message } } }`
	watchAll = `subscription { ordersChanged { cursor kind occurredAt sequence order { id status } } }`
)

type faults []struct {
	Field         []string
	Code, Message string
}

func (f faults) err() error {
	if len(f) == 0 {
		return nil
	}
	return fmt.Errorf("%w: %v", errRefused, f[0])
}

// inputOf makes the variables of a mutation.
func inputOf(input map[string]any) map[string]any { return map[string]any{"input": input} }

func (l *load) draft() map[string]any {
	return map[string]any{
		"reference": fmt.Sprintf("bench-%d", l.names.Add(1)), "category": benchCategory,
		"destination": map[string]any{"name": "Ada", "countryCode": "GB"},
		"budget":      map[string]any{"amount": "50.00", "currency": "EUR"},
		"lines":       []any{map[string]any{"serviceType": benchService, "quantity": 2}},
	}
}

// createBatch places count orders with one createOrders.
func (l *load) createBatch(ctx context.Context, count int) error {
	drafts := make([]map[string]any, count)
	for i := range drafts {
		drafts[i] = l.draft()
	}
	var result struct{ CreateOrders struct{ UserErrors faults } }
	err := l.client.Do(ctx, createMany, inputOf(map[string]any{"orders": drafts}), &result)
	return errors.Join(err, result.CreateOrders.UserErrors.err())
}

// createSingle places one order with one createOrder.
func (l *load) createSingle(ctx context.Context) error {
	var result struct{ CreateOrder struct{ UserErrors faults } }
	err := l.client.Do(ctx, createOne, inputOf(l.draft()), &result)
	return errors.Join(err, result.CreateOrder.UserErrors.err())
}

// repeat calls do count times, clients at a time.
func repeat(ctx context.Context, count, clients int, do func(context.Context) error) error {
	var left atomic.Int64
	left.Store(int64(count))
	group, ctx := errgroup.WithContext(ctx)
	for range clients {
		group.Go(func() error {
			for left.Add(-1) >= 0 {
				if err := do(ctx); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return fmt.Errorf("load: %w", err)
	}
	return nil
}

// pace calls do every interval for as long as span, each call on its own goroutine, so that a slow one delays none.
func pace(ctx context.Context, interval, span time.Duration, do func(context.Context) error) error {
	group, ctx := errgroup.WithContext(ctx)
	tick := time.NewTicker(interval)
	defer tick.Stop()
	end := time.After(span)
	for {
		select {
		case <-end:
			if err := group.Wait(); err != nil {
				return fmt.Errorf("load: %w", err)
			}
			return nil
		case <-ctx.Done():
			return group.Wait() //nolint:wrapcheck // a call's own error
		case <-tick.C:
			group.Go(func() error { return do(ctx) })
		}
	}
}

// watcher collects how long events took from their transaction's start to a subscriber.
type watcher struct {
	socket *gqlclient.Socket
	sub    *gqlclient.Subscription
	mu     sync.Mutex
	delays []time.Duration
	done   chan struct{}
}

const watchBuffer = 10_000

func (l *load) watch(ctx context.Context) (*watcher, error) {
	socket, err := l.client.Dial(ctx)
	if err != nil {
		return nil, fmt.Errorf("watch: %w", err)
	}
	sub, err := socket.Subscribe(watchAll, nil, watchBuffer)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("watch: %w", err), socket.Close())
	}
	w := &watcher{socket: socket, sub: sub, done: make(chan struct{})}
	go w.collect()
	return w, nil
}

func (w *watcher) collect() {
	defer close(w.done)
	for data := range w.sub.Next {
		arrived := time.Now()
		var event struct {
			OrdersChanged struct {
				OccurredAt time.Time `json:"occurredAt"`
			} `json:"ordersChanged"`
		}
		if json.Unmarshal(data, &event) != nil {
			continue
		}
		w.mu.Lock()
		w.delays = append(w.delays, arrived.Sub(event.OrdersChanged.OccurredAt))
		w.mu.Unlock()
	}
}

// end stops watching and returns the delays, sorted.
func (w *watcher) end() ([]time.Duration, error) {
	err := w.socket.Close()
	<-w.done
	slices.Sort(w.delays)
	return w.delays, err
}

func percentile(sorted []time.Duration, percent int) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(len(sorted)-1, len(sorted)*percent/100)]
}
