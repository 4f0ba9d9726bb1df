package store

import (
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/boostress/boostress/order"
)

// uniqueViolation is the SQLSTATE of a broken unique constraint.
const uniqueViolation = "23505"

// domainError turns "no row" and broken constraints into the core's errors and names the operation that met them.
func domainError(operation string, err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, pgx.ErrNoRows) {
		return fmt.Errorf("%s: %w", operation, order.ErrNotFound)
	}
	var refused *pgconn.PgError
	if errors.As(err, &refused) && refused.Code == uniqueViolation {
		switch refused.ConstraintName {
		case "providers_name_key", "schedules_name_key", "users_username_key", "accounts_name_key":
			return fmt.Errorf("%s: %w: %w", operation, order.ErrNameTaken, err)
		case "offers_external_key":
			return fmt.Errorf("%s: %w: %w", operation, order.ErrExternalIDTaken, err)
		case "orders_reference_key":
			return fmt.Errorf("%s: %w: %w", operation, order.ErrReferenceTaken, err)
		}
	}
	return fmt.Errorf("%s: %w", operation, err)
}
