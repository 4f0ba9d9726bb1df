package devstack_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/boostress/boostress/internal/devstack"
)

func TestKilledPostgresComesBack(t *testing.T) {
	t.Parallel()
	stack := start(t, devstack.Options{DataDir: dataDir(t), Postgres: true})
	execute(t, stack, "CREATE TABLE kept (n int)")
	pid := stack.Postgres.PID()
	if err := stack.Postgres.Kill(t.Context()); err != nil {
		t.Fatal(err)
	}
	if isAlive(pid) || stack.Postgres.PID() != 0 {
		t.Error("Postgres outlived Kill")
	}
	if err := stack.Postgres.Kill(t.Context()); !errors.Is(err, devstack.ErrStopped) {
		t.Errorf("second Kill: %v", err)
	}
	if err := stack.Postgres.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := query(t, stack, "SELECT count(*)::text FROM kept"); n != "0" {
		t.Errorf("got %q", n)
	}
	if err := stack.Postgres.Start(t.Context()); !errors.Is(err, devstack.ErrRunning) {
		t.Errorf("second Start: %v", err)
	}
	if err := stack.Postgres.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := stack.Postgres.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := stack.Err(); err != nil {
		t.Errorf("the stack took it for a death: %v", err)
	}
}

func TestRedisIsPausedAndKilled(t *testing.T) {
	t.Parallel()
	stack := start(t, devstack.Options{Redis: true, Ephemeral: true})
	client := redisClient(t, stack)
	if err := client.Set(t.Context(), "key", "1", 0).Err(); err != nil {
		t.Fatal(err)
	}
	if err := stack.Redis.Pause(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if err := redisClient(t, stack).Ping(ctx).Err(); err == nil {
		t.Error("a paused Redis answered")
	}
	if err := stack.Redis.Resume(); err != nil {
		t.Fatal(err)
	}
	if value := client.Get(t.Context(), "key").Val(); value != "1" {
		t.Errorf("after the pause: %q", value)
	}
	if err := stack.Redis.Kill(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := stack.Redis.Pause(); !errors.Is(err, devstack.ErrStopped) {
		t.Errorf("Pause after Kill: %v", err)
	}
	if err := stack.Redis.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := redisClient(t, stack).Exists(t.Context(), "key").Val(); n != 0 {
		t.Error("a killed Redis kept a key")
	}
	if err := stack.Redis.Pause(); err != nil {
		t.Fatal(err)
	}
	if err := stack.Close(t.Context()); err != nil {
		t.Errorf("Close of a paused Redis: %v", err)
	}
}

func TestDeathIsNoticed(t *testing.T) {
	t.Parallel()
	stack := start(t, devstack.Options{Postgres: true, Redis: true, Ephemeral: true})
	if err := stack.Err(); err != nil {
		t.Errorf("before: %v", err)
	}
	pid := stack.Redis.PID()
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	select {
	case <-stack.Done():
	case <-time.After(10 * time.Second):
		t.Fatal("nobody noticed")
	}
	if err := stack.Err(); !errors.Is(err, devstack.ErrDied) || !strings.Contains(err.Error(), "redis (process "+strconv.Itoa(pid)) {
		t.Errorf("got %v", err)
	}
}

// A postmaster.pid outlives a crash, and its number may have come to another process of the same user since.
func TestPostmasterPidOfAStranger(t *testing.T) {
	t.Parallel()
	dir := dataDir(t)
	stack := start(t, devstack.Options{DataDir: dir, Postgres: true})
	postmaster, err := os.Stat(filepath.Join(dir, "postgres", "data"))
	if err != nil {
		t.Fatal(err)
	}
	if err := stack.Postgres.Kill(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := stack.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	stranger := exec.CommandContext(t.Context(), "sleep", "600")
	if owner, ok := postmaster.Sys().(*syscall.Stat_t); ok && os.Geteuid() == 0 {
		stranger.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: owner.Uid, Gid: owner.Gid}}
	}
	if err := stranger.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = stranger.Process.Kill()
		_ = stranger.Wait()
	}()
	for _, path := range []string{"postgres/data/postmaster.pid", "postgres/.s.PGSQL.5432.lock"} {
		replaceFirstLine(t, filepath.Join(dir, path), strconv.Itoa(stranger.Process.Pid))
	}
	stack = start(t, devstack.Options{DataDir: dir, Postgres: true})
	if one := query(t, stack, "SELECT 1::text"); one != "1" {
		t.Errorf("got %q", one)
	}
	if !isAlive(stranger.Process.Pid) {
		t.Error("the stranger was killed")
	}
}

func replaceFirstLine(t *testing.T, path, line string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "\n")
	if err := os.WriteFile(path, []byte(line+"\n"+rest), 0o600); err != nil { //nolint:gosec // of this test's folder
		t.Fatal(err)
	}
}
