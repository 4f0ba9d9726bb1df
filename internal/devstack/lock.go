package devstack

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	// What a dead process left behind has stopped by then: its guards kill after five seconds for each signal.
	lockTimeout  = 20 * time.Second
	pollInterval = 10 * time.Millisecond
)

// lockDir takes the data directory for this process and notes its pid. The guards hold the lock too, so after a crash
// it is free when the servers of the dead process are gone, which lockDir waits for. While the process lives, lockDir
// fails with ErrInUse.
func lockDir(ctx context.Context, dir string) (*os.File, error) {
	path := filepath.Join(dir, "lock")
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644) //nolint:gosec // whose it is may be known
	if errors.Is(err, fs.ErrPermission) {
		return nil, fmt.Errorf("%w; the data directory belongs to another user: start as that user, or choose another with --data-dir", err)
	}
	if err != nil {
		return nil, fmt.Errorf("open lock: %w", err)
	}
	if err := acquire(ctx, file, dir); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	if err := note(file); err != nil {
		return nil, errors.Join(fmt.Errorf("note pid in %s: %w", path, err), file.Close())
	}
	return file, nil
}

func acquire(ctx context.Context, file *os.File, dir string) error {
	ctx, cancel := context.WithTimeout(ctx, lockTimeout)
	defer cancel()
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	for {
		err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
			return fmt.Errorf("lock data directory %s: %w", dir, err)
		}
		if pid := holder(file); alive(pid) {
			return fmt.Errorf("%w: %s is in use by process %d: stop that one first, or choose another with --data-dir", ErrInUse, dir, pid)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("%w: servers of a process that died still run in %s: %w", ErrInUse, dir, ctx.Err())
		}
	}
}

// note replaces the pid in the lock file with ours.
func note(file *os.File) error {
	if err := file.Truncate(0); err != nil {
		return err //nolint:wrapcheck // by the caller, for both
	}
	_, err := file.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	return err //nolint:wrapcheck // by the caller, for both
}

// holder returns the pid in the lock file, 0 if there is none yet.
func holder(file *os.File) int {
	text := make([]byte, 32)
	n, _ := file.ReadAt(text, 0) // ends early: it is shorter
	pid, err := strconv.Atoi(strings.TrimSpace(string(text[:n])))
	if err != nil {
		return 0
	}
	return pid
}

// alive tells whether there is a process of that pid, whoever's it is.
func alive(pid int) bool {
	if pid <= 0 {
		return false
	}
	err := syscall.Kill(pid, 0)
	return err == nil || errors.Is(err, syscall.EPERM)
}
