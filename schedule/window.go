package schedule

import (
	"slices"
	"time"
)

// Window is the hours of a day in which something may be done, by the clock of a time zone.
type Window struct {
	Zone *time.Location
	Days []time.Weekday // on which it opens; none: every day
	From int            // the hour at which it opens, 0 to 23
	To   int            // the hour at which it closes, 1 to 24; one that is not after From is the next day's
}

// span is a stretch of time: from belongs to it, until does not.
type span struct{ from, until time.Time }

// spans lists when the window is open within a stretch of time, in order. An hour that the clock skips opens and closes at
// the skip; one that it shows twice, at its first coming.
func (w *Window) spans(from, until time.Time) []span {
	var open []span
	year, month, day := from.In(w.Zone).Date()
	for ahead := -1; ; ahead++ { // what opened the day before may still be open
		opens := w.clock(year, month, day+ahead, w.From)
		if !opens.Before(until) {
			return open
		}
		closing := day + ahead
		if w.To <= w.From {
			closing++
		}
		closes := w.clock(year, month, closing, w.To)
		weekday := time.Date(year, month, day+ahead, 0, 0, 0, 0, time.UTC).Weekday()
		if len(w.Days) > 0 && !slices.Contains(w.Days, weekday) {
			continue
		}
		one := span{latest(opens, from), earliest(closes, until)}
		if one.from.Before(one.until) {
			open = append(open, one)
		}
	}
}

// clock returns when the clock of the zone first shows an hour of a day, or one that it skips would come.
func (w *Window) clock(year int, month time.Month, day, hour int) time.Time {
	wanted := time.Date(year, month, day, hour, 0, 0, 0, time.UTC)
	at := time.Date(year, month, day, hour, 0, 0, 0, w.Zone)
	start, end := at.ZoneBounds()
	switch shown := clockOf(at); {
	case shown.After(wanted):
		return start
	case shown.Before(wanted):
		return end
	}
	if start.IsZero() {
		return at
	}
	_, offset := at.Zone()
	_, before := start.Add(-1).Zone()
	earlier := at.Add(-time.Duration(before-offset) * time.Second)
	if before > offset && earlier.Before(start) {
		return earlier
	}
	return at
}

// clockOf returns what the clock shows at t, as if it were in UTC.
func clockOf(t time.Time) time.Time {
	_, offset := t.Zone()
	return t.UTC().Add(time.Duration(offset) * time.Second)
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func earliest(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
