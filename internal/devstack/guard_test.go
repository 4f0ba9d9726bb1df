package devstack_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/boostress/boostress/internal/devstack"
)

// In an owner, the test program started again to be killed, this holds what it is to start.
const ownerVariable = "BOOSTRESS_DEVSTACK_OWNER"

type ownerOptions struct {
	DataDir   string `json:"dataDir"`
	Ephemeral bool   `json:"ephemeral"`
}

func (o ownerOptions) stack() devstack.Options {
	return devstack.Options{DataDir: o.DataDir, Ephemeral: o.Ephemeral, Postgres: true, Redis: true}
}

// owned is what an owner tells of itself.
type owned struct {
	DataDir   string `json:"dataDir"`
	Postgres  int    `json:"postgres"`  // its pid
	Redis     int    `json:"redis"`     // its pid
	Bystander int    `json:"bystander"` // the pid of another child of the owner, which inherits what children inherit
}

// own starts a stack and waits to be killed.
func own() {
	err := func() error {
		var opts ownerOptions
		if err := json.Unmarshal([]byte(os.Getenv(ownerVariable)), &opts); err != nil {
			return err
		}
		stack, err := devstack.Start(context.Background(), opts.stack())
		if err != nil {
			return err
		}
		bystander := exec.CommandContext(context.Background(), "sleep", "600")
		if err := bystander.Start(); err != nil {
			return err
		}
		return json.NewEncoder(os.Stdout).Encode(owned{
			stack.DataDir, stack.Postgres.PID(), stack.Redis.PID(), bystander.Process.Pid,
		})
	}()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	select {}
}

func TestServersEndWithTheirOwner(t *testing.T) {
	t.Parallel()
	for name, ephemeral := range map[string]bool{"durable": false, "ephemeral": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			opts := ownerOptions{DataDir: dataDir(t), Ephemeral: ephemeral}
			owner, its := startOwner(t, opts)
			// A server that is frozen ends too.
			if err := syscall.Kill(its.Redis, syscall.SIGSTOP); err != nil {
				t.Fatal(err)
			}
			kill(t, owner)
			began := time.Now()
			eventually(t, "the servers are gone", func() bool { return !isAlive(its.Postgres) && !isAlive(its.Redis) })
			t.Logf("gone after %v", time.Since(began))
			if !isAlive(its.Bystander) {
				t.Error("the bystander died as well, and proves nothing")
			}
			if ephemeral {
				eventually(t, "their folder is gone", func() bool {
					_, err := os.Stat(its.DataDir)
					return errors.Is(err, os.ErrNotExist)
				})
			}
		})
	}
}

func TestStartRightAfterTheOwnerWasKilled(t *testing.T) {
	t.Parallel()
	opts := ownerOptions{DataDir: dataDir(t)}
	owner, _ := startOwner(t, opts)
	kill(t, owner)
	stack := start(t, opts.stack())
	if one := query(t, stack, "SELECT 1::text"); one != "1" {
		t.Errorf("got %q", one)
	}
}

// Somebody who kills the guards as well leaves servers behind, until the next start.
func TestStartEndsServersWithoutAGuard(t *testing.T) {
	t.Parallel()
	opts := ownerOptions{DataDir: dataDir(t)}
	owner, its := startOwner(t, opts)
	if err := owner.Process.Signal(syscall.SIGSTOP); err != nil { // or it would kill the servers of a dead guard
		t.Fatal(err)
	}
	for _, server := range []int{its.Postgres, its.Redis} {
		guard := parentOf(t, server)
		for _, part := range append(childrenOf(t, guard), guard) {
			if part == server {
				continue
			}
			if err := syscall.Kill(part, syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
		}
	}
	kill(t, owner)
	if !isAlive(its.Postgres) || !isAlive(its.Redis) {
		t.Fatal("the servers ended without a guard")
	}
	stack := start(t, opts.stack())
	if isAlive(its.Postgres) || isAlive(its.Redis) {
		t.Error("the servers from before live on")
	}
	if one := query(t, stack, "SELECT 1::text"); one != "1" {
		t.Errorf("got %q", one)
	}
}

func TestServersOfADeadGuardAreKilled(t *testing.T) {
	t.Parallel()
	stack := start(t, devstack.Options{Redis: true, Ephemeral: true})
	pid := stack.Redis.PID()
	if err := syscall.Kill(parentOf(t, pid), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	<-stack.Done()
	if err := stack.Err(); !errors.Is(err, devstack.ErrDied) {
		t.Errorf("got %v", err)
	}
	eventually(t, "the server is gone", func() bool { return !isAlive(pid) })
}

func startOwner(t *testing.T, opts ownerOptions) (*exec.Cmd, owned) {
	t.Helper()
	encoded, err := json.Marshal(opts)
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	owner := exec.CommandContext(t.Context(), program)
	owner.Env = append(os.Environ(), ownerVariable+"="+string(encoded))
	owner.Stderr = os.Stderr
	out, err := owner.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := owner.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadBytes('\n')
	if err != nil {
		t.Fatal(err, owner.Wait())
	}
	var its owned
	if err := json.Unmarshal(line, &its); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Kill(its.Bystander, syscall.SIGKILL) })
	return owner, its
}

func kill(t *testing.T, owner *exec.Cmd) {
	t.Helper()
	if err := owner.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	var exit *exec.ExitError
	if err := owner.Wait(); !errors.As(err, &exit) {
		t.Fatal(err)
	}
}

func parentOf(t *testing.T, pid int) int {
	t.Helper()
	numbers := processes(t, func(own, _ int) bool { return own == pid })
	if len(numbers) != 1 {
		t.Fatalf("process %d is in the list %d times", pid, len(numbers))
	}
	return numbers[0][1]
}

func childrenOf(t *testing.T, pid int) []int {
	t.Helper()
	rows := processes(t, func(_, parent int) bool { return parent == pid })
	children := make([]int, 0, len(rows))
	for _, row := range rows {
		children = append(children, row[0])
	}
	return children
}

// processes lists the pid and the parent's pid of those that are wanted.
func processes(t *testing.T, wanted func(pid, parent int) bool) [][2]int {
	t.Helper()
	var list [][2]int
	for line := range strings.Lines(processTable(t)) {
		fields := strings.Fields(line)
		pid, err := strconv.Atoi(fields[0])
		if err != nil {
			t.Fatal(err)
		}
		parent, err := strconv.Atoi(fields[1])
		if err != nil {
			t.Fatal(err)
		}
		if wanted(pid, parent) {
			list = append(list, [2]int{pid, parent})
		}
	}
	return list
}

// processTable has a line with its pid and its parent's for each process. A bare Linux has no ps.
func processTable(t *testing.T) string {
	t.Helper()
	if runtime.GOOS != "linux" {
		out, err := exec.CommandContext(t.Context(), "ps", "-A", "-o", "pid=,ppid=").Output()
		if err != nil {
			t.Fatal(err)
		}
		return string(out)
	}
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	var table strings.Builder
	for _, path := range stats {
		stat, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended since
		}
		pid, rest, _ := strings.Cut(string(stat), " (")
		fields := strings.Fields(rest[strings.LastIndex(rest, ")")+1:]) // the name between may hold anything
		fmt.Fprintln(&table, pid, fields[1])
	}
	return table.String()
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	late := time.NewTimer(15 * time.Second)
	defer late.Stop()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-late.C:
			t.Fatal("timed out waiting until " + what)
		}
	}
}
