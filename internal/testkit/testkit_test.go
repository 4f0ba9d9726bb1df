package testkit_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"github.com/boostress/boostress/internal/testkit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, testkit.LeakOptions()...) }

func TestPostgresGivesEachTestItsOwnCopy(t *testing.T) {
	t.Parallel()
	var migrations atomic.Int32
	migrate := func(ctx context.Context, url string) error {
		migrations.Add(1)
		return execute(ctx, url, "CREATE TABLE things (n int); INSERT INTO things VALUES (1)")
	}
	name := version(t)
	var all sync.WaitGroup
	urls := make([]string, 6)
	for i := range urls {
		all.Go(func() { urls[i] = testkit.Postgres(t, migrate, name) })
	}
	all.Wait()
	if n := migrations.Load(); n != 1 {
		t.Errorf("migrated %d times", n)
	}
	seen := map[string]bool{}
	for _, url := range urls {
		if seen[url] {
			t.Errorf("two databases at %s", url)
		}
		seen[url] = true
		if n := count(t, url); n != 1 {
			t.Errorf("%d rows in a fresh copy", n)
		}
		if err := execute(t.Context(), url, "INSERT INTO things VALUES (2)"); err != nil {
			t.Fatal(err)
		}
	}
}

func TestPostgresDropsTheDatabaseInUse(t *testing.T) { //nolint:tparallel // the subtest must end before the rest
	t.Parallel()
	var url string
	var conn *pgx.Conn
	t.Run("owner", func(t *testing.T) {
		url = testkit.Postgres(t, nothing, version(t))
		var err error
		if conn, err = pgx.Connect(t.Context(), url); err != nil {
			t.Fatal(err)
		}
	})
	if err := conn.Ping(t.Context()); err == nil {
		t.Error("the connection outlived its database")
	}
	if err := execute(t.Context(), url, "SELECT"); err == nil || !strings.Contains(err.Error(), "does not exist") {
		t.Errorf("after the test: %v", err)
	}
}

// A process that dies, or a migration that fails, leaves a template that is not whole.
func TestPostgresMakesAHalfTemplateAnew(t *testing.T) {
	t.Parallel()
	name := version(t)
	half := func(ctx context.Context, url string) error {
		if err := execute(ctx, url, "CREATE TABLE things (n int); INSERT INTO things VALUES (1), (2), (3)"); err != nil {
			return err
		}
		return errors.New("no more")
	}
	first := &failing{TB: t}
	first.run(func() { testkit.Postgres(first, half, name) })
	if !strings.Contains(first.message, "no more") {
		t.Fatalf("failed with %q", first.message)
	}
	url := testkit.Postgres(t, func(ctx context.Context, url string) error {
		return execute(ctx, url, "CREATE TABLE things (n int)")
	}, name)
	if n := count(t, url); n != 0 {
		t.Errorf("%d rows left from the first try", n)
	}
}

func TestRedisRemovesWhatIsUnderThePrefix(t *testing.T) { //nolint:tparallel // the subtest must end before the rest
	t.Parallel()
	other := "kept:" + version(t)
	var client *redis.Client
	var prefix string
	t.Run("owner", func(t *testing.T) {
		var url string
		url, prefix = testkit.Redis(t)
		options, err := redis.ParseURL(url)
		if err != nil {
			t.Fatal(err)
		}
		client = redis.NewClient(options)
		for i := range 2500 {
			if err := client.Set(t.Context(), fmt.Sprintf("%s{queue}:%d", prefix, i), i, 0).Err(); err != nil {
				t.Fatal(err)
			}
		}
		if err := client.Set(t.Context(), other, 1, time.Minute).Err(); err != nil {
			t.Fatal(err)
		}
	})
	defer func() { _ = client.Close() }()
	left, err := client.Keys(t.Context(), prefix+"*").Result()
	if err != nil {
		t.Fatal(err)
	}
	if len(left) != 0 {
		t.Errorf("%d keys left", len(left))
	}
	if n := client.Exists(t.Context(), other).Val(); n != 1 {
		t.Error("a key of another test was removed")
	}
}

func TestStackIsTheTestsOwn(t *testing.T) {
	t.Parallel()
	stack := testkit.Stack(t)
	if err := stack.Postgres.Kill(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := stack.Postgres.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := execute(t.Context(), stack.DatabaseURL, "SELECT"); err != nil {
		t.Error(err)
	}
}

func TestEventually(t *testing.T) {
	t.Parallel()
	calls := 0
	testkit.Eventually(t, time.Minute, "it was asked three times", func() bool { calls++; return calls == 3 })
	never := &failing{TB: t}
	never.run(func() {
		testkit.Eventually(never, 20*time.Millisecond, "pigs fly", func() bool { return false })
	})
	if never.message != "timed out after 20ms waiting until pigs fly" {
		t.Errorf("said %q", never.message)
	}
}

// A plain `go test` starts servers of its own: they must not outlive it.
func TestOwnServersEndWithTheProcess(t *testing.T) {
	t.Parallel()
	if os.Getenv("BOOSTRESS_TESTKIT_CHILD") != "" {
		url := testkit.Postgres(t, nothing, version(t))
		conn, err := pgx.Connect(t.Context(), url)
		if err != nil {
			t.Fatal(err)
		}
		var folder string
		if err := conn.QueryRow(t.Context(), "SHOW data_directory").Scan(&folder); err != nil {
			t.Fatal(err)
		}
		fmt.Println("folder " + folder) //nolint:forbidigo // for the parent
		if err := conn.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		return
	}
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	child := exec.CommandContext(t.Context(), program, "-test.run=^TestOwnServersEndWithTheProcess$")
	child.Env = append(os.Environ(), "BOOSTRESS_TESTKIT_CHILD=1", "BOOSTRESS_TEST_DATABASE_URL=", "BOOSTRESS_TEST_REDIS_URL=")
	out, err := child.Output()
	if err != nil {
		t.Fatalf("child: %v\n%s", err, out)
	}
	folder := ""
	for lines := bufio.NewScanner(strings.NewReader(string(out))); lines.Scan(); {
		if found, ok := strings.CutPrefix(lines.Text(), "folder "); ok {
			folder = found
		}
	}
	if folder == "" {
		t.Fatalf("the child did not tell its folder:\n%s", out)
	}
	testkit.Eventually(t, 15*time.Second, "the folder is gone", func() bool {
		_, err := os.Stat(folder)
		return errors.Is(err, os.ErrNotExist)
	})
}

// failing is a test that may fail without failing the one it is part of.
type failing struct {
	testing.TB

	message string
}

func (f *failing) Fatalf(format string, args ...any) {
	f.message = fmt.Sprintf(format, args...)
	panic(f)
}

func (f *failing) run(test func()) {
	defer func() {
		if failure := recover(); failure != nil && failure != any(f) {
			panic(failure)
		}
	}()
	test()
}

// version is one of this run's own: a server that is kept between runs would have the template already.
func version(t *testing.T) string {
	t.Helper()
	return fmt.Sprintf("%s %d %d", t.Name(), os.Getpid(), time.Now().UnixNano())
}

func nothing(context.Context, string) error { return nil }

func execute(ctx context.Context, url, statement string) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, statement)
	return errors.Join(err, conn.Close(ctx))
}

func count(t *testing.T, url string) int {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	var n int
	if err := conn.QueryRow(t.Context(), "SELECT count(*) FROM things").Scan(&n); err != nil {
		t.Fatal(err)
	}
	if err := conn.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	return n
}
