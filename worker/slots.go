package worker

import (
	"context"
	"sync"
)

// slots bound how many tasks of a queue run at a time in this process.
type slots struct {
	mu    sync.Mutex
	free  int
	total int
	freed chan struct{} // holds a token when a slot was freed since the last look
}

func newSlots(total int) *slots {
	return &slots{free: total, total: total, freed: make(chan struct{}, 1)}
}

// wait returns how many slots are free once there are any. It fails when ctx ends.
func (s *slots) wait(ctx context.Context) (int, error) {
	for {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		s.mu.Lock()
		free := s.free
		s.mu.Unlock()
		if free > 0 {
			return free, nil
		}
		select {
		case <-s.freed:
		case <-ctx.Done():
		}
	}
}

// take uses slots that wait said are free; only one goroutine takes.
func (s *slots) take(count int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.free -= count
}

func (s *slots) give() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.free++
	select {
	case s.freed <- struct{}{}:
	default:
	}
}

func (s *slots) used() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.total - s.free
}
