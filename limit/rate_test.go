package limit_test

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redis/go-redis/v9"
	"pgregory.net/rapid"

	"github.com/boostress/boostress/limit"
)

var perSecond = limit.Rate{Every: 100 * time.Millisecond, Burst: 5}

func TestRatesShareABucket(t *testing.T) {
	t.Parallel()
	client, prefix := connect(t)
	one := limit.NewRates(client, limit.RatesOptions{Prefix: prefix})
	other := limit.NewRates(client, limit.RatesOptions{Prefix: prefix})
	slow := limit.Rate{Every: time.Hour, Burst: 5}
	if got, wait := one.Take(t.Context(), "a", slow, 3); got != 3 || wait != 0 {
		t.Errorf("took %d, wait %v", got, wait)
	}
	got, wait := other.Take(t.Context(), "a", slow, 3)
	if got != 2 || wait < 59*time.Minute || wait > time.Hour {
		t.Errorf("another process took %d, wait %v, want 2 and about an hour", got, wait)
	}
	if got, _ := other.Take(t.Context(), "b", slow, 5); got != 5 {
		t.Errorf("took %d of another bucket", got)
	}
}

func TestRatesNeverGiveMoreThanTheRate(t *testing.T) {
	t.Parallel()
	client, prefix := connect(t)
	began, total := time.Now(), 0
	var mu sync.Mutex
	var all sync.WaitGroup
	rate := limit.Rate{Every: 5 * time.Millisecond, Burst: 10}
	for range 4 {
		rates := limit.NewRates(client, limit.RatesOptions{Prefix: prefix})
		all.Go(func() {
			for range 50 {
				got, _ := rates.Take(t.Context(), "a", rate, 3)
				mu.Lock()
				total += got
				mu.Unlock()
			}
		})
	}
	all.Wait()
	if most := 10 + int(time.Since(began)/rate.Every) + 1; total > most || total < 10 {
		t.Errorf("got %d tokens, at most %d are right", total, most)
	}
}

func TestHoldIsShared(t *testing.T) {
	t.Parallel()
	client, prefix := connect(t)
	one := limit.NewRates(client, limit.RatesOptions{Prefix: prefix})
	other := limit.NewRates(client, limit.RatesOptions{Prefix: prefix})
	one.Hold(t.Context(), "a", time.Minute)
	for name, rates := range map[string]*limit.Rates{"own": one, "other": other} {
		if got, wait := rates.Take(t.Context(), "a", perSecond, 1); got != 0 || wait < 50*time.Second || wait > time.Minute {
			t.Errorf("%s process took %d of a held bucket, wait %v", name, got, wait)
		}
	}
	if got, _ := one.Take(t.Context(), "a", limit.Rate{}, 1); got != 0 {
		t.Error("a hold does not hold where no rate is set")
	}
}

// The fall-back is also what a process without Redis has.
func TestRatesWithoutRedis(t *testing.T) {
	t.Parallel()
	dead := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1", MaxRetries: -1, ContextTimeoutEnabled: true})
	t.Cleanup(func() { _ = dead.Close() })
	if got, _ := limit.NewRates(dead, limit.RatesOptions{}).Take(t.Context(), "a", perSecond, 9); got != 5 {
		t.Errorf("took %d while Redis is away, want the burst", got)
	}
	synctest.Test(t, func(t *testing.T) {
		rates := limit.NewRates(nil, limit.RatesOptions{})
		got, wait := rates.Take(t.Context(), "a", perSecond, 9)
		if got != 5 || wait != 100*time.Millisecond {
			t.Errorf("took %d at once, wait %v", got, wait)
		}
		time.Sleep(250 * time.Millisecond) //nolint:forbidigo // the bubble's clock
		if got, wait = rates.Take(t.Context(), "a", perSecond, 9); got != 2 || wait != 50*time.Millisecond {
			t.Errorf("took %d after 250 ms, wait %v", got, wait)
		}
		rates.Hold(t.Context(), "a", time.Second)
		time.Sleep(900 * time.Millisecond) //nolint:forbidigo // the bubble's clock
		if got, wait = rates.Take(t.Context(), "a", perSecond, 1); got != 0 || wait != 100*time.Millisecond {
			t.Errorf("took %d of a held bucket, wait %v", got, wait)
		}
	})
}

// Redis' script and the fall-back agree: both give what a bucket holds.
func TestRatesFallBackModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		now := time.Unix(1_700_000_000, 0)
		rates := limit.NewRates(nil, limit.RatesOptions{Clock: func() time.Time { return now }})
		burst := rapid.IntRange(1, 20).Draw(rt, "burst")
		every := time.Duration(rapid.Int64Range(1000, 1e9).Draw(rt, "every"))
		tokens := float64(burst)
		for range rapid.IntRange(1, 30).Draw(rt, "steps") {
			step := time.Duration(rapid.Int64Range(0, 5e9).Draw(rt, "step"))
			now = now.Add(step)
			tokens = min(float64(burst), tokens+float64(step)/float64(every))
			wanted := rapid.IntRange(0, 30).Draw(rt, "wanted")
			got, wait := rates.Take(t.Context(), "a", limit.Rate{Every: every, Burst: burst}, wanted)
			if float64(got) > tokens+1e-6 || got < wanted && float64(got) < tokens-1-1e-6 {
				rt.Fatalf("took %d of %v tokens, wanted %d", got, tokens, wanted)
			}
			if got < wanted && (wait <= 0 || wait > every) {
				rt.Fatalf("wait is %v, a token comes every %v", wait, every)
			}
			tokens -= float64(got)
		}
	})
}
