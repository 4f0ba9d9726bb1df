// Package limit bounds how often things happen: bad tries to sign in, and calls of a provider. What it counts lives in
// Redis, so that all processes count together, and in each process as a fall-back for when Redis is away.
package limit

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
)

// LoginOptions tune a Login. Zero values mean the defaults.
type LoginOptions struct {
	Tries  int           // bad ones for a username from an address within Window; default 10
	Window time.Duration // counted from the first bad try; default 15 min
	// AddressTries is how many bad tries an address has within Window, whatever the usernames; default 300.
	AddressTries int
	// Prefix goes in front of every key in Redis; default none. Tests use it.
	Prefix string
	Log    *slog.Logger     // default: nowhere
	Clock  func() time.Time // of the fall-back; default time.Now
}

const (
	defaultTries        = 10
	defaultWindow       = 15 * time.Minute
	defaultAddressTries = 300
	// patience is how long Redis may take to answer before the fall-back is asked.
	patience = 250 * time.Millisecond
	// awayFor is how long Redis is left alone after it failed.
	awayFor = 2 * time.Second
)

// Login counts bad tries to sign in: by username and address, and by address. A window begins with the first bad try
// and ends after its length, whatever comes. It is safe for concurrent use.
type Login struct {
	redis   redis.UniversalClient
	options LoginOptions
	local   *tally
	away    atomic.Int64 // until when Redis is left alone, in nanoseconds of the clock
}

// NewLogin returns a Login that counts in client, or in this process only where client is nil. The client should be
// made with ContextTimeoutEnabled: else a Redis that neither answers nor refuses delays a try by the client's own
// timeouts.
func NewLogin(client redis.UniversalClient, options LoginOptions) *Login {
	if options.Tries == 0 {
		options.Tries = defaultTries
	}
	if options.Window == 0 {
		options.Window = defaultWindow
	}
	if options.AddressTries == 0 {
		options.AddressTries = defaultAddressTries
	}
	if options.Log == nil {
		options.Log = slog.New(slog.DiscardHandler)
	}
	if options.Clock == nil {
		options.Clock = time.Now
	}
	return &Login{redis: client, options: options, local: newTally(options.Clock, options.Window)}
}

// Wait returns how long the next try of a username from an address has to wait; zero: it may come now.
func (l *Login) Wait(ctx context.Context, username, clientIP string) time.Duration {
	pair, address := l.keys(username, clientIP)
	if l.present() {
		wait, err := l.askRedis(ctx, pair, address)
		if err == nil {
			return wait
		}
		l.lost(ctx, err)
	}
	return max(l.local.wait(pair, l.options.Tries), l.local.wait(address, l.options.AddressTries))
}

// Count counts a bad try.
func (l *Login) Count(ctx context.Context, username, clientIP string) {
	pair, address := l.keys(username, clientIP)
	l.local.count(pair)
	l.local.count(address)
	if !l.present() {
		return
	}
	ctx, cancel := l.patient(ctx)
	defer cancel()
	// One transaction, so that no count is ever left without its end.
	_, err := l.redis.TxPipelined(ctx, func(pipe redis.Pipeliner) error {
		for _, key := range []string{pair, address} {
			pipe.Incr(ctx, key)
			pipe.ExpireNX(ctx, key, l.options.Window)
		}
		return nil
	})
	if err != nil {
		l.lost(ctx, err)
	}
}

// Forget forgets the bad tries of a username at an address. Those of the address stay: else whoever has an account of
// their own could guess on.
func (l *Login) Forget(ctx context.Context, username, clientIP string) {
	pair, _ := l.keys(username, clientIP)
	l.local.forget(pair)
	if !l.present() {
		return
	}
	ctx, cancel := l.patient(ctx)
	defer cancel()
	if err := l.redis.Del(ctx, pair).Err(); err != nil {
		l.lost(ctx, err)
	}
}

func (l *Login) askRedis(ctx context.Context, pair, address string) (time.Duration, error) {
	ctx, cancel := l.patient(ctx)
	defer cancel()
	type counter struct {
		count *redis.StringCmd
		left  *redis.DurationCmd
		most  int
	}
	counters := []counter{{most: l.options.Tries}, {most: l.options.AddressTries}}
	_, err := l.redis.Pipelined(ctx, func(pipe redis.Pipeliner) error {
		for i, key := range []string{pair, address} {
			counters[i].count, counters[i].left = pipe.Get(ctx, key), pipe.PTTL(ctx, key)
		}
		return nil
	})
	if err != nil && !errors.Is(err, redis.Nil) {
		return 0, fmt.Errorf("read tries: %w", err)
	}
	var wait time.Duration
	for _, c := range counters {
		count, err := c.count.Int()
		if errors.Is(err, redis.Nil) {
			continue
		}
		if err != nil {
			return 0, fmt.Errorf("read tries: %w", err)
		}
		if count >= c.most {
			wait = max(wait, c.left.Val())
		}
	}
	return wait, nil
}

// keys names the counters of a try. They share a hash tag, so that one transaction holds both. Redis is told no
// username: what people type into that field may be a password. Addresses of IPv6 count by their /64, which is what
// one customer has.
func (l *Login) keys(username, clientIP string) (pair, address string) {
	place := "unknown"
	if parsed, err := netip.ParseAddr(clientIP); err == nil {
		parsed = parsed.Unmap().WithZone("")
		place = parsed.String()
		if parsed.Is6() {
			place = netip.PrefixFrom(parsed, 64).Masked().String()
		}
	}
	sum := sha256.Sum256([]byte(username))
	address = l.options.Prefix + "boostress:{login:" + place + "}"
	return address + ":" + hex.EncodeToString(sum[:16]), address
}

func (l *Login) patient(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, patience)
}

func (l *Login) present() bool {
	return l.redis != nil && l.options.Clock().UnixNano() >= l.away.Load()
}

// lost leaves Redis alone for a while. A request that was given up says nothing about Redis.
func (l *Login) lost(ctx context.Context, err error) {
	if errors.Is(err, context.Canceled) {
		return
	}
	l.away.Store(l.options.Clock().Add(awayFor).UnixNano())
	l.options.Log.WarnContext(ctx, "sign-in tries are counted in this process only", "error", err)
}
