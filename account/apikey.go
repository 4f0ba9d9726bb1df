package account

import (
	"time"

	"github.com/google/uuid"
)

// MaxName is the most bytes that the name of a key has.
const MaxName = 200

// APIKey is what programs make requests with. Its secret is kept only as a hash.
type APIKey struct {
	ID         uuid.UUID
	AccountID  uuid.UUID
	Name       string
	Prefix     string // the first characters of the secret
	Role       Role
	TestMode   bool // reaches simulated providers only
	CreatedBy  string
	CreatedAt  time.Time
	ExpiresAt  *time.Time // nil: never
	LastUsedAt *time.Time // to the minute
	RevokedAt  *time.Time
}

// Active reports whether the key opens anything at a time.
func (k APIKey) Active(now time.Time) bool {
	return k.RevokedAt == nil && (k.ExpiresAt == nil || now.Before(*k.ExpiresAt))
}

// Principal returns who makes a request with the key; currency is the account's.
func (k APIKey) Principal(currency string) Principal {
	return Principal{
		AccountID: k.AccountID, Currency: currency, Actor: "key:" + k.Name, Role: k.Role, TestMode: k.TestMode, KeyID: &k.ID,
	}
}
