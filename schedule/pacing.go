package schedule

import (
	"errors"
	"time"
)

// ErrClosed is returned where a window does not open in time.
var ErrClosed = errors.New("the window does not open in time")

// Pace says how quantities are released over time: in Slices equal parts, or in parts by Weights, each in its turn; or
// with neither, as soon as possible.
type Pace struct {
	Slices  int
	Weights []int   // at most 100, each at most 1,000,000; some may be 0, not all
	Window  *Window // when anything may be released; nil: always
}

// Slice is a part of a quantity and when it is released.
type Slice struct {
	Quantity int
	At       time.Time // to the microsecond, as it can be stored
}

// Timetable is a pace within a stretch of time.
type Timetable struct {
	pace  Pace
	open  []span
	total time.Duration
}

// soonest is within which time a window that has any hours opens, whatever the clock skips.
const soonest = 15 * 24 * time.Hour

// Timetable lays the pace out from now until a deadline, which only what is released as soon as possible can do without.
// It fails with ErrClosed.
func (p Pace) Timetable(now time.Time, deadline *time.Time) (*Timetable, error) {
	until := now.Add(soonest)
	if deadline != nil && (p.Slices > 0 || len(p.Weights) > 0 || deadline.Before(until)) {
		until = *deadline
	}
	table := &Timetable{pace: p, open: []span{{now, until}}}
	if p.Window != nil {
		table.open = p.Window.spans(now, until)
	}
	for _, one := range table.open {
		table.total += one.until.Sub(one.from)
	}
	if table.total <= 0 {
		return nil, ErrClosed
	}
	return table, nil
}

// Slices releases a quantity. The slices add up to it, each but what can't be helped within the bounds; of n, the k-th is
// released when (k−1)/n of the open time have passed. A slice that would be too small is left out, and the others
// have its part. The same arguments give the same slices.
func (t *Timetable) Slices(quantity int, bounds Bounds) []Slice {
	bounds.Least = max(bounds.Least, 1)
	var shares []int
	switch {
	case len(t.pace.Weights) > 0:
		shares = bounds.split(quantity, t.pace.Weights)
	default:
		count := max(1, min(t.pace.Slices, quantity/bounds.Least))
		shares = bounds.clamp(quantity, ones(count))
	}
	var slices []Slice
	for i, share := range shares {
		if share > 0 {
			slices = append(slices, Slice{Quantity: share, At: t.at(i, len(shares))})
		}
	}
	return slices
}

// at returns the moment at which part of whole of the open time has passed.
func (t *Timetable) at(part, whole int) time.Time {
	passed := (t.total / time.Duration(whole) * time.Duration(part)).Truncate(time.Microsecond)
	for _, one := range t.open {
		length := one.until.Sub(one.from)
		if passed < length {
			return one.from.Add(passed).UTC()
		}
		passed -= length
	}
	return t.open[len(t.open)-1].from.UTC() // not reached: part is below whole
}

func ones(count int) []int {
	list := make([]int, count)
	for i := range list {
		list[i] = 1
	}
	return list
}
