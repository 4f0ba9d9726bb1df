package worker

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/boostress/boostress/store"
	"github.com/boostress/boostress/task"
)

const (
	callLimit  = 1000                   // tasks announced at a time
	enough     = 1000                   // announced, unclaimed tasks that an account may have in a queue
	lowWater   = 500                    // entries below which lists are refilled
	peekEvery  = 50 * time.Millisecond  // while there is something in the lists, or to be brought there
	idleEvery  = 200 * time.Millisecond // while there is not
	countEvery = 100 * time.Millisecond // while the lists are long
	freeEvery  = 500 * time.Millisecond // while accounts are crowded
	countShare = 20                     // at most one part in so many of the time goes into counting
)

// caller announces again, for one queue, what is due and in no list, and what was parked for fairness.
//
// It looks every tick. Accounts with much to do get their tasks into the lists in portions, so that those of other
// accounts need not wait behind all of them; while there is such a backlog, it looks far more often, lest workers wait.
type caller struct {
	sweeper *Sweeper
	queue   task.Queue

	length    int64         // entries in the lists
	lookedAt  time.Time     // at the tasks
	countedAt time.Time     // the accounts' waiting tasks
	pause     time.Duration // before they are counted again, because that takes long
	backlog   bool          // the last look left more behind
	crowds    bool          // accounts are crowded
	failing   bool          // the last tick did
	turns     turns         // of looks at what is parked
}

func (c *caller) run(ctx context.Context) {
	s := c.sweeper
	c.crowds = true // until we know better
	for {
		err := guard(func() error { return c.tick(ctx) })
		failed := err != nil && ctx.Err() == nil
		switch {
		case failed && !c.failing:
			s.Log.WarnContext(ctx, "queue can't be announced, tried again every second", "queue", c.queue, "error", err)
		case !failed && c.failing:
			s.Log.InfoContext(ctx, "queue is announced again", "queue", c.queue)
		}
		c.failing = failed
		pause := peekEvery
		switch {
		case failed:
			pause = s.Every
		case c.length == 0 && !c.backlog && !c.crowds:
			pause = min(idleEvery, s.Every)
		}
		if !wait(ctx, pause) {
			return
		}
	}
}

// tick looks at the lists' lengths, which costs next to nothing, and from that decides whether to look at the tasks.
func (c *caller) tick(ctx context.Context) error {
	s := c.sweeper
	var err error
	if c.length, err = s.Lists.length(ctx, c.queue); err != nil {
		return err
	}
	counted := time.Since(c.countedAt)
	count := c.length >= enough && counted >= max(countEvery, c.pause) || c.crowds && counted >= max(freeEvery, c.pause)
	announce := time.Since(c.lookedAt) >= s.Every || c.length < lowWater && (c.backlog || c.crowds)
	if !count && !announce {
		return nil
	}
	paused, err := s.Store.QueuesPaused(ctx)
	if err != nil {
		return err
	}
	if slices.Contains(paused, c.queue) {
		c.lookedAt, c.backlog = time.Now(), false
		return nil
	}
	marks, err := s.Lists.marks(ctx, c.queue)
	if err != nil {
		return err
	}
	if count {
		began := time.Now()
		if c.crowds, err = s.Store.TaskCrowd(ctx, c.queue, marks, enough); err != nil {
			return err
		}
		c.countedAt = time.Now()
		c.pause = countShare * c.countedAt.Sub(began)
	}
	if announce {
		return c.announce(ctx, marks)
	}
	return nil
}

func (c *caller) announce(ctx context.Context, marks store.Marks) error {
	s := c.sweeper
	c.lookedAt = time.Now()
	lost, full, err := s.Store.TaskAnnounce(ctx, c.queue, marks, callLimit)
	if err != nil {
		return err
	}
	priority := c.turns.next()
	parked, err := s.Store.TaskUnpark(ctx, c.queue, marks, priority, enough, callLimit)
	if err == nil && len(parked) == 0 && priority < task.MaxPriority {
		parked, err = s.Store.TaskUnpark(ctx, c.queue, marks, task.MaxPriority, enough, callLimit)
	}
	c.backlog = full || len(parked) > 0
	// Both have committed: a worker that met a row that is still locked would forget its id. Whatever is not pushed now
	// counts as lost in two seconds.
	return errors.Join(err, c.push(ctx, append(lost, parked...)))
}

func (c *caller) push(ctx context.Context, tasks []task.Task) error {
	if len(tasks) == 0 {
		return nil
	}
	pushing, cancel := context.WithTimeout(ctx, announceTime)
	defer cancel()
	_, err := c.sweeper.Lists.push(pushing, tasks, make(map[listID]int64))
	c.sweeper.Metrics.announced("again", len(tasks))
	return err
}
