package worker

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"github.com/boostress/boostress/store"
)

var errAway = errors.New("database is away")

// fakePulse keeps heartbeats as the database would.
type fakePulse struct {
	mu    sync.Mutex
	away  bool
	hangs bool // what is asked is never answered
	beats map[uuid.UUID]time.Time
	gone  []uuid.UUID
}

func (f *fakePulse) set(change func(*fakePulse)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change(f)
}

func (f *fakePulse) answer(ctx context.Context) error {
	f.mu.Lock()
	away, hangs := f.away, f.hangs
	f.mu.Unlock()
	if hangs {
		<-ctx.Done()
		return ctx.Err()
	}
	if away {
		return errAway
	}
	return nil
}

func (f *fakePulse) WorkerRegister(ctx context.Context, worker store.Worker) error {
	if err := f.answer(ctx); err != nil {
		return err
	}
	f.set(func(f *fakePulse) { f.beats[worker.ID] = time.Now() })
	return nil
}

func (f *fakePulse) WorkerBeat(ctx context.Context, id uuid.UUID, _ int, term time.Duration) (alive bool, err error) {
	if err := f.answer(ctx); err != nil {
		return false, err
	}
	f.set(func(f *fakePulse) {
		if alive = time.Since(f.beats[id]) < term; alive {
			f.beats[id] = time.Now()
		}
	})
	return alive, nil
}

func (f *fakePulse) WorkerUnregister(_ context.Context, id uuid.UUID) error {
	f.set(func(f *fakePulse) { f.gone = append(f.gone, id) })
	return nil
}

const testTerm = 10 * time.Second

// bubble runs a test on lives with a clock of its own.
func bubble(t *testing.T, test func(t *testing.T, pulse *fakePulse, s *lives)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		pulse := &fakePulse{beats: map[uuid.UUID]time.Time{}}
		s := newLives(pulse, store.Worker{}, testTerm, func() int { return 0 }, slog.New(slog.DiscardHandler), NewMetrics(nil))
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			s.run(ctx, t.Context())
		}()
		synctest.Wait()
		test(t, pulse, s)
		cancel()
		<-ended
	})
}

func current(t *testing.T, s *lives) *life {
	t.Helper()
	l, err := s.wait(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestLifeGoesOnWhileHeartbeatsArrive(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, pulse *fakePulse, s *lives) {
		t.Helper()
		first := current(t, s)
		wait(t.Context(), time.Hour+time.Second)
		if current(t, s) != first || Check(first.ctx) != nil {
			t.Error("a worker that beats was registered anew")
		}
		// One that is lost now and then harms nothing.
		pulse.set(func(f *fakePulse) { f.away = true })
		wait(t.Context(), testTerm/beatPart+time.Millisecond)
		pulse.set(func(f *fakePulse) { f.away = false })
		wait(t.Context(), testTerm)
		if current(t, s) != first {
			t.Error("a lost heartbeat ended a worker")
		}
	})
}

func TestSilentWorkerEndsAfterHalfATerm(t *testing.T) {
	t.Parallel()
	for name, fail := range map[string]func(*fakePulse){
		"refused":    func(f *fakePulse) { f.away = true },
		"unanswered": func(f *fakePulse) { f.hangs = true },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bubble(t, func(t *testing.T, pulse *fakePulse, s *lives) {
				t.Helper()
				first := current(t, s)
				pulse.set(fail)
				last := pulse.beats[first.id]
				<-first.ctx.Done()
				if silent := time.Since(last); silent > testTerm/2 || silent < testTerm/4 {
					t.Errorf("it ended %v after its last heartbeat, want half a term of %v", silent, testTerm)
				}
				if err := context.Cause(first.ctx); !errors.Is(err, ErrSilent) {
					t.Errorf("its runs end with %v", err)
				}
				if err := Check(first.ctx); !errors.Is(err, ErrSilent) {
					t.Errorf("it may still send: %v", err)
				}
				wait(t.Context(), time.Minute)
				pulse.set(func(f *fakePulse) { f.away, f.hangs = false, false })
				next := current(t, s)
				if next.id == first.id {
					t.Error("it lives on under its old id, whose claims are gone")
				}
				if Check(next.ctx) != nil || next.ctx.Err() != nil {
					t.Error("its next life does not live")
				}
			})
		})
	}
}

// A process that was frozen must not send before it has noticed.
func TestThawedWorkerIsNotAlive(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := &life{half: testTerm / 2, ctx: t.Context()}
		beat := time.Now()
		l.beat.Store(&beat)
		wait(t.Context(), testTerm/2-time.Millisecond)
		if err := l.check(); err != nil {
			t.Error(err)
		}
		wait(t.Context(), time.Millisecond)
		if err := l.check(); !errors.Is(err, ErrSilent) {
			t.Errorf("half a term after the last heartbeat: %v", err)
		}
		// The monotonic clock may have stood still while the machine slept.
		beat = time.Now().Round(0).Add(-testTerm / 2)
		l.beat.Store(&beat)
		if err := l.check(); !errors.Is(err, ErrSilent) {
			t.Errorf("half a term later by the wall clock: %v", err)
		}
	})
}

func TestForgottenWorkerRegistersAnew(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, pulse *fakePulse, s *lives) {
		t.Helper()
		first := current(t, s)
		pulse.set(func(f *fakePulse) { delete(f.beats, first.id) })
		<-first.ctx.Done()
		if next := current(t, s); next.id == first.id {
			t.Error("it kept an id that the database does not know")
		}
	})
}

func TestStoppedWorkerUnregisters(t *testing.T) {
	t.Parallel()
	var pulse *fakePulse
	var first *life
	bubble(t, func(t *testing.T, p *fakePulse, s *lives) {
		t.Helper()
		pulse, first = p, current(t, s)
	})
	if len(pulse.gone) != 1 || pulse.gone[0] != first.id || first.ctx.Err() == nil {
		t.Errorf("unregistered %v, want %v", pulse.gone, first.id)
	}
}

func TestSlotsWakeOneWhoWaits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSlots(2)
		s.take(2)
		woken := make(chan int)
		go func() {
			free, err := s.wait(t.Context())
			if err != nil {
				t.Error(err)
			}
			woken <- free
		}()
		synctest.Wait()
		s.give()
		if free := <-woken; free != 1 || s.used() != 1 {
			t.Errorf("%d free, %d used", free, s.used())
		}
	})
}
