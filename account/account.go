// Package account is the pure part of who may do what: accounts, users, keys, sessions, roles.
package account

import (
	"context"
	"time"

	"github.com/google/uuid"
)

// Account is the tenant: every other row belongs to one.
type Account struct {
	ID        uuid.UUID
	Name      string
	Currency  string // of orders that name no budget; ISO 4217
	CreatedAt time.Time
}

// Principal is who makes a request, as proven by a key or a session.
type Principal struct {
	AccountID uuid.UUID
	Currency  string // the account's
	Actor     string // "user:<name>" or "key:<name>", as written into events and audit
	Role      Role
	TestMode  bool       // reaches simulated providers only
	UserID    *uuid.UUID // of a session
	SessionID *uuid.UUID
	KeyID     *uuid.UUID // of an API key
}

type principalKey struct{}

// NewContext returns a context that carries who makes the request.
func NewContext(ctx context.Context, p Principal) context.Context {
	return context.WithValue(ctx, principalKey{}, p)
}

// FromContext returns who makes the request, and false where nobody proved who they are.
func FromContext(ctx context.Context) (Principal, bool) {
	p, ok := ctx.Value(principalKey{}).(Principal)
	return p, ok
}
