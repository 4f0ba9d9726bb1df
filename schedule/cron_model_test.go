package schedule_test

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/boostress/boostress/schedule"
)

// model reads an expression as one would by hand, and finds what is due by looking at each minute.
type model struct {
	fields    [5]map[int]bool // minutes, hours, days, months, weekdays
	eitherDay bool
	everyHour bool
}

var errModel = errors.New("no expression")

func modelOf(text string) (*model, error) {
	words := map[string]string{
		"@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *", "@monthly": "0 0 1 * *", "@weekly": "0 0 * * 0",
		"@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@hourly": "0 * * * *",
	}
	if word, ok := words[text]; ok {
		text = word
	}
	fields := strings.Fields(text)
	if len(fields) != 5 {
		return nil, fmt.Errorf("%w: %d fields", errModel, len(fields))
	}
	least, most := []int{0, 0, 1, 1, 0}, []int{59, 23, 31, 12, 6}
	names := [][]string{3: {"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"}, 4: {
		"sun", "mon", "tue", "wed", "thu", "fri", "sat",
	}}
	m := &model{everyHour: strings.ContainsAny(fields[1][:1], "*?")}
	m.eitherDay = !strings.ContainsAny(fields[2][:1]+fields[4][:1], "*?")
	for i, field := range fields {
		m.fields[i] = map[int]bool{}
		for part := range strings.SplitSeq(field, ",") {
			if err := m.read(i, part, least[i], most[i], names[i]); err != nil {
				return nil, err
			}
		}
	}
	return m, nil
}

func (m *model) read(i int, part string, least, most int, names []string) error {
	number := func(text string) (int, error) {
		if at := slices.Index(names, strings.ToLower(text)); at >= 0 {
			return at + least, nil
		}
		n, err := strconv.Atoi(text)
		if err != nil || n < least || n > most && (i != 4 || n != 7) {
			return 0, fmt.Errorf("%w: %q", errModel, text)
		}
		return n, nil
	}
	values, stepText, stepped := strings.Cut(part, "/")
	step := 1
	if stepped {
		var err error
		if step, err = strconv.Atoi(stepText); err != nil || step < 1 {
			return fmt.Errorf("%w: step %q", errModel, stepText)
		}
	}
	from, to := least, most
	if values != "*" && values != "?" {
		first, last, isRange := strings.Cut(values, "-")
		var err error
		if from, err = number(first); err != nil {
			return err
		}
		switch {
		case isRange:
			if to, err = number(last); err != nil {
				return err
			}
		case stepped && i == 4:
			to = 7
		case !stepped:
			to = from
		}
	}
	size := most - least + 1
	if to < from { // over the end
		to += size
	}
	for n := from; n <= to; n += step {
		m.fields[i][(n-least)%size+least] = true
	}
	return nil
}

// names reports whether the expression names what a clock shows.
func (m *model) names(clock time.Time) bool {
	day, weekday := m.fields[2][clock.Day()], m.fields[4][int(clock.Weekday())]
	onDay := day && weekday || m.eitherDay && (day || weekday)
	return onDay && m.fields[0][clock.Minute()] && m.fields[1][clock.Hour()] && m.fields[3][int(clock.Month())]
}

// next looks at each minute after a moment, until one is due or the end is reached. What the clock showed before counts
// from two days earlier on.
func (m *model) next(after, end time.Time, zone *time.Location) (time.Time, bool) {
	clockAt := func(at time.Time) time.Time {
		_, offset := at.In(zone).Zone()
		return at.Add(time.Duration(offset) * time.Second)
	}
	at := after.Truncate(time.Minute).Add(-48 * time.Hour)
	highest := clockAt(at)
	moved := map[time.Time]bool{}
	for !at.After(end) {
		before := clockAt(at)
		at = at.Add(time.Minute)
		clock := clockAt(at)
		for skipped := before.Add(time.Minute); !m.everyHour && skipped.Before(clock); skipped = skipped.Add(time.Minute) {
			if m.names(skipped) {
				moved[at.Add(skipped.Sub(before)-time.Minute)] = true
			}
		}
		isDue := m.names(clock) && (m.everyHour || clock.After(highest)) || moved[at]
		if clock.After(highest) {
			highest = clock
		}
		if isDue && at.After(after) {
			return at, true
		}
	}
	return time.Time{}, false
}

// changes are near to when a clock is set, or something else is seldom.
var changes = map[string][]string{
	"UTC":                 {"2024-02-29T00:00:00Z", "2025-12-31T23:59:00Z", "2100-02-28T12:00:00Z"},
	"Europe/Berlin":       {"2026-03-29T01:00:00Z", "2026-10-25T01:00:00Z", "1980-04-06T01:00:00Z"},
	"America/New_York":    {"2026-03-08T07:00:00Z", "2026-11-01T06:00:00Z", "2050-03-13T07:00:00Z"},
	"Australia/Lord_Howe": {"2026-04-04T15:00:00Z", "2026-10-03T15:30:00Z"},
	"Pacific/Apia":        {"2011-12-30T10:00:00Z", "2011-09-24T14:00:00Z"},
	"America/Sao_Paulo":   {"2018-11-04T03:00:00Z", "2018-02-18T02:00:00Z"}, // at midnight
	"Antarctica/Troll":    {"2026-03-29T01:00:00Z", "2026-10-25T01:00:00Z"}, // by two hours
	"Antarctica/Casey":    {"2010-03-04T15:00:00Z", "2009-10-17T18:00:00Z"}, // by three
	"Asia/Kolkata":        {"2026-01-01T00:00:00Z"},
}

