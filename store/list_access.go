package store

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/boostress/boostress/account"
	"github.com/boostress/boostress/store/internal/db"
)

// byTime lists what is only ever sorted by the time of its making.
func byTime[T any](createdAt func(T) time.Time) map[SortField][]term[T] {
	created := []term[T]{createdTerm(createdAt)}
	return map[SortField][]term[T]{"": created, ByCreated: created}
}

// APIKeyFilter selects API keys; zero fields select nothing.
type APIKeyFilter struct {
	Roles   []account.Role // one of these; nil: any, empty: none
	Revoked *bool
}

// APIKeyList reads a page of an account's API keys by time. It fails with ErrKey.
func (s *Store) APIKeyList(
	ctx context.Context, accountID uuid.UUID, filter APIKeyFilter, sort Sort, page Page,
) (Slice[*account.APIKey], error) {
	w := of(accountID)
	if filter.Roles != nil {
		w.add("t.role = ANY(?)", filter.Roles)
	}
	if filter.Revoked != nil {
		w.add("(t.revoked_at IS NOT NULL) = ?", *filter.Revoked)
	}
	return list(ctx, s, table[db.APIKey, *account.APIKey]{
		name: "API keys", from: "api_keys", one: pointed(apiKeyOf),
		id:   idTerm(func(k *account.APIKey) uuid.UUID { return k.ID }),
		sort: byTime(func(k *account.APIKey) time.Time { return k.CreatedAt }),
	}, w, sort, page)
}

// UserFilter selects users; zero fields select nothing.
type UserFilter struct {
	Roles    []account.Role // one of these; nil: any, empty: none
	Disabled *bool
}

// UserList reads a page of an account's users, usually by username. It fails with ErrKey.
func (s *Store) UserList(
	ctx context.Context, accountID uuid.UUID, filter UserFilter, sort Sort, page Page,
) (Slice[*account.User], error) {
	w := of(accountID)
	if filter.Roles != nil {
		w.add("t.role = ANY(?)", filter.Roles)
	}
	if filter.Disabled != nil {
		w.add("(t.disabled_at IS NOT NULL) = ?", *filter.Disabled)
	}
	fields := byTime(func(u *account.User) time.Time { return u.CreatedAt })
	fields[ByName] = []term[*account.User]{{sql: "t.username", kind: keyText, of: func(u *account.User) string { return u.Username }}}
	fields[""] = fields[ByName]
	return list(ctx, s, table[db.User, *account.User]{
		name: "users", from: "users", one: pointed(userOf),
		id:   idTerm(func(u *account.User) uuid.UUID { return u.ID }),
		sort: fields,
	}, w, sort, page)
}

func sessions() table[db.Session, *account.Session] {
	return table[db.Session, *account.Session]{
		name: "sessions", from: "sessions", one: pointed(sessionOf),
		id:   idTerm(func(s *account.Session) uuid.UUID { return s.ID }),
		sort: byTime(func(s *account.Session) time.Time { return s.CreatedAt }),
	}
}

// SessionFilter selects sessions; zero fields select nothing.
type SessionFilter struct{ UserID *uuid.UUID }

// SessionList reads a page of an account's sessions by time. It fails with ErrKey.
func (s *Store) SessionList(
	ctx context.Context, accountID uuid.UUID, filter SessionFilter, sort Sort, page Page,
) (Slice[*account.Session], error) {
	w := of(accountID)
	if filter.UserID != nil {
		w.add("t.user_id = ?", *filter.UserID)
	}
	return list(ctx, s, sessions(), w, sort, page)
}

// Sessions reads an account's sessions by id; unknown ones are missing from the answer.
func (s *Store) Sessions(ctx context.Context, accountID uuid.UUID, ids []uuid.UUID) (map[uuid.UUID]*account.Session, error) {
	return load(ctx, s, sessions(), accountID, ids)
}

// AuditFilter selects audit entries; zero fields select nothing.
type AuditFilter struct {
	Actor    string
	Action   account.Action
	TargetID *uuid.UUID
}

// AuditList reads a page of an account's audit entries by time. It fails with ErrKey.
func (s *Store) AuditList(
	ctx context.Context, accountID uuid.UUID, filter AuditFilter, sort Sort, page Page,
) (Slice[*account.AuditEntry], error) {
	w := of(accountID)
	if filter.Actor != "" {
		w.add("t.actor = ?", filter.Actor)
	}
	if filter.Action != "" {
		w.add("t.action = ?", filter.Action)
	}
	if filter.TargetID != nil {
		w.add("t.target_id = ?", *filter.TargetID)
	}
	return list(ctx, s, table[db.AuditEntry, *account.AuditEntry]{
		name: "audit entries", from: "audit_entries", one: pointed(auditEntryOf),
		id:   idTerm(func(e *account.AuditEntry) uuid.UUID { return e.ID }),
		sort: byTime(func(e *account.AuditEntry) time.Time { return e.CreatedAt }),
	}, w, sort, page)
}

// pointed fits a mapping to a value that can't fail.
func pointed[R, T any](one func(R) T) func(R) (*T, error) {
	return func(row R) (*T, error) {
		item := one(row)
		return &item, nil
	}
}
