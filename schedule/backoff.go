package schedule

import "time"

// Backoff says how long to wait before a failed run is tried again: full jitter below an exponential ceiling, which
// spreads the runs that failed together.
type Backoff struct {
	Base time.Duration // ceiling after the first failure
	Cap  time.Duration // highest ceiling
}

// Wait returns the wait after the given number of failures, 1 or more. random is a number in [0, 1).
func (b Backoff) Wait(failures int, random float64) time.Duration {
	return time.Duration(random * float64(b.Ceiling(failures)))
}

// Ceiling returns the longest wait after the given number of failures.
func (b Backoff) Ceiling(failures int) time.Duration {
	ceiling := b.Base
	for i := 1; i < failures && ceiling < b.Cap; i++ {
		ceiling *= 2
	}
	return min(ceiling, b.Cap)
}
