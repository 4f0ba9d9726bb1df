// Package store keeps everything in Postgres: queries are written in queries/*.sql, generated into internal/db, and
// mapped here to the core's types. No other package runs SQL.
package store

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/boostress/boostress/store/internal/db"
)

// Options tune a Store. Zero values mean the defaults.
type Options struct {
	MaxConns  int32           // default 16
	Tracer    pgx.QueryTracer // sees every statement; default none
	Statement time.Duration   // server-side limit of one statement; default 15 s
}

const (
	defaultMaxConns  = 16
	defaultStatement = 15 * time.Second
)

// Store reads and writes the record. Its read methods each run one statement of their own; whoever changes
// something does it in a Tx.
type Store struct {
	pool    *pgxpool.Pool
	queries *db.Queries
}

// Open connects to the database at url, a postgres:// address or a key=value string. It fails when the address can't
// be read; a server that is away is met by the first query, not here.
func Open(ctx context.Context, url string, options Options) (*Store, error) {
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("read database address: %w", err)
	}
	config.MaxConns = options.MaxConns
	if config.MaxConns == 0 {
		config.MaxConns = defaultMaxConns
	}
	if options.Statement == 0 {
		options.Statement = defaultStatement
	}
	params := config.ConnConfig.RuntimeParams
	params["application_name"] = "boostress"
	params["timezone"] = "UTC"
	params["statement_timeout"] = strconv.FormatInt(options.Statement.Milliseconds(), 10)
	params["idle_in_transaction_session_timeout"] = "30000"
	// Rows are found by key in what is mostly cached: Postgres' default, made for spinning disks, scans whole tables
	// for batches of a hundred ids.
	params["random_page_cost"] = "1.1"
	config.ConnConfig.Tracer = options.Tracer
	config.AfterConnect = registerUUID
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	return &Store{pool: pool, queries: db.New(pool)}, nil
}

// Close waits for running statements and closes every connection.
func (s *Store) Close() { s.pool.Close() }

// Ping reports whether the database answers.
func (s *Store) Ping(ctx context.Context) error {
	if err := s.pool.Ping(ctx); err != nil {
		return fmt.Errorf("ping database: %w", err)
	}
	return nil
}

// Tx is one transaction. It carries one fixed time, the database's, that everything written in it shares.
type Tx struct {
	tx      pgx.Tx
	queries *db.Queries
	Now     time.Time
}

// Write runs do in a read-committed transaction and commits it when do returns nil. The commit is durable on
// return.
func (s *Store) Write(ctx context.Context, do func(*Tx) error) error {
	return s.write(ctx, "SELECT now()", do)
}

// WriteRelaxed is Write with a commit that a crash of the database may undo, for writes that something durable
// follows before anybody relies on them: claims, heartbeats.
func (s *Store) WriteRelaxed(ctx context.Context, do func(*Tx) error) error {
	return s.write(ctx, "SELECT now() FROM (SELECT set_config('synchronous_commit', 'off', true)) relaxed", do)
}

func (s *Store) write(ctx context.Context, begin string, do func(*Tx) error) (err error) {
	tx, err := s.pool.Begin(ctx)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer func() {
		if err != nil {
			rollback, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
			defer cancel()
			if undo := tx.Rollback(rollback); undo != nil && !errors.Is(undo, pgx.ErrTxClosed) {
				err = errors.Join(err, fmt.Errorf("roll back: %w", undo))
			}
		}
	}()
	var now time.Time
	if err := tx.QueryRow(ctx, begin).Scan(&now); err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	if err := do(&Tx{tx: tx, queries: db.New(tx), Now: now.UTC()}); err != nil {
		return err
	}
	if err := tx.Commit(ctx); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}
