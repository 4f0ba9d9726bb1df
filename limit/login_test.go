package limit_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"github.com/boostress/boostress/internal/testkit"
	"github.com/boostress/boostress/limit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, testkit.LeakOptions()...) }

const (
	here  = "203.0.113.9"
	there = "203.0.113.10"
)

// handClock is a clock that tests move by hand.
type handClock struct{ nanos atomic.Int64 }

func (c *handClock) Now() time.Time { return time.Unix(1_800_000_000, c.nanos.Load()) }

func (c *handClock) Advance(by time.Duration) { c.nanos.Add(int64(by)) }

func connect(t *testing.T) (redis.UniversalClient, string) {
	t.Helper()
	url, prefix := testkit.Redis(t)
	options, err := redis.ParseURL(url)
	if err != nil {
		t.Fatal(err)
	}
	options.ContextTimeoutEnabled = true
	client := redis.NewClient(options)
	t.Cleanup(func() {
		if err := client.Close(); err != nil {
			t.Error(err)
		}
	})
	return client, prefix
}

// eachMemory runs a test with Redis, and with this process only.
func eachMemory(t *testing.T, test func(t *testing.T, open func(limit.LoginOptions) *limit.Login)) {
	t.Helper()
	t.Run("redis", func(t *testing.T) {
		t.Parallel()
		client, prefix := connect(t)
		test(t, func(options limit.LoginOptions) *limit.Login {
			options.Prefix = prefix
			return limit.NewLogin(client, options)
		})
	})
	t.Run("local", func(t *testing.T) {
		t.Parallel()
		test(t, func(options limit.LoginOptions) *limit.Login { return limit.NewLogin(nil, options) })
	})
}

func count(t *testing.T, login *limit.Login, times int, username, address string) {
	t.Helper()
	for range times {
		login.Count(t.Context(), username, address)
	}
}

func wantWait(t *testing.T, login *limit.Login, username, address string, want bool) {
	t.Helper()
	wait := login.Wait(t.Context(), username, address)
	if got := wait > 0; got != want {
		t.Fatalf("%s at %s has to wait %v, want it to wait: %v", username, address, wait, want)
	}
	if wait > 15*time.Minute {
		t.Fatalf("%s at %s has to wait %v, longer than the window", username, address, wait)
	}
}

func TestTenBadTriesAndNoMore(t *testing.T) {
	t.Parallel()
	eachMemory(t, func(t *testing.T, open func(limit.LoginOptions) *limit.Login) {
		t.Helper()
		login := open(limit.LoginOptions{})
		count(t, login, 9, "ada", here)
		wantWait(t, login, "ada", here, false)
		count(t, login, 1, "ada", here)
		wantWait(t, login, "ada", here, true)
		wantWait(t, login, "ada", there, false)
		wantWait(t, login, "bob", here, false)
		if wait := login.Wait(t.Context(), "ada", here); wait < 14*time.Minute {
			t.Fatalf("has to wait %v, want nearly 15 min", wait)
		}
	})
}

func TestForget(t *testing.T) {
	t.Parallel()
	eachMemory(t, func(t *testing.T, open func(limit.LoginOptions) *limit.Login) {
		t.Helper()
		login := open(limit.LoginOptions{})
		count(t, login, 9, "ada", here)
		login.Forget(t.Context(), "ada", here)
		count(t, login, 9, "ada", here)
		wantWait(t, login, "ada", here, false)
	})
}

func TestAddressHasABoundOfItsOwn(t *testing.T) {
	t.Parallel()
	eachMemory(t, func(t *testing.T, open func(limit.LoginOptions) *limit.Login) {
		t.Helper()
		login := open(limit.LoginOptions{AddressTries: 20})
		for i := range 20 {
			count(t, login, 1, fmt.Sprintf("user%d", i), here)
			// A good try for one's own account buys no more guesses at others.
			login.Forget(t.Context(), "user0", here)
		}
		wantWait(t, login, "somebody", here, true)
		wantWait(t, login, "somebody", there, false)
	})
}

func TestAddressesThatAreOne(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		one, other string
		same       bool
	}{
		"IPv4 in IPv6":        {"203.0.113.9", "::ffff:203.0.113.9", true},
		"IPv4 neighbors":      {"203.0.113.9", "203.0.113.8", false},
		"one /64":             {"2001:db8:1:2::1", "2001:db8:1:2:ffff::2", true},
		"two /64":             {"2001:db8:1:2::1", "2001:db8:1:3::1", false},
		"zones":               {"fe80::1%eth0", "fe80::1%eth1", true},
		"no addresses at all": {"", "{nonsense}", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			login := limit.NewLogin(nil, limit.LoginOptions{})
			count(t, login, 10, "ada", test.one)
			wantWait(t, login, "ada", test.other, test.same)
		})
	}
}

func TestWindowEnds(t *testing.T) {
	t.Parallel()
	t.Run("local", func(t *testing.T) {
		t.Parallel()
		var clock handClock
		login := limit.NewLogin(nil, limit.LoginOptions{Clock: clock.Now})
		count(t, login, 5, "ada", here)
		clock.Advance(10 * time.Minute)
		count(t, login, 5, "ada", here)
		clock.Advance(4 * time.Minute)
		if wait := login.Wait(t.Context(), "ada", here); wait != time.Minute {
			t.Fatalf("has to wait %v, want the rest of 15 min from the first bad try", wait)
		}
		clock.Advance(time.Minute)
		wantWait(t, login, "ada", here, false)
		count(t, login, 9, "ada", here)
		wantWait(t, login, "ada", here, false)
		count(t, login, 1, "ada", here)
		wantWait(t, login, "ada", here, true)
	})
	t.Run("redis", func(t *testing.T) {
		t.Parallel()
		client, prefix := connect(t)
		login := limit.NewLogin(client, limit.LoginOptions{Prefix: prefix, Window: time.Second})
		count(t, login, 10, "ada", here)
		wantWait(t, login, "ada", here, true)
		testkit.Eventually(t, 5*time.Second, "the window ended", func() bool {
			return login.Wait(t.Context(), "ada", here) == 0
		})
	})
}

