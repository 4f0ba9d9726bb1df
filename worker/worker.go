// Package worker is the engine: it brings tasks that are due from Postgres, which holds them, by way of lists of ids in
// Redis, which may vanish at any moment, to the handlers that run them.
package worker

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/boostress/boostress/fulfillment"
	"github.com/boostress/boostress/schedule"
	"github.com/boostress/boostress/store"
	"github.com/boostress/boostress/task"
)

// Options wire a Worker. Store, Lists and Handlers are required.
type Options struct {
	Store    *store.Store
	Lists    *Lists
	Handlers map[task.Kind]Handler
	// Slots is how many tasks of each queue may run at a time: queues that it leaves out, or has none for, are not served.
	// Default:
	// DefaultSlots.
	Slots map[task.Queue]int
	// Term is how long a silent worker keeps its claims, the same in all processes; default 10 s.
	Term time.Duration
	// Grace is how long running tasks may go on once the worker is to stop; default 15 s.
	Grace time.Duration
	// Backoff is how failed tasks wait; default full jitter up to 1 s after the first failure, doubling up to 10 min.
	Backoff schedule.Backoff
	// AfterCommit is told of finished tasks; it must not block. Default: nobody is told.
	AfterCommit func(fulfillment.Committed)
	Version     string // of this build, as workers are listed with
	Log         *slog.Logger
	Metrics     *Metrics
}

// DefaultTerm is how long a silent worker keeps its claims.
const DefaultTerm = 10 * time.Second

const (
	defaultGrace = 15 * time.Second
	// What is interrupted at the end of the grace may still record what it knows, for so long.
	lastWords = 3 * time.Second
)

// DefaultSlots is how many tasks of each queue run at a time in a process that was not told otherwise.
func DefaultSlots() map[task.Queue]int {
	return map[task.Queue]int{task.QueueDispatch: 256, task.QueueStatus: 16, task.QueueSystem: 4}
}

func defaultBackoff() schedule.Backoff {
	return schedule.Backoff{Base: time.Second, Cap: 10 * time.Minute}
}

// Worker claims tasks and runs them.
type Worker struct {
	Options

	lives   *lives
	brake   *brake
	settler *settler
	slots   map[task.Queue]*slots
	runs    runs
	running sync.WaitGroup
}

// New returns a worker; it does nothing until it runs.
func New(options Options) *Worker {
	if options.Slots == nil {
		options.Slots = DefaultSlots()
	}
	if options.Term == 0 {
		options.Term = DefaultTerm
	}
	if options.Grace == 0 {
		options.Grace = defaultGrace
	}
	if options.Backoff == (schedule.Backoff{}) {
		options.Backoff = defaultBackoff()
	}
	if options.AfterCommit == nil {
		options.AfterCommit = func(fulfillment.Committed) {}
	}
	if options.Log == nil {
		options.Log = slog.New(slog.DiscardHandler)
	}
	if options.Metrics == nil {
		options.Metrics = NewMetrics(nil)
	}
	w := &Worker{
		Options: options, slots: make(map[task.Queue]*slots, len(options.Slots)),
		settler: newSettler(options.Store, options.AfterCommit, options.Backoff),
	}
	self := store.Worker{PID: os.Getpid(), Version: options.Version}
	for _, queue := range slices.Sorted(maps.Keys(options.Slots)) {
		if count := options.Slots[queue]; count > 0 {
			w.slots[queue] = newSlots(count)
			self.Queues, self.Slots = append(self.Queues, queue), append(self.Slots, count)
		}
	}
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	self.Host = host
	w.lives = newLives(options.Store, self, options.Term, w.Running, options.Log, options.Metrics)
	w.brake = newBrake(options.Store, w.lives, options.Log, options.Metrics)
	return w
}

// Running returns how many tasks run at this moment.
func (w *Worker) Running() int {
	count := 0
	for _, s := range w.slots {
		count += s.used()
	}
	return count
}

// Run serves the queues until ctx ends. Then it takes nothing more, lets running tasks go on for the grace, interrupts
// the rest, gives back what never started, and unregisters.
func (w *Worker) Run(ctx context.Context) error {
	// Heartbeats go on while running tasks end, and what they came to is recorded after that.
	beating, still := context.WithCancel(context.WithoutCancel(ctx))
	defer still()
	hard, stop := context.WithCancelCause(context.WithoutCancel(ctx))
	defer stop(nil)
	var lives, pumps sync.WaitGroup
	lives.Go(func() { w.lives.run(beating, hard) })
	lives.Go(func() { w.heed(beating) })
	pumps.Go(func() { w.brake.run(ctx) })
	for queue := range w.slots {
		p := &pump{worker: w, queue: queue, slots: w.slots[queue], hard: hard}
		pumps.Go(func() { p.run(ctx) })
	}
	<-ctx.Done()
	pumps.Wait()
	if !w.drain(w.Grace) {
		w.lives.interrupt(errStopped)
		if !w.drain(lastWords) {
			stop(errStopped)
			w.running.Wait()
		}
	}
	still()
	lives.Wait()
	return nil
}

// drain waits for the running tasks and reports whether all ended in time.
func (w *Worker) drain(limit time.Duration) bool {
	ended := make(chan struct{})
	go func() {
		w.running.Wait()
		close(ended)
	}()
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-ended:
		return true
	case <-timer.C:
		return false
	}
}

var errStopped = fmt.Errorf("the worker stops: %w", context.Canceled)
