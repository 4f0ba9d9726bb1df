package sandbox

import (
	"container/heap"
	"context"
	"sync"
	"time"
)

const (
	stepBatch = 512                  // orders that advance together
	stepPause = 2 * time.Millisecond // between batches that are not due yet, so that many steps share a flush
	forever   = time.Hour
)

// step is when an order's next change is due. One that the order no longer waits for is skipped.
type step struct {
	at    time.Time
	entry *entry
}

type steps []step

func (s *steps) Len() int           { return len(*s) }
func (s *steps) Less(i, j int) bool { return (*s)[i].at.Before((*s)[j].at) }
func (s *steps) Swap(i, j int)      { (*s)[i], (*s)[j] = (*s)[j], (*s)[i] }
func (s *steps) Push(x any)         { *s = append(*s, x.(step)) } //nolint:forcetypeassert,errcheck // nothing else is pushed
func (s *steps) Pop() any {
	last := len(*s) - 1
	popped := (*s)[last]
	(*s)[last] = step{}
	*s = (*s)[:last]
	return popped
}

// clock knows when which order is due. It holds at most a few steps for each order that has not ended.
type clock struct {
	kick chan struct{} // a step came that is due before all others; a full channel says so already

	mu     sync.Mutex
	steps  steps
	parked []step // of providers whose orders do not progress now
}

func (c *clock) push(due ...step) {
	if len(due) == 0 {
		return
	}
	c.mu.Lock()
	first := due[0].at
	for _, one := range due {
		if one.at.Before(first) {
			first = one.at
		}
	}
	sooner := len(c.steps) == 0 || first.Before(c.steps[0].at)
	for _, one := range due {
		heap.Push(&c.steps, one)
	}
	c.mu.Unlock()
	if sooner {
		c.wake()
	}
}

func (c *clock) wake() {
	select {
	case c.kick <- struct{}{}:
	default:
	}
}

// take removes what is due, at most a batch, and says how long it is to the next.
func (c *clock) take(now time.Time, batch []step) (due []step, wait time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.steps) > 0 && len(batch) < stepBatch && !c.steps[0].at.After(now) {
		batch = append(batch, heap.Pop(&c.steps).(step)) //nolint:forcetypeassert,errcheck // nothing else is pushed
	}
	if len(c.steps) == 0 {
		return batch, forever
	}
	return batch, c.steps[0].at.Sub(now)
}

// park sets a step aside until release.
func (c *clock) park(one step) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.parked = append(c.parked, one)
}

// release makes every parked step due again.
func (c *clock) release() {
	c.mu.Lock()
	for _, one := range c.parked {
		heap.Push(&c.steps, one)
	}
	c.parked = nil
	c.mu.Unlock()
	c.wake()
}

// advance takes orders from state to state as time goes by, until the context ends. It fails when the journal does.
func (s *Server) advance(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	batch := make([]step, 0, stepBatch)
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-s.clock.kick:
		case <-timer.C:
		}
		due, wait := s.clock.take(time.Now(), batch[:0])
		if err := s.stepAll(due); err != nil {
			return err
		}
		if len(due) == 0 || wait > 0 {
			wait = max(wait, stepPause)
		}
		timer.Reset(max(wait, 0))
	}
}

// stepAll changes orders, journals the changes, and only then lets the outside know.
func (s *Server) stepAll(due []step) error {
	changed, again := due[:0], make([]step, 0, len(due))
	var position uint64
	for _, one := range due {
		e := one.entry
		b := e.provider.behavior.Load()
		if b.LateStatus {
			s.clock.park(one)
			// Whoever ended it in between released before this one was parked.
			if !e.provider.behavior.Load().LateStatus {
				s.clock.release()
			}
			continue
		}
		e.shard.mu.Lock()
		if !e.due.Equal(one.at) || e.due.IsZero() {
			e.shard.mu.Unlock()
			continue
		}
		s.step(e, b, stamp())
		e.position = s.journal.order(e)
		position = max(position, e.position)
		next := e.due
		e.shard.mu.Unlock()
		if !next.IsZero() {
			again = append(again, step{next, e})
		}
		changed = append(changed, one)
	}
	if err := s.journal.wait(position); err != nil {
		return err
	}
	for _, one := range changed {
		one.entry.provider.hooks.changed(one.entry)
	}
	// Only now, so that one webhook tells of many.
	for _, one := range changed {
		one.entry.provider.hooks.wake()
	}
	s.clock.push(again...)
	return nil
}

// stamp is now as the ledger keeps it.
func stamp() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }
