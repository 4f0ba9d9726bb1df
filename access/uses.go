package access

import (
	"context"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/boostress/boostress/account"
	"github.com/boostress/boostress/store"
)

const (
	// useEvery is how exact the record is about when something was last used.
	useEvery = time.Minute
	// lateFlush is how long the last flush may take, after Run was stopped.
	lateFlush = 5 * time.Second
)

// use is the last use of a key or, where there is one, of a session.
type use struct {
	at      time.Time
	session *account.Session
}

// uses collects what was used, by id, to be written down later and together.
type uses struct {
	mu   sync.Mutex
	byID map[uuid.UUID]use
}

func (u *uses) key(key account.APIKey, at time.Time) {
	if key.LastUsedAt == nil || at.Sub(*key.LastUsedAt) >= useEvery {
		u.add(key.ID, use{at: at})
	}
}

func (u *uses) session(session account.Session, at time.Time) {
	if at.Sub(session.LastUsedAt) >= useEvery {
		u.add(session.ID, use{at: at, session: &session})
	}
}

// add keeps the latest use of each. Beyond mostRemembered it drops uses until the next flush.
func (u *uses) add(subject uuid.UUID, latest use) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.byID == nil {
		u.byID = map[uuid.UUID]use{}
	}
	before, known := u.byID[subject]
	if (known || len(u.byID) < mostRemembered) && latest.at.After(before.at) {
		u.byID[subject] = latest
	}
}

// take empties the collection.
func (u *uses) take() map[uuid.UUID]use {
	u.mu.Lock()
	defer u.mu.Unlock()
	taken := u.byID
	u.byID = nil
	return taken
}

// Run writes down, from time to time, when keys and sessions were last used, until ctx ends; then a last time. Without
// it everything works, but sessions expire as if they were never used.
func (s *Service) Run(ctx context.Context) error {
	tick := time.NewTicker(s.flush)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if err := s.Flush(ctx); err != nil && ctx.Err() == nil {
				s.log.WarnContext(ctx, "last uses not written", "error", err)
			}
		case <-ctx.Done():
			return s.flushLate(ctx)
		}
	}
}

func (s *Service) flushLate(ctx context.Context) error {
	late, cancel := context.WithTimeout(context.WithoutCancel(ctx), lateFlush)
	defer cancel()
	return s.Flush(late)
}

// Flush writes down what was used since the last time. What can't be written is kept for the next time.
func (s *Service) Flush(ctx context.Context) error {
	taken := s.uses.take()
	if len(taken) == 0 {
		return nil
	}
	keys, sessions := map[uuid.UUID]time.Time{}, []account.Session{}
	for subject, latest := range taken {
		if latest.session == nil {
			keys[subject] = latest.at
			continue
		}
		session := *latest.session
		session.LastUsedAt, session.ExpiresAt = latest.at, account.SessionExpiry(session.CreatedAt, latest.at)
		sessions = append(sessions, session)
	}
	err := s.store.WriteRelaxed(ctx, func(tx *store.Tx) error {
		if err := tx.TouchAPIKeys(ctx, keys); err != nil {
			return err
		}
		return tx.TouchSessions(ctx, sessions)
	})
	if err != nil {
		for subject, latest := range taken {
			s.uses.add(subject, latest)
		}
	}
	return err
}
