package devstack

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	redisFolder = "redis"
	redisSocket = "redis.sock"
)

// redis builds the Server for a Redis that keeps nothing: Postgres is the record.
func (s *Stack) redis(program binary) (*Server, error) {
	server, err := s.server(redisFolder, redisSocket)
	if err != nil {
		return nil, err
	}
	socket := filepath.Join(server.sockets, redisSocket)
	config := server.folder + ".conf"
	s.RedisURL = (&url.URL{Scheme: "unix", Path: socket}).String()
	server.signals, server.stop = "TERM KILL", syscall.SIGTERM
	server.ready = func(ctx context.Context) error { return pingRedis(ctx, s.RedisURL) }
	server.lingers = func(string) bool { return false }
	server.prepare = func(ctx context.Context) ([]string, []string, error) {
		// A stranger of the same number does not matter to Redis.
		if _, err := evict(ctx, filepath.Join(server.folder, "redis.pid"), config, syscall.SIGTERM, syscall.SIGKILL); err != nil {
			return nil, nil, err
		}
		if err := s.writeConfig(config, redisConfig(socket)); err != nil {
			return nil, nil, err
		}
		return []string{program.path, config}, environment(), nil
	}
	return server, nil
}

// writeConfig replaces the file at path with one that the server can read.
func (s *Stack) writeConfig(path, text string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove old configuration: %w", err)
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) //nolint:gosec // our own folder
	if err != nil {
		return fmt.Errorf("make configuration: %w", err)
	}
	_, err = file.WriteString(text)
	if err := errors.Join(err, file.Close()); err != nil {
		return fmt.Errorf("write configuration: %w", err)
	}
	return s.as.own(path)
}

// redisConfig has no password: the folder lets only its user reach the socket.
func redisConfig(socket string) string {
	return strings.Join([]string{
		"port 0",
		`unixsocket "` + socket + `"`,
		"unixsocketperm 700",
		"daemonize no",
		"pidfile redis.pid",
		"set-proc-title no", // the path of this file is what tells our server from others
		`save ""`,
		"appendonly no",
		"maxmemory-policy noeviction",
		"",
	}, "\n")
}

func pingRedis(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	options, err := redis.ParseURL(address)
	if err != nil {
		return fmt.Errorf("parse address: %w", err)
	}
	options.MaxRetries = -1
	options.ContextTimeoutEnabled = true
	client := redis.NewClient(options)
	defer func() { _ = client.Close() }() // nothing is in flight
	if err := client.Ping(ctx).Err(); err != nil {
		return fmt.Errorf("ping: %w", err)
	}
	return nil
}
