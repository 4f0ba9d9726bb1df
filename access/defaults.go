package access

import (
	"context"
	"errors"
	"fmt"

	"github.com/boostress/boostress/account"
	"github.com/boostress/boostress/internal/id"
	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/store"
)

// The account that every installation has.
const (
	DefaultAccount  = "default"
	defaultCurrency = "EUR"
)

// Defaults is what every installation has.
type Defaults struct {
	Account account.Account
	Admin   *account.User // the first; nil where there is none and no password was given for one
	Made    bool          // Admin was made just now
}

// EnsureDefaults makes the account DefaultAccount and, where that has no user of the role ADMIN, one of this name and
// password; without a password it makes no user. Whatever exists stays as it is: neither another username nor another
// password changes the admin later. Processes that start together wait for each other. It fails with
// account.ErrUsername, account.ErrPassword, and order.ErrNameTaken where somebody else has the username.
func (s *Service) EnsureDefaults(ctx context.Context, username, password string) (Defaults, error) {
	var defaults Defaults
	err := s.store.Write(ctx, func(tx *store.Tx) error {
		defaults = Defaults{}
		if err := tx.LockProvisioning(ctx); err != nil {
			return err
		}
		var err error
		if defaults.Account, err = ensureAccount(ctx, tx); err != nil {
			return err
		}
		admin, err := tx.FirstUser(ctx, defaults.Account.ID, account.Admin)
		switch {
		case errors.Is(err, order.ErrNotFound) && password == "":
			return nil
		case errors.Is(err, order.ErrNotFound):
			defaults.Made = true
			admin, err = s.makeAdmin(ctx, tx, defaults.Account, account.NormalUsername(username), password)
		}
		defaults.Admin = &admin
		return err
	})
	if err != nil {
		return Defaults{}, fmt.Errorf("ensure defaults: %w", err)
	}
	return defaults, nil
}

func ensureAccount(ctx context.Context, tx *store.Tx) (account.Account, error) {
	found, err := tx.AccountByName(ctx, DefaultAccount)
	if !errors.Is(err, order.ErrNotFound) {
		return found, err
	}
	made := account.Account{ID: id.New(id.Account), Name: DefaultAccount, Currency: defaultCurrency, CreatedAt: tx.Now}
	if err := tx.InsertAccount(ctx, made); err != nil {
		return account.Account{}, err
	}
	return made, tx.Audit(ctx, account.AuditEntry{
		AccountID: made.ID, Actor: account.ActorSystem, Action: account.ActionAccountCreate, TargetID: &made.ID,
	})
}

func (s *Service) makeAdmin(
	ctx context.Context, tx *store.Tx, in account.Account, username, password string,
) (account.User, error) {
	if err := errors.Join(account.CheckUsername(username), account.CheckPassword(password, username)); err != nil {
		return account.User{}, fmt.Errorf("first admin: %w", err)
	}
	leave, err := s.hashes.enter(ctx)
	if err != nil {
		return account.User{}, err
	}
	hash := s.hashes.make(password)
	leave()
	admin := account.User{
		ID: id.New(id.User), AccountID: in.ID, Username: username, Role: account.Admin, CreatedAt: tx.Now,
	}
	if err := tx.InsertUser(ctx, admin, hash); err != nil {
		return account.User{}, err
	}
	return admin, tx.Audit(ctx, account.AuditEntry{
		AccountID: in.ID, Actor: account.ActorSystem, Action: account.ActionUserCreate, TargetID: &admin.ID,
	})
}

// EnsureAPIKey returns existing where that is a valid key of the account and role, and else the secret of a new key.
// It fails with order.ErrNotFound where there is no such account.
func (s *Service) EnsureAPIKey(
	ctx context.Context, accountName, name string, role account.Role, existing string,
) (string, error) {
	home, err := s.store.AccountByName(ctx, accountName)
	if err != nil {
		return "", err
	}
	if _, err := account.ParseAPIKey(existing); err == nil {
		proof, err := s.store.APIKeyByHash(ctx, account.HashSecret(existing))
		if err == nil && proof.Key.Active(proof.At) && proof.Key.AccountID == home.ID && proof.Key.Role == role {
			return existing, nil
		}
		if err != nil && !errors.Is(err, order.ErrNotFound) {
			return "", err
		}
	}
	var secret string
	err = s.store.Write(ctx, func(tx *store.Tx) error {
		system := account.Principal{AccountID: home.ID, Actor: account.ActorSystem, Role: account.Admin}
		var err error
		_, secret, err = makeAPIKey(ctx, tx, system, APIKeyInput{Name: name, Role: role})
		return err
	})
	if err != nil {
		return "", err
	}
	return secret, nil
}
