package access

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/boostress/boostress/account"
	"github.com/boostress/boostress/internal/id"
	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/store"
)

// SignedIn is what a user gets for the right password.
type SignedIn struct {
	User    account.User
	Session account.Session
	Token   string // for the cookie; it is not kept anywhere else
}

// SignIn begins a session. It fails with ErrInvalidCredentials and, after ten bad tries for a username from an
// address, with a ThrottledError for the rest of fifteen minutes. Who exists can't be told from answers or their time.
func (s *Service) SignIn(ctx context.Context, username, password, clientIP string) (SignedIn, error) {
	if username = account.NormalUsername(username); account.CheckUsername(username) != nil {
		username = "" // nobody's: it goes the same way as an unknown one
	}
	if err := s.admit(ctx, username, clientIP); err != nil {
		return SignedIn{}, err
	}
	user, hash, err := s.checkPassword(ctx, username, password, clientIP)
	if err == nil {
		var in SignedIn
		if in, err = s.begin(ctx, user, hash, clientIP); err == nil {
			s.throttle.Forget(ctx, username, clientIP)
			return in, nil
		}
	}
	if errors.Is(err, ErrInvalidCredentials) {
		if refusal := s.auditRefusal(ctx, username, clientIP); refusal != nil {
			return SignedIn{}, refusal
		}
	}
	return SignedIn{}, err
}

func (s *Service) admit(ctx context.Context, username, clientIP string) error {
	if wait := s.throttle.Wait(ctx, username, clientIP); wait > 0 {
		return &ThrottledError{RetryAfter: max(wait, time.Second)}
	}
	return nil
}

// checkPassword returns the user whose password it is, and the hash that it was compared with. A bad try is counted
// before its slot is free: however many guess at once, they get no more tries than slots beyond what is allowed.
func (s *Service) checkPassword(ctx context.Context, username, password, clientIP string) (account.User, string, error) {
	leave, err := s.hashes.enter(ctx)
	if err != nil {
		return account.User{}, "", err
	}
	defer leave()
	if err := s.admit(ctx, username, clientIP); err != nil {
		return account.User{}, "", err
	}
	user, hash, err := s.store.UserByUsername(ctx, username)
	unknown := errors.Is(err, order.ErrNotFound)
	if unknown {
		hash = s.hashes.nobody
	} else if err != nil {
		return account.User{}, "", err
	}
	matches, err := s.hashes.matches(hash, password)
	if err != nil {
		return account.User{}, "", fmt.Errorf("check password of %s: %w", user.ID, err)
	}
	if unknown || !matches || !user.Active() {
		s.throttle.Count(ctx, username, clientIP)
		return account.User{}, "", ErrInvalidCredentials
	}
	return user, hash, nil
}

// begin starts a session, unless the user was disabled or given another password meanwhile.
func (s *Service) begin(ctx context.Context, user account.User, hash, clientIP string) (SignedIn, error) {
	in := SignedIn{Token: account.MintSessionToken()}
	err := s.store.Write(ctx, func(tx *store.Tx) error {
		held, now, err := tx.HoldUser(ctx, user.ID)
		if err != nil {
			return err
		}
		if !held.Active() || now != hash {
			return ErrInvalidCredentials
		}
		in.User = held
		in.Session = account.Session{
			ID: id.New(id.Session), AccountID: held.AccountID, UserID: held.ID, CreatedAt: tx.Now, LastUsedAt: tx.Now,
			ExpiresAt: account.SessionExpiry(tx.Now, tx.Now),
		}
		if err := tx.InsertSession(ctx, in.Session, account.HashSecret(in.Token)); err != nil {
			return err
		}
		return tx.Audit(ctx, account.AuditEntry{
			AccountID: held.AccountID, Actor: held.Actor(), Action: account.ActionSignIn, TargetID: &in.Session.ID,
			Details: ipDetails(clientIP),
		})
	})
	if err != nil {
		return SignedIn{}, err
	}
	return in, nil
}

// auditRefusal records a bad try. A username that nobody has is not written down: it may be a password, typed into the
// wrong field.
func (s *Service) auditRefusal(ctx context.Context, username, clientIP string) error {
	return s.store.Write(ctx, func(tx *store.Tx) error {
		return tx.AuditRefusal(ctx, username, account.AuditEntry{
			Actor: account.ActorAnonymous, Action: account.ActionSignInRefuse, Details: ipDetails(clientIP),
		})
	})
}

// SignOut ends the session of a principal; one that ended already stays so. It fails with an order.Fault of
// order.CodeConflict for a principal that has none.
func (s *Service) SignOut(ctx context.Context, who account.Principal) error {
	if who.SessionID == nil {
		return order.Faults{{Code: order.CodeConflict, Message: "there is no session to end"}}
	}
	err := s.store.Write(ctx, func(tx *store.Tx) error {
		ended, err := tx.EndSession(ctx, who.AccountID, *who.SessionID)
		if err != nil || !ended {
			return err
		}
		return tx.Audit(ctx, account.AuditEntry{
			AccountID: who.AccountID, Actor: who.Actor, Action: account.ActionSignOut, TargetID: who.SessionID,
		})
	})
	if err != nil {
		return err
	}
	s.gone.Set(*who.SessionID, struct{}{})
	return nil
}

// ipDetails notes where a try came from, as far as that is an address.
func ipDetails(clientIP string) json.RawMessage {
	address, err := netip.ParseAddr(clientIP)
	if err != nil {
		return nil
	}
	return json.RawMessage(`{"ip":"` + address.WithZone("").String() + `"}`)
}
