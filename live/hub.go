package live

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"

	"github.com/boostress/boostress/internal/feed"
)

// History is the record of events, in Postgres. *store.Store is one.
type History interface {
	// FeedHead tells where the feed stands.
	FeedHead(ctx context.Context) (feed.Head, error)
	// FeedAhead reads up to limit of the committed events that a snapshot does not see, by id, and where the feed
	// stood then; without events the head is the zero value.
	FeedAhead(ctx context.Context, from feed.Snapshot, limit int) ([]feed.Record, feed.Head, error)
	// FeedRefs finds up to limit of a window's events, by id.
	FeedRefs(ctx context.Context, window feed.Window, limit int) ([]feed.Ref, feed.Head, error)
	// FeedRecords reads events, by id. What retention removed meanwhile is missing.
	FeedRecords(ctx context.Context, refs []feed.Ref) ([]feed.Record, error)
	// OrderEvents reads up to limit of an account's order's events with a sequence above after, by sequence.
	OrderEvents(ctx context.Context, accountID, orderID uuid.UUID, after, limit int) ([]feed.Record, error)
	// OrderLatestEvent reads an account's order's latest event. It fails with order.ErrNotFound.
	OrderLatestEvent(ctx context.Context, accountID, orderID uuid.UUID) (feed.Record, error)
}

// Options tune the parts of this package. Zero values mean the defaults; Cursors has none.
type Options struct {
	Cursors *Cursors
	Prefix  string       // of all keys and channels in Redis; default none
	Log     *slog.Logger // default nowhere
	Metrics *Metrics     // default not registered
	Queue   int          // events that wait for one subscriber; it takes more from those kept; default 1,024
	// Patience is how long a subscriber may go without catching up; then, once what it lacks is kept no longer, it is too
	// slow. Default 10 s.
	Patience time.Duration
	Kept     int           // events kept in memory for whoever comes back; default 8,192, and never more than 16 MiB
	Check    time.Duration // how often a hub compares itself with Postgres; default 1 s
	Poll     time.Duration // the same while Redis is away, and the relay's pace where nobody rings; default 250 ms
	Linger   time.Duration // how long a hub goes on following the feed without a subscriber; default 30 s
}

const (
	defaultQueue    = 1024
	defaultKept     = 8192
	defaultCheck    = time.Second
	defaultPoll     = 250 * time.Millisecond
	defaultLinger   = 30 * time.Second
	defaultPatience = 10 * time.Second

	keptBytes = 16 << 20
	// A page of the feed: as many events as are read, published or replayed at once.
	pageSize = 500
	// How many references to events are read at once; the window is scanned again for each such block.
	refsSize = 50_000
	// How many subscribers may search the feed's past at the same time.
	replaysMax = 4
	// How long one step may wait for Postgres, and for Redis.
	historyTimeout = 20 * time.Second
	redisTimeout   = 3 * time.Second
	// How many messages of Redis may wait. Beyond, Redis keeps them, and cuts us off at its own limit: the gap is seen
	// and filled from Postgres.
	messagesMax = 64
)

func (o Options) withDefaults() Options {
	positive := func(value *time.Duration, otherwise time.Duration) {
		if *value <= 0 {
			*value = otherwise
		}
	}
	positive(&o.Check, defaultCheck)
	positive(&o.Poll, defaultPoll)
	positive(&o.Linger, defaultLinger)
	positive(&o.Patience, defaultPatience)
	if o.Queue <= 0 {
		o.Queue = defaultQueue
	}
	if o.Kept <= 0 {
		o.Kept = defaultKept
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Metrics == nil {
		o.Metrics = NewMetrics(nil)
	}
	return o
}

// Hub is a process's end of the live feed: it follows the feed while somebody wants it and hands every event to the
// subscriptions that it matches, each exactly once and each order's in sequence, whatever becomes of Redis.
type Hub struct {
	history History
	client  redis.UniversalClient
	names   names
	options Options
	log     *slog.Logger
	metrics *Metrics

	messages chan string   // batches as they came from Redis
	tasks    chan string   // finished tasks as they came from Redis
	kick     chan struct{} // holds one signal: somebody began to follow the feed
	wanting  chan struct{} // holds one signal: tell the relay, and the publishers of results, that we want them
	replays  chan struct{} // one token for each running search of the past
	step     chan struct{} // whoever holds its token moves the feed; taken before mu

	mu       sync.Mutex
	closed   bool
	active   bool // the feed is followed, not only where it stands
	down     bool // Redis is away
	needed   time.Time
	epoch    string
	position position // valid once epoch is set
	ring     ring
	readers  readers
	watchers map[uuid.UUID]map[*ResultSubscription]struct{} // by account

	hinted hinted
}

// NewHub returns a hub that reads history and listens to Redis. It does so while Run runs.
func NewHub(history History, client redis.UniversalClient, options Options) *Hub {
	options = options.withDefaults()
	return &Hub{
		history: history, client: client, names: names{options.Prefix}, options: options, log: options.Log,
		metrics:  options.Metrics,
		messages: make(chan string, messagesMax), tasks: make(chan string, messagesMax),
		kick: make(chan struct{}, 1), wanting: make(chan struct{}, 1),
		replays: make(chan struct{}, replaysMax), step: make(chan struct{}, 1),
		ring:     ring{maxCount: options.Kept, maxBytes: keptBytes},
		readers:  newReaders(),
		watchers: make(map[uuid.UUID]map[*ResultSubscription]struct{}),
		hinted:   hinted{all: make(map[uuid.UUID]map[chan struct{}]struct{})},
	}
}

// Run follows the feed until ctx ends; then every subscription ends with ErrClosed. It returns nil: while a store is
// away it tries again.
func (h *Hub) Run(ctx context.Context) error {
	defer h.close()
	var loops sync.WaitGroup
	for _, loop := range []func(context.Context){h.follow, h.listen, h.want, h.distribute} {
		loops.Go(func() { loop(ctx) })
	}
	loops.Wait()
	return nil
}

func (h *Hub) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	for s := range h.readers.open {
		s.queue.fail(ErrClosed)
	}
	for _, account := range h.watchers {
		for s := range account {
			s.queue.fail(ErrClosed)
		}
	}
}

// Epoch returns the feed's epoch, which is read from Postgres where it is not known yet.
func (h *Hub) Epoch(ctx context.Context) (string, error) {
	h.mu.Lock()
	epoch := h.epoch
	h.mu.Unlock()
	if epoch != "" {
		return epoch, nil
	}
	head, err := h.history.FeedHead(ctx)
	return head.Epoch, err
}

func signal(to chan struct{}) {
	select {
	case to <- struct{}{}:
	default:
	}
}
