package e2e_test

import (
	"bytes"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/boostress/boostress/internal/failpoint"
	"github.com/boostress/boostress/internal/testkit"
)

func at(point failpoint.Point, more string) string {
	return "BOOSTRESS_FAILPOINT=" + string(point) + more
}

// TestFailpointsCompileToNothing: the program that users get knows none of them.
func TestFailpointsCompileToNothing(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		program func() (string, error)
		want    bool
	}{"without the tag": {binary, false}, "with it": {faulty, true}} {
		path, err := tt.program()
		must(t, err)
		symbols, err := exec.CommandContext(t.Context(), "go", "tool", "nm", path).Output()
		must(t, err)
		for _, function := range []string{"Hit", "Sent", "Broken", "Linger"} {
			if got := bytes.Contains(symbols, []byte("internal/failpoint."+function)); got && !tt.want {
				t.Errorf("%s: the program has %s", name, function)
			}
		}
		if !bytes.Contains(symbols, []byte("internal/failpoint.Hit")) && tt.want {
			t.Errorf("%s: the program has no failpoints", name)
		}
	}
}

// TestWorkerKilledAtEachStep kills a worker right after each of the steps of a dispatch, with orders in flight.
func TestWorkerKilledAtEachStep(t *testing.T) {
	t.Parallel()
	c := faultyCluster(t)
	c.sandboxes(behavior{LatencyMS: span{20, 60}, AcceptMS: span{100, 200}})
	c.api()
	c.scheduler()
	var placed []string
	for _, point := range []failpoint.Point{
		failpoint.WorkerClaimed, failpoint.WorkerIntended, failpoint.WorkerSent, failpoint.WorkerAnswered, failpoint.WorkerRecorded,
	} {
		doomed := c.worker(at(point, ":2"))
		ids, err := place(t.Context(), c.client, string(point), 40)
		must(t, err)
		placed = append(placed, ids...)
		doomed.killed()
		open := c.open()
		if open == 0 {
			t.Errorf("%s: nothing was left to do", point)
		}
		heir := c.worker()
		took := c.settled(recovery)
		t.Logf("%s: %d of %d orders were open, done %v later", point, open, len(ids), took.Round(time.Millisecond))
		heir.stop()
	}
	c.audit(placed)
}

const findOrder = `query($reference: String!) { orderByReference(reference: $reference) { id } }`

func (c *cluster) orderOf(reference string) string {
	c.t.Helper()
	var found struct{ OrderByReference *struct{ ID string } }
	must(c.t, c.client.Do(c.t.Context(), findOrder, map[string]any{"reference": reference}, &found))
	if found.OrderByReference == nil {
		return ""
	}
	return found.OrderByReference.ID
}

// TestAPIKilledAtEachStep kills the API while it places orders. Whoever asks again with the same key gets the same
// orders; an order that was never committed is not there.
func TestAPIKilledAtEachStep(t *testing.T) {
	t.Parallel()
	c := faultyCluster(t)
	c.sandboxes(behavior{Instant: true})
	c.api()
	c.scheduler()
	c.worker()
	var all []string
	for point, committed := range map[failpoint.Point]bool{
		failpoint.APIBeforeCommit: false, failpoint.APIAfterCommit: true, failpoint.APIBeforeReply: true,
	} {
		doomed := c.api(at(point, ""))
		if ids, err := place(t.Context(), c.at(doomed), string(point), 10); err == nil {
			t.Errorf("%s: the dead acknowledged %v", point, ids)
		}
		doomed.killed()
		before := c.orderOf(string(point) + "-0")
		if (before != "") != committed {
			t.Errorf("%s: is the order there: %t, want %t", point, before != "", committed)
		}
		// Until Postgres has noticed that the dead's connection is gone, its request counts as running.
		var placed []string
		testkit.Eventually(t, patience, "the same key is free", func() bool {
			var err error
			placed, err = place(t.Context(), c.client, string(point), 10)
			return err == nil
		})
		again, err := place(t.Context(), c.client, string(point), 10)
		must(t, err)
		if !slices.Equal(placed, again) || committed && placed[0] != before {
			t.Errorf("%s: %v, then %v, and %q was there before", point, placed, again, before)
		}
		all = append(all, placed...)
	}
	c.settled(recovery)
	c.audit(all)
}

// TestZombieWrites freezes a worker that has a provider's reply in its hands, until others have done its work, and
// thaws it: what it writes then is refused.
func TestZombieWrites(t *testing.T) {
	t.Parallel()
	c := faultyCluster(t)
	c.sandboxes(behavior{LatencyMS: span{20, 60}})
	c.api()
	c.scheduler()
	frozen := c.worker(at(failpoint.WorkerAnswered, ":3:stop"))
	placed, err := place(t.Context(), c.client, "zombie", 40)
	must(t, err)
	c.inFlight(3)
	c.worker()
	c.settled(recovery)
	before := c.written()
	frozen.signal(syscall.SIGCONT)
	frozen.says("outcome dropped")
	if after := c.written(); after != before {
		t.Errorf("the zombie wrote: %s, was %s", after, before)
	}
	c.audit(placed)
}

// written counts what only outcomes write.
func (c *cluster) written() string {
	c.t.Helper()
	return strings.Join(query[string](c, `SELECT concat_ws(' ', (SELECT count(*) FROM events), (SELECT count(*) FROM ledger_entries),
		(SELECT count(*) FROM attempts WHERE state = 'ACCEPTED'))`), "")
}
