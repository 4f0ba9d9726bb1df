// Package id mints and reads the identifiers of every row: a UUIDv7 whose last byte names the kind of thing it
// identifies. One opaque value therefore serves as primary key, as global GraphQL id and in logs, sorts by
// creation time, and tells `node(id:)` where to look.
package id

import (
	"encoding/binary"
	"fmt"
	"time"

	"github.com/google/uuid"
)

// Kind is what an identifier identifies. The numbers are stored inside ids: never renumber, only append.
type Kind byte

// The kinds of things that have an identifier of their own.
const (
	Account Kind = iota + 1
	User
	Session
	APIKey
	Order
	Line
	Fulfillment
	Attempt
	Provider
	Offer
	RoutingDecision
	LedgerEntry
	Schedule
	Task
	Worker
	AuditEntry
	Hold
	RoutingPolicy
	OfferSync
	BulkOperation
	Result
	OrderPacing  // an order's own schedule: its id is the order's but for the kind
	OrderPolling // the same
)

const kindByte = 15

// Of returns the identifier of a thing that another one has just one of: the same, of another kind.
func Of(whole uuid.UUID, kind Kind) uuid.UUID {
	whole[kindByte] = byte(kind)
	return whole
}

// New returns a fresh identifier of the kind. It panics when the operating system has no randomness to give,
// which no caller could mend.
func New(kind Kind) uuid.UUID {
	id := uuid.Must(uuid.NewV7())
	id[kindByte] = byte(kind)
	return id
}

// At returns a fresh identifier of a thing that was made at a time, which another clock than this process's may have told.
func At(kind Kind, made time.Time) uuid.UUID {
	id := New(kind)
	var milliseconds [8]byte
	binary.BigEndian.PutUint64(milliseconds[:], uint64(max(made.UnixMilli(), 0)))
	copy(id[:6], milliseconds[2:])
	return id
}

// KindOf returns the kind an identifier was minted for; it is meaningless for ids not made by New.
func KindOf(id uuid.UUID) Kind { return Kind(id[kindByte]) }

// Parse reads an identifier and reports whether it is one of the wanted kind.
func Parse(text string, want Kind) (uuid.UUID, error) {
	id, err := uuid.Parse(text)
	if err != nil {
		return uuid.Nil, fmt.Errorf("parse id: %w", err)
	}
	if KindOf(id) != want {
		return uuid.Nil, fmt.Errorf("%w: %d, want %d", ErrKind, KindOf(id), want)
	}
	return id, nil
}
