package resolvers

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/boostress/boostress/graph"
	"github.com/boostress/boostress/live"
	"github.com/boostress/boostress/order"
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

// ofAccount names something of an account.
type ofAccount struct{ accountID, id uuid.UUID }

// seenProvider is a provider as it was read once.
type seenProvider struct {
	provider *order.Provider
	mark     string // another one where anything of it differs
}

// providerTick is how often a watched provider is read, however many watch it. What changes of one has many sources
// (every worker's calls, measurements, breakers that close by themselves), of which few have events.
const providerTick = 2 * time.Second

// ProviderChanged sends a provider as it is, and again at the ticks at which it differs.
func (s subscription) ProviderChanged(ctx context.Context, id uuid.UUID) (<-chan *order.Provider, error) {
	principal, err := who(ctx)
	if err != nil {
		return nil, err
	}
	read := func(ctx context.Context) (seen seenProvider, err error) {
		seen.provider, seen.mark, err = s.options.Store.WatchProvider(ctx, principal.AccountID, id, s.options.Clock())
		return seen, err
	}
	shared, leave := s.watched.watch(ofAccount{principal.AccountID, id})
	// Read anew, for who comes may just have changed it.
	first, err := shared.get(ctx, s.options.Clock(), s.options.Clock, read)
	if err != nil {
		leave()
		return nil, err
	}
	source := &providerSource{first: first.provider, sent: first.mark, ticking: ticking[seenProvider]{
		options: &s.options, shared: shared, leave: leave, ticker: time.NewTicker(providerTick), allowed: providerTick, read: read,
	}}
	return live.Stream(ctx, source, func(p *order.Provider) *order.Provider { return p }), nil
}

// providerSource leaves out what is as it was sent before.
type providerSource struct {
	ticking[seenProvider]

	first *order.Provider
	sent  string // the mark of what was sent last
}

// Next returns the provider once it differs.
func (s *providerSource) Next(ctx context.Context) (*order.Provider, error) {
	if first := s.first; first != nil {
		s.first = nil
		return first, nil
	}
	for {
		seen, err := s.ticking.Next(ctx)
		if err != nil {
			return nil, err
		}
		if seen.mark != s.sent {
			s.sent = seen.mark
			return seen.provider, nil
		}
	}
}

// TaskResultRecorded watches runs as they end.
func (s subscription) TaskResultRecorded(ctx context.Context, filter *graph.TaskResultFilter) (<-chan *task.Task, error) {
	principal, err := who(ctx)
	if err != nil {
		return nil, err
	}
	wanted := live.ResultFilter{AccountID: principal.AccountID}
	if filter != nil {
		selected, err := taskFilter(filter)
		if err != nil {
			return nil, err
		}
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
	source := &statisticsSource{ticking: ticking[*graph.Statistics]{
		options: &s.options, shared: shared, leave: leave, ticker: time.NewTicker(tick),
		allowed: tick / 2, // so that watchers whose ticks differ a little share a count
		read: func(ctx context.Context) (*graph.Statistics, error) {
			return s.count(ctx, principal.AccountID)
		},
	}}
	return live.Stream(ctx, source, func(statistics *graph.Statistics) *graph.Statistics { return statistics }), nil
}

// statisticsSource counts at once, and then at every tick.
type statisticsSource struct {
	ticking[*graph.Statistics]

	began bool
}

// Next waits for the next tick, but for the first count.
func (s *statisticsSource) Next(ctx context.Context) (*graph.Statistics, error) {
	if !s.began {
		s.began = true
		if statistics, done, err := s.now(ctx, s.allowed); done {
			return statistics, err
		}
	}
	return s.ticking.Next(ctx)
}
