package scalar

import (
	"fmt"
	"time"

	"github.com/99designs/gqlgen/graphql"

	"github.com/boostress/boostress/internal/iso8601"
)

// MarshalDateTime writes a moment as RFC 3339 in UTC, the zero one as null.
func MarshalDateTime(at time.Time) graphql.Marshaler {
	if at.IsZero() {
		return graphql.Null
	}
	text := make([]byte, 0, len(time.RFC3339Nano)+len(`""`))
	text = append(text, '"')
	text = at.UTC().AppendFormat(text, time.RFC3339Nano)
	return raw(append(text, '"'))
}

// UnmarshalDateTime reads a moment from RFC 3339 with any offset, to the microsecond. It fails with ErrScalar.
func UnmarshalDateTime(value any) (time.Time, error) {
	text, ok := value.(string)
	if !ok {
		return time.Time{}, bad("a time as RFC 3339", value)
	}
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil || at.IsZero() {
		return time.Time{}, fmt.Errorf(`%w: expected a time as RFC 3339, e.g. "2026-11-24T09:30:00Z"`, ErrScalar)
	}
	return at.UTC().Truncate(time.Microsecond), nil
}

// MarshalDuration writes a length of time as ISO 8601, zero as null.
func MarshalDuration(length time.Duration) graphql.Marshaler {
	if length == 0 {
		return graphql.Null
	}
	return raw(`"` + iso8601.FormatDuration(length) + `"`)
}

// UnmarshalDuration reads a length of time from ISO 8601 in weeks, or in days, hours, minutes and seconds. It fails with
// ErrScalar.
func UnmarshalDuration(value any) (time.Duration, error) {
	text, ok := value.(string)
	if !ok {
		return 0, bad("a duration as ISO 8601", value)
	}
	length, err := iso8601.ParseDuration(text)
	if err != nil {
		return 0, fmt.Errorf("%w: %w", ErrScalar, err)
	}
	return length, nil
}
