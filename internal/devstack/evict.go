package devstack

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// evict ends the server that a pid file names, if it still runs although we hold the lock of its data directory:
// somebody killed its guard. The server is known by mark in its command line. The pid of another program that has come
// into the number since is returned.
func evict(ctx context.Context, pidFile, mark string, signals ...syscall.Signal) (stranger int, err error) {
	text, err := os.ReadFile(pidFile) //nolint:gosec // our own folder
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("read pid file: %w", err)
	}
	first, _, _ := strings.Cut(string(text), "\n")
	pid, err := strconv.Atoi(strings.TrimSpace(first))
	if err != nil || !alive(pid) {
		return 0, nil //nolint:nilerr // a file cut short by a crash names nobody
	}
	if !strings.Contains(commandLine(ctx, pid), mark) {
		return pid, nil
	}
	for _, sig := range signals {
		if err := syscall.Kill(pid, sig); errors.Is(err, syscall.ESRCH) {
			return 0, nil
		}
		if awaitDeath(ctx, pid) {
			return 0, nil
		}
	}
	return 0, fmt.Errorf("%w: server of a process that died: pid %d", errUnkillable, pid)
}

// awaitDeath waits five seconds for a process that is not our child, and tells whether it is gone.
func awaitDeath(ctx context.Context, pid int) bool {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	for alive(pid) {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return false
		}
	}
	return true
}

// commandLine returns the program and arguments of a process, nothing where the system does not tell.
func commandLine(ctx context.Context, pid int) string {
	id := strconv.Itoa(pid)
	if text, err := os.ReadFile("/proc/" + id + "/cmdline"); err == nil { //nolint:gosec // a number
		return string(bytes.ReplaceAll(text, []byte{0}, []byte{' '}))
	}
	text, err := exec.CommandContext(ctx, "ps", "-ww", "-o", "command=", "-p", id).Output() //nolint:gosec // a number
	if err != nil {
		return ""
	}
	return string(text)
}
