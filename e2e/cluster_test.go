// Package e2e runs API, worker, scheduler and simulated providers as processes of their own, makes them and their
// stores fail, and counts afterwards: in the database and, independently, in the providers' ledger.
package e2e_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/boostress/boostress/internal/devstack"
	"github.com/boostress/boostress/internal/gqlclient"
	"github.com/boostress/boostress/internal/testkit"
)

const (
	adminPassword = "correct horse battery staple"
	sandboxToken  = "sandbox-admin-token"
	patience      = 60 * time.Second
)

// binary builds the program once for all tests, faulty the one with failpoints.
var (
	binary = sync.OnceValues(func() (string, error) { return build() })
	faulty = sync.OnceValues(func() (string, error) { return build("-tags", "failpoints") })
)

func build(flags ...string) (string, error) {
	folder, err := os.MkdirTemp("", "boostress-e2e-")
	if err != nil {
		return "", fmt.Errorf("make folder: %w", err)
	}
	path := filepath.Join(folder, "boostress")
	args := append([]string{"build", "-o", path}, flags...)
	run := exec.Command("go", append(args, "../cmd/boostress")...) //nolint:noctx // it is for all tests, and belongs to none
	if output, err := run.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build: %w: %s", err, output)
	}
	return path, nil
}

// cluster is one running installation.
type cluster struct {
	t       *testing.T
	binary  string
	stack   *devstack.Stack
	env     []string
	folder  string
	sandbox string // address of the simulated providers
	client  *gqlclient.Client
	logs    int

	provider    string            // the id of the one that the tests use
	credentials map[string]string // of that provider, besides its own
}

// process is one running part.
type process struct {
	t    *testing.T
	name string
	cmd  *exec.Cmd
	addr string
	done chan struct{}
	err  error
	log  string
}

// newCluster starts the stores.
func newCluster(t *testing.T) *cluster {
	t.Helper()
	return clusterOf(t, binary)
}

// faultyCluster is one of the program with failpoints, whose workers are given up after two seconds of silence.
func faultyCluster(t *testing.T) *cluster {
	t.Helper()
	c := clusterOf(t, faulty)
	c.env = append(c.env, "BOOSTRESS_TERM=2s")
	return c
}

func clusterOf(t *testing.T, program func() (string, error)) *cluster {
	t.Helper()
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	c := &cluster{t: t, binary: path, stack: durableStores(t), folder: t.TempDir()}
	c.env = append(os.Environ(),
		"DATABASE_URL="+c.stack.DatabaseURL, "REDIS_URL="+c.stack.RedisURL,
		"BOOSTRESS_SECRET_KEY=MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=",
		"BOOSTRESS_ADMIN_PASSWORD="+adminPassword, "BOOSTRESS_ALLOWED_NETWORKS=127.0.0.0/8",
		"BOOSTRESS_SANDBOX_TOKEN="+sandboxToken, "BOOSTRESS_LOG_LEVEL=warn",
	)
	return c
}

// durableStores starts stores that keep what they acknowledged when they are killed, as those in production do.
func durableStores(t *testing.T) *devstack.Stack {
	t.Helper()
	folder, err := os.MkdirTemp("", "boostress-e2e-") //nolint:usetesting // the stores' user must reach it
	must(t, err)
	stack, err := devstack.Start(t.Context(), devstack.Options{DataDir: filepath.Join(folder, "data"), Postgres: true, Redis: true})
	must(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), patience)
		defer cancel()
		must(t, errors.Join(stack.Close(ctx), os.RemoveAll(stack.DataDir), os.RemoveAll(folder)))
	})
	return stack
}

// start runs the program with args and waits until its address answers, where it has one.
func (c *cluster) start(name, addr, ready string, args ...string) *process {
	c.t.Helper()
	return c.startWith(nil, name, addr, ready, args...)
}

