package devstack_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"github.com/boostress/boostress/internal/devstack"
)

func TestMain(m *testing.M) {
	if os.Getenv(ownerVariable) != "" {
		own()
		return
	}
	goleak.VerifyTestMain(m)
}

func TestDataOutlivesTheStack(t *testing.T) {
	t.Parallel()
	dir := dataDir(t)
	stack := start(t, devstack.Options{DataDir: dir, Postgres: true, Redis: true})
	execute(t, stack, "CREATE TABLE kept (n int)")
	execute(t, stack, "INSERT INTO kept VALUES (7)")
	want := map[string]string{
		"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on", "listen_addresses": "", "max_connections": "200",
		"lc_collate": "C", "server_encoding": "UTF8", "TimeZone": "Etc/UTC",
	}
	got := map[string]string{}
	for name := range want {
		got[name] = query(t, stack, "SELECT current_setting('"+name+"')")
	}
	if got["TimeZone"] == "UTC" {
		got["TimeZone"] = want["TimeZone"]
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("settings (-want +got):\n%s", diff)
	}
	client := redisClient(t, stack)
	if err := client.Set(t.Context(), "lost", "1", 0).Err(); err != nil {
		t.Fatal(err)
	}
	pids := []int{stack.Postgres.PID(), stack.Redis.PID()}
	if err := stack.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, pid := range pids {
		if isAlive(pid) {
			t.Errorf("process %d outlived Close", pid)
		}
	}

	began := time.Now()
	stack = start(t, devstack.Options{DataDir: dir, Postgres: true, Redis: true})
	t.Logf("later start: %v", time.Since(began))
	if n := query(t, stack, "SELECT n::text FROM kept"); n != "7" {
		t.Errorf("row after the second start: %q", n)
	}
	if n := redisClient(t, stack).Exists(t.Context(), "lost").Val(); n != 0 {
		t.Error("Redis kept a key")
	}
}

func TestOnlyWhatIsAskedFor(t *testing.T) {
	t.Parallel()
	stack := start(t, devstack.Options{Redis: true, Ephemeral: true})
	if stack.Postgres != nil || stack.DatabaseURL != "" {
		t.Error("Postgres was started too")
	}
	if err := redisClient(t, stack).Ping(t.Context()).Err(); err != nil {
		t.Error(err)
	}
}

func TestEphemeralLeavesNothing(t *testing.T) {
	t.Parallel()
	stack := start(t, devstack.Options{Postgres: true, Redis: true, Ephemeral: true})
	if fsync := query(t, stack, "SHOW fsync"); fsync != "off" {
		t.Errorf("fsync is %s", fsync)
	}
	if err := stack.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(stack.DataDir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("folder after Close: %v", err)
	}
	if err := stack.Postgres.Start(t.Context()); !errors.Is(err, devstack.ErrStopped) {
		t.Errorf("Start after Close: %v", err)
	}
	if err := stack.Close(t.Context()); err != nil {
		t.Errorf("second Close: %v", err)
	}
}

func TestPathsThatASocketCannotHave(t *testing.T) {
	t.Parallel()
	for name, folder := range map[string]string{
		"long":  strings.Repeat("long-", 30),
		"comma": `a, b "c" \d`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			stack := start(t, devstack.Options{DataDir: filepath.Join(dataDir(t), folder), Postgres: true, Redis: true})
			if one := query(t, stack, "SELECT 1::text"); one != "1" {
				t.Errorf("got %q", one)
			}
			options, err := redis.ParseURL(stack.RedisURL)
			if err != nil {
				t.Fatal(err)
			}
			if err := stack.Close(t.Context()); err != nil {
				t.Fatal(err)
			}
			if _, err := os.Stat(filepath.Dir(options.Addr)); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("folder of the socket after Close: %v", err)
			}
		})
	}
}

func TestFolderThatTheServersCannotEnter(t *testing.T) {
	t.Parallel()
	closed := dataDir(t)
	if err := os.Chmod(closed, 0o700); err != nil {
		t.Fatal(err)
	}
	asked := filepath.Join(closed, ".boostress")
	var said bytes.Buffer
	stack := start(t, devstack.Options{DataDir: asked, Redis: true, Out: &said})
	if os.Geteuid() != 0 {
		if stack.DataDir != asked {
			t.Errorf("data in %s, want %s", stack.DataDir, asked)
		}
		return
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(stack.DataDir); err != nil {
			t.Error(err)
		}
		_ = os.Remove(filepath.Dir(stack.DataDir)) // where this test was the first to need it
	})
	if filepath.Dir(stack.DataDir) != "/var/lib/boostress" {
		t.Errorf("data in %s", stack.DataDir)
	}
	if !strings.Contains(said.String(), stack.DataDir) || !strings.Contains(said.String(), asked) {
		t.Errorf("said %q", said.String())
	}
	if _, err := os.Stat(asked); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the folder asked for was made: %v", err)
	}
}

func TestStartFailures(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		prepare func(t *testing.T, cluster string)
		want    error
		says    []string
	}{
		"another version": {
			prepare: func(t *testing.T, cluster string) {
				t.Helper()
				write(t, filepath.Join(cluster, "PG_VERSION"), "9\n")
			},
			want: devstack.ErrOtherVersion, says: []string{"needs Postgres 9", "move ", "installed is 1"},
		},
		"something else": {
			prepare: func(t *testing.T, cluster string) {
				t.Helper()
				write(t, filepath.Join(cluster, "thesis.doc"), "precious")
			},
			want: devstack.ErrForeign, says: []string{"move it away"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := dataDir(t)
			test.prepare(t, filepath.Join(dir, "postgres", "data"))
			_, err := devstack.Start(t.Context(), devstack.Options{DataDir: dir, Postgres: true, Redis: true})
			if !errors.Is(err, test.want) {
				t.Fatalf("got %v, want %v", err, test.want)
			}
			for _, words := range test.says {
				if !strings.Contains(err.Error(), words) {
					t.Errorf("%q does not say %q", err, words)
				}
			}
		})
	}
}

func TestDataDirInUse(t *testing.T) {
	t.Parallel()
	dir := dataDir(t)
	start(t, devstack.Options{DataDir: dir, Redis: true})
	_, err := devstack.Start(t.Context(), devstack.Options{DataDir: dir, Redis: true})
	if !errors.Is(err, devstack.ErrInUse) {
		t.Fatalf("got %v", err)
	}
	if pid := strconv.Itoa(os.Getpid()); !strings.Contains(err.Error(), "process "+pid) {
		t.Errorf("%q does not name process %s", err, pid)
	}
}

func TestUnfinishedClusterIsMadeAnew(t *testing.T) {
	t.Parallel()
	dir := dataDir(t)
	write(t, filepath.Join(dir, "postgres", "data.unfinished", "PG_VERSION"), "15\n")
	stack := start(t, devstack.Options{DataDir: dir, Postgres: true})
	if one := query(t, stack, "SELECT 1::text"); one != "1" {
		t.Errorf("got %q", one)
	}
}

func TestCanceledStartLeavesNothing(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond) // in the midst of initdb
	defer cancel()
	dir := dataDir(t)
	if _, err := devstack.Start(ctx, devstack.Options{DataDir: dir, Postgres: true}); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("got %v", err)
	}
	stack := start(t, devstack.Options{DataDir: dir, Postgres: true})
	if one := query(t, stack, "SELECT 1::text"); one != "1" {
		t.Errorf("got %q", one)
	}
}