func TestProcessesCountTogether(t *testing.T) {
	t.Parallel()
	client, prefix := connect(t)
	one := limit.NewLogin(client, limit.LoginOptions{Prefix: prefix})
	other := limit.NewLogin(client, limit.LoginOptions{Prefix: prefix})
	var group sync.WaitGroup
	for range 5 {
		for _, login := range []*limit.Login{one, other} {
			group.Go(func() { login.Count(t.Context(), "ada", here) })
		}
	}
	group.Wait()
	wantWait(t, one, "ada", here, true)
	wantWait(t, other, "ada", here, true)
	one.Forget(t.Context(), "ada", here)
	wantWait(t, other, "ada", here, false)
}

func TestLaterTriesDontMakeTheWindowLonger(t *testing.T) {
	t.Parallel()
	client, prefix := connect(t)
	login := limit.NewLogin(client, limit.LoginOptions{Prefix: prefix})
	count(t, login, 9, "ada", here)
	keys, err := client.Keys(t.Context(), prefix+"*").Result()
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range keys { // as if all but a minute had passed
		if err := client.Expire(t.Context(), key, time.Minute).Err(); err != nil {
			t.Fatal(err)
		}
	}
	count(t, login, 1, "ada", here)
	if wait := login.Wait(t.Context(), "ada", here); wait <= 0 || wait > time.Minute {
		t.Errorf("has to wait %v, want the minute that is left", wait)
	}
}

func TestKeysEndByThemselvesAndNameNobody(t *testing.T) {
	t.Parallel()
	client, prefix := connect(t)
	login := limit.NewLogin(client, limit.LoginOptions{Prefix: prefix})
	count(t, login, 3, "hunter2-typed-by-mistake", here)
	keys, err := client.Keys(t.Context(), prefix+"*").Result()
	if err != nil || len(keys) != 2 {
		t.Fatalf("got %v and %v, want two keys", keys, err)
	}
	for _, key := range keys {
		left, err := client.PTTL(t.Context(), key).Result()
		if err != nil || left <= 14*time.Minute || left > 15*time.Minute {
			t.Errorf("%s ends in %v (%v), want 15 min", key, left, err)
		}
		if strings.Contains(key, "hunter2") {
			t.Errorf("%s names the user", key)
		}
		if !strings.Contains(key, "{login:"+here+"}") {
			t.Errorf("%s lacks the hash tag", key)
		}
	}
}

func TestWithoutRedisTheProcessCounts(t *testing.T) {
	t.Parallel()
	stack := testkit.Stack(t)
	options, err := redis.ParseURL(stack.RedisURL)
	if err != nil {
		t.Fatal(err)
	}
	options.ContextTimeoutEnabled, options.MaxRetries = true, -1
	client := redis.NewClient(options)
	t.Cleanup(func() { _ = client.Close() })
	var clock handClock
	login := limit.NewLogin(client, limit.LoginOptions{Clock: clock.Now})
	count(t, login, 6, "ada", here)

	if err := stack.Redis.Kill(t.Context()); err != nil {
		t.Fatal(err)
	}
	count(t, login, 3, "ada", here)
	wantWait(t, login, "ada", here, false)
	count(t, login, 1, "ada", here) // six before and four since
	wantWait(t, login, "ada", here, true)

	if err := stack.Redis.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	clock.Advance(3 * time.Second) // Redis is asked again, and knows nothing
	testkit.Eventually(t, 10*time.Second, "Redis counts again", func() bool {
		clock.Advance(3 * time.Second)
		return login.Wait(t.Context(), "bob", there) == 0 && client.Ping(t.Context()).Err() == nil
	})
	count(t, login, 10, "bob", there)
	other := limit.NewLogin(client, limit.LoginOptions{})
	wantWait(t, other, "bob", there, true)
}

func TestFrozenRedisDelaysNobodyForLong(t *testing.T) {
	t.Parallel()
	stack := testkit.Stack(t)
	options, err := redis.ParseURL(stack.RedisURL)
	if err != nil {
		t.Fatal(err)
	}
	options.ContextTimeoutEnabled = true
	client := redis.NewClient(options)
	t.Cleanup(func() { _ = client.Close() })
	login := limit.NewLogin(client, limit.LoginOptions{})
	count(t, login, 1, "ada", here)
	if err := stack.Redis.Pause(); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	count(t, login, 9, "ada", here)
	wantWait(t, login, "ada", here, true)
	if took := time.Since(began); took > 5*time.Second {
		t.Fatalf("ten tries took %v", took)
	}
	if err := stack.Redis.Resume(); err != nil {
		t.Fatal(err)
	}
}

func TestGivenUpRequestSaysNothingAboutRedis(t *testing.T) {
	t.Parallel()
	client, prefix := connect(t)
	login := limit.NewLogin(client, limit.LoginOptions{Prefix: prefix})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	login.Wait(ctx, "ada", here)
	count(t, login, 10, "ada", here)
	other := limit.NewLogin(client, limit.LoginOptions{Prefix: prefix})
	wantWait(t, other, "ada", here, true)
}
