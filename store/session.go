package store

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/boostress/boostress/account"
	"github.com/boostress/boostress/store/internal/db"
)

// SessionProof is what the record knows about a session at a moment of the database's clock.
type SessionProof struct {
	Session  account.Session
	User     account.User
	Currency string // the account's
	At       time.Time
}

func sessionOf(row db.Session) account.Session {
	return account.Session{
		ID: row.ID, AccountID: row.AccountID, UserID: row.UserID, CreatedAt: row.CreatedAt.UTC(),
		LastUsedAt: row.LastUsedAt.UTC(), ExpiresAt: row.ExpiresAt.UTC(), EndedAt: utc(row.EndedAt),
	}
}

func sessionProofOf(row db.SessionProveRow) SessionProof {
	return SessionProof{Session: sessionOf(row.Session), User: userOf(row.User), Currency: row.Currency, At: row.At.UTC()}
}

// SessionByHash returns the session whose token has this hash, ended or not, or order.ErrNotFound.
func (s *Store) SessionByHash(ctx context.Context, tokenHash []byte) (SessionProof, error) {
	row, err := s.queries.SessionProve(ctx, tokenHash)
	if err != nil {
		return SessionProof{}, domainError("read session", err)
	}
	return sessionProofOf(row), nil
}

// SessionByID returns a session, ended or not, or order.ErrNotFound.
func (s *Store) SessionByID(ctx context.Context, sessionID uuid.UUID) (SessionProof, error) {
	row, err := s.queries.SessionProveAgain(ctx, sessionID)
	if err != nil {
		return SessionProof{}, domainError("read session", err)
	}
	return sessionProofOf(db.SessionProveRow(row)), nil
}

// InsertSession adds a session with the hash of its token.
func (t *Tx) InsertSession(ctx context.Context, session account.Session, tokenHash []byte) error {
	return domainError("insert session", t.queries.SessionInsert(ctx, db.SessionInsertParams{
		ID: session.ID, AccountID: session.AccountID, UserID: session.UserID, TokenHash: tokenHash,
		CreatedAt: session.CreatedAt, ExpiresAt: session.ExpiresAt,
	}))
}

// EndSession ends an account's session and reports whether it was still open.
func (t *Tx) EndSession(ctx context.Context, accountID, sessionID uuid.UUID) (bool, error) {
	ended, err := t.queries.SessionEnd(ctx, t.Now, accountID, sessionID)
	return ended > 0, domainError("end session", err)
}

// TouchSessions records when sessions were last used and when they therefore expire.
func (t *Tx) TouchSessions(ctx context.Context, used []account.Session) error {
	if len(used) == 0 {
		return nil
	}
	return domainError("touch sessions", t.queries.SessionTouch(ctx,
		column(used, func(s account.Session) uuid.UUID { return s.ID }),
		column(used, func(s account.Session) time.Time { return s.LastUsedAt }),
		column(used, func(s account.Session) time.Time { return s.ExpiresAt })))
}
