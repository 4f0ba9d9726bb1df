package store

import (
	"context"
	"errors"
	"net"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Transient reports whether what failed with err may well succeed later as it is: the database was away, restarting or
// overloaded, or gave up a transaction for another one's sake, or a partition came in the way.
func Transient(err error) bool {
	if err == nil || errors.Is(err, context.Canceled) {
		return false
	}
	var refused *pgconn.PgError
	if !errors.As(err, &refused) {
		var network net.Error
		var connecting *pgconn.ConnectError
		return errors.As(err, &network) || errors.As(err, &connecting) || pgconn.SafeToRetry(err) ||
			errors.Is(err, context.DeadlineExceeded) || brokenConnection(err)
	}
	// Connection, a transaction in which nothing was done for too long, transaction rollback, insufficient resources, operator
	// intervention, system error.
	for _, classOrCode := range []string{"08", "25P03", "40", "53", "57", "58"} {
		if strings.HasPrefix(refused.Code, classOrCode) {
			return true
		}
	}
	// A row was on its way to the partition for the rest when one for its time came. Checks of the schema have names.
	return refused.Code == checkViolation && refused.TableName != "" && refused.ConstraintName == ""
}

// Refused reports whether an error came from the database, or from the way there.
func Refused(err error) bool {
	var refused *pgconn.PgError
	var connecting *pgconn.ConnectError
	return errors.As(err, &refused) || errors.As(err, &connecting) || errors.Is(err, pgx.ErrTxClosed) ||
		err != nil && strings.Contains(err.Error(), "conn closed")
}

// brokenConnection knows the connection errors that pgx has no type for.
func brokenConnection(err error) bool {
	text := err.Error()
	return strings.Contains(text, "conn closed") || strings.Contains(text, "unexpected EOF") ||
		strings.Contains(text, "connection reset") || strings.Contains(text, "broken pipe")
}
