package main

import (
	"context"
	"fmt"

	"github.com/boostress/boostress/store"
)

type migrateCommand struct {
	Up     migrateUp     `cmd:"" help:"Apply every migration that the database lacks."`
	Status migrateStatus `cmd:"" help:"List the migrations and whether the database has them."`
}

type migrateUp struct{ database }

type migrateStatus struct{ database }

type database struct {
	DatabaseURL string `name:"database-url" env:"DATABASE_URL" required:"" help:"Postgres, 14 or newer (or DATABASE_URL_FILE)." placeholder:"URL"` //nolint:lll // a tag
}

func (c *migrateUp) Run(ctx context.Context) error {
	if err := store.Migrate(ctx, c.DatabaseURL); err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	fmt.Println("The database is up to date.")
	return nil
}

func (c *migrateStatus) Run(ctx context.Context) error {
	list, err := store.Migrations(ctx, c.DatabaseURL)
	if err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	for _, migration := range list {
		state := "pending"
		if migration.Applied {
			state = "applied"
		}
		fmt.Printf("%05d  %-8s %s\n", migration.Version, state, migration.Name)
	}
	return nil
}
