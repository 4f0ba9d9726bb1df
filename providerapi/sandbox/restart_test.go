package sandbox_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/boostress/boostress/providerapi/protocol"
	"github.com/boostress/boostress/providerapi/sandbox"
)

// childDir, where it is set, makes this test binary a sandbox with its ledger there.
const childDir = "BOOSTRESS_TEST_SANDBOX_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		panic(serve(context.Background(), dir))
	}
	goleak.VerifyTestMain(m)
}

// serve prints the address and serves until it is killed.
func serve(ctx context.Context, dir string) error {
	server, err := sandbox.New(sandbox.Config{DataDir: dir, Providers: sandbox.DefaultProviders([]byte("secret"))})
	if err != nil {
		return err
	}
	if err := server.SetBehavior(slug, sandbox.Behavior{AcceptMS: sandbox.Span{Min: 10, Max: 500}}); err != nil {
		return err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	go func() { _ = server.Run(ctx) }()
	if _, err := fmt.Fprintln(os.Stdout, listener.Addr()); err != nil {
		return err
	}
	return (&http.Server{Handler: server.Handler(), ReadHeaderTimeout: time.Second}).Serve(listener)
}

func TestRestartKeepsEverything(t *testing.T) {
	t.Parallel()

	dir := t.TempDir()
	c := startedIn(t, dir, sandbox.Behavior{Instant: true, PriceDrift: 1.5})
	charged := c.order(c.create("charged"), http.StatusCreated)
	c.behave(`{"lateStatus":true}`)
	open := c.order(c.create("open"), http.StatusCreated)
	canceled := c.order(c.create("canceled"), http.StatusCreated)
	canceled = c.order(c.cancel(canceled.ID), http.StatusOK)
	c.behave(`{"storedErrors":true,"next":{"errorAfter":1}}`)
	c.refused(c.create("failed"), http.StatusInternalServerError, "internal")
	c.behave(`{"lookupDelayMs":3600000}`)
	hidden := c.order(c.create("hidden"), http.StatusCreated)
	if err := c.server.SetWebhookURL(slug, "http://127.0.0.1:1/hook"); err != nil {
		t.Fatal(err)
	}
	var before, after sandbox.Behavior
	c.admin(http.MethodGet, "/providers/"+slug+"/behavior", nil, &before)
	stats, lines := c.server.Stats(), c.ledger()
	c.stop()

	c = startedIn(t, dir, sandbox.Behavior{})
	c.admin(http.MethodGet, "/providers/"+slug+"/behavior", nil, &after)
	if diff := cmp.Diff(before, after); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(lines, c.ledger()); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(stats, c.server.Stats()); diff != "" {
		t.Error(diff)
	}
	for _, want := range []protocol.Order{open, canceled, charged} {
		got := c.order(c.get("/v1/orders/"+want.ID), http.StatusOK)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	}
	c.refused(c.get("/v1/orders/"+hidden.ID), http.StatusNotFound, protocol.CodeNotFound)
	c.refused(c.create("failed"), http.StatusInternalServerError, "internal")
	if again := c.order(c.create("open"), http.StatusOK); again.ID != open.ID {
		t.Error("the key was forgotten")
	}
	fresh := c.order(c.create("fresh"), http.StatusCreated)
	for _, line := range lines {
		if line.ID == fresh.ID {
			t.Error("an id was given out twice")
		}
	}
	c.behave(`{"lateStatus":false}`)
	c.becomes(open.ID, protocol.StatusFulfilled)
}

// Whatever a killed sandbox answered is in its ledger when it starts again, and goes on.
func TestKilledSandboxLosesNoAnswer(t *testing.T) {
	t.Parallel()

	dir := t.TempDir()
	answered := map[string]string{} // id by key
	for round := range 3 {
		killDuring(t, dir, round, answered)
	}
	if len(answered) == 0 {
		t.Fatal("nothing was answered")
	}
	c := startedIn(t, dir, sandbox.Behavior{})
	for key, id := range answered {
		found := c.byKey(key)
		if len(found) != 1 || found[0].ID != id {
			t.Errorf("%s was answered %s, the ledger has %+v", key, id, found)
		}
	}
	stats := c.server.Stats()
	if stats.Orders < len(answered) || stats.DuplicateKeys != 0 || stats.DistinctKeys != stats.Orders {
		t.Errorf("answered %d, ledger %+v", len(answered), stats)
	}
	t.Logf("answered %d, ledger %+v", len(answered), stats)
	until(t, "all orders end", func() bool {
		for _, line := range c.ledger() {
			if line.Status != protocol.StatusFulfilled {
				return false
			}
		}
		return true
	})
}

// killDuring starts a sandbox, creates orders from several connections and kills it among them.
func killDuring(t *testing.T, dir string, round int, answered map[string]string) {
	t.Helper()
	command := exec.CommandContext(t.Context(), os.Args[0])
	command.Env = append(os.Environ(), childDir+"="+dir)
	command.Stderr = os.Stderr
	output, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	address, err := bufio.NewReader(output).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	c := &bench{
		t: t, url: "http://" + strings.TrimSpace(address), client: &http.Client{Transport: &http.Transport{}},
		apiKey: sandbox.DefaultProviders([]byte("secret"))[0].APIKey,
	}
	defer c.client.CloseIdleConnections()
	var (
		mu   sync.Mutex
		all  sync.WaitGroup
		kill sync.Once
	)
	for client := range 8 {
		all.Go(func() {
			for i := 0; ; i++ {
				key := fmt.Sprintf("r%d-c%d-%d", round, client, i)
				answer := c.create(key)
				if answer.err != nil {
					return
				}
				placed, err := protocol.ParseOrder(answer.body)
				if err != nil || answer.status != http.StatusCreated {
					t.Errorf("%s: %d %v", key, answer.status, err)
					return
				}
				mu.Lock()
				answered[key] = placed.ID
				enough := len(answered) >= 300*(round+1)
				mu.Unlock()
				if enough {
					kill.Do(func() {
						if err := command.Process.Kill(); err != nil {
							t.Error(err)
						}
					})
				}
			}
		})
	}
	all.Wait()
	var exited *exec.ExitError
	if err := command.Wait(); !errors.As(err, &exited) || exited.Success() {
		t.Errorf("the sandbox ended by itself: %v", err)
	}
}

func TestLedgerIsOneProcesssOwn(t *testing.T) {
	t.Parallel()

	dir := t.TempDir()
	c := startedIn(t, dir, sandbox.Behavior{})
	if _, err := sandbox.New(sandbox.Config{DataDir: dir}); !errors.Is(err, sandbox.ErrInUse) {
		t.Errorf("got %v", err)
	}
	c.stop()
	second, err := sandbox.New(sandbox.Config{DataDir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if err := second.Close(); err != nil {
		t.Error(err)
	}
}

func write(t *testing.T, path string, content []byte) {
	t.Helper()
	if err := os.WriteFile(path, content, 0o600); err != nil { //nolint:gosec // in the test's own directory
		t.Fatal(err)
	}
}

func TestTornLineIsLeftOut(t *testing.T) {
	t.Parallel()

	dir := t.TempDir()
	c := startedIn(t, dir, sandbox.Behavior{Instant: true})
	c.order(c.create("a"), http.StatusCreated)
	c.order(c.create("b"), http.StatusCreated)
	c.stop()
	path := filepath.Join(dir, "sandbox-ledger.jsonl")
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	write(t, path, content[:len(content)-7])
	again := startedIn(t, dir, sandbox.Behavior{Instant: true})
	if diff := cmp.Diff(sandbox.Stats{Orders: 1, LiveOrders: 1, DistinctKeys: 1}, again.server.Stats()); diff != "" {
		t.Error(diff)
	}
	again.order(again.create("a"), http.StatusOK)
	again.order(again.create("b"), http.StatusCreated)
	again.stop()
	write(t, path, append([]byte("{\"record\":\"order\"}\n"), content...))
	if _, err := sandbox.New(sandbox.Config{DataDir: dir}); !errors.Is(err, sandbox.ErrJournal) {
		t.Errorf("got %v", err)
	}
}

// Orders of a provider that is no longer configured stay in the ledger, and go on when it is again.
func TestRetiredProvidersOrdersStay(t *testing.T) {
	t.Parallel()

	dir := t.TempDir()
	c := startedIn(t, dir, sandbox.Behavior{LateStatus: true})
	placed := c.order(c.create("k"), http.StatusCreated)
	c.stop()
	without, err := sandbox.New(sandbox.Config{DataDir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(sandbox.Stats{Orders: 1, LiveOrders: 1, DistinctKeys: 1}, without.Stats()); diff != "" {
		t.Error(diff)
	}
	if err := without.Close(); err != nil {
		t.Fatal(err)
	}
	again := startedIn(t, dir, sandbox.Behavior{})
	again.becomes(placed.ID, protocol.StatusFulfilled)
}
