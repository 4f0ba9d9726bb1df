package worker

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/boostress/boostress/fulfillment"
	"github.com/boostress/boostress/schedule"
	"github.com/boostress/boostress/store"
	"github.com/boostress/boostress/task"
)

// ScheduleStore is where a scheduler finds what is due. All of its times are the database's.
type ScheduleStore interface {
	// ScheduleWait tells how long it is until something may be due; ok is false where that is not known.
	ScheduleWait(ctx context.Context, aside []uuid.UUID) (until time.Duration, ok bool, err error)
	// Fire runs do in a transaction that does not outlive a frozen process by more than seconds.
	Fire(ctx context.Context, do func(tx ScheduleTx, now time.Time) error) error
}

// ScheduleTx is one transaction of a ScheduleStore; *store.Tx tells what its methods do.
type ScheduleTx interface {
	ScheduleDue(ctx context.Context, limit int, aside []uuid.UUID) ([]schedule.Schedule, error)
	ScheduleLive(ctx context.Context, scheduleIDs []uuid.UUID) (map[uuid.UUID][]uuid.UUID, error)
	ScheduleTaken(ctx context.Context, slots []schedule.Run) ([]schedule.Run, error)
	ScheduleFire(ctx context.Context, runs []schedule.Run) error
	ScheduleAdvance(ctx context.Context, steps []store.ScheduleStep) error
	TaskInsert(ctx context.Context, tasks []task.Task) ([]task.Task, error)
	TaskRevokeSchedule(ctx context.Context, scheduleIDs []uuid.UUID, actor string) ([]task.Task, map[uuid.UUID]bool, error)
}

// Schedules makes a ScheduleStore of the record.
func Schedules(st *store.Store) ScheduleStore { return schedules{st} }

type schedules struct{ *store.Store }

// Fire runs do in a brief transaction.
func (s schedules) Fire(ctx context.Context, do func(ScheduleTx, time.Time) error) error {
	return s.WriteBrief(ctx, func(tx *store.Tx) error { return do(tx, tx.Now) })
}

// SchedulerOptions wire a Scheduler. Store is required.
type SchedulerOptions struct {
	Store ScheduleStore
	// AfterCommit is told of the tasks of slots that fired; it must not block. Default: the next sweep finds them.
	AfterCommit func(fulfillment.Committed)
	Log         *slog.Logger
	Metrics     *Metrics
}

// Scheduler fires schedules whose slots are due. Any number of processes may run one, and all of them fire: whoever locks
// a schedule first has it, the others pass it over. None of them leads, so that there is nothing to hand over when one
// dies, and their own clocks don't matter.
type Scheduler struct {
	SchedulerOptions

	aside   map[uuid.UUID]time.Time // schedules that can't be fired, until when they are left alone
	failing bool                    // the last look did
}

// NewScheduler returns a scheduler; it does nothing until it runs.
func NewScheduler(options SchedulerOptions) *Scheduler {
	if options.AfterCommit == nil {
		options.AfterCommit = func(fulfillment.Committed) {}
	}
	if options.Log == nil {
		options.Log = slog.New(slog.DiscardHandler)
	}
	if options.Metrics == nil {
		options.Metrics = NewMetrics(nil)
	}
	return &Scheduler{SchedulerOptions: options, aside: map[uuid.UUID]time.Time{}}
}

const (
	fireLimit = 500                   // schedules of one transaction
	fireEvery = 50 * time.Millisecond // while slots are due: what comes meanwhile fires together
	// lookEvery bounds how long a schedule that was just made, or a run that has just ended, goes unnoticed.
	lookEvery  = 250 * time.Millisecond
	lookSoon   = 5 * time.Millisecond // before the next look, at least
	retryEvery = time.Second          // while looks fail
	asideFor   = time.Minute
)

// Run fires until ctx ends.
func (s *Scheduler) Run(ctx context.Context) error {
	pause := time.Duration(0)
	for wait(ctx, pause) {
		pause = s.look(ctx)
	}
	return nil
}

// look fires what is due and returns how long to wait for the next look.
func (s *Scheduler) look(ctx context.Context) time.Duration {
	pause := retryEvery
	err := guard(func() (err error) {
		pause, err = s.step(ctx)
		return err
	})
	failed := err != nil && ctx.Err() == nil
	switch {
	case failed && !s.failing:
		s.Log.WarnContext(ctx, "schedules can't be fired, tried again every second", "error", err)
	case !failed && s.failing:
		s.Log.InfoContext(ctx, "schedules fire again")
	}
	s.failing = failed
	return pause
}

func (s *Scheduler) step(ctx context.Context) (time.Duration, error) {
	maps.DeleteFunc(s.aside, func(_ uuid.UUID, until time.Time) bool { return !time.Now().Before(until) })
	until, ok, err := s.Store.ScheduleWait(ctx, s.passed())
	switch {
	case err != nil:
		return retryEvery, err
	case !ok || until > lookEvery:
		return lookEvery, nil
	case until > 0:
		return max(until, lookSoon), nil
	}
	looked, err := s.fire(ctx)
	switch {
	case err != nil:
		return retryEvery, err
	case looked >= fireLimit: // there is more
		return 0, nil
	default:
		return fireEvery, nil
	}
}

// passed lists the schedules that are put aside.
func (s *Scheduler) passed() []uuid.UUID { return slices.Collect(maps.Keys(s.aside)) }

// fire fires a group of schedules, or, where that fails for what one of them is, its members alone; those that fail even
// so are put aside for a while. It returns how many schedules it looked at.
func (s *Scheduler) fire(ctx context.Context) (int, error) {
	looked, err := s.group(ctx, fireLimit)
	if err == nil || ctx.Err() != nil || store.Transient(err) {
		return looked.schedules(), err
	}
	s.Log.WarnContext(ctx, "schedules can't be fired together and are fired one by one", "error", err)
	for count := range looked.schedules() {
		alone, err := s.group(ctx, 1)
		switch {
		case alone.schedules() == 0 || ctx.Err() != nil || store.Transient(err):
			return count, err
		case err != nil:
			failed := alone.due[0].ID
			s.aside[failed] = time.Now().Add(asideFor)
			s.Log.ErrorContext(ctx, "schedule can't be fired and is left alone for a while", "schedule", failed, "error", err)
		}
	}
	return looked.schedules(), nil
}
