package worker

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/boostress/boostress/internal/failpoint"
	"github.com/boostress/boostress/store"
	"github.com/boostress/boostress/task"
)

// Upkeep is what has to be done from time to time besides announcing tasks; *fulfillment.Service does it.
type Upkeep interface {
	// Reap takes back the claims of workers that were silent for term and returns how many, at most limit. Tasks whose
	// end was asked for, and that nobody runs any more, end.
	Reap(ctx context.Context, term time.Duration, limit int) (int, error)
	// ApplyDeadlines ends orders whose deadline has passed and returns how many it looked at, at most limit.
	ApplyDeadlines(ctx context.Context, limit int) (int, error)
	// ApplySLAs tells of late progress and returns how many fulfillments it looked at, at most limit.
	ApplySLAs(ctx context.Context, limit int) (int, error)
	// EnsurePolls makes sure that what is due to be read from providers will be.
	EnsurePolls(ctx context.Context) error
}

// SweeperOptions wire a Sweeper. Store, Lists and Upkeep are required.
type SweeperOptions struct {
	Store  *store.Store
	Lists  *Lists
	Upkeep Upkeep
	// Role is what sweepers compete for; one that has another one sweeps beside it. Default "sweeper".
	Role string
	// Term is how long a silent worker keeps its claims, the same in all processes; default 10 s.
	Term time.Duration
	// Every is how often the sweeper looks; default 1 s.
	Every   time.Duration
	Log     *slog.Logger
	Metrics *Metrics
}

// Sweeper finds what fell through: tasks that are due and that no list holds, claims of workers that are gone, deadlines.
// Any number of processes may run one; one of them leads, and the others wait.
type Sweeper struct {
	SweeperOptions
}

// NewSweeper returns a sweeper; it does nothing until it runs.
func NewSweeper(options SweeperOptions) *Sweeper {
	if options.Role == "" {
		options.Role = "sweeper"
	}
	if options.Term == 0 {
		options.Term = DefaultTerm
	}
	if options.Every == 0 {
		options.Every = time.Second
	}
	if options.Log == nil {
		options.Log = slog.New(slog.DiscardHandler)
	}
	if options.Metrics == nil {
		options.Metrics = NewMetrics(nil)
	}
	return &Sweeper{options}
}

// Run leads, or waits to, until ctx ends.
func (s *Sweeper) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		_, err := s.Store.Lead(ctx, s.Role, s.sweep)
		if err != nil && ctx.Err() == nil {
			s.Log.WarnContext(ctx, "sweeper does not lead", "error", err)
		}
		wait(ctx, s.Every)
	}
	return nil
}

const (
	sweepLimit  = 500 // of one duty's transaction
	depthEvery  = 10  // ticks
	seedEvery   = 60  // ticks
	healthEvery = 10  // ticks
	seldomEvery = 600 // ticks
)

// sweep does everything that the leader has to, each duty at its own pace, so that none holds up another.
func (s *Sweeper) sweep(ctx context.Context) error {
	s.Log.InfoContext(ctx, "sweeper leads")
	s.Metrics.leading.Set(1)
	defer s.Metrics.leading.Set(0)
	defer s.Metrics.depths(nil)
	defer s.Metrics.paused.Reset()
	defer s.Metrics.rollupLag.Set(0)
	var duties sync.WaitGroup
	duty := func(name string, every time.Duration, do func(context.Context) error) {
		duties.Go(func() { s.repeat(ctx, name, every, do) })
	}
	for _, queue := range task.Queues() {
		duties.Go(func() { (&caller{sweeper: s, queue: queue}).run(ctx) })
	}
	duty("take back claims", s.Every, func(ctx context.Context) error {
		return drain(func() (int, error) { return s.Upkeep.Reap(ctx, s.Term, sweepLimit) })
	})
	duty("apply deadlines", s.Every, func(ctx context.Context) error {
		return drain(func() (int, error) { return s.Upkeep.ApplyDeadlines(ctx, sweepLimit) })
	})
	duty("apply promised times", s.Every, func(ctx context.Context) error {
		return drain(func() (int, error) { return s.Upkeep.ApplySLAs(ctx, sweepLimit) })
	})
	duty("ensure polls", s.Every, s.Upkeep.EnsurePolls)
	duty("seed schedules", seedEvery*s.Every, s.seed)
	duty("measure queues", depthEvery*s.Every, s.measure)
	duty("roll up results", s.Every, s.rollUp)
	duty("forget rollups", seldomEvery*s.Every, s.Store.ForgetRollups)
	duty("count states", s.Every, s.counting())
	duty("measure providers", healthEvery*s.Every, s.Store.MeasureHealth)
	duty("make partitions", seldomEvery*s.Every, s.partition)
	duties.Wait()
	return nil
}

// drain repeats what did as much as one transaction may, a few times.
func drain(do func() (int, error)) error {
	for range 10 {
		if count, err := do(); err != nil || count < sweepLimit {
			return err
		}
	}
	return nil
}

// repeat does a duty now and every so often until ctx ends.
func (s *Sweeper) repeat(ctx context.Context, name string, every time.Duration, do func(context.Context) error) {
	failing := false
	for {
		err := guard(func() error { return do(ctx) })
		failed := err != nil && ctx.Err() == nil
		switch {
		case failed && !failing:
			s.Log.WarnContext(ctx, "sweep failed and is repeated", "duty", name, "error", err)
		case !failed && failing:
			s.Log.InfoContext(ctx, "sweep works again", "duty", name)
		}
		failing = failed
		if !wait(ctx, every) {
			return
		}
	}
}

func (s *Sweeper) measure(ctx context.Context) error {
	depths, err := s.Store.QueueDepths(ctx)
	if err != nil {
		return err
	}
	s.Metrics.depths(depths)
	paused, err := s.Store.QueuesPaused(ctx)
	if err == nil {
		s.Metrics.pauses(paused)
	}
	return err
}

// partitionsAhead is how far ahead the results' partitions are made.
const partitionsAhead = 3 * 24 * time.Hour

func (s *Sweeper) partition(ctx context.Context) error {
	return s.Store.TaskResultPartitions(ctx, failpoint.Now(), partitionsAhead)
}
