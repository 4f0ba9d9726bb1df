package devstack

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"syscall"
	"time"
)

const (
	// startTimeout covers a recovery after a crash.
	startTimeout = time.Minute
	// lingerInterval is how often a start is tried again while remains of the server before it are going.
	lingerInterval = 100 * time.Millisecond

	// A log above this size is set aside when the server starts; one older log is kept.
	logLimit = 16 << 20
)

// errLingers says that the server can't start yet, because parts of a killed one are still going.
var errLingers = errors.New("remains of the server before are still going")

// Server is one of the servers of a Stack. Its methods may be called from several goroutines; a server that they end
// does not end the Stack's Done.
type Server struct {
	name    string
	folder  string // its own, with its data and socket; the log lies beside it
	sockets string // a short folder for the socket where its own has too long a path
	as      account
	lock    *os.File
	log     *slog.Logger

	signals   string         // for the guard: from polite to final
	stop      syscall.Signal // the polite one
	ephemeral bool

	// prepare makes ready what one start needs and returns the command and what to add to its environment.
	prepare func(context.Context) (argv, env []string, err error)
	// ready fails as long as the server does not answer.
	ready func(context.Context) error
	// lingers tells from the end of the log whether a failed start is worth another try.
	lingers func(tail string) bool
	// died is called when the server ends and no method of ours ended it.
	died func(error)

	mu     sync.Mutex
	proc   *process
	closed bool
}

// Start starts the server again, at the address it had, after Kill or Stop, and waits until it answers. It fails with
// ErrRunning when it runs, with ErrStopped when the Stack is closed, and with the end of the server's log when the server does not come
// up within a minute.
func (s *Server) Start(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return fmt.Errorf("start %s: stack is closed: %w", s.name, ErrStopped)
	case s.proc != nil && s.proc.running():
		return fmt.Errorf("start %s: %w", s.name, ErrRunning)
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	if s.proc != nil {
		if err := s.proc.retire(); err != nil {
			return fmt.Errorf("start %s: %w", s.name, err)
		}
		s.proc = nil
	}
	began := time.Now()
	tick := time.NewTicker(lingerInterval)
	defer tick.Stop()
	for {
		err := s.attempt(ctx)
		if err == nil {
			s.log.Debug("server is ready", "server", s.name, "pid", s.proc.pid, "took", time.Since(began))
			return nil
		}
		if !errors.Is(err, errLingers) {
			return fmt.Errorf("start %s: %w", s.name, err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("start %s: %w", s.name, err)
		}
	}
}

// Kill ends the server with SIGKILL and returns when it is gone: a crash. The next Start recovers.
func (s *Server) Kill(ctx context.Context) error { return s.end(ctx, "kill", syscall.SIGKILL) }

// Stop ends the server in an orderly way and returns when it is gone. It is killed when ctx ends first.
func (s *Server) Stop(ctx context.Context) error { return s.end(ctx, "stop", s.stop) }

// Pause freezes the server's process (SIGSTOP): it answers nothing and closes nothing. Of Postgres that is the process
// which takes new connections; those that are open go on. It fails with ErrStopped.
func (s *Server) Pause() error { return s.signal("pause", syscall.SIGSTOP) }

// Resume ends a Pause. It fails with ErrStopped.
func (s *Server) Resume() error { return s.signal("resume", syscall.SIGCONT) }

// PID returns the process id of the server, 0 while it does not run.
func (s *Server) PID() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.proc == nil || !s.proc.running() {
		return 0
	}
	return s.proc.pid
}

func (s *Server) end(ctx context.Context, what string, sig syscall.Signal) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.proc == nil || !s.proc.running() {
		return fmt.Errorf("%s %s: %w", what, s.name, ErrStopped)
	}
	if err := s.proc.halt(ctx, sig); err != nil {
		return fmt.Errorf("%s %s: %w", what, s.name, err)
	}
	return nil
}

func (s *Server) signal(what string, sig syscall.Signal) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.proc == nil || !s.proc.running() {
		return fmt.Errorf("%s %s: %w", what, s.name, ErrStopped)
	}
	if err := s.proc.signal(sig); err != nil {
		return fmt.Errorf("%s %s: %w", what, s.name, err)
	}
	return nil
}

// close ends the server for good, with its guard and what was to be removed.
func (s *Server) close(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	if s.proc != nil {
		if err := s.proc.end(ctx); err != nil {
			return fmt.Errorf("stop %s: %w", s.name, err)
		}
	}
	if s.sockets != s.folder { // the guard did it, where there was one
		if err := os.RemoveAll(s.sockets); err != nil {
			return fmt.Errorf("remove folder of %s's socket: %w", s.name, err)
		}
	}
	return nil
}

// attempt starts the server once and waits until it answers.
func (s *Server) attempt(ctx context.Context) error {
	argv, env, err := s.prepare(ctx)
	if err != nil {
		return err
	}
	log, err := s.openLog()
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }() // the guard has its own
	from, err := size(log)
	if err != nil {
		return err
	}
	proc, err := start(ctx, s.command(argv, env, log), s.whenGone)
	if err != nil {
		return err
	}
	err = s.await(ctx, proc)
	if err == nil {
		proc.expected.Store(false)
		if proc.running() {
			s.proc = proc
			return nil
		}
		err = errEarly
	}
	tail := tailOf(s.logPath(), from)
	if s.lingers(tail) {
		err = errLingers
	}
	return errors.Join(
		fmt.Errorf("%w (log: %s)%s", err, s.logPath(), tail),
		proc.halt(ctx, syscall.SIGKILL), proc.retire(),
	)
}

func (s *Server) command(argv, env []string, log *os.File) command {
	c := command{
		argv: argv, env: env, dir: s.folder, log: log, lock: s.lock, as: s.as, signals: s.signals,
	}
	if s.ephemeral {
		c.folder = s.folder
	}
	if s.sockets != s.folder {
		c.other = s.sockets
	}
	return c
}

var errEarly = errors.New("server ended at once")

func (s *Server) await(ctx context.Context, proc *process) error {
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	for {
		last := s.ready(ctx)
		if last == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-proc.gone:
			return fmt.Errorf("%w, with status %d", errEarly, proc.status)
		case <-ctx.Done():
			return fmt.Errorf("%w; last: %w", ctx.Err(), last)
		}
	}
}

func (s *Server) whenGone(proc *process) {
	if proc.expected.Load() {
		return
	}
	s.died(fmt.Errorf("%w: %s (process %d) ended with status %d (log: %s)%s",
		ErrDied, s.name, proc.pid, proc.status, s.logPath(), tailOf(s.logPath(), 0)))
}

func (s *Server) logPath() string { return s.folder + ".log" }
