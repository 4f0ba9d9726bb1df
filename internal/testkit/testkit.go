// Package testkit gives tests a real Postgres and a real Redis. Only tests import it.
//
// `make test` starts both once for all packages and hands their addresses over in BOOSTRESS_TEST_DATABASE_URL and
// BOOSTRESS_TEST_REDIS_URL. Where these are not set, as with a plain `go test`, each test process starts its own
// at the first need; they end with the process, however it ends.
package testkit

import (
	"context"
	"os"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/boostress/boostress/internal/devstack"
)

const (
	databaseVariable = "BOOSTRESS_TEST_DATABASE_URL"
	redisVariable    = "BOOSTRESS_TEST_REDIS_URL"

	// For making, and for removing, what a test needs, on a busy machine.
	patience = time.Minute
)

// The servers of this process, started at the first need. They can't belong to the test that came first.
//
//nolint:gochecknoglobals // one of each for a process is the point
var (
	ownPostgres = sync.OnceValues(func() (*devstack.Stack, error) {
		return devstack.Start(context.Background(), devstack.Options{Postgres: true, Ephemeral: true})
	})
	ownRedis = sync.OnceValues(func() (*devstack.Stack, error) {
		return devstack.Start(context.Background(), devstack.Options{Redis: true, Ephemeral: true})
	})
)

// LeakOptions are for goleak.VerifyTestMain: they leave out the goroutines that watch over this process's own servers.
func LeakOptions() []goleak.Option {
	return []goleak.Option{
		goleak.IgnoreAnyFunction("github.com/boostress/boostress/internal/devstack.(*process).watch"),
	}
}

// Stack starts a Postgres and a Redis that belong to t alone, for tests that make them fail. They end with t.
func Stack(t testing.TB) *devstack.Stack {
	t.Helper()
	stack, err := devstack.Start(t.Context(), devstack.Options{Postgres: true, Redis: true, Ephemeral: true})
	if err != nil {
		t.Fatalf("start stack: %v", err)
	}
	t.Cleanup(func() {
		ctx, cancel := lateContext(t)
		defer cancel()
		if err := stack.Close(ctx); err != nil {
			t.Errorf("close stack: %v", err)
		}
	})
	return stack
}

// Eventually waits until ok returns true, and fails t when that takes longer than within. What completes the sentence
// "timed out waiting until …". ok runs in the test's own goroutine, every few milliseconds, and at least once.
func Eventually(t testing.TB, within time.Duration, what string, ok func() bool) {
	t.Helper()
	late := time.NewTimer(within)
	defer late.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-late.C:
			t.Fatalf("timed out after %v waiting until %s", within, what)
		}
	}
}

func databaseURL(t testing.TB) string {
	t.Helper()
	if url := os.Getenv(databaseVariable); url != "" {
		return url
	}
	stack, err := ownPostgres()
	if err != nil {
		t.Fatalf("start Postgres: %v", err)
	}
	return stack.DatabaseURL
}

func redisURL(t testing.TB) string {
	t.Helper()
	if url := os.Getenv(redisVariable); url != "" {
		return url
	}
	stack, err := ownRedis()
	if err != nil {
		t.Fatalf("start Redis: %v", err)
	}
	return stack.RedisURL
}

// lateContext is for cleaning up, when t's own context has ended.
func lateContext(t testing.TB) (context.Context, context.CancelFunc) {
	t.Helper()
	return context.WithTimeout(context.WithoutCancel(t.Context()), patience)
}
