// Withstack runs a command with a private, temporary Postgres and Redis: withstack -- go test ./...
//
// The command finds them in BOOSTRESS_TEST_DATABASE_URL (a superuser, the database postgres) and
// BOOSTRESS_TEST_REDIS_URL. Withstack exits with the command's status, 128 and the signal's number for one that a
// signal ended, and 1 when the servers don't start. It passes SIGINT and SIGTERM on.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"

	"github.com/boostress/boostress/internal/devstack"
)

const (
	usageStatus = 2
	stopTimeout = 20 * time.Second
)

func main() {
	command := os.Args[1:]
	if len(command) > 0 && command[0] == "--" {
		command = command[1:]
	}
	if len(command) == 0 {
		fmt.Fprintln(os.Stderr, "usage: withstack -- COMMAND [ARGUMENT...]")
		os.Exit(usageStatus)
	}
	status, err := run(context.Background(), command)
	if err != nil {
		fmt.Fprintln(os.Stderr, "withstack:", err)
		status = max(status, 1)
	}
	os.Exit(status)
}

// run returns the command's status. Signals are caught before the servers start, so that none of them leaves a folder
// behind.
func run(ctx context.Context, command []string) (status int, err error) {
	signals := make(chan os.Signal, 4) // a person who presses Ctrl-C more often loses nothing
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	defer signal.Stop(signals)
	stack, err := devstack.Start(ctx, devstack.Options{
		Postgres: true, Redis: true, Ephemeral: true, Out: os.Stderr,
		Log: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
	})
	if err != nil {
		return 0, err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(ctx, stopTimeout)
		defer cancel()
		err = errors.Join(err, stack.Close(ctx))
	}()
	return runWith(ctx, stack, command, signals)
}

func runWith(ctx context.Context, stack *devstack.Stack, command []string, signals <-chan os.Signal) (int, error) {
	child := exec.CommandContext(ctx, command[0], command[1:]...) //nolint:gosec // what it is for
	child.Stdin, child.Stdout, child.Stderr = os.Stdin, os.Stdout, os.Stderr
	child.Env = append(os.Environ(),
		"BOOSTRESS_TEST_DATABASE_URL="+stack.DatabaseURL,
		"BOOSTRESS_TEST_REDIS_URL="+stack.RedisURL,
	)
	if err := child.Start(); err != nil {
		return 0, fmt.Errorf("start command: %w", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- child.Wait() }()
	for {
		select {
		case sig := <-signals:
			_ = child.Process.Signal(sig) // fails when it has just ended
		case err := <-ended:
			return statusOf(child, err)
		}
	}
}

func statusOf(child *exec.Cmd, err error) (int, error) {
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return 0, fmt.Errorf("run command: %w", err)
	}
	if wait, ok := child.ProcessState.Sys().(syscall.WaitStatus); ok && wait.Signaled() {
		return 128 + int(wait.Signal()), nil
	}
	return child.ProcessState.ExitCode(), nil
}
