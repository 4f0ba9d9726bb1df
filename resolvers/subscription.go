package resolvers

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"github.com/boostress/boostress/graph"
	"github.com/boostress/boostress/live"
	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/store"
	"github.com/boostress/boostress/task"
)

// OrderChanged watches one order: from its latest event on, or behind a cursor.
func (s subscription) OrderChanged(ctx context.Context, id uuid.UUID, after *string) (<-chan *order.Event, error) {
	from := live.Latest()
	if after != nil {
		from = live.After(*after)
	}
	return s.watch(ctx, live.Filter{OrderID: &id}, from)
}

// OrdersChanged watches the account's orders: from now on, or behind a cursor.
func (s subscription) OrdersChanged(ctx context.Context, filter *graph.OrderFilter, after *string) (<-chan *order.Event, error) {
	from := live.Now()
	if after != nil {
		from = live.After(*after)
	}
	var wanted live.Filter
	if filter != nil {
		selected := orderFilter(filter)
		wanted.Match = func(event *order.Event) bool { return selected.Match(event.OrderAt()) }
	}
	return s.watch(ctx, wanted, from)
}

func (s subscription) watch(ctx context.Context, filter live.Filter, from live.From) (<-chan *order.Event, error) {
	principal, err := who(ctx)
	if err != nil {
		return nil, err
	}
	filter.AccountID = principal.AccountID
	events, err := s.options.Live.Subscribe(ctx, filter, from)
	if err != nil {
		return nil, err
	}
	return live.Stream(ctx, events, func(delivery live.Delivery) *order.Event {
		event := *delivery.Event // shared with other subscribers
		event.Cursor = delivery.Cursor
		return &event
	}), nil
}

// FulfillmentChanged sends a fulfillment as it is, and reads and sends it again after each event about it.
func (s subscription) FulfillmentChanged(ctx context.Context, id uuid.UUID) (<-chan *order.Fulfillment, error) {
	principal, err := who(ctx)
	if err != nil {
		return nil, err
	}
	// Watched before it is read: what changes in between is sent once too often rather than never.
	events, err := s.options.Live.Subscribe(ctx, live.Filter{AccountID: principal.AccountID, FulfillmentID: &id}, live.Now())
	if err != nil {
		return nil, err
	}
	read := func(ctx context.Context) (*order.Fulfillment, error) {
		found, err := s.options.Store.Fulfillments(ctx, principal.AccountID, []uuid.UUID{id})
		if err != nil {
			return nil, err
		}
		if found[id] == nil {
			return nil, fmt.Errorf("fulfillment %s: %w", id, order.ErrNotFound)
		}
		return found[id], nil
	}
	first, err := read(ctx)
	if err != nil {
		events.Close()
		return nil, err
	}
	return live.Stream(ctx, &fulfillmentSource{events: events, first: first, read: read},
		func(f *order.Fulfillment) *order.Fulfillment { return f }), nil
}

// fulfillmentSource reads a fulfillment anew after each of its events.
type fulfillmentSource struct {
	events *live.Subscription
	first  *order.Fulfillment
	read   func(context.Context) (*order.Fulfillment, error)
}

// Next returns the fulfillment as it is after something happened to it.
func (f *fulfillmentSource) Next(ctx context.Context) (*order.Fulfillment, error) {
	if first := f.first; first != nil {
		f.first = nil
		return first, nil
	}
	if _, err := f.events.Next(ctx); err != nil {
		return nil, err
	}
	return f.read(ctx)
}

// Close stops watching.
func (f *fulfillmentSource) Close() { f.events.Close() }

// TaskResultRecorded watches runs as they end.
func (s subscription) TaskResultRecorded(ctx context.Context, filter *graph.TaskResultFilter) (<-chan *task.Task, error) {
	principal, err := who(ctx)
	if err != nil {
		return nil, err
	}
	wanted := live.ResultFilter{AccountID: principal.AccountID}
	if filter != nil {
		selected := taskFilter(filter)
		wanted.Match = selected.Match
	}
	results, err := s.options.Live.SubscribeResults(ctx, wanted)
	if err != nil {
		return nil, err
	}
	return live.Stream(ctx, results, func(t *task.Task) *task.Task { return t }), nil
}

const (
	usualTick    = 5 * time.Second
	shortestTick = time.Second
	longestTick  = time.Hour
)

// StatisticsUpdated counts at once and then at every tick; who watches the same account shares the counts.
func (s subscription) StatisticsUpdated(ctx context.Context, every *time.Duration) (<-chan *graph.Statistics, error) {
	principal, err := who(ctx)
	if err != nil {
		return nil, err
	}
	tick := usualTick
	if every != nil {
		tick = *every
	}
	if tick < shortestTick || tick > longestTick {
		return nil, refuse(codeBadUserInput, "every must be PT1S to PT1H")
	}
	shared, leave := s.counts.watch(principal.AccountID)
	source := &statisticsSource{
		root: s.Root, accountID: principal.AccountID, shared: shared, leave: leave, every: tick, ticker: time.NewTicker(tick),
	}
	return live.Stream(ctx, source, func(statistics *graph.Statistics) *graph.Statistics { return statistics }), nil
}

// statisticsSource counts at every tick. A count that fails because the record is away is left out.
type statisticsSource struct {
	root      *Root
	accountID uuid.UUID
	shared    *sharedCount
	leave     func()
	every     time.Duration
	ticker    *time.Ticker
	began     bool
}

// Next waits for the next tick, but for the first count.
func (s *statisticsSource) Next(ctx context.Context) (*graph.Statistics, error) {
	for {
		if s.began {
			select {
			case <-s.ticker.C:
			case <-ctx.Done():
				return nil, context.Cause(ctx)
			}
		}
		s.began = true
		// Half a tick of tolerance lets watchers whose ticks differ a little share a count.
		statistics, err := s.shared.get(ctx, s.root.options.Clock(), s.every/2, func(ctx context.Context) (*graph.Statistics, error) {
			return s.root.count(ctx, s.accountID)
		})
		if err == nil || ctx.Err() != nil || errors.Is(err, context.Canceled) || !store.Transient(err) {
			return statistics, err
		}
		s.root.options.Log.WarnContext(ctx, "statistics can't be counted now", slog.Any("error", err))
	}
}

// Close stops counting.
func (s *statisticsSource) Close() {
	s.ticker.Stop()
	s.leave()
}
