package providerapi

import (
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/boostress/boostress/order"
)

// maxRetryAfter bounds how long a provider can make us wait by one answer.
const maxRetryAfter = 24 * time.Hour

// OutcomeOf turns what a create or cancel call returned into its attempt's outcome. What was captured of the exchange
// is added by the caller.
func OutcomeOf(placed order.ExternalOrder, err error, latency time.Duration) order.Outcome {
	outcome := order.Outcome{Class: ClassOf(err), Latency: latency}
	if err == nil {
		outcome.Order, outcome.Message = &placed, RedactText(placed.Message)
		return outcome
	}
	outcome.Message = RedactText(err.Error())
	if classified, ok := errors.AsType[*Error](err); ok {
		outcome.RetryAfter, outcome.Reroutable = classified.RetryAfter, classified.Reroutable
	}
	if outcome.Class == order.ClassDuplicate && placed.ExternalID != "" {
		outcome.Order = &placed
	}
	return outcome
}

// RetryAfter reads the Retry-After header, in seconds or as a date, which it takes relative to the answer's own Date
// where there is one: the provider's clock may be off. It returns 0 where nothing sensible was told, and at most a day.
func RetryAfter(header http.Header, now time.Time) time.Duration {
	value := header.Get("Retry-After")
	if value == "" {
		return 0
	}
	if seconds, err := strconv.ParseInt(value, 10, 64); err == nil {
		return time.Duration(min(max(seconds, 0), int64(maxRetryAfter/time.Second))) * time.Second
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	if date, err := http.ParseTime(header.Get("Date")); err == nil {
		now = date
	}
	return min(max(at.Sub(now), 0), maxRetryAfter)
}
