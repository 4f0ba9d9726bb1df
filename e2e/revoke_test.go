package e2e_test

import (
	"testing"
	"time"

	"github.com/boostress/boostress/internal/testkit"
)

const revokeTask = `mutation($id: ID!) { revokeTask(input: {id: $id}) { taskResult { state isRevokeAsked } userErrors { message } } }`

// revokeRunning has the API, which runs no tasks, ask for the end of everything that hangs at the provider.
func (c *cluster) revokeRunning(count int) []string {
	c.t.Helper()
	const claimed = "SELECT id::text FROM tasks WHERE kind = 'DISPATCH' AND claim_token IS NOT NULL AND started_at < now() - interval '1 second'"
	testkit.Eventually(c.t, patience, "calls hang", func() bool { return len(query[string](c, claimed)) >= count })
	running := query[string](c, claimed)
	for _, id := range running {
		var answer struct {
			RevokeTask struct {
				TaskResult *struct {
					State         string
					IsRevokeAsked bool
				}
				UserErrors []struct{ Message string }
			}
		}
		must(c.t, c.client.Do(c.t.Context(), revokeTask, map[string]any{"id": id}, &answer))
		if got := answer.RevokeTask; got.TaskResult == nil || got.TaskResult.State != "STARTED" || !got.TaskResult.IsRevokeAsked {
			c.t.Fatalf("asked for the end of %s: %+v", id, got)
		}
	}
	return running
}

// interrupted waits until none of the tasks is in the run that was to end, and returns how long that took.
func (c *cluster) interrupted(since time.Time, ids []string) time.Duration {
	c.t.Helper()
	testkit.Eventually(c.t, patience, "runs end", func() bool {
		return query[int](c, `SELECT count(*)::int FROM tasks t JOIN task_revocations r ON r.task_id = t.id
			WHERE t.id::text = ANY($1) AND t.claim_token = r.claim_token`, ids)[0] == 0
	})
	return time.Since(since)
}

// TestRevokedDispatch: calls that hang at a provider are interrupted on another host within five seconds; what they left
// there is found again, and neither lost nor ordered twice.
func TestRevokedDispatch(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	c.sandboxes(behavior{Slow: slow{Probability: 1, MS: 20_000}})
	c.api()
	c.scheduler()
	c.worker()
	placed, err := place(t.Context(), c.client, "revoke", 10)
	must(t, err)
	running := c.revokeRunning(5)
	asked := time.Now()
	if took := c.interrupted(asked, running); took > 5*time.Second {
		t.Errorf("runs ended after %v", took)
	} else {
		t.Logf("%d runs ended after %v", len(running), took.Round(time.Millisecond))
	}
	c.behave(behavior{Instant: true})
	c.settled(recovery)
	c.audit(placed)
}

// TestRevokedDispatchOfAKilledWorker: whoever should have obeyed dies.
func TestRevokedDispatchOfAKilledWorker(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	c.sandboxes(behavior{Slow: slow{Probability: 1, MS: 20_000}})
	c.api()
	c.scheduler()
	first := c.worker()
	placed, err := place(t.Context(), c.client, "killed", 10)
	must(t, err)
	c.revokeRunning(5)
	first.kill()
	c.behave(behavior{Instant: true})
	c.worker()
	c.settled(recovery)
	c.audit(placed)
	if left := query[int](c, "SELECT count(*)::int FROM task_revocations")[0]; left > 0 {
		t.Errorf("%d tasks are still to end", left)
	}
}
