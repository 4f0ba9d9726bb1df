package fulfillment

import (
	"math/rand/v2"
	"time"
)

// The bounds of the wait before a call is made again.
const (
	firstWait   = time.Second
	longestWait = 5 * time.Minute
	// An outcome that is not known holds up its quantity: it is asked after more often than a refusal is.
	longestDoubt = 15 * time.Second
)

// doubtWait is the wait before an outcome that is not known is asked after: short, unless that was of no use for long.
func doubtWait(calls int) time.Duration {
	const patience = 20
	if calls > patience {
		return backoff(calls)
	}
	return min(backoff(calls), longestDoubt)
}

// backoff is exponential with full jitter, so that calls that failed together don't come back together.
func backoff(calls int) time.Duration {
	const mostDoublings = 20
	ceiling := min(longestWait, firstWait<<min(max(calls-1, 0), mostDoublings))
	return jitter(ceiling)
}

// jitter is a random part of most, above zero.
func jitter(most time.Duration) time.Duration {
	return time.Duration(rand.Int64N(int64(most)) + 1) //nolint:gosec // jitter is no secret
}
