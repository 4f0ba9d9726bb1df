package store

import (
	"context"

	"github.com/google/uuid"

	"github.com/boostress/boostress/account"
	"github.com/boostress/boostress/store/internal/db"
)

func accountOf(row db.Account) account.Account {
	return account.Account{ID: row.ID, Name: row.Name, Currency: row.Currency, CreatedAt: row.CreatedAt.UTC()}
}

// Account returns an account, or order.ErrNotFound.
func (s *Store) Account(ctx context.Context, accountID uuid.UUID) (account.Account, error) {
	row, err := s.queries.AccountGet(ctx, accountID)
	if err != nil {
		return account.Account{}, domainError("read account", err)
	}
	return accountOf(row), nil
}

// AccountByName returns the account of a name, or order.ErrNotFound.
func (s *Store) AccountByName(ctx context.Context, name string) (account.Account, error) {
	row, err := s.queries.AccountGetByName(ctx, name)
	if err != nil {
		return account.Account{}, domainError("read account by name", err)
	}
	return accountOf(row), nil
}

// AccountByName returns the account of a name, or order.ErrNotFound.
func (t *Tx) AccountByName(ctx context.Context, name string) (account.Account, error) {
	row, err := t.queries.AccountGetByName(ctx, name)
	if err != nil {
		return account.Account{}, domainError("read account by name", err)
	}
	return accountOf(row), nil
}

// FirstAccount returns the oldest account, whose admins look after what all accounts share. It fails with
// order.ErrNotFound.
func (t *Tx) FirstAccount(ctx context.Context) (uuid.UUID, error) {
	first, err := t.queries.AccountFirst(ctx)
	return first, domainError("find first account", err)
}

// InsertAccount adds an account. It fails with order.ErrNameTaken.
func (t *Tx) InsertAccount(ctx context.Context, a account.Account) error {
	return domainError("insert account", t.queries.AccountInsert(ctx, a.ID, a.Name, a.Currency, a.CreatedAt))
}

// LockProvisioning waits until no other transaction that called it is running, and keeps others out until this one
// ends.
func (t *Tx) LockProvisioning(ctx context.Context) error {
	return domainError("lock provisioning", t.queries.ProvisionLock(ctx))
}
