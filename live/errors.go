package live

import "errors"

// What callers test for.
var (
	// ErrSlow ends a subscription whose reader fell too far behind. It may come back with its last cursor.
	ErrSlow = errors.New("subscriber is too slow")
	// ErrCursorInvalid refuses what is no cursor, or is one of another kind of subscription.
	ErrCursorInvalid = errors.New("cursor is invalid")
	// ErrCursorExpired refuses a cursor, or ends a subscription, that can't be followed any further: events after it
	// were removed by retention, or the database was restored or replaced. Whoever has it reads anew.
	ErrCursorExpired = errors.New("cursor has expired")
	// ErrClosed ends a subscription because the hub stops.
	ErrClosed = errors.New("live feed is closed")
)
