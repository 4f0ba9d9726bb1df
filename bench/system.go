package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/boostress/boostress/internal/devstack"
)

// system is the measured installation: stores, simulated providers, and each role as a process.
type system struct {
	options options
	stack   *devstack.Stack
	folder  string
	env     []string
	parts   []*part
	addr    string // the API's
	sandbox string

	providerKey string // of the simulated provider
}

// part is one process.
type part struct {
	name string
	cmd  *exec.Cmd
	log  *os.File
}

const (
	readyPatience = 30 * time.Second
	password      = "bench-admin-password"
	sandboxToken  = "bench-sandbox-token"
)

var errNotReady = errors.New("not ready in time")

func startSystem(ctx context.Context, o options) (*system, error) {
	folder, err := os.MkdirTemp(o.DataRoot, "boostress-bench-")
	if err != nil {
		return nil, fmt.Errorf("make folder: %w", err)
	}
	s := &system{options: o, folder: folder}
	s.stack, err = devstack.Start(ctx, devstack.Options{
		DataDir: filepath.Join(folder, "data"), Postgres: true, Redis: true, Out: os.Stderr,
	})
	if err != nil {
		return nil, fmt.Errorf("start stores: %w", err)
	}
	s.env = append(os.Environ(),
		"DATABASE_URL="+s.stack.DatabaseURL, "REDIS_URL="+s.stack.RedisURL, "BOOSTRESS_ADMIN_PASSWORD="+password,
		"BOOSTRESS_SECRET_KEY=MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=", "BOOSTRESS_ALLOWED_NETWORKS=127.0.0.0/8",
		"BOOSTRESS_SANDBOX_TOKEN="+sandboxToken, "BOOSTRESS_LOG_LEVEL=warn",
	)
	err = s.startParts(ctx)
	return s, err
}

func (s *system) startParts(ctx context.Context) error {
	addresses, err := freeAddresses(4)
	if err != nil {
		return err
	}
	s.sandbox, s.addr = addresses[0], addresses[1]
	for _, one := range []struct {
		name, addr, ready string
		args              []string
	}{
		{"sandbox", s.sandbox, "/healthz", []string{"sandbox", "--addr", s.sandbox, "--data-dir", s.folder}},
		{"api", s.addr, "/readyz", []string{"serve", "--roles", "api", "--addr", s.addr}},
		{"worker", addresses[2], "/readyz", []string{"serve", "--roles", "worker", "--addr", addresses[2]}},
		{"scheduler", addresses[3], "/readyz", []string{"serve", "--roles", "scheduler", "--addr", addresses[3]}},
	} {
		if err := s.startPart(ctx, one.name, one.args); err != nil {
			return err
		}
		if err := waitReady(ctx, "http://"+one.addr+one.ready); err != nil {
			return fmt.Errorf("%s: %w", one.name, err)
		}
	}
	return nil
}

func (s *system) startPart(ctx context.Context, name string, args []string) error {
	log, err := os.Create(filepath.Join(s.folder, name+".log")) //nolint:gosec // a name of ours
	if err != nil {
		return fmt.Errorf("start %s: %w", name, err)
	}
	p := &part{name: name, log: log, cmd: exec.CommandContext(ctx, s.options.Binary, args...)} //nolint:gosec // ours
	p.cmd.Env, p.cmd.Stdout, p.cmd.Stderr = s.env, log, log
	p.cmd.Cancel = func() error { return p.cmd.Process.Signal(syscall.SIGTERM) }
	if err := p.cmd.Start(); err != nil {
		return errors.Join(fmt.Errorf("start %s: %w", name, err), log.Close())
	}
	s.parts = append(s.parts, p)
	return nil
}

// close ends the processes, then the stores, and removes what they wrote.
func (s *system) close(ctx context.Context) error {
	var faults []error
	for _, p := range s.parts {
		if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
			faults = append(faults, fmt.Errorf("stop %s: %w", p.name, err))
		}
	}
	for _, p := range s.parts {
		if err := p.cmd.Wait(); err != nil {
			faults = append(faults, fmt.Errorf("%s ended: %w", p.name, err))
		}
		faults = append(faults, p.log.Close())
	}
	faults = append(faults, s.stack.Close(ctx))
	if s.options.Keep {
		fmt.Fprintln(os.Stderr, "logs:", s.folder)
	} else {
		faults = append(faults, os.RemoveAll(s.folder))
	}
	return errors.Join(faults...)
}

func waitReady(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, readyPatience)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		if answers(ctx, url) {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w: %s", errNotReady, url)
		case <-tick.C:
		}
	}
}

func answers(ctx context.Context, url string) bool {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return false
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return false
	}
	_, err = io.Copy(io.Discard, response.Body)
	return errors.Join(err, response.Body.Close()) == nil && response.StatusCode == http.StatusOK
}

func freeAddresses(count int) ([]string, error) {
	if count == 0 {
		return nil, nil
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // it does not wait
	if err != nil {
		return nil, fmt.Errorf("find a free port: %w", err)
	}
	// It is held until the others are found, too: none may be found twice.
	others, err := freeAddresses(count - 1)
	if err = errors.Join(err, listener.Close()); err != nil {
		return nil, fmt.Errorf("find a free port: %w", err)
	}
	return append(others, listener.Addr().String()), nil
}
