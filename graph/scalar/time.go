package scalar

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/99designs/gqlgen/graphql"
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
	return raw(`"` + formatDuration(length) + `"`)
}

func formatDuration(length time.Duration) string {
	var text strings.Builder
	if length < 0 {
		text.WriteByte('-')
		length = -length
	}
	text.WriteString("PT")
	if hours := length / time.Hour; hours > 0 {
		text.WriteString(strconv.FormatInt(int64(hours), 10) + "H")
	}
	if minutes := length % time.Hour / time.Minute; minutes > 0 {
		text.WriteString(strconv.FormatInt(int64(minutes), 10) + "M")
	}
	if rest := length % time.Minute; rest > 0 {
		seconds, nanos := rest/time.Second, rest%time.Second
		text.WriteString(strings.TrimRight(strings.TrimRight(fmt.Sprintf("%d.%09d", seconds, nanos), "0"), ".") + "S")
	}
	return text.String()
}

// durationForm has no years and months: nobody knows how long they are.
var durationForm = regexp.MustCompile(
	`^P(?:(\d{1,4})W|(?:(\d{1,5})D)?(?:T(?:(\d{1,6})H)?(?:(\d{1,8})M)?(?:(\d{1,9})(?:[.,](\d{1,9}))?S)?)?)$`)

// UnmarshalDuration reads a length of time from ISO 8601 in weeks, or in days, hours, minutes and seconds. It fails with
// ErrScalar.
func UnmarshalDuration(value any) (time.Duration, error) {
	text, ok := value.(string)
	if !ok {
		return 0, bad("a duration as ISO 8601", value)
	}
	parts := durationForm.FindStringSubmatch(text)
	if parts == nil || strings.HasSuffix(text, "P") || strings.HasSuffix(text, "T") {
		return 0, fmt.Errorf(`%w: expected a duration as ISO 8601 without years and months, e.g. "PT1H30M"`, ErrScalar)
	}
	const (
		day     = 24 * time.Hour
		longest = 36_500 * day
	)
	var length time.Duration
	for i, unit := range []time.Duration{7 * day, day, time.Hour, time.Minute, time.Second} {
		count, err := strconv.Atoi("0" + parts[i+1])
		if err != nil {
			return 0, fmt.Errorf("%w: %w", ErrScalar, err)
		}
		if length += time.Duration(count) * unit; length > longest || time.Duration(count)*unit > longest {
			return 0, fmt.Errorf("%w: a duration is at most a hundred years", ErrScalar)
		}
	}
	nanos, err := strconv.Atoi((parts[6] + "000000000")[:9])
	if err != nil {
		return 0, fmt.Errorf("%w: %w", ErrScalar, err)
	}
	return length + time.Duration(nanos), nil
}
