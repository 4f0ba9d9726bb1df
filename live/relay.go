package live

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/errgroup"

	"github.com/boostress/boostress/internal/feed"
)

// How far apart the leader asks whether it is wanted, at least, while it is not and committers ring.
const askEvery = 20 * time.Millisecond

// Lead runs do while this process holds the relay's lock, and reports false at once where another does. do's context
// ends when the lock is lost.
type Lead func(ctx context.Context, do func(context.Context) error) (led bool, err error)

// Relay publishes the feed to the hubs: one of all processes leads, reads what was committed and passes it on, window
// by window. Two leaders at once, or none for a while, cost only time: hubs know what they have.
type Relay struct {
	history History
	client  redis.UniversalClient
	lead    Lead
	names   names
	options Options
	log     *slog.Logger
	metrics *Metrics
}

// NewRelay returns a candidate for the relay's leader.
func NewRelay(history History, client redis.UniversalClient, lead Lead, options Options) *Relay {
	options = options.withDefaults()
	return &Relay{
		history: history, client: client, lead: lead, names: names{options.Prefix}, options: options,
		log: options.Log, metrics: options.Metrics,
	}
}

// Run waits to lead, and leads, until ctx ends. It returns nil: what fails is tried again.
func (r *Relay) Run(ctx context.Context) error {
	troubled := false
	for ctx.Err() == nil {
		led, err := r.lead(ctx, r.relay)
		if err != nil && ctx.Err() == nil && !troubled {
			r.log.WarnContext(ctx, "the live feed's relay stopped", "error", err)
		}
		troubled = err != nil
		if led {
			pause(ctx, r.options.Poll)
		} else {
			pause(ctx, r.options.Check)
		}
	}
	return nil
}

// relay is the leader's work. It fails when a store does: whoever leads next starts from where the feed is then, and
// hubs fill the gap themselves.
func (r *Relay) relay(ctx context.Context) error {
	r.metrics.leading.Set(1)
	defer r.metrics.leading.Set(0)
	rung := make(chan struct{}, 1)
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		listener{
			client: r.client, channels: []string{r.names.bell()}, retry: r.options.Poll,
			changed: func(error) {}, // without the bell the relay still looks by itself
			heard:   func(string, string) { signal(rung) },
		}.listen(ctx)
		return nil
	})
	group.Go(func() error { return r.publishAll(ctx, rung) })
	if err := group.Wait(); err != nil {
		return fmt.Errorf("relay: %w", err)
	}
	return nil
}

// publishAll publishes window after window, as long as some hub wants them.
func (r *Relay) publishAll(ctx context.Context, rung <-chan struct{}) error {
	tick := time.NewTicker(r.options.Poll)
	defer tick.Stop()
	var (
		head   feed.Head // everything up to it is published; the zero value: nothing is
		wanted bool
		asked  time.Time
	)
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-rung:
		case <-tick.C:
		}
		if since := time.Since(asked); since >= r.options.Poll || !wanted && since >= askEvery {
			var err error
			if wanted, err = r.wanted(ctx); err != nil {
				return err
			}
			asked = time.Now()
		}
		if !wanted {
			head = feed.Head{}
			continue
		}
		var err error
		if head, err = r.next(ctx, head); err != nil {
			return err
		}
	}
}

// wanted reports whether some hub follows the feed.
func (r *Relay) wanted(ctx context.Context) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, redisTimeout)
	defer cancel()
	count, err := r.client.Exists(ctx, r.names.feedWanted()).Result()
	if err != nil {
		return false, fmt.Errorf("ask for hubs: %w", err)
	}
	return count > 0, nil
}

// next publishes what was committed since head and returns where the feed stands then.
func (r *Relay) next(ctx context.Context, head feed.Head) (feed.Head, error) {
	ctx, cancel := context.WithTimeout(ctx, historyTimeout)
	defer cancel()
	if head.Epoch == "" {
		head, err := r.history.FeedHead(ctx)
		if err != nil {
			return head, err
		}
		// Nothing, but it tells the hubs how far the feed is.
		return head, r.publish(ctx, batch{Epoch: head.Epoch, From: head.Snapshot, To: head.Snapshot, Last: true})
	}
	records, ahead, err := r.history.FeedAhead(ctx, head.Snapshot, pageSize)
	if err != nil || len(records) == 0 {
		return head, err
	}
	if ahead.Epoch != head.Epoch {
		return feed.Head{}, nil
	}
	whole := len(records) < pageSize
	b := batch{Epoch: head.Epoch, From: head.Snapshot, To: ahead.Snapshot, Last: whole, Records: records}
	if err := r.publish(ctx, b); err != nil || whole {
		return ahead, err
	}
	return ahead, r.publishRest(ctx, b)
}

// publishRest publishes the pages of a long window behind its first.
func (r *Relay) publishRest(ctx context.Context, b batch) error {
	window := feed.Window{From: b.From, To: b.To, After: b.end().id}
	for {
		refs, _, err := r.history.FeedRefs(ctx, window, refsSize)
		if err != nil {
			return err
		}
		for begin := 0; begin < len(refs); begin += pageSize {
			page := refs[begin:min(begin+pageSize, len(refs))]
			records, err := r.history.FeedRecords(ctx, page)
			if err != nil {
				return err
			}
			if err := r.publish(ctx, batch{Epoch: b.Epoch, From: b.From, To: b.To, After: window.After, Records: records}); err != nil {
				return err
			}
			window.After = page[len(page)-1].ID
		}
		if len(refs) < refsSize {
			return r.publish(ctx, batch{Epoch: b.Epoch, From: b.From, To: b.To, After: window.After, Last: true})
		}
	}
}

func (r *Relay) publish(ctx context.Context, b batch) error {
	text, err := b.encode()
	if err != nil {
		return err
	}
	if err := r.client.Publish(ctx, r.names.feed(), text).Err(); err != nil {
		return fmt.Errorf("publish: %w", err)
	}
	r.metrics.published.Add(float64(len(b.Records)))
	return nil
}
