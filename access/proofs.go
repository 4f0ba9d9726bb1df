package access

import (
	"context"
	"crypto/sha256"
	"time"

	"github.com/google/uuid"
	"github.com/maypok86/otter/v2"

	"github.com/boostress/boostress/account"
)

const (
	hashSize = sha256.Size
	// mostRemembered bounds each memory of credentials; those that are used least are forgotten first.
	mostRemembered = 10_000
)

// verdict is what the record said about a credential or a principal.
type verdict struct {
	holds     bool
	principal account.Principal
	subject   uuid.UUID // the key or session, where there is one
	readAt    time.Time // by this process' clock, before the record was asked
}

// proofs remembers verdicts for a short while, good ones and bad ones. Several who ask for the same at once share one
// look into the record.
type proofs[K comparable] struct {
	now   func() time.Time
	cache *otter.Cache[K, verdict]
}

func newProofs[K comparable](now func() time.Time, keep time.Duration) *proofs[K] {
	// A verdict is as old as the question, not as the answer: a slow database doesn't make it last longer.
	left := func(entry otter.Entry[K, verdict]) time.Duration {
		return max(time.Nanosecond, keep-now().Sub(entry.Value.readAt))
	}
	return &proofs[K]{now: now, cache: otter.Must(&otter.Options[K, verdict]{
		MaximumSize: mostRemembered, ExpiryCalculator: otter.ExpiryWritingFunc(left), Clock: clock{now: now, start: now()},
	})}
}

// get returns the verdict on key, by asking where it is not remembered.
func (p *proofs[K]) get(ctx context.Context, key K, ask func(context.Context) (verdict, error)) (verdict, error) {
	loader := func(ctx context.Context, _ K) (verdict, error) {
		readAt := p.now()
		found, err := ask(ctx)
		found.readAt = readAt
		return found, err
	}
	return p.cache.Get(ctx, key, otter.LoaderFunc[K, verdict](loader)) //nolint:wrapcheck // the error is that of ask
}

// newGone returns the memory of what this process ended. It outlives every verdict from before the end, and so makes
// revocation immediate where it was asked for.
func newGone(now func() time.Time, keep time.Duration) *otter.Cache[uuid.UUID, struct{}] {
	return otter.Must(&otter.Options[uuid.UUID, struct{}]{
		MaximumSize: mostRemembered, ExpiryCalculator: otter.ExpiryWriting[uuid.UUID, struct{}](keep), Clock: clock{now: now, start: now()},
	})
}

// clock is the time source of a cache that cleans up while it is used, without a goroutine of its own. It counts from
// its start, so that setting the machine's clock moves nothing.
type clock struct {
	now   func() time.Time
	start time.Time
}

// NowNano returns the nanoseconds since the start.
func (c clock) NowNano() int64 { return c.now().Sub(c.start).Nanoseconds() }

// Tick returns nil: no periodic clean-up. The size of a cache is bounded anyway.
func (clock) Tick(time.Duration) <-chan time.Time { return nil }
