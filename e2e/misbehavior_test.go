package e2e_test

import (
	"testing"
	"time"
)

// TestProviderMisbehaves has replies dropped, broken, slowed down and rate-limited: every outcome is found out, nothing
// is ordered twice, and no key is called without end.
func TestProviderMisbehaves(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	c.sandboxes(behavior{
		DropReply: 0.08, ErrorAfter: 0.06, ErrorBefore: 0.04, Garbage: 0.03, Truncate: 0.03, RateLimit: 0.04, RetryMS: 1000,
		Drip: 0.03, Slow: slow{0.01, 7000}, // beyond the provider's timeout
	})
	c.api()
	c.scheduler()
	c.worker()
	placed, err := place(t.Context(), c.client, "faults", 150)
	must(t, err)
	took := c.settled(2 * patience)
	t.Logf("every outcome was found out within %v", took.Round(time.Millisecond))
	c.audit(placed)
	// Open outcomes are asked for a hundred times at most; that so few faults make so many calls is no chance.
	if calls := query[int](c, "SELECT max(call_number)::int FROM attempts")[0]; calls > 20 {
		t.Errorf("a key was called %d times", calls)
	}
}

// TestProviderStoresErrors: the provider repeats the 500 that a key once got, and finds orders late. Such a key is given
// up only when it surely has no order, and the next generation's goes through.
func TestProviderStoresErrors(t *testing.T) {
	t.Parallel()
	c := faultyCluster(t)
	c.credentials = map[string]string{"idempotency": "reference", "replaysErrors": "true", "lookupWindow": "2s"}
	c.sandboxes(behavior{StoredErrors: true, ErrorBefore: 0.2, ErrorAfter: 0.1, LookupDelayMS: 1000})
	c.api()
	c.scheduler()
	c.worker()
	placed, err := place(t.Context(), c.client, "stored", 40)
	must(t, err)
	c.settled(2 * patience)
	c.audit(placed)
	again := query[int](c, "SELECT count(*)::int FROM fulfillments WHERE generation > 0")[0]
	absent := query[int](c, "SELECT count(*)::int FROM attempts WHERE state = 'ABSENT'")[0]
	if again == 0 || absent == 0 {
		t.Errorf("%d fulfillments went on under another key, %d attempts were found absent: the fault was not met", again, absent)
	}
	if calls := query[int](c, "SELECT max(call_number)::int FROM attempts")[0]; calls > 8 {
		t.Errorf("a key was called %d times", calls)
	}
}