// startWith is start with more in the environment.
func (c *cluster) startWith(env []string, name, addr, ready string, args ...string) *process {
	c.t.Helper()
	c.logs++
	p := &process{
		t: c.t, name: name, addr: addr, done: make(chan struct{}),
		log: filepath.Join(c.folder, fmt.Sprintf("%02d-%s.log", c.logs, name)),
	}
	output, err := os.Create(p.log)
	if err != nil {
		c.t.Fatalf("start %s: %v", name, err)
	}
	p.cmd = exec.Command(c.binary, args...) //nolint:noctx // ended by its pid
	p.cmd.Env, p.cmd.Stdout, p.cmd.Stderr = slices.Concat(c.env, env), output, output
	if err := p.cmd.Start(); err != nil {
		c.t.Fatalf("start %s: %v", name, err)
	}
	go func() {
		p.err = errors.Join(p.cmd.Wait(), output.Close())
		close(p.done)
	}()
	c.t.Cleanup(func() {
		p.signal(syscall.SIGKILL)
		<-p.done
		if c.t.Failed() {
			c.t.Logf("%s:\n%s", p.log, tail(p.log))
		}
	})
	if ready != "" {
		c.waitFor("http://" + addr + ready)
	}
	return p
}

// tail returns the end of a log.
func tail(path string) []byte {
	const most = 16 << 10
	content, err := os.ReadFile(path)
	if err != nil {
		return []byte(err.Error())
	}
	return content[max(0, len(content)-most):]
}

func (c *cluster) waitFor(url string) {
	c.t.Helper()
	testkit.Eventually(c.t, patience, url+" answers", func() bool {
		ctx, cancel := context.WithTimeout(c.t.Context(), time.Second)
		defer cancel()
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
		if err != nil {
			return false
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return false
		}
		return errors.Join(response.Body.Close()) == nil && response.StatusCode == http.StatusOK
	})
}

// api, worker and scheduler start one process of the role, with more in its environment.
func (c *cluster) api(env ...string) *process {
	c.t.Helper()
	p := c.role("api", env)
	if c.client == nil {
		c.client = c.signedIn(p.addr)
		c.addProvider(slug)
	}
	return p
}

func (c *cluster) worker(env ...string) *process {
	c.t.Helper()
	return c.role("worker", env)
}

func (c *cluster) scheduler(env ...string) *process {
	c.t.Helper()
	return c.role("scheduler", env)
}

func (c *cluster) role(role string, env []string) *process {
	c.t.Helper()
	return c.roleAt(freeAddress(c.t), role, env)
}

func (c *cluster) roleAt(addr, role string, env []string) *process {
	c.t.Helper()
	return c.startWith(env, role, addr, "/readyz", "serve", "--roles", role, "--addr", addr)
}

// at returns a client of the same key at another API process.
func (c *cluster) at(p *process) *gqlclient.Client {
	return &gqlclient.Client{URL: "http://" + p.addr + "/graphql", Key: c.client.Key}
}

// signal sends a signal to the process, by its own id.
func (p *process) signal(signal syscall.Signal) {
	select {
	case <-p.done:
	default:
		if err := p.cmd.Process.Signal(signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
			p.t.Errorf("signal %s: %v", p.name, err)
		}
	}
}

// kill ends the process as a crash does.
func (p *process) kill() {
	p.signal(syscall.SIGKILL)
	<-p.done
}

// killed waits until the process has died by the signal that a failpoint sends it.
func (p *process) killed() {
	p.t.Helper()
	select {
	case <-p.done:
	case <-time.After(patience):
		p.t.Fatalf("%s did not die:\n%s", p.name, tail(p.log))
	}
	status, ok := p.cmd.ProcessState.Sys().(syscall.WaitStatus)
	if !ok || status.Signal() != syscall.SIGKILL {
		p.t.Fatalf("%s ended with %v:\n%s", p.name, p.cmd.ProcessState, tail(p.log))
	}
}

// says waits until the process has logged a text.
func (p *process) says(text string) {
	p.t.Helper()
	testkit.Eventually(p.t, patience, p.name+" says "+text, func() bool {
		content, err := os.ReadFile(p.log)
		return err == nil && bytes.Contains(content, []byte(text))
	})
}

// stop ends the process as an operator does, and returns how long it took.
func (p *process) stop() time.Duration {
	p.t.Helper()
	begun := time.Now()
	p.signal(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(patience):
		p.t.Fatalf("%s did not stop", p.name)
	}
	if p.err != nil {
		p.t.Errorf("%s: %v", p.name, p.err)
	}
	return time.Since(begun)
}

func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // it does not wait
	if err != nil {
		t.Fatalf("find a free port: %v", err)
	}
	defer func() {
		if err := listener.Close(); err != nil {
			t.Errorf("free port: %v", err)
		}
	}()
	return listener.Addr().String()
}
