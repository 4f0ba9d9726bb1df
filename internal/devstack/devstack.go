// Package devstack runs a private Postgres and a private Redis for `boostress dev` and for tests.
//
// Both are child processes that listen on Unix sockets in a folder that only their user can enter. They stop with the
// process that started them and are never left behind: each has a guard, a shell that holds the read end of a pipe
// whose write end only the owner has. When the owner ends, kill -9 included, the pipe ends, and the guard stops the
// server, at first politely. Started by root, servers and guards run as an unprivileged user.
package devstack

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"
)

// The kernel's limit for the path of a socket, its final zero included, is 104 bytes on macOS and 108 on Linux.
const socketPathMax = 103

// Options says what to start and where. The zero value starts nothing.
type Options struct {
	// DataDir is where the data is kept, made where it is missing. It is not used with Ephemeral.
	DataDir string
	// Postgres and Redis choose what to start.
	Postgres, Redis bool
	// Ephemeral is for tests: a temporary folder instead of DataDir, gone after Close or with this process, and
	// nothing waits for the disk. Without it Postgres is as durable as in production.
	Ephemeral bool
	// Log takes what happens, nil for nowhere.
	Log *slog.Logger
	// Out takes what a person should know, such as that the data is kept elsewhere; nil for nowhere.
	Out io.Writer
}

// Stack is the running servers. Close ends them.
type Stack struct {
	// DatabaseURL is Postgres' address, with a superuser and the database postgres; empty without Postgres.
	DatabaseURL string
	// RedisURL is Redis' address; empty without Redis.
	RedisURL string
	// DataDir is the folder with the data: the one asked for, or another where the servers' user can't reach that.
	// What is named postgres, redis and lock in it (postgres.log, say) is the stack's; the rest is free for the caller's own files.
	DataDir string
	// Postgres and Redis are the servers, for tests that make them fail; nil where not asked for.
	Postgres, Redis *Server

	as        account
	ephemeral bool
	lock      *os.File
	log       *slog.Logger

	over    chan struct{}
	overing sync.Once
	err     error // valid once over is closed

	closing  sync.Once
	closeErr error
}

// Start starts what opts asks for and returns when it answers. It fails with ErrNotInstalled, ErrOtherVersion, ErrInUse,
// ErrForeign or ErrNoAccount where a person can do something about it; the message says what. After a failure nothing runs.
// The end of ctx stops a start that is under way, and not what was started.
func Start(ctx context.Context, opts Options) (*Stack, error) {
	programs, err := findPrograms(ctx, opts)
	if err != nil {
		return nil, err
	}
	s := &Stack{ephemeral: opts.Ephemeral, log: opts.Log, over: make(chan struct{})}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if err := s.place(ctx, opts); err != nil {
		return nil, err
	}
	if err := s.start(ctx, opts, programs); err != nil {
		// A start that was canceled still has to tidy up.
		return nil, errors.Join(err, s.Close(context.WithoutCancel(ctx)))
	}
	return s, nil
}

// Done is closed when a server has died that nobody asked to, and by Close.
func (s *Stack) Done() <-chan struct{} { return s.over }

// Err returns ErrDied with the end of the server's log once Done is closed by a death, nil before and after Close.
func (s *Stack) Err() error {
	select {
	case <-s.over:
		return s.err
	default:
		return nil
	}
}

// Close stops the servers, Postgres after it has written everything down, and removes what is temporary. When ctx ends
// first they are killed. A second call returns what the first did.
func (s *Stack) Close(ctx context.Context) error {
	s.closing.Do(func() { s.closeErr = s.close(ctx) })
	return s.closeErr
}

func (s *Stack) close(ctx context.Context) error {
	var servers errgroup.Group
	for _, server := range []*Server{s.Postgres, s.Redis} {
		if server != nil {
			servers.Go(func() error { return server.close(ctx) })
		}
	}
	err := servers.Wait()
	s.finish(nil)
	if s.ephemeral {
		// The guards have done so, unless one was killed or never came to be.
		err = errors.Join(err, os.RemoveAll(s.DataDir))
	}
	if s.lock != nil {
		err = errors.Join(err, s.lock.Close())
	}
	if err != nil {
		return fmt.Errorf("close stack: %w", err)
	}
	return nil
}

func (s *Stack) finish(err error) {
	s.overing.Do(func() {
		s.err = err
		close(s.over)
	})
}

type programs struct {
	postgres []binary
	redis    binary
}

// findPrograms looks for everything before anything is started, so that a person learns at once of all that is missing.
func findPrograms(ctx context.Context, opts Options) (programs, error) {
	var (
		found         programs
		noPg, noRedis error
	)
	path := os.Getenv("PATH")
	if opts.Postgres {
		found.postgres = postgresBinaries(ctx, path, postgresFolders)
		_, noPg = choosePostgres(found.postgres, 0, "")
	}
	if opts.Redis {
		found.redis, noRedis = chooseRedis(ctx, path, redisFolders)
	}
	return found, errors.Join(noPg, noRedis)
}

// start locks the data directory and starts the servers side by side.
func (s *Stack) start(ctx context.Context, opts Options, found programs) (err error) {
	if !s.ephemeral {
		if s.lock, err = lockDir(ctx, s.DataDir); err != nil {
			return err
		}
	}
	if opts.Postgres {
		version, err := clusterVersion(s.DataDir)
		if err != nil {
			return err
		}
		program, err := choosePostgres(found.postgres, version, filepath.Join(s.DataDir, postgresFolder))
		if err != nil {
			return err
		}
		if s.Postgres, err = s.postgres(program); err != nil {
			return err
		}
	}
	if opts.Redis {
		if s.Redis, err = s.redis(found.redis); err != nil {
			return err
		}
	}
	starts, ctx := errgroup.WithContext(ctx)
	for _, server := range []*Server{s.Postgres, s.Redis} {
		if server != nil {
			starts.Go(func() error { return server.Start(ctx) })
		}
	}
	return starts.Wait() //nolint:wrapcheck // Start wraps
}

// server builds what both servers have in common, and their folders.
func (s *Stack) server(name, socket string) (*Server, error) {
	server := &Server{
		name: name, folder: filepath.Join(s.DataDir, name), as: s.as, lock: s.lock, log: s.log, ephemeral: s.ephemeral,
		died: func(err error) {
			s.log.Error("server died", "server", name, "error", err)
			s.finish(err)
		},
	}
	server.sockets = server.folder
	if err := s.as.mkdir(server.folder); err != nil {
		return nil, err
	}
	if fits(filepath.Join(server.folder, socket)) {
		return server, nil
	}
	short, err := os.MkdirTemp("/tmp", "boostress-")
	if err != nil {
		return nil, fmt.Errorf("make folder for %s's socket: %w", name, err)
	}
	server.sockets = short
	return server, s.as.own(short)
}

// fits tells whether a socket can have a path, which the servers' settings and pgx's lists of hosts must take as well.
func fits(socket string) bool {
	return len(socket) <= socketPathMax && !strings.ContainsAny(socket, ",\"\\\n\r\t")
}
