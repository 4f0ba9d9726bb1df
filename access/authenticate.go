package access

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"github.com/boostress/boostress/account"
	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/store"
)

// Authenticate returns who makes a request with a credential. It fails with ErrUnauthenticated for one that doesn't
// hold, whatever the reason, and with another error where that can't be told right now. Ends and revocations hold at
// once in the process that made them and within Options.Keep in every other.
func (s *Service) Authenticate(ctx context.Context, credential Credential) (account.Principal, error) {
	if !credential.plausible() {
		return account.Principal{}, ErrUnauthenticated
	}
	hash := account.HashSecret(credential.secret)
	found, err := s.proofs.get(ctx, [hashSize]byte(hash), func(ctx context.Context) (verdict, error) {
		if credential.kind == sessionCredential {
			return s.sessionVerdict(s.store.SessionByHash(ctx, hash))
		}
		return s.keyVerdict(s.store.APIKeyByHash(ctx, hash))
	})
	if err != nil {
		return account.Principal{}, fmt.Errorf("authenticate: %w", err)
	}
	if !s.holds(found) {
		return account.Principal{}, ErrUnauthenticated
	}
	return found.principal, nil
}

// Recheck tells whether a principal that was authenticated earlier may go on; whoever keeps a socket open asks every
// two seconds or so. It fails with ErrUnauthenticated when the key, session or user is no longer valid, with ErrChanged
// when the rights are others than then, and with another error where that can't be told right now. It counts as use of
// the key or session.
func (s *Service) Recheck(ctx context.Context, who account.Principal) error {
	var subject uuid.UUID
	switch {
	case who.KeyID != nil:
		subject = *who.KeyID
	case who.SessionID != nil:
		subject = *who.SessionID
	default:
		return ErrUnauthenticated
	}
	found, err := s.rechecks.get(ctx, subject, func(ctx context.Context) (verdict, error) {
		if who.KeyID != nil {
			return s.keyVerdict(s.store.APIKeyByID(ctx, subject))
		}
		return s.sessionVerdict(s.store.SessionByID(ctx, subject))
	})
	now := found.principal
	switch {
	case err != nil:
		return fmt.Errorf("check principal again: %w", err)
	case !s.holds(found):
		return ErrUnauthenticated
	case now.AccountID != who.AccountID || now.Role != who.Role || now.TestMode != who.TestMode:
		return ErrChanged
	}
	return nil
}

// holds reports whether a verdict is good, and still is after what this process ended.
func (s *Service) holds(found verdict) bool {
	if !found.holds {
		return false
	}
	_, ended := s.gone.GetIfPresent(found.subject)
	return !ended
}

// keyVerdict judges by the database's clock.
func (s *Service) keyVerdict(proof store.APIKeyProof, err error) (verdict, error) {
	switch {
	case errors.Is(err, order.ErrNotFound):
		return verdict{}, nil
	case err != nil:
		return verdict{}, err
	case !proof.Key.Active(proof.At):
		return verdict{}, nil
	}
	s.uses.key(proof.Key, proof.At)
	return verdict{holds: true, principal: proof.Key.Principal(proof.Currency), subject: proof.Key.ID}, nil
}

// sessionVerdict judges by the database's clock.
func (s *Service) sessionVerdict(proof store.SessionProof, err error) (verdict, error) {
	switch {
	case errors.Is(err, order.ErrNotFound):
		return verdict{}, nil
	case err != nil:
		return verdict{}, err
	case !proof.Session.Active(proof.At) || !proof.User.Active():
		return verdict{}, nil
	}
	s.uses.session(proof.Session, proof.At)
	return verdict{
		holds: true, principal: proof.Session.Principal(proof.User, proof.Currency), subject: proof.Session.ID,
	}, nil
}
