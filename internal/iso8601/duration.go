// Package iso8601 reads and writes lengths of time as ISO 8601 has them, but for years and months: nobody knows how long
// those are.
package iso8601

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// ErrDuration is returned for a text that is no duration.
var ErrDuration = errors.New("not a duration")

const day = 24 * time.Hour

// Longest is the longest duration, a hundred years.
const Longest = 36_500 * day

var durationForm = regexp.MustCompile(
	`^P(?:(\d{1,4})W|(?:(\d{1,5})D)?(?:T(?:(\d{1,6})H)?(?:(\d{1,8})M)?(?:(\d{1,9})(?:[.,](\d{1,9}))?S)?)?)$`)

// ParseDuration reads a length of time in weeks, or in days, hours, minutes and seconds, e.g. "PT1H30M". It fails with
// ErrDuration.
func ParseDuration(text string) (time.Duration, error) {
	parts := durationForm.FindStringSubmatch(text)
	if parts == nil || strings.HasSuffix(text, "P") || strings.HasSuffix(text, "T") {
		return 0, fmt.Errorf(`%w: expected a duration as ISO 8601 without years and months, e.g. "PT1H30M"`, ErrDuration)
	}
	var length time.Duration
	for i, unit := range []time.Duration{7 * day, day, time.Hour, time.Minute, time.Second} {
		count, err := strconv.Atoi("0" + parts[i+1])
		if err != nil {
			return 0, fmt.Errorf("%w: %w", ErrDuration, err)
		}
		if length += time.Duration(count) * unit; length > Longest || time.Duration(count)*unit > Longest {
			return 0, fmt.Errorf("%w: a duration is at most a hundred years", ErrDuration)
		}
	}
	nanos, err := strconv.Atoi((parts[6] + "000000000")[:9])
	if err != nil {
		return 0, fmt.Errorf("%w: %w", ErrDuration, err)
	}
	return length + time.Duration(nanos), nil
}

// FormatDuration writes a length of time in hours, minutes and seconds.
func FormatDuration(length time.Duration) string {
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
