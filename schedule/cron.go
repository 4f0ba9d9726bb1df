package schedule

import (
	"errors"
	"fmt"
	"math/bits"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/netresearch/go-cron"
)

// expression is a cron expression that was read: as bits, which minutes, hours, days, months and weekdays it names.
type expression struct {
	minutes, hours, days, months, weekdays uint64

	// eitherDay is set where both the day of the month and the weekday are restricted: one of them has to match, then.
	eitherDay bool
	// everyHour is set where the field of the hours begins with a star, see next.
	everyHour bool
}

var errFields = errors.New("five fields, or a word like @daily, are expected")

// readCron reads an expression. The library that parses it can do more than this product offers (time zones and intervals
// within the expression), and lets pass what is a slip of the pen.
func readCron(text string) (expression, error) {
	fields := strings.Fields(text)
	isWord := strings.HasPrefix(text, "@")
	if !isWord && len(fields) != 5 {
		return expression{}, errFields
	}
	for i, field := range fields {
		if err := checkField(field, i == 4); err != nil && !isWord {
			return expression{}, err
		}
	}
	parser, err := cron.TryNewParser(cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow | cron.Descriptor)
	if err != nil {
		return expression{}, fmt.Errorf("make cron parser: %w", err)
	}
	parsed, err := parser.Parse(text)
	if err != nil {
		return expression{}, err //nolint:wrapcheck // it is about the expression, which callers name
	}
	spec, ok := parsed.(*cron.SpecSchedule)
	if !ok {
		return expression{}, errFields
	}
	const minutes, hours = 1<<60 - 1, 1<<24 - 1
	e := expression{
		minutes: spec.Minute & minutes, hours: spec.Hour & hours, days: spec.Dom, months: spec.Month, weekdays: spec.Dow,
		everyHour: text == "@hourly",
	}
	if !isWord {
		e.everyHour = starred(fields[1])
		e.eitherDay = !starred(fields[2]) && !starred(fields[4])
	}
	return e, nil
}

// starred is cron's own rule: "*/2" counts as a star, too.
func starred(field string) bool { return field[0] == '*' || field[0] == '?' }

// checkField refuses what the library reads as something that nobody means.
func checkField(field string, isWeekday bool) error {
	for part := range strings.SplitSeq(field, ",") {
		if part == "" || strings.ContainsAny(part, "=+") {
			return fmt.Errorf("%q is no list of values", field)
		}
		days, _, isStepped := strings.Cut(part, "/")
		if from, to, isRange := strings.Cut(days, "-"); isWeekday && isStepped && isRange && weekday(from) > weekday(to) {
			return fmt.Errorf("%q steps over the end of the week", field)
		}
	}
	return nil
}

// weekday returns something that sorts names and numbers of weekdays.
func weekday(text string) string {
	const names = "sunmontuewedthufrisat"
	if at := strings.Index(names, strings.ToLower(text)); at >= 0 {
		return strconv.Itoa(at / len("sun"))
	}
	return text
}

// farthest bounds how far ahead days are looked for: within 40 years each weekday falls on a leap day, even where a
// century leaves one out.
const farthest = 40

// after returns the first whole minute later than t that e names, both told as what a clock shows, in terms of UTC; ok is
// false where there is none.
func (e *expression) after(t time.Time) (time.Time, bool) {
	t = t.Truncate(time.Minute).Add(time.Minute)
	year, month, day := t.Date()
	hour, minute := t.Hour(), t.Minute()
	for last := year + farthest; ; {
		date := time.Date(year, month, day, 0, 0, 0, 0, time.UTC)
		year, month, day = date.Date()
		switch {
		case year > last:
			return time.Time{}, false
		case e.months&(1<<month) == 0:
			month, day = month+1, 1
		default:
			if e.onDay(date) {
				if at, ok := e.inDay(hour, minute); ok {
					return date.Add(at), true
				}
			}
			day++
		}
		hour, minute = 0, 0
	}
}

func (e *expression) onDay(date time.Time) bool {
	inMonth, inWeek := e.days&(1<<date.Day()) != 0, e.weekdays&(1<<date.Weekday()) != 0
	if e.eitherDay {
		return inMonth || inWeek
	}
	return inMonth && inWeek
}

// inDay returns the first time of day that e names, not before another one.
func (e *expression) inDay(hour, minute int) (time.Duration, bool) {
	later := e.minutes >> minute << minute
	if e.hours&(1<<hour) == 0 || later == 0 {
		hour, later = hour+1, e.minutes
	}
	hours := e.hours >> hour << hour
	if hours == 0 {
		return 0, false
	}
	return time.Duration(bits.TrailingZeros64(hours))*time.Hour + time.Duration(bits.TrailingZeros64(later))*time.Minute, true
}

// next returns the first due time after a moment, by the clock of a zone; zero where there is none. It goes from one
// switch of the clock to the next.
//
// Where the hours are given, each time of day is due once: one that a switch skips later by as much as was skipped, one
// that a switch repeats at its first coming. Where they are a star, what the clock shows is all that counts.
func (e *expression) next(after time.Time, zone *time.Location) time.Time {
	for at := after.In(zone); ; {
		from, until := switches(at)
		_, offset := at.Zone()
		begin := after
		if begin.Before(from) {
			begin = from.Add(-1)
		}
		var moved time.Time
		first := shown(begin, offset)
		if !e.everyHour && !from.IsZero() {
			_, before := from.Add(-1).Zone()
			if offset < before {
				first = latest(first, shown(from.Add(-1), before))
			} else if skipped, ok := e.after(shown(begin, before)); ok && skipped.Before(shown(from, offset)) {
				moved = shown(skipped, -before)
			}
		}
		due, ok := e.after(first)
		if !ok {
			return moved
		}
		due = shown(due, -offset)
		if !moved.IsZero() && moved.Before(due) {
			due = moved
		}
		if until.IsZero() || due.Before(until) {
			return due
		}
		at = until
	}
}

// switches returns between which switches of its clock a moment lies.
func switches(at time.Time) (from, until time.Time) {
	from, until = at.ZoneBounds()
	if !until.IsZero() && !until.After(at) {
		// Beyond the years of its table, package time has every year end after 365 days, and says on the last day of a leap
		// year that this ended before. No clock is switched on that day.
		until = at.Add(24 * time.Hour)
	}
	return from, until
}

// shown returns what a clock with an offset (in seconds) from UTC shows at t, as if it were in UTC.
func shown(t time.Time, offset int) time.Time {
	return t.UTC().Add(time.Duration(offset) * time.Second)
}

// zones are those that were used: reading one takes far longer than computing with it. There are some hundreds at most.
var zones sync.Map //nolint:gochecknoglobals // a cache of what never changes

func zoneOf(name string) (*time.Location, error) {
	if known, ok := zones.Load(name); ok {
		return known.(*time.Location), nil //nolint:forcetypeassert,errcheck // nothing else is stored
	}
	if name == "Local" {
		return nil, fmt.Errorf("%w: %q is no time zone: give one like Europe/Berlin", ErrRule, name)
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRule, err)
	}
	zones.Store(name, zone)
	return zone, nil
}
