package devstack

import (
	"bufio"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

//go:embed guard.sh
var guardScript string

// lostStatus stands for the exit status of a server whose guard was killed before it could tell.
const lostStatus = -1

// killTimeout is how long a killed process may take to be gone, its guard's tidying included.
const killTimeout = 10 * time.Second

var errUnkillable = errors.New("process was killed and did not end")

// command is a program to run under a guard.
type command struct {
	argv    []string
	env     []string
	dir     string
	log     *os.File // takes what the program prints
	lock    *os.File // held by the guard too, where there is one
	as      account
	signals string // those that end it, from polite to final, five seconds apart
	folder  string // removed in the end, with what is named after it and the folder above where that is then empty
	other   string // removed in the end
}

// process is a program under its guard: a shell that ends the program when its owner, we, dies, however it dies. The
// guard knows of that through a pipe whose write end only we hold; every descriptor that Go opens is
// closed on exec, so no other child keeps it open.
type process struct {
	guard  *exec.Cmd
	leash  *os.File
	report *os.File
	pid    int

	expected atomic.Bool   // its end is no surprise: we want it to, or it is not up yet
	status   int           // valid once gone is closed
	gone     chan struct{} // closed when the program is gone
	ended    chan struct{} // closed when its guard is gone too
	release  sync.Once
}

// start runs c. whenGone is called once, when the program is gone for whatever reason.
func start(ctx context.Context, c command, whenGone func(*process)) (*process, error) {
	leashEnd, leash, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("open leash: %w", err)
	}
	report, reportEnd, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open report: %w", err), leashEnd.Close(), leash.Close())
	}
	p := &process{leash: leash, report: report, gone: make(chan struct{}), ended: make(chan struct{})}
	p.guard = guardCommand(ctx, c, leashEnd, reportEnd)
	err = p.guard.Start()
	if closing := errors.Join(leashEnd.Close(), reportEnd.Close()); err == nil {
		err = closing
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start %s: %w", c.argv[0], err), leash.Close(), report.Close())
	}
	lines := bufio.NewReader(report)
	if p.pid, err = readNumber(lines); err != nil {
		// The guard died at once, and what it may have started ends with the leash.
		return nil, errors.Join(fmt.Errorf("start %s: %w", c.argv[0], err), leash.Close(), p.guard.Wait(), report.Close())
	}
	p.expected.Store(true)
	go p.watch(lines, whenGone)
	return p, nil
}

func guardCommand(ctx context.Context, c command, leashEnd, reportEnd *os.File) *exec.Cmd {
	args := append([]string{"-c", guardScript, "boostress-guard", c.signals, c.folder, c.other}, c.argv...)
	// The end of ctx must not kill the guard: it would leave the server behind.
	guard := exec.CommandContext(context.WithoutCancel(ctx), "/bin/sh", args...) //nolint:gosec // our own script
	guard.Env = c.env
	guard.Dir = c.dir
	guard.Stdout = reportEnd
	guard.Stderr = c.log
	guard.ExtraFiles = []*os.File{leashEnd}
	if c.lock != nil {
		guard.ExtraFiles = append(guard.ExtraFiles, c.lock)
	}
	// In a session of its own no key pressed in the terminal reaches the server before it reaches us.
	guard.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Credential: c.as.credential()}
	return guard
}

func (p *process) watch(lines *bufio.Reader, whenGone func(*process)) {
	status, err := readNumber(lines)
	if err != nil {
		status = lostStatus
		_ = p.signal(syscall.SIGKILL) // the guard is gone, and the program may be gone as well
	}
	p.status = status
	close(p.gone)
	whenGone(p)
	_ = p.guard.Wait()   // how the guard ends says nothing: it has reported what matters
	_ = p.report.Close() // only read from
	close(p.ended)
}

// signal sends sig to the program itself. It fails with os.ErrProcessDone once the program is gone.
func (p *process) signal(sig syscall.Signal) error {
	if !p.running() {
		return os.ErrProcessDone
	}
	if err := syscall.Kill(p.pid, sig); err != nil {
		return fmt.Errorf("signal process %d: %w", p.pid, err)
	}
	return nil
}

// halt ends the program with sig, or for good when ctx ends first, and waits until it is gone. Its guard stays, to
// remove what belongs to the program if we die now.
func (p *process) halt(ctx context.Context, sig syscall.Signal) error {
	p.expected.Store(true)
	if err := p.signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-p.gone:
	case <-ctx.Done():
		_ = p.signal(syscall.SIGKILL) // fails only when it is gone
	}
	return p.await(p.gone)
}

// retire ends the guard of a program that is gone. What belongs to the program stays, for its successor.
func (p *process) retire() error {
	p.release.Do(func() {
		_, _ = p.leash.WriteString("keep\n") // a dead guard removes nothing anyway
		_ = p.leash.Close()                  // nothing is buffered
	})
	return p.await(p.ended)
}

// end lets go of the leash: the guard ends the program in its own time, removes what it was told to and ends too.
// When ctx ends first the program is killed.
func (p *process) end(ctx context.Context) error {
	p.expected.Store(true)
	p.release.Do(func() { _ = p.leash.Close() })
	select {
	case <-p.ended:
	case <-ctx.Done():
		_ = p.signal(syscall.SIGKILL) // fails only when it is gone
	}
	return p.await(p.ended)
}

// await waits for an end that is bound to come at once; only a process that the kernel can't end is late.
func (p *process) await(end <-chan struct{}) error {
	late := time.NewTimer(killTimeout)
	defer late.Stop()
	select {
	case <-end:
		return nil
	case <-late.C:
		return fmt.Errorf("%w: pid %d", errUnkillable, p.pid)
	}
}

// running tells whether the program has not ended yet.
func (p *process) running() bool {
	select {
	case <-p.gone:
		return false
	default:
		return true
	}
}

func readNumber(lines *bufio.Reader) (int, error) {
	line, err := lines.ReadString('\n')
	if err != nil {
		return 0, fmt.Errorf("read guard's report: %w", err)
	}
	number, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		return 0, fmt.Errorf("read guard's report: %w", err)
	}
	return number, nil
}
