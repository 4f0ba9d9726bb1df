package main_test

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestWithstack(t *testing.T) {
	t.Parallel()
	program := build(t)
	script := `case $BOOSTRESS_TEST_DATABASE_URL in postgres://*/postgres?*) ;; *) exit 50 ;; esac
		case $BOOSTRESS_TEST_REDIS_URL in unix://*) ;; *) exit 51 ;; esac
		`
	tests := map[string]struct {
		args   []string
		status int
	}{
		"success":    {args: []string{"--", "sh", "-c", script + "exit 0"}},
		"its status": {args: []string{"--", "sh", "-c", script + "exit 7"}, status: 7},
		"no dashes":  {args: []string{"sh", "-c", script + "exit 8"}, status: 8},
		"a signal":   {args: []string{"--", "sh", "-c", "kill -KILL $$"}, status: 128 + 9},
		"no command": {args: []string{"--", "no-such-command"}, status: 1},
		"nothing":    {args: []string{"--"}, status: 2},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			command := exec.CommandContext(t.Context(), program, test.args...)
			folder := t.TempDir()
			command.Env = append(os.Environ(), "TMPDIR="+folder)
			var said bytes.Buffer
			command.Stderr = &said
			checkStatus(t, command.Run(), test.status)
			if test.status == 1 && !strings.Contains(said.String(), "no-such-command") {
				t.Errorf("said %q", said.String())
			}
			if left, err := os.ReadDir(folder); err != nil || len(left) > 0 {
				t.Errorf("left %v, %v", left, err)
			}
		})
	}
}

func TestSignalsArePassedOn(t *testing.T) {
	t.Parallel()
	program := build(t)
	for name, sig := range map[string]syscall.Signal{"INT": syscall.SIGINT, "TERM": syscall.SIGTERM} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			script := "trap 'echo caught; exit 3' " + name + "; echo ready; while :; do read -r _; done"
			command := exec.CommandContext(t.Context(), program, "--", "sh", "-c", script)
			open, err := command.StdinPipe() // what the shell reads until the signal comes
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = open.Close() }()
			out, err := command.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := command.Start(); err != nil {
				t.Fatal(err)
			}
			lines := bufio.NewReader(out)
			if line, err := lines.ReadString('\n'); line != "ready\n" {
				t.Fatalf("got %q, %v", line, err)
			}
			if err := command.Process.Signal(sig); err != nil {
				t.Fatal(err)
			}
			if rest, err := io.ReadAll(lines); string(rest) != "caught\n" {
				t.Errorf("got %q, %v", rest, err)
			}
			checkStatus(t, command.Wait(), 3)
		})
	}
}

func build(t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "withstack")
	out, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, ".").CombinedOutput()
	if err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	return program
}

func checkStatus(t *testing.T, err error, want int) {
	t.Helper()
	got := 0
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		got = exit.ExitCode()
	case err != nil:
		t.Fatal(err)
	}
	if got != want {
		t.Errorf("status %d, want %d", got, want)
	}
}
