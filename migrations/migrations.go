// Package migrations holds the database's schema as forward-only SQL files, applied in order at start-up.
package migrations

import "embed"

// FS holds the migration files.
//
//go:embed *.sql
var FS embed.FS
