package store

import (
	"context"

	"github.com/google/uuid"

	"github.com/boostress/boostress/account"
	"github.com/boostress/boostress/store/internal/db"
)

func userOf(row db.User) account.User {
	return account.User{
		ID: row.ID, AccountID: row.AccountID, Username: row.Username, Role: account.Role(row.Role),
		CreatedAt: row.CreatedAt.UTC(), DisabledAt: utc(row.DisabledAt),
	}
}

// UserByUsername returns a user with the hash of its password, or order.ErrNotFound. Usernames are unique across
// accounts.
func (s *Store) UserByUsername(ctx context.Context, username string) (u account.User, passwordHash string, err error) {
	row, err := s.queries.UserGetByUsername(ctx, username)
	if err != nil {
		return account.User{}, "", domainError("read user", err)
	}
	return userOf(row), row.PasswordHash, nil
}

// Users returns an account's users of these ids, by id; those that don't exist there are left out.
func (s *Store) Users(ctx context.Context, accountID uuid.UUID, ids []uuid.UUID) (map[uuid.UUID]account.User, error) {
	list, err := s.queries.UserGetMany(ctx, accountID, ids)
	if err != nil {
		return nil, domainError("read users", err)
	}
	return byID(list, userOf, func(u account.User) uuid.UUID { return u.ID }), nil
}

// InsertUser adds a user with the hash of its password. It fails with order.ErrNameTaken.
func (t *Tx) InsertUser(ctx context.Context, u account.User, passwordHash string) error {
	return domainError("insert user", t.queries.UserInsert(ctx, db.UserInsertParams{
		ID: u.ID, AccountID: u.AccountID, Username: u.Username, PasswordHash: passwordHash, Role: string(u.Role),
		CreatedAt: u.CreatedAt,
	}))
}

// FirstUser returns an account's first user of a role, disabled ones included, or order.ErrNotFound.
func (t *Tx) FirstUser(ctx context.Context, accountID uuid.UUID, role account.Role) (account.User, error) {
	row, err := t.queries.UserFirstOfRole(ctx, accountID, string(role))
	if err != nil {
		return account.User{}, domainError("read first user", err)
	}
	return userOf(row), nil
}

// HoldUser returns a user as it is, with the hash of its password, and keeps it so until the transaction ends. It
// fails with order.ErrNotFound.
func (t *Tx) HoldUser(ctx context.Context, userID uuid.UUID) (u account.User, passwordHash string, err error) {
	row, err := t.queries.UserHold(ctx, userID)
	if err != nil {
		return account.User{}, "", domainError("hold user", err)
	}
	return userOf(row), row.PasswordHash, nil
}

// byID maps rows to the core and puts them under their ids.
func byID[R, T any](list []R, one func(R) T, idOf func(T) uuid.UUID) map[uuid.UUID]T {
	found := make(map[uuid.UUID]T, len(list))
	for _, row := range list {
		item := one(row)
		found[idOf(item)] = item
	}
	return found
}
