package limit

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
)

// Rate is how often something may be done.
type Rate struct {
	Every time.Duration // one each; 0: as often as wanted
	Burst int           // how many may come at once after a rest; at least 1
}

// Rates are token buckets by name, in Redis, so that all processes share each of them. While Redis is away each process
// keeps buckets of its own: then as many times the rate may pass as there are processes. It is safe for concurrent use.
type Rates struct {
	redis   redis.UniversalClient
	options RatesOptions
	away    atomic.Int64 // until when Redis is left alone, in nanoseconds of the clock

	mu    sync.Mutex
	local map[string]bucket // by name: as many as there are providers
}

// RatesOptions tune Rates. Zero values mean the defaults.
type RatesOptions struct {
	// Prefix goes in front of every key in Redis; default none. Tests use it.
	Prefix string
	Log    *slog.Logger     // default: nowhere
	Clock  func() time.Time // of the fall-back; default time.Now
}

// bucket is a token bucket as the time at which it would be full again, and a hold.
type bucket struct{ full, hold time.Time }

// NewRates returns buckets in client, or in this process only where client is nil. The client should be made with
// ContextTimeoutEnabled.
func NewRates(client redis.UniversalClient, options RatesOptions) *Rates {
	if options.Log == nil {
		options.Log = slog.New(slog.DiscardHandler)
	}
	if options.Clock == nil {
		options.Clock = time.Now
	}
	return &Rates{redis: client, options: options, local: make(map[string]bucket)}
}

//go:embed rate.lua
var takeSource string

//nolint:gochecknoglobals // never changes
var takeScript = redis.NewScript(takeSource)

// Take takes up to wanted tokens of the named bucket and returns how many it got. Where these are fewer, wait is until
// the next one; it may be gone by then.
func (r *Rates) Take(ctx context.Context, name string, rate Rate, wanted int) (got int, wait time.Duration) {
	// Where nothing has to be shared, a hold is known only to the process that met it, and Redis is not asked.
	if wait := r.held(name); wait > 0 {
		return 0, wait
	}
	if rate.Every <= 0 {
		return wanted, 0
	}
	if r.present() {
		got, wait, err := r.takeShared(ctx, name, rate, wanted)
		if err == nil {
			return got, wait
		}
		r.lost(ctx, err)
	}
	return r.takeLocal(name, rate, wanted)
}

// Hold empties the named bucket for a while: whoever it belongs to asked to be left alone.
func (r *Rates) Hold(ctx context.Context, name string, while time.Duration) {
	r.mu.Lock()
	b := r.local[name]
	if until := r.options.Clock().Add(while); until.After(b.hold) {
		b.hold = until
	}
	r.local[name] = b
	r.mu.Unlock()
	if while < time.Millisecond || !r.present() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := r.redis.Set(ctx, r.key(name)+":hold", 1, while).Err(); err != nil {
		r.lost(ctx, err)
	}
}

func (r *Rates) held(name string) time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.local[name].hold.Sub(r.options.Clock())
}

func (r *Rates) takeShared(ctx context.Context, name string, rate Rate, wanted int) (int, time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	key := r.key(name)
	answer, err := takeScript.Run(ctx, r.redis, []string{key, key + ":hold"},
		rate.Every.Microseconds(), max(rate.Burst, 1), wanted).Int64Slice()
	if err != nil {
		return 0, 0, fmt.Errorf("take tokens: %w", err)
	}
	if len(answer) != 2 {
		return 0, 0, fmt.Errorf("take tokens: %w: %d numbers", errAnswer, len(answer))
	}
	return int(answer[0]), time.Duration(answer[1]) * time.Microsecond, nil
}

var errAnswer = errors.New("unexpected answer of the script")

// takeLocal does what rate.lua does.
func (r *Rates) takeLocal(name string, rate Rate, wanted int) (got int, wait time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now, b := r.options.Clock(), r.local[name]
	if b.full.Before(now) {
		b.full = now
	}
	room := now.Add(time.Duration(max(rate.Burst, 1)) * rate.Every).Sub(b.full)
	got = min(int(room/rate.Every), wanted)
	b.full = b.full.Add(time.Duration(got) * rate.Every)
	r.local[name] = b
	if got == wanted {
		return got, 0
	}
	return got, rate.Every - (room - time.Duration(got)*rate.Every)
}

// key is a bucket's name in Redis. The hash tag keeps the bucket and its hold on one node of a cluster.
func (r *Rates) key(name string) string { return r.options.Prefix + "boostress:{rate:" + name + "}" }

func (r *Rates) present() bool {
	return r.redis != nil && r.options.Clock().UnixNano() >= r.away.Load()
}

func (r *Rates) lost(ctx context.Context, err error) {
	if errors.Is(err, context.Canceled) {
		return
	}
	r.away.Store(r.options.Clock().Add(awayFor).UnixNano())
	r.options.Log.WarnContext(ctx, "redis is away, each process limits rates by itself", "error", err)
}
