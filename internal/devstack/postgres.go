package devstack

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	postgresFolder = "postgres"
	clusterFolder  = "data"
	// A cluster is made under this name and gets its own when it is whole, so a crash in between leaves no half one.
	unfinishedFolder = "data.unfinished"

	superuser    = "boostress"
	postgresPort = "5432" // names the socket; nothing listens on it
	socketName   = ".s.PGSQL." + postgresPort
)

// postgres builds the Server for the cluster in a Stack's data directory.
func (s *Stack) postgres(program binary) (*Server, error) {
	server, err := s.server(postgresFolder, socketName)
	if err != nil {
		return nil, err
	}
	cluster := filepath.Join(server.folder, clusterFolder)
	s.DatabaseURL = (&url.URL{
		Scheme: "postgres", User: url.User(superuser), Path: "/postgres",
		RawQuery: url.Values{"host": {server.sockets}, "port": {postgresPort}}.Encode(),
	}).String()
	server.signals, server.stop = "INT QUIT KILL", syscall.SIGINT
	if s.ephemeral {
		server.signals = "QUIT KILL"
	}
	server.ready = func(ctx context.Context) error { return pingPostgres(ctx, s.DatabaseURL) }
	server.lingers = func(tail string) bool { return strings.Contains(tail, "pre-existing shared memory block") }
	server.prepare = func(ctx context.Context) ([]string, []string, error) {
		env := environment()
		stranger, err := evict(ctx, filepath.Join(cluster, "postmaster.pid"), cluster, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGKILL)
		if err != nil {
			return nil, nil, err
		}
		if stranger != 0 {
			// Postgres takes any process of that number for another server of the cluster, unless it is told that
			// the process is one of its own ancestors.
			env = append(env, "PG_GRANDPARENT_PID="+strconv.Itoa(stranger))
		}
		if err := server.ensureCluster(ctx, program, cluster); err != nil {
			return nil, nil, err
		}
		return append([]string{program.path, "-D", cluster}, s.postgresSettings(server.sockets)...), env, nil
	}
	return server, nil
}

// postgresSettings are arguments and not a file in the cluster, so that an older data directory gets today's.
func (s *Stack) postgresSettings(sockets string) []string {
	settings := []string{
		"listen_addresses=",
		`unix_socket_directories="` + sockets + `"`,
		"unix_socket_permissions=0700",
		"port=" + postgresPort,
		"max_connections=200",
		"shared_buffers=128MB",
		"max_wal_size=2GB",
		"jit=off", // every statement here is short
		"log_checkpoints=off",
		"logging_collector=off",
		"log_destination=stderr",
	}
	if s.ephemeral {
		settings = append(settings, "fsync=off", "synchronous_commit=off", "full_page_writes=off")
	} else {
		settings = append(settings, "fsync=on", "synchronous_commit=on", "full_page_writes=on")
	}
	args := make([]string, 0, 2*len(settings))
	for _, setting := range settings {
		args = append(args, "-c", setting)
	}
	return args
}

func pingPostgres(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, address)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	if err := conn.Close(ctx); err != nil {
		return fmt.Errorf("disconnect: %w", err)
	}
	return nil
}

// clusterVersion returns the major version of the Postgres that made the cluster of a data directory, 0 where there is
// none yet. It fails with ErrForeign for a folder that is something else.
func clusterVersion(dataDir string) (int, error) {
	cluster := filepath.Join(dataDir, postgresFolder, clusterFolder)
	text, err := os.ReadFile(filepath.Join(cluster, "PG_VERSION")) //nolint:gosec // our own folder
	switch {
	case err == nil:
		version, err := strconv.Atoi(strings.TrimSpace(string(text)))
		if err != nil {
			return 0, fmt.Errorf("%w: %s: move it away", ErrForeign, cluster)
		}
		return version, nil
	case !errors.Is(err, fs.ErrNotExist):
		return 0, fmt.Errorf("read version of the cluster: %w", err)
	}
	entries, err := os.ReadDir(cluster)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return 0, fmt.Errorf("read folder of the cluster: %w", err)
	}
	if len(entries) > 0 {
		return 0, fmt.Errorf("%w: %s: move it away", ErrForeign, cluster)
	}
	return 0, nil
}

// ensureCluster makes the cluster where there is none, starting over where an earlier start was cut short.
func (s *Server) ensureCluster(ctx context.Context, program binary, cluster string) error {
	if _, err := os.Stat(filepath.Join(cluster, "PG_VERSION")); err == nil {
		return nil
	}
	unfinished := filepath.Join(s.folder, unfinishedFolder)
	if err := os.RemoveAll(unfinished); err != nil {
		return fmt.Errorf("remove unfinished cluster: %w", err)
	}
	if err := s.initCluster(ctx, program, unfinished); err != nil {
		return fmt.Errorf("make cluster: %w", err)
	}
	if err := os.Remove(cluster); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("replace empty folder: %w", err)
	}
	if err := os.Rename(unfinished, cluster); err != nil {
		return fmt.Errorf("finish cluster: %w", err)
	}
	return s.syncFolder()
}

// syncFolder makes the new name of the cluster survive a power cut, as initdb did for what is in it.
func (s *Server) syncFolder() error {
	if s.ephemeral {
		return nil
	}
	folder, err := os.Open(s.folder)
	if err != nil {
		return fmt.Errorf("open folder of the cluster: %w", err)
	}
	if err := errors.Join(folder.Sync(), folder.Close()); err != nil {
		return fmt.Errorf("sync folder of the cluster: %w", err)
	}
	return nil
}

func (s *Server) initCluster(ctx context.Context, program binary, into string) error {
	log, err := s.openLog()
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }() // the guard has its own
	from, err := size(log)
	if err != nil {
		return err
	}
	c := s.command(initCommand(filepath.Dir(program.path), into, s.ephemeral), environment(), log)
	c.signals = "TERM KILL"
	initdb, err := start(ctx, c, func(*process) {})
	if err != nil {
		return err
	}
	select {
	case <-initdb.gone:
	case <-ctx.Done():
		return errors.Join(ctx.Err(), initdb.halt(ctx, syscall.SIGKILL), initdb.retire())
	}
	if initdb.status != 0 {
		return errors.Join(
			fmt.Errorf("%w: initdb, with status %d (log: %s)%s", errEarly, initdb.status, s.logPath(), tailOf(s.logPath(), from)),
			initdb.retire(),
		)
	}
	return initdb.retire()
}

// initCommand is initdb with nothing left to look up: the order of text is that of its bytes, and letters are known
// as Unicode has them. Access is the folder's: only its user can reach the socket.
func initCommand(programs, into string, ephemeral bool) []string {
	letters := "C.UTF-8"
	if runtime.GOOS == "darwin" {
		letters = "UTF-8"
	}
	argv := []string{
		filepath.Join(programs, "initdb"), "-D", into, "--username=" + superuser, "--auth-local=trust", "--auth-host=reject",
		"--encoding=UTF8", "--locale=C", "--lc-ctype=" + letters, "--no-instructions",
	}
	if ephemeral {
		argv = append(argv, "--no-sync")
	}
	return argv
}

// environment is all that a server gets of ours: PGPORT, PGDATA and their like would change what it does.
func environment() []string {
	return []string{"PATH=" + os.Getenv("PATH"), "HOME=/", "LC_ALL=C", "TZ=UTC"}
}
