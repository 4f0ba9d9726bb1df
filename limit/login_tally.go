package limit

import (
	"time"

	"github.com/maypok86/otter/v2"
)

// mostTallied bounds what a process counts by itself; what is used least is forgotten first.
const mostTallied = 10_000

// tally counts bad tries in this process, in windows of one length.
type tally struct {
	now    func() time.Time
	window time.Duration
	counts *otter.Cache[string, tallied]
}

type tallied struct {
	count int
	end   time.Time
}

func newTally(now func() time.Time, window time.Duration) *tally {
	return &tally{now: now, window: window, counts: otter.Must(&otter.Options[string, tallied]{
		MaximumSize:      mostTallied,
		ExpiryCalculator: otter.ExpiryCreating[string, tallied](window),
		Clock:            tallyClock{now: now, start: now()},
	})}
}

// wait returns how long a key that may be counted most times has to wait.
func (t *tally) wait(key string, most int) time.Duration {
	found, _ := t.counts.GetIfPresent(key)
	if found.count < most {
		return 0
	}
	return max(0, found.end.Sub(t.now()))
}

func (t *tally) count(key string) {
	t.counts.Compute(key, func(old tallied, found bool) (tallied, otter.ComputeOp) {
		if !found {
			old = tallied{end: t.now().Add(t.window)}
		}
		old.count++
		return old, otter.WriteOp
	})
}

func (t *tally) forget(key string) { t.counts.Invalidate(key) }

// tallyClock is the time source of a cache that cleans up while it is used, without a goroutine of its own.
type tallyClock struct {
	now   func() time.Time
	start time.Time
}

// NowNano returns the nanoseconds since the start.
func (c tallyClock) NowNano() int64 { return c.now().Sub(c.start).Nanoseconds() }

// Tick returns nil: no periodic clean-up.
func (tallyClock) Tick(time.Duration) <-chan time.Time { return nil }
