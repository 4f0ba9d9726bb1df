package live

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"

	"github.com/boostress/boostress/task"
)

const (
	// How many groups of finished tasks may wait to be published; what comes beyond is dropped.
	resultsWaiting = 256
	// How many finished tasks one message carries.
	resultsPage = 100
)

// Results announces finished tasks to whoever watches them. It is best effort, unlike the feed: there is no replay, and
// what comes while Redis is away, too fast, or in the first second of the first watcher, is not announced. The record
// of every task is in Postgres.
type Results struct {
	client  redis.UniversalClient
	names   names
	log     *slog.Logger
	metrics *Metrics
	waiting chan []task.Task
	wanted  atomic.Bool
}

// NewResults returns a publisher that works while Run runs.
func NewResults(client redis.UniversalClient, options Options) *Results {
	options = options.withDefaults()
	return &Results{
		client: client, names: names{options.Prefix}, log: options.Log, metrics: options.Metrics,
		waiting: make(chan []task.Task, resultsWaiting),
	}
}

// Publish is to be called after each commit that finished tasks. It never waits and never fails. Nobody may change the
// slice afterwards.
func (r *Results) Publish(finished []task.Task) {
	if len(finished) == 0 || !r.wanted.Load() {
		return
	}
	select {
	case r.waiting <- finished:
	default:
		r.metrics.dropped.Add(float64(len(finished)))
	}
}

// Run publishes until ctx ends, and returns nil.
func (r *Results) Run(ctx context.Context) error {
	tick := time.NewTicker(wantedEvery)
	defer tick.Stop()
	down := false
	for {
		var err error
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			err = r.look(ctx)
		case finished := <-r.waiting:
			err = r.publish(ctx, finished)
		}
		if err != nil && !down && ctx.Err() == nil {
			r.log.WarnContext(ctx, "finished tasks can't be announced", "error", err)
		}
		down = err != nil
	}
}

// look notes whether anybody watches.
func (r *Results) look(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, redisTimeout)
	defer cancel()
	count, err := r.client.Exists(ctx, r.names.resultsWanted()).Result()
	r.wanted.Store(err == nil && count > 0)
	if err != nil {
		return fmt.Errorf("ask for watchers: %w", err)
	}
	return nil
}

func (r *Results) publish(ctx context.Context, finished []task.Task) error {
	ctx, cancel := context.WithTimeout(ctx, redisTimeout)
	defer cancel()
	for begin := 0; begin < len(finished); begin += resultsPage {
		page := append([]task.Task(nil), finished[begin:min(begin+resultsPage, len(finished))]...)
		for i := range page {
			page[i].Token = uuid.Nil // the claim's secret
		}
		text, err := json.Marshal(page) //nolint:musttag // both ends are this package
		if err != nil {
			return fmt.Errorf("write finished tasks: %w", err)
		}
		if err := r.client.Publish(ctx, r.names.results(), text).Err(); err != nil {
			return fmt.Errorf("publish finished tasks: %w", err)
		}
	}
	return nil
}

// ResultFilter says which finished tasks a subscription gets: an account's, and of these what Match allows. Match may
// be nil; it must be quick and may not wait.
type ResultFilter struct {
	AccountID uuid.UUID
	Match     func(*task.Task) bool
}

// ResultSubscription is one watcher of finished tasks.
type ResultSubscription struct {
	hub    *Hub
	filter ResultFilter
	queue  *queue[*task.Task]
	ready  []*task.Task
	stop   func() bool
	once   sync.Once
}

// SubscribeResults watches tasks that finish from now on; see Results for what it may miss. It ends with ctx or by
// Close, and fails with ErrClosed.
func (h *Hub) SubscribeResults(ctx context.Context, filter ResultFilter) (*ResultSubscription, error) {
	s := &ResultSubscription{hub: h, filter: filter, queue: newQueue[*task.Task](h.options.Queue)}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return nil, fmt.Errorf("subscribe to results: %w", ErrClosed)
	}
	if h.watchers[filter.AccountID] == nil {
		h.watchers[filter.AccountID] = make(map[*ResultSubscription]struct{})
	}
	h.watchers[filter.AccountID][s] = struct{}{}
	h.metrics.subscriptions.WithLabelValues("results").Inc()
	s.stop = context.AfterFunc(ctx, s.end)
	signal(h.wanting)
	return s, nil
}

// Next waits for the next finished task, which nobody may change. It fails with ErrSlow, ErrClosed, or as ctx ends.
func (s *ResultSubscription) Next(ctx context.Context) (*task.Task, error) {
	if err := s.queue.failed(); err != nil {
		return nil, err
	}
	if len(s.ready) == 0 {
		var err error
		if s.ready, err = s.queue.take(ctx); err != nil {
			return nil, err
		}
	}
	next := s.ready[0]
	s.ready[0], s.ready = nil, s.ready[1:]
	return next, nil
}

// offer queues a task. There is nothing that a reader whose queue is full could go on with.
func (s *ResultSubscription) offer(t *task.Task) {
	if _, ok := s.queue.push(t); !ok {
		s.queue.fail(ErrSlow)
		s.hub.metrics.slow.Inc()
	}
}

// Close ends the subscription. It may be called at any time, and more than once.
func (s *ResultSubscription) Close() {
	s.stop()
	s.end()
}

func (s *ResultSubscription) end() {
	s.once.Do(func() {
		s.queue.fail(ErrClosed)
		s.hub.mu.Lock()
		defer s.hub.mu.Unlock()
		account := s.hub.watchers[s.filter.AccountID]
		delete(account, s)
		if len(account) == 0 {
			delete(s.hub.watchers, s.filter.AccountID)
		}
		s.hub.metrics.subscriptions.WithLabelValues("results").Dec()
	})
}

// distribute hands finished tasks to their watchers.
func (h *Hub) distribute(ctx context.Context) {
	for {
		var text string
		select {
		case <-ctx.Done():
			return
		case text = <-h.tasks:
		}
		var finished []*task.Task
		if err := json.Unmarshal([]byte(text), &finished); err != nil { //nolint:musttag // as above
			h.log.WarnContext(ctx, "finished tasks can't be read", "error", err)
			continue
		}
		h.mu.Lock()
		for _, t := range finished {
			t.Arguments, t.Result = present(t.Arguments), present(t.Result)
			for s := range h.watchers[t.AccountID] {
				if s.filter.Match == nil || s.filter.Match(t) {
					s.offer(t)
				}
			}
		}
		h.mu.Unlock()
	}
}

// present undoes that JSON has a word for nothing.
func present(text json.RawMessage) json.RawMessage {
	if string(text) == "null" {
		return nil
	}
	return text
}
