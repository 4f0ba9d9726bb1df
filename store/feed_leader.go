package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	// How often a leader looks whether its connection, and with it its lock, is still there, and how long it waits for
	// the answer.
	leaderCheck   = time.Second
	leaderTimeout = 2 * time.Second
	// A leader that is frozen looks no more, keeps its connection all the same and would lead for ever: the server ends
	// what is silent for so long.
	leaderIdle = "'5s'"
)

// errLeadLost ends the context of a leader whose connection broke.
var errLeadLost = errors.New("lost the leader's lock")

// Lead runs do while it holds the advisory lock of a role, and returns do's error. It reports false at once where
// somebody else holds the lock. do's context ends when the lock is lost: until it noticed, up to three seconds, or longer
// in a process that was frozen, another leader may be at work already, so do must not harm when there are two.
func (s *Store) Lead(ctx context.Context, role string, do func(context.Context) error) (led bool, err error) {
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return false, fmt.Errorf("lead %s: connect: %w", role, err)
	}
	defer conn.Release()
	if err := conn.QueryRow(ctx, "SELECT pg_try_advisory_lock(hashtextextended($1, 0))", role).Scan(&led); err != nil {
		return false, fmt.Errorf("lead %s: lock: %w", role, err)
	}
	if !led {
		return false, nil
	}
	if _, err := conn.Exec(ctx, "SET idle_session_timeout = "+leaderIdle); err != nil {
		return false, errors.Join(fmt.Errorf("lead %s: limit silence: %w", role, err), unlock(ctx, conn, role))
	}
	leading, stop := context.WithCancelCause(ctx)
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		if err := watchLeader(leading, conn); err != nil {
			stop(fmt.Errorf("%w: %w", errLeadLost, err))
		}
	}()
	err = do(leading)
	stop(nil)
	<-watched
	if undo := unlock(ctx, conn, role); undo != nil {
		err = errors.Join(err, undo)
	}
	if err != nil {
		return true, fmt.Errorf("lead %s: %w", role, err)
	}
	return true, nil
}

// watchLeader returns an error when the connection no longer answers, and nil when ctx ended.
func watchLeader(ctx context.Context, conn *pgxpool.Conn) error {
	tick := time.NewTicker(leaderCheck)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		// Not ended by ctx: that would break the connection in the middle of an answer.
		asking, cancel := context.WithTimeout(context.WithoutCancel(ctx), leaderTimeout)
		err := conn.Ping(asking)
		cancel()
		if err != nil {
			return fmt.Errorf("ping: %w", err)
		}
	}
}

// unlock gives the lock back. Where that fails it closes the connection, which does the same.
func unlock(ctx context.Context, conn *pgxpool.Conn, role string) error {
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), leaderTimeout)
	defer cancel()
	_, err := conn.Exec(ending, "SELECT pg_advisory_unlock(hashtextextended($1, 0))", role)
	if err == nil {
		_, err = conn.Exec(ending, "RESET idle_session_timeout")
	}
	if err != nil {
		return errors.Join(fmt.Errorf("unlock: %w", err), conn.Conn().Close(ending))
	}
	return nil
}
