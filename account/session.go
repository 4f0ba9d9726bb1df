package account

import (
	"time"

	"github.com/google/uuid"
)

// How long a session lasts.
const (
	SessionIdle = 12 * time.Hour      // after its last use
	SessionMost = 30 * 24 * time.Hour // after it began, however much it is used
)

// Session is a browser's standing permission, held by its cookie. Its token is kept only as a hash.
type Session struct {
	ID         uuid.UUID
	AccountID  uuid.UUID
	UserID     uuid.UUID
	CreatedAt  time.Time
	LastUsedAt time.Time // to the minute
	ExpiresAt  time.Time // unless it is used before
	EndedAt    *time.Time
}

// SessionExpiry returns when a session ends by itself that began and was last used at these times.
func SessionExpiry(began, used time.Time) time.Time {
	idle, most := used.Add(SessionIdle), began.Add(SessionMost)
	if most.Before(idle) {
		return most
	}
	return idle
}

// Active reports whether the session opens anything at a time.
func (s Session) Active(now time.Time) bool { return s.EndedAt == nil && now.Before(s.ExpiresAt) }

// Principal returns who makes a request within the session of u; currency is the account's.
func (s Session) Principal(u User, currency string) Principal {
	return Principal{
		AccountID: s.AccountID, Currency: currency, Actor: u.Actor(), Role: u.Role, UserID: &u.ID, SessionID: &s.ID,
	}
}
