package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
	"github.com/rs/zerolog"

	"github.com/boostress/boostress/internal/testkit"
)

// wire is a network on the way to Redis that can be made to fail.
type wire struct {
	*toxiproxy.Proxy

	t *testing.T
}

// wireRedis puts a wire between the cluster's processes and its Redis. Call it before any is started.
func (c *cluster) wireRedis() *wire {
	c.t.Helper()
	address, err := redis.ParseURL(c.stack.RedisURL)
	must(c.t, err)
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(prometheus.NewRegistry()), zerolog.Nop())
	proxy := toxiproxy.NewProxy(server, "redis", "127.0.0.1:0", c.bridge(address.Addr))
	must(c.t, proxy.Start())
	c.t.Cleanup(proxy.Stop)
	c.env = append(c.env, "REDIS_URL=redis://"+proxy.Listen+"/0")
	return &wire{proxy, c.t}
}

// bridge gives a Unix socket an address of the network's, which the wire needs.
func (c *cluster) bridge(socket string) string {
	c.t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // it does not wait
	must(c.t, err)
	c.t.Cleanup(func() { must(c.t, listener.Close()) })
	go func() {
		for {
			near, err := listener.Accept()
			if err != nil {
				return
			}
			go join(near, socket)
		}
	}()
	return listener.Addr().String()
}

func join(near net.Conn, socket string) {
	far, err := net.Dial("unix", socket) //nolint:noctx // it does not wait
	if err != nil {
		_ = near.Close()
		return
	}
	shut := sync.OnceFunc(func() { _ = errors.Join(near.Close(), far.Close()) })
	go func() {
		defer shut()
		_, _ = io.Copy(far, near)
	}()
	defer shut()
	_, _ = io.Copy(near, far)
}

// fails has the wire fail in some ways while do runs.
func (w *wire) fails(do func(), toxics ...string) {
	w.t.Helper()
	for _, toxic := range toxics {
		_, err := w.Toxics.AddToxicJson(strings.NewReader(toxic))
		must(w.t, err)
	}
	do()
	w.Toxics.ResetToxics(context.WithoutCancel(w.t.Context()))
}

// TestRedisBehindABadWire: a black hole of ten seconds, latency and resets on the way to Redis. Orders are accepted and
// done all along, and a subscriber sees every event in its order.
func TestRedisBehindABadWire(t *testing.T) {
	t.Parallel()
	const away = 10 * time.Second
	c := newCluster(t)
	wire := c.wireRedis()
	c.sandboxes(behavior{AcceptMS: span{200, 300}, ProgressMS: span{300, 600}, FulfillMS: span{200, 300}})
	c.api()
	watched := c.api()
	c.scheduler()
	c.worker()
	var placed []string
	during := func(name string, while time.Duration) func() {
		return func() {
			begun, over := time.Now(), time.After(while)
			ids, err := place(t.Context(), c.client, name, 60)
			must(t, err)
			if took := time.Since(begun); took > 5*time.Second {
				t.Errorf("%s: 60 orders took %v to be accepted", name, took)
			}
			placed = append(placed, ids...)
			events := follow(t, c.at(watched), ids[len(ids)-1], "0")
			t.Logf("%s: an order was fulfilled after %v, %d events were seen", name, time.Since(begun).Round(time.Millisecond), len(events))
			<-over
		}
	}
	wire.fails(during("black-hole", away),
		`{"name": "in", "type": "timeout", "stream": "upstream", "attributes": {"timeout": 0}}`,
		`{"name": "out", "type": "timeout", "stream": "downstream", "attributes": {"timeout": 0}}`)
	wire.fails(during("latency", time.Second),
		`{"name": "slow", "type": "latency", "stream": "downstream", "attributes": {"latency": 300, "jitter": 200}}`)
	wire.fails(during("resets", 3*time.Second),
		`{"name": "reset", "type": "reset_peer", "stream": "downstream", "toxicity": 0.5, "attributes": {"timeout": 50}}`)
	during("after", 0)()
	took := c.settled(recovery)
	t.Logf("done %v after the last fault", took.Round(time.Millisecond))
	c.audit(placed)
}

// TestRedisRestartsEmpty kills and restarts Redis, and empties it, again and again while orders come.
func TestRedisRestartsEmpty(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	c.sandboxes(behavior{LatencyMS: span{20, 60}})
	c.api()
	c.scheduler()
	c.worker()
	address, err := redis.ParseURL(c.stack.RedisURL)
	must(t, err)
	client := redis.NewClient(address)
	defer func() { must(t, client.Close()) }()
	var placed []string
	for round := range 3 {
		ids, err := place(t.Context(), c.client, fmt.Sprint("round-", round), 200)
		must(t, err)
		placed = append(placed, ids...)
		must(t, client.FlushAll(t.Context()).Err())
		must(t, c.stack.Redis.Kill(t.Context()))
		must(t, c.stack.Redis.Start(t.Context()))
		testkit.Eventually(t, patience, "Redis answers", func() bool { return client.Ping(t.Context()).Err() == nil })
	}
	c.settled(recovery)
	c.audit(placed)
}
