package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/boostress/boostress/internal/failpoint"
	"github.com/boostress/boostress/internal/id"
	"github.com/boostress/boostress/store"
)

// ErrSilent is why a run's context ends when its worker missed its heartbeats for half a term: soon others take over.
var ErrSilent = errors.New("the worker missed its heartbeats")

// pulse is where heartbeats are kept.
type pulse interface {
	WorkerRegister(ctx context.Context, worker store.Worker) error
	WorkerBeat(ctx context.Context, id uuid.UUID, running int, term time.Duration) (bool, error)
	WorkerUnregister(ctx context.Context, id uuid.UUID) error
}

// life is one registration of this process as a worker. It ends when heartbeats were missed for half a term, by this
// process's own clocks; the database lets its claims go after a whole one.
type life struct {
	id   uuid.UUID
	ctx  context.Context //nolint:containedctx // what runs under this registration ends with it
	end  context.CancelCauseFunc
	last context.Context //nolint:containedctx // ends when not even results are written any more
	half time.Duration
	beat atomic.Pointer[time.Time] // when the last heartbeat that arrived was sent
}

// alive reports whether the last heartbeat is younger than half a term. Both clocks are asked: the monotonic one may
// stand still while the machine is suspended.
func (l *life) alive() bool {
	beat, now := *l.beat.Load(), failpoint.Now()
	return now.Sub(beat) < l.half && now.Round(0).Sub(beat.Round(0)) < l.half
}

func (l *life) check() error {
	if l.ctx.Err() != nil {
		return context.Cause(l.ctx)
	}
	if !l.alive() {
		return ErrSilent
	}
	return nil
}

type lifeKey struct{}

// Check fails with ErrSilent when the worker that runs ctx's task missed its heartbeats: then the task may be somebody
// else's already, and nothing may be sent for it. It also fails when the run is to end. Ask right before the bytes of a
// call are written. Outside of a run it never fails.
func Check(ctx context.Context) error {
	l, ok := ctx.Value(lifeKey{}).(*life)
	if !ok {
		return nil
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return l.check()
}

// lasting returns the context for recording what a run came to: it does not end with the run.
func lasting(ctx context.Context) context.Context {
	if l, ok := ctx.Value(lifeKey{}).(*life); ok {
		return l.last
	}
	return ctx
}

// lives keeps this process registered, one life after the other.
type lives struct {
	pulse   pulse
	self    store.Worker // but for its id
	term    time.Duration
	running func() int
	log     *slog.Logger
	metrics *Metrics

	mu      sync.Mutex
	current *life
	changed chan struct{} // closed when current changes
	ids     []uuid.UUID   // of the latest lives, the current one included
	drained bool          // no life takes tasks any more
}

func newLives(pulse pulse, self store.Worker, term time.Duration, running func() int, log *slog.Logger, m *Metrics) *lives {
	return &lives{
		pulse: pulse, self: self, term: term, running: running, log: log, metrics: m, changed: make(chan struct{}),
	}
}

// How often heartbeats are sent, how long each may take, and how soon one that was lost is sent again, as parts of a
// term: so one or two may be lost before half a term is over.
const (
	beatPart    = 4
	timeoutPart = 8
	againPart   = 16
)

// run registers and beats until ctx ends, then unregisters. What its lives come to is recorded until last ends.
func (s *lives) run(ctx, last context.Context) {
	for ctx.Err() == nil {
		l, err := s.register(ctx, last)
		if err != nil {
			s.log.WarnContext(ctx, "worker not registered", "error", err)
			wait(ctx, s.term/beatPart)
			continue
		}
		s.set(l)
		err = s.keep(ctx, l)
		s.set(nil)
		l.end(err)
		if errors.Is(err, ErrSilent) {
			s.metrics.lost.Inc()
			s.log.WarnContext(ctx, "worker missed its heartbeats and registers anew", "worker", l.id, "error", err)
			continue
		}
		s.unregister(ctx, l)
	}
}

func (s *lives) register(ctx, last context.Context) (*life, error) {
	asking, cancel := context.WithTimeout(ctx, s.term/beatPart)
	defer cancel()
	self, sent := s.self, failpoint.Now()
	self.ID, self.Earlier, self.Drained = id.New(id.Worker), s.known(), s.isDrained()
	if err := s.pulse.WorkerRegister(asking, self); err != nil {
		return nil, err
	}
	l := &life{id: self.ID, last: last, half: s.term / 2}
	l.beat.Store(&sent)
	l.ctx, l.end = context.WithCancelCause(context.WithValue(context.WithoutCancel(ctx), lifeKey{}, l))
	return l, nil
}

// keep beats until ctx ends (nil) or the life is over (ErrSilent).
func (s *lives) keep(ctx context.Context, l *life) error {
	next := time.NewTimer(s.term / beatPart)
	defer next.Stop()
	for {
		select {
		case <-next.C:
		case <-ctx.Done():
			return nil
		}
		if !l.alive() {
			return fmt.Errorf("%w for half a term", ErrSilent)
		}
		sent := failpoint.Now()
		over := l.beat.Load().Add(l.half)
		asking, cancel := context.WithTimeout(ctx, min(s.term/timeoutPart, over.Sub(failpoint.Now())))
		alive, err := s.pulse.WorkerBeat(asking, l.id, s.running(), s.term)
		cancel()
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			s.log.WarnContext(ctx, "heartbeat failed", "worker", l.id, "error", err)
			next.Reset(min(s.term/againPart, over.Sub(failpoint.Now())))
		case !alive:
			return fmt.Errorf("%w for a whole term", ErrSilent)
		default:
			l.beat.Store(&sent)
			next.Reset(s.term / beatPart)
		}
	}
}

func (s *lives) unregister(ctx context.Context, l *life) {
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	if err := s.pulse.WorkerUnregister(ending, l.id); err != nil {
		s.log.WarnContext(ctx, "worker not unregistered", "worker", l.id, "error", err)
	}
}

// livesKnown bounds the lives of a process that are still told what it shall do.
const livesKnown = 16

// known returns the ids of the latest lives.
func (s *lives) known() []uuid.UUID {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.ids)
}

// drain notes that this process takes no more tasks, whatever it is registered as.
func (s *lives) drain() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drained = true
}

func (s *lives) isDrained() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.drained
}

func (s *lives) set(l *life) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.current = l
	if l != nil {
		s.ids = append(s.ids[max(0, len(s.ids)-livesKnown+1):], l.id)
	}
	close(s.changed)
	s.changed = make(chan struct{})
}

// interrupt ends the contexts of what runs under the current life, which goes on: what it comes to can be recorded.
func (s *lives) interrupt(cause error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.current != nil {
		s.current.end(cause)
	}
}

const noticeParts = 20

// wait returns the current life once there is one. It fails when ctx ends.
func (s *lives) wait(ctx context.Context) (*life, error) {
	for {
		s.mu.Lock()
		l, changed := s.current, s.changed
		s.mu.Unlock()
		if l != nil && l.alive() {
			return l, nil
		}
		if l != nil { // its end will be noticed any moment
			if !wait(ctx, l.half/noticeParts) {
				return nil, ctx.Err()
			}
			continue
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// wait returns after a while, or false when ctx ends first.
func wait(ctx context.Context, while time.Duration) bool {
	timer := time.NewTimer(while)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
