package e2e_test

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"testing"
	"time"

	"github.com/boostress/boostress/internal/failpoint"
)

func broken(rule failpoint.Rule) string { return "BOOSTRESS_BREAK=" + string(rule) }

// TestBrokenClaimTokenIsNoticed runs the tests of claims twice: as they are, and with each claim known by its worker
// rather than by a token of its own.
func TestBrokenClaimTokenIsNoticed(t *testing.T) {
	t.Parallel()
	for _, env := range [][]string{nil, {broken(failpoint.ClaimToken)}} {
		run := exec.CommandContext(t.Context(), "go", "test", "-count=1", "-tags", "failpoints", "-run", "^TestOldRunOfTheSameWorker$",
			"../fulfillment")
		run.Env = append(os.Environ(), env...)
		output, err := run.CombinedOutput()
		if broken := env != nil; (err != nil) != broken {
			t.Errorf("with %v: %v\n%s", env, err, output)
		}
	}
}

// TestBrokenPushAfterCommitIsNoticed: an id that is pushed before its task is committed meets an idle worker, which finds
// nothing and forgets it. Only the sweeper finds the task then, two seconds later.
func TestBrokenPushAfterCommitIsNoticed(t *testing.T) {
	t.Parallel()
	const lost = 2 * time.Second // what the sweeper leaves for ids to be in a list
	c := faultyCluster(t)
	c.sandboxes(behavior{Instant: true})
	c.api()
	c.scheduler()
	c.worker()
	good := c.delay("good", nil)
	bad := c.delay("bad", []string{broken(failpoint.PushAfterCommit)})
	t.Logf("half of the orders were sent within %v; with the rule broken, within %v", good, bad)
	if good >= lost {
		t.Errorf("half of the orders were sent only after %v", good)
	}
	if bad < lost {
		t.Errorf("nothing was noticed: half of the orders were sent within %v", bad)
	}
	c.invariants()
}

// delay places orders one by one on an API of its own, and returns the median time to their first call.
func (c *cluster) delay(name string, env []string) time.Duration {
	c.t.Helper()
	const orders = 11
	client := c.client
	api := c.api(env...)
	c.client = c.at(api)
	for i := range orders {
		_, err := place(c.t.Context(), c.client, fmt.Sprint(name, i), 1)
		must(c.t, err)
		<-time.After(100 * time.Millisecond) // so that none waits for another's push
	}
	c.settled(recovery)
	c.client = client
	api.stop()
	delays := query[time.Duration](c, `SELECT min(a.started_at) - o.created_at FROM orders o JOIN fulfillments f ON f.order_id = o.id
		JOIN attempts a ON a.fulfillment_id = f.id WHERE o.reference LIKE $1 || '%' GROUP BY o.id`, name)
	slices.Sort(delays)
	return delays[len(delays)/2]
}
