package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
)

var errPeer = errors.New("the peer printed no figure")

// peers runs the same task on bare pipelines of others, on the same stores and against the same simulated provider, with
// nothing of ours at work meanwhile.
func (r *run) peers(ctx context.Context) error {
	o := r.system.options
	if o.Peers == 0 {
		return nil
	}
	program := filepath.Join(r.system.folder, "peer-asynq")
	build := exec.CommandContext(ctx, "go", "build", "-C", "bench/peers/asynq", "-o", program, ".") //nolint:gosec // ours
	if output, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build peer: %w: %s", err, output)
	}
	peer := exec.CommandContext(ctx, program, strconv.Itoa(o.Peers)) //nolint:gosec // built above
	peer.Env = append(os.Environ(),
		"DATABASE_URL="+r.system.stack.DatabaseURL, "REDIS_URL="+r.system.stack.RedisURL,
		"PEER_PROVIDER_URL=http://"+r.system.sandbox+"/"+benchSlug, "PEER_PROVIDER_KEY="+r.system.providerKey)
	peer.Stderr = os.Stderr
	output, err := peer.Output()
	if err != nil {
		return fmt.Errorf("run peer: %w", err)
	}
	var figures struct {
		OrdersPerSecond float64 `json:"ordersPerSecond"`
	}
	if err := json.Unmarshal(output, &figures); err != nil || figures.OrdersPerSecond <= 0 {
		return fmt.Errorf("%w: %q", errPeer, output)
	}
	r.table.add("peer: asynq, the bare task", "1/s", "", figures.OrdersPerSecond)
	if ours := r.table.latest(batchesName); ours > 0 {
		r.table.add("ratio: createOrders of 100, all of it, to the peer's bare task", "×", "", ours/figures.OrdersPerSecond)
	}
	return nil
}
