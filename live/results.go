package live

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"

	"github.com/boostress/boostress/task"
)

// resultsPage is how many finished tasks one message carries.
const resultsPage = 100

// Results announces finished tasks to whoever watches them. It is best effort, unlike the feed: there is no replay, and
// what comes while Redis is away, too fast, or in the first second of the first watcher, is not announced. The record
// of every task is in Postgres.
type Results struct {
	courier[task.Task]

	names names
}

// NewResults returns a publisher that works while Run runs.
func NewResults(client redis.UniversalClient, options Options) *Results {
	options = options.withDefaults()
	r := &Results{names: names{options.Prefix}}
	r.courier = newCourier[task.Task](client, options.Log, "finished tasks", r.names.resultsWanted())
	r.send, r.dropped = r.publish, func(count int) { options.Metrics.dropped.Add(float64(count)) }
	return r
}

func (r *Results) publish(ctx context.Context, finished []task.Task) error {
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
