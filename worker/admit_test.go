package worker_test

import (
	"testing"
	"time"

	"github.com/boostress/boostress/account"
	"github.com/boostress/boostress/internal/id"
	"github.com/boostress/boostress/internal/testkit"
	"github.com/boostress/boostress/task"
	"github.com/boostress/boostress/worker"
)

// TestCrowdStarvesNobody: an account has 5,000 fulfillments for a provider that takes one call at a time; another account's
// single order at such a provider is through within seconds, and what waits leaves no trace of calls that were not made.
func TestCrowdStarvesNobody(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.ledger.takes = func() time.Duration { return 20 * time.Millisecond }
	busy, quiet := s.who, account.Principal{AccountID: id.New(id.Account), Currency: "EUR", Actor: "user:quiet", Role: account.Admin}
	s.execute("INSERT INTO accounts (id, name, created_at) VALUES ($1, 'quiet', now())", quiet.AccountID)
	s.who = quiet
	s.stock()
	s.who = busy
	s.execute("UPDATE providers SET concurrency = 1")
	for range 50 {
		s.place(100)
	}
	s.sweeper(func(o *worker.SweeperOptions) { o.Upkeep = s.service })
	s.worker(func(o *worker.Options) { o.Slots = map[task.Queue]int{task.QueueDispatch: 100, task.QueueStatus: 4} })
	testkit.Eventually(t, patience, "the busy account's calls go through", func() bool {
		return query[int](s.engine, "SELECT count(*)::int FROM fulfillments WHERE status = 'FULFILLED'")[0] >= 20
	})
	s.who = quiet
	s.place(1)
	began := time.Now()
	testkit.Eventually(t, 40*time.Second, "the quiet account's order is fulfilled", func() bool {
		return query[int](s.engine, "SELECT count(*)::int FROM orders WHERE status = 'FULFILLED' AND account_id = $1", quiet.AccountID)[0] == 1
	})
	done := query[int](s.engine, "SELECT count(*)::int FROM fulfillments WHERE status = 'FULFILLED'")[0]
	t.Logf("the quiet account waited %s; %d of the busy one's 5,000 are through", time.Since(began), done-1)
	if done > 2500 {
		t.Errorf("%d of the busy account's were through before", done-1)
	}
	for _, count := range []string{
		"SELECT count(*)::int FROM attempts WHERE state IN ('RETRYABLE', 'RATE_LIMITED')",
		"SELECT count(*)::int - 100 FROM events WHERE kind = 'RETRYING'", // a few are admitted and then refused all the same
	} {
		if made := query[int](s.engine, count)[0]; made > 0 {
			t.Errorf("%d: %s", made, count)
		}
	}
}

// TestRateKeepsIntentsAway: of a batch for a provider with a rate, only what the rate allows at once gets an intent.
func TestRateKeepsIntentsAway(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.execute("UPDATE providers SET rate_calls = 5, rate_per_ms = 3600000")
	for range 4 {
		s.place(10)
	}
	s.sweeper(func(o *worker.SweeperOptions) { o.Upkeep = s.service })
	s.worker(nil)
	s.fulfilled(5, patience)
	pending := query[int](s.engine, "SELECT count(*)::int FROM fulfillments WHERE status = 'PENDING'")[0]
	if attempts := query[int](s.engine, "SELECT count(*)::int FROM attempts")[0]; attempts != 5 || pending < 20 {
		t.Errorf("%d attempts, %d untouched, want 5 and most", attempts, pending)
	}
	if waits := query[int](s.engine, "SELECT count(*)::int FROM tasks WHERE due_at > now() + interval '5 minutes'")[0]; waits < 20 {
		t.Errorf("%d tasks wait for the rate", waits)
	}
}
