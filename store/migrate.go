package store

import (
	"context"
	"database/sql"
	"fmt"

	_ "github.com/jackc/pgx/v5/stdlib" // goose speaks database/sql
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"github.com/boostress/boostress/migrations"
)

// Migration is one step of the schema's history.
type Migration struct {
	Version int64
	Name    string
	Applied bool
}

// Migrate brings the database at url to the newest schema. Processes that start together wait for each other on a
// session lock; all but one then find nothing to do.
func Migrate(ctx context.Context, url string) error {
	return withMigrations(url, func(provider *goose.Provider) error {
		if _, err := provider.Up(ctx); err != nil {
			return fmt.Errorf("migrate: %w", err)
		}
		return nil
	})
}

// Migrations lists every migration of this build and whether the database at url has it.
func Migrations(ctx context.Context, url string) ([]Migration, error) {
	var list []Migration
	err := withMigrations(url, func(provider *goose.Provider) error {
		statuses, err := provider.Status(ctx)
		if err != nil {
			return fmt.Errorf("read migrations: %w", err)
		}
		for _, status := range statuses {
			list = append(list, Migration{
				Version: status.Source.Version, Name: status.Source.Path, Applied: status.State == goose.StateApplied,
			})
		}
		return nil
	})
	return list, err
}

func withMigrations(url string, do func(*goose.Provider) error) (err error) {
	conn, err := sql.Open("pgx", url)
	if err != nil {
		return fmt.Errorf("open database: %w", err)
	}
	defer func() {
		if closing := conn.Close(); err == nil && closing != nil {
			err = fmt.Errorf("close database: %w", closing)
		}
	}()
	locker, err := lock.NewPostgresSessionLocker()
	if err != nil {
		return fmt.Errorf("make migration lock: %w", err)
	}
	provider, err := goose.NewProvider(goose.DialectPostgres, conn, migrations.FS, goose.WithSessionLocker(locker))
	if err != nil {
		return fmt.Errorf("load migrations: %w", err)
	}
	return do(provider)
}
