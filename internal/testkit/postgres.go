package testkit

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
)

// Names are kept well below the 63 bytes that Postgres cuts them off at.
const nameMax = 32

// migrated remembers which templates this process has seen whole, by server and name.
//
//nolint:gochecknoglobals // what it remembers stays true for as long as the process lives
var migrated sync.Map

// Postgres returns the address of a database of t's own: a copy of a template that migrate has filled, with a superuser
// for its user. The template is made once for each version, whichever test or process comes first, so version must
// change when migrate's outcome does. The database is dropped after t, connections to it notwithstanding.
func Postgres(t testing.TB, migrate func(ctx context.Context, url string) error, version string) string {
	t.Helper()
	server := databaseURL(t)
	name := databaseName(t.Name())
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := makeDatabase(ctx, server, name, version, migrate); err != nil {
		t.Fatalf("make test database: %v", err)
	}
	t.Cleanup(func() {
		ctx, cancel := lateContext(t)
		defer cancel()
		err := withConn(ctx, server, func(conn *pgx.Conn) error {
			return execute(ctx, conn, "DROP DATABASE IF EXISTS "+quote(name)+" WITH (FORCE)")
		})
		if err != nil {
			t.Errorf("drop test database: %v", err)
		}
	})
	address, err := withDatabase(server, name)
	if err != nil {
		t.Fatalf("address test database: %v", err)
	}
	return address
}

func makeDatabase(
	ctx context.Context, server, name, version string, migrate func(context.Context, string) error,
) error {
	hash := sha256.Sum256([]byte(version))
	template := "boostress_tmpl_" + hex.EncodeToString(hash[:8])
	return withConn(ctx, server, func(conn *pgx.Conn) error {
		if _, seen := migrated.Load(server + " " + template); !seen {
			key := int64(binary.BigEndian.Uint64(hash[:8])) //nolint:gosec // any number will do
			if err := ensureTemplate(ctx, conn, server, template, key, migrate); err != nil {
				return fmt.Errorf("template: %w", err)
			}
			migrated.Store(server+" "+template, true)
		}
		how, err := copyStrategy(ctx, conn)
		if err != nil {
			return err
		}
		return execute(ctx, conn, "CREATE DATABASE "+quote(name)+" TEMPLATE "+quote(template)+how)
	})
}

// copyStrategy picks the faster way to copy a template. Copying files takes a third of the time of copying through the
// log, which is what Postgres 15 and later do unless told, but waits for two checkpoints: cheap only where nothing
// waits for the disk.
func copyStrategy(ctx context.Context, conn *pgx.Conn) (string, error) {
	var files bool
	err := conn.QueryRow(ctx,
		"SELECT current_setting('server_version_num')::int >= 150000 AND current_setting('fsync') = 'off'").Scan(&files)
	if err != nil {
		return "", fmt.Errorf("read settings: %w", err)
	}
	if files {
		return " STRATEGY FILE_COPY", nil
	}
	return "", nil
}

// ensureTemplate makes the template unless it is there and whole, which the template flag says: one that was left
// half-way has none and is made anew. The lock ends with the connection.
func ensureTemplate(
	ctx context.Context, conn *pgx.Conn, server, template string, key int64, migrate func(context.Context, string) error,
) error {
	if err := execute(ctx, conn, "SELECT pg_advisory_lock($1)", key); err != nil {
		return err
	}
	var whole bool
	err := conn.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1 AND datistemplate)", template).Scan(&whole)
	if err != nil {
		return fmt.Errorf("look for template: %w", err)
	}
	if !whole {
		if err := makeTemplate(ctx, conn, server, template, migrate); err != nil {
			return err
		}
	}
	return execute(ctx, conn, "SELECT pg_advisory_unlock($1)", key)
}

func makeTemplate(
	ctx context.Context, conn *pgx.Conn, server, template string, migrate func(context.Context, string) error,
) error {
	if err := execute(ctx, conn, "DROP DATABASE IF EXISTS "+quote(template)+" WITH (FORCE)"); err != nil {
		return err
	}
	if err := execute(ctx, conn, "CREATE DATABASE "+quote(template)+" TEMPLATE template0"); err != nil {
		return err
	}
	address, err := withDatabase(server, template)
	if err != nil {
		return err
	}
	if err := migrate(ctx, address); err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	// Nobody connects to a template: it could not be copied meanwhile.
	if err := execute(ctx, conn, "ALTER DATABASE "+quote(template)+" ALLOW_CONNECTIONS false"); err != nil {
		return err
	}
	if err := endConnections(ctx, conn, template); err != nil {
		return err
	}
	return execute(ctx, conn, "ALTER DATABASE "+quote(template)+" IS_TEMPLATE true")
}

// endConnections ends those that migrate left open.
func endConnections(ctx context.Context, conn *pgx.Conn, database string) error {
	return execute(ctx, conn, "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = $1", database)
}

func withConn(ctx context.Context, address string, do func(*pgx.Conn) error) error {
	conn, err := pgx.Connect(ctx, address)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	return errors.Join(do(conn), conn.Close(ctx))
}

func execute(ctx context.Context, conn *pgx.Conn, statement string, args ...any) error {
	if _, err := conn.Exec(ctx, statement, args...); err != nil {
		return fmt.Errorf("%s: %w", statement, err)
	}
	return nil
}

// databaseName is one that nobody else takes, with enough of the test's name to know it by.
func databaseName(test string) string {
	known := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return '_'
	}, test)
	return "boostress_test_" + known[:min(len(known), nameMax)] + "_" + rand.Text()[:10]
}

func quote(name string) string { return pgx.Identifier{name}.Sanitize() }

// withDatabase replaces the database in an address.
func withDatabase(address, name string) (string, error) {
	parsed, err := url.Parse(address)
	if err != nil {
		return "", fmt.Errorf("parse address: %w", err)
	}
	parsed.Path = "/" + name
	return parsed.String(), nil
}