const modelDays = 70

// agree compares the product with the model.
func agree(t interface {
	Helper()
	Fatalf(format string, args ...any)
}, text, zone string, after time.Time,
) {
	t.Helper()
	next, ok, err := schedule.Rule{Kind: schedule.Cron, Cron: text, TimeZone: zone}.Next(after)
	if errors.Is(err, schedule.ErrRule) {
		return
	}
	m, modelErr := modelOf(text)
	if modelErr != nil {
		t.Fatalf("%q is taken, and should not: %v", text, modelErr)
	}
	location, err := time.LoadLocation(zone)
	if err != nil {
		t.Fatalf("%v", err)
	}
	end := after.Add(modelDays * 24 * time.Hour)
	want, found := m.next(after, end, location)
	switch {
	case found && (!ok || !next.Equal(want)):
		t.Fatalf("%q in %s after %v: due %v (%t), want %v", text, zone, after, next, ok, want)
	case !found && ok && !next.After(end):
		t.Fatalf("%q in %s after %v: due %v, want nothing before %v", text, zone, after, next, end)
	}
}

func TestCronIsWhatOneFindsMinuteByMinute(t *testing.T) {
	t.Parallel()
	var names []string
	for name := range changes {
		names = append(names, name)
	}
	slices.Sort(names)
	rapid.Check(t, func(t *rapid.T) {
		zone := rapid.SampledFrom(names).Draw(t, "zone")
		at := moment(rapid.SampledFrom(changes[zone]).Draw(t, "change"))
		after := at.Add(time.Duration(rapid.Int64Range(-60*24*3600, 2*24*3600).Draw(t, "seconds")) * time.Second)
		if rapid.Bool().Draw(t, "near") {
			after = at.Add(time.Duration(rapid.Int64Range(-4*3600, 4*3600).Draw(t, "near seconds")) * time.Second)
		}
		agree(t, drawExpression(t), zone, after)
	})
}

// drawExpression draws one of which the small hours are likely.
func drawExpression(t *rapid.T) string {
	limits := [][2]int{{0, 59}, {0, 23}, {1, 31}, {1, 12}, {0, 7}}
	fields := make([]string, len(limits))
	for i, limit := range limits {
		var parts []string
		for range rapid.IntRange(1, 2).Draw(t, "parts") {
			parts = append(parts, drawPart(t, i, limit))
		}
		fields[i] = strings.Join(parts, ",")
	}
	return strings.Join(fields, " ")
}

func drawPart(t *rapid.T, i int, limit [2]int) string {
	value := func() int {
		if i == 1 && rapid.Bool().Draw(t, "small") {
			return rapid.IntRange(0, 4).Draw(t, "hour")
		}
		return rapid.IntRange(limit[0], limit[1]).Draw(t, "value")
	}
	part := "*"
	switch kind := rapid.IntRange(0, 5).Draw(t, "kind"); {
	case kind == 0 || kind == 1 && i > 1:
		return part
	case kind == 2:
		part = fmt.Sprintf("%d-%d", value(), value())
	case kind == 3 && i == 4:
		return rapid.SampledFrom([]string{"sun", "MON", "Fri", "sat-sun", "mon-fri", "fri-mon"}).Draw(t, "name")
	case kind == 3 && i == 3:
		return rapid.SampledFrom([]string{"jan", "FEB", "nov-feb", "Dec"}).Draw(t, "name")
	case kind > 3:
		return strconv.Itoa(value())
	}
	if rapid.Bool().Draw(t, "stepped") {
		part += "/" + strconv.Itoa(rapid.IntRange(1, 13).Draw(t, "step"))
	}
	return part
}

func FuzzCron(f *testing.F) {
	for _, text := range []string{
		"30 2 * * *", "*/15 0-4 1,15 * fri", "0 0 */2 * 1", "@weekly", "5/7 22-2 31 feb-mar sat-sun", "* * * * *", ", * * * *",
		"0 0 29 2 *", "@every 1h", "TZ=UTC 0 0 * * *", "0 0 * * fri-mon/2", "0 0 ? * 7", "+1 0 * * *", "0 0 L * *",
	} {
		f.Add(text, "Europe/Berlin", int64(1774742400))
		f.Add(text, "Australia/Lord_Howe", int64(1775314800))
	}
	f.Fuzz(func(t *testing.T, text, zone string, seconds int64) {
		if _, known := changes[zone]; !known || seconds < 0 || seconds > 4e9 {
			t.Skip()
		}
		agree(t, text, zone, time.Unix(seconds, 0))
	})
}
