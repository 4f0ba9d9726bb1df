package e2e_test

import (
	"context"
	"fmt"
	"net/http"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/boostress/boostress/internal/testkit"
)

// recovery is how soon everything that a fault held up must have ended.
const recovery = 40 * time.Second

func TestKilledWorker(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	c.sandboxes(behavior{LatencyMS: span{100, 300}})
	c.api()
	c.scheduler()
	first := c.worker()
	placed, err := place(t.Context(), c.client, "kill", 200)
	must(t, err)
	c.inFlight(20)
	first.kill()
	c.worker()
	took := c.settled(recovery)
	t.Logf("recovered and done %v after the kill", took.Round(time.Millisecond))
	c.audit(placed)
}

func TestFrozenWorker(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	c.sandboxes(behavior{LatencyMS: span{100, 300}})
	c.api()
	c.scheduler()
	frozen := c.worker()
	placed, err := place(t.Context(), c.client, "freeze", 100)
	must(t, err)
	c.inFlight(10)
	frozen.signal(syscall.SIGSTOP)
	c.worker()
	c.settled(recovery)
	frozen.signal(syscall.SIGCONT)
	more, err := place(t.Context(), c.client, "thawed", 20)
	must(t, err)
	c.settled(recovery)
	c.audit(append(placed, more...))
}

func TestRedisEmptied(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	c.sandboxes(behavior{LatencyMS: span{20, 60}})
	c.api()
	c.scheduler()
	c.worker()
	placed, err := place(t.Context(), c.client, "flush", 1000)
	must(t, err)
	address, err := redis.ParseURL(c.stack.RedisURL)
	must(t, err)
	client := redis.NewClient(address)
	defer func() { must(t, client.Close()) }()
	must(t, client.FlushAll(t.Context()).Err())
	t.Logf("emptied Redis with %d orders open", c.open())
	took := c.settled(recovery)
	t.Logf("done %v after FLUSHALL", took.Round(time.Millisecond))
	c.audit(placed)
}

func TestRedisAway(t *testing.T) {
	t.Parallel()
	const away = 10 * time.Second
	c := newCluster(t)
	c.sandboxes(behavior{Instant: true})
	c.api()
	c.scheduler()
	c.worker()
	must(t, c.stack.Redis.Kill(t.Context()))
	back := time.After(away)
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	var placed []string
	for down := true; down; {
		select {
		case <-tick.C:
			ids, err := place(t.Context(), c.client, fmt.Sprint("away-", len(placed)), 2)
			must(t, err)
			placed = append(placed, ids...)
		case <-back:
			down = false
		}
	}
	t.Logf("without Redis: %d placed, %d of them open still", len(placed), c.open())
	must(t, c.stack.Redis.Start(t.Context()))
	c.settled(recovery)
	c.audit(placed)
}

func TestPostgresRestarted(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	c.sandboxes(behavior{LatencyMS: span{20, 60}})
	api := c.api()
	c.scheduler()
	c.worker()
	placed, err := place(t.Context(), c.client, "before", 200)
	must(t, err)
	must(t, c.stack.Postgres.Kill(t.Context()))
	testkit.Eventually(t, patience, "/readyz says 503", func() bool { return status(t, api) == http.StatusServiceUnavailable })
	if _, err := place(t.Context(), c.client, "during", 1); err == nil {
		t.Error("an order was acknowledged without a database")
	}
	must(t, c.stack.Postgres.Start(t.Context()))
	testkit.Eventually(t, patience, "/readyz says 200", func() bool { return status(t, api) == http.StatusOK })
	// The order that was refused, and its whole batch, may be sent again: same key, same orders.
	more, err := place(t.Context(), c.client, "during", 20)
	must(t, err)
	c.settled(recovery)
	c.audit(append(placed, more...))
}

func TestDrain(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	c.sandboxes(behavior{LatencyMS: span{200, 400}})
	api := c.api()
	c.scheduler()
	worker := c.worker()
	placed, err := place(t.Context(), c.client, "drain", 200)
	must(t, err)
	socket, err := c.client.Dial(t.Context())
	must(t, err)
	c.inFlight(5)
	const limit = 20 * time.Second
	if took := worker.stop(); took > limit {
		t.Errorf("the worker took %v to drain", took)
	}
	second := c.api()
	if took := api.stop(); took > limit {
		t.Errorf("the API took %v to drain", took)
	}
	if err := socket.Err(); !isClosedWith(err, 1012) {
		t.Errorf("the socket was closed with %v, want 1012", err)
	}
	c.client = c.at(second)
	c.worker()
	c.settled(recovery)
	c.audit(placed)
}

func status(t *testing.T, p *process) int {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.addr+"/readyz", http.NoBody)
	must(t, err)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0
	}
	must(t, response.Body.Close())
	return response.StatusCode
}
