package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

var errFloor = errors.New("no figure in the tool's output")

// floors measures what this machine's stores can do at all, with nothing of ours in the way.
func (r *run) floors(ctx context.Context) error {
	if !r.system.options.Floors {
		return nil
	}
	if err := r.postgresFloor(ctx); err != nil {
		return err
	}
	return r.redisFloor(ctx)
}

// postgresFloor runs durable one-row transactions from 16 connections.
func (r *run) postgresFloor(ctx context.Context) error {
	if _, err := r.sql.Exec(ctx, "CREATE TABLE IF NOT EXISTS bench_floor (id bigserial PRIMARY KEY, body text)"); err != nil {
		return fmt.Errorf("make floor table: %w", err)
	}
	script := filepath.Join(r.system.folder, "floor.sql")
	if err := os.WriteFile(script, []byte("INSERT INTO bench_floor (body) VALUES ('one durable row');\n"), 0o600); err != nil {
		return fmt.Errorf("write floor script: %w", err)
	}
	value, err := figure(ctx, `tps = ([0-9.]+)`, tool("pgbench"), "-n", "-c", "16", "-j", "2", "-T", "5", "-M", "prepared",
		"-f", script, r.system.stack.DatabaseURL)
	if err != nil {
		return err
	}
	r.table.add("floor: pgbench, durable one-row commits × 16", "1/s", "", value)
	return nil
}

func (r *run) redisFloor(ctx context.Context) error {
	socket := strings.TrimPrefix(r.system.stack.RedisURL, "unix://")
	value, err := figure(ctx, `LPUSH[^:]*: ([0-9.]+) requests per second`, tool("redis-benchmark"),
		"-s", socket, "-t", "lpush", "-n", "200000", "-c", "16", "-q")
	if err != nil {
		return err
	}
	r.table.add("floor: redis-benchmark, LPUSH × 16", "1/s", "", value)
	return nil
}

// figure runs a tool and returns the number that pattern finds in what it prints.
func figure(ctx context.Context, pattern, name string, args ...string) (float64, error) {
	output, err := exec.CommandContext(ctx, name, args...).CombinedOutput() //nolint:gosec // the benchmark's own tools
	if err != nil {
		return 0, fmt.Errorf("run %s: %w: %s", name, err, output)
	}
	found := regexp.MustCompile(pattern).FindAllSubmatch(output, -1)
	if len(found) == 0 {
		return 0, fmt.Errorf("%w: %s: %s", errFloor, name, output)
	}
	value, err := strconv.ParseFloat(string(found[len(found)-1][1]), 64)
	if err != nil {
		return 0, fmt.Errorf("%w: %s: %w", errFloor, name, err)
	}
	return value, nil
}

// tool finds a program on the path, or where Debian keeps those of Postgres.
func tool(name string) string {
	if path, err := exec.LookPath(name); err == nil {
		return path
	}
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/" + name)
	if err != nil || len(found) == 0 {
		return name
	}
	return found[len(found)-1]
}
