package order

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/google/uuid"
)

// PacingMode says how an order's quantity is released over time.
type PacingMode string

// The modes of pacing.
const (
	PaceASAP     PacingMode = "ASAP"     // all of it, as soon as the window is open
	PaceEven     PacingMode = "EVEN"     // in equal slices until the deadline
	PaceWeighted PacingMode = "WEIGHTED" // in slices by weights until the deadline
)

// Weekday is a day of the week.
type Weekday string

// The days of the week.
const (
	Monday    Weekday = "MONDAY"
	Tuesday   Weekday = "TUESDAY"
	Wednesday Weekday = "WEDNESDAY"
	Thursday  Weekday = "THURSDAY"
	Friday    Weekday = "FRIDAY"
	Saturday  Weekday = "SATURDAY"
	Sunday    Weekday = "SUNDAY"
)

// Pacing is how an order's quantity is released over time, fixed once the order is placed.
type Pacing struct {
	Mode    PacingMode    `json:"mode"`
	Slices  int           `json:"slices,omitempty"`  // of EVEN, 2 to MaxSlices
	Weights []int         `json:"weights,omitempty"` // of WEIGHTED, one for each slice
	Window  *PacingWindow `json:"window,omitempty"`  // nil: at any time
}

// PacingWindow is the hours in which slices are released.
type PacingWindow struct {
	TimeZone string    `json:"timeZone"` // an IANA name
	Days     []Weekday `json:"days,omitempty"`
	From     int       `json:"from"` // the hour at which it opens, 0 to 23
	To       int       `json:"to"`   // the hour at which it closes, 1 to 24; not after From: on the next day
}

// The bounds of pacing.
const (
	MaxSlices       = 100
	MaxWeight       = 1_000_000
	MaxFulfillments = 1000 // of an order when it is placed
	longestPace     = 366 * 24 * time.Hour
)

// Slice is a part of a line's quantity and when it is sent.
type Slice struct {
	Quantity int
	At       time.Time
}

// Days lists the days of the week, from Sunday on as Go counts them.
func Days() []Weekday {
	return []Weekday{Sunday, Monday, Tuesday, Wednesday, Thursday, Friday, Saturday}
}

// PacingPlan reads how the order is paced; nil: all at once. It fails where the stored text can't be read.
func (o *Order) PacingPlan() (plan *Pacing, err error) {
	if len(o.Pacing) > 0 {
		err = json.Unmarshal(o.Pacing, &plan)
	}
	if err != nil {
		return nil, fmt.Errorf("read pacing of order %s: %w", o.ID, err)
	}
	return plan, nil
}

// SliceCount returns in how many slices a line is released at most; nil: its mode has none.
func (p *Pacing) SliceCount() *int {
	switch {
	case p.Slices > 0:
		return &p.Slices
	case len(p.Weights) > 0:
		return new(len(p.Weights))
	}
	return nil
}

// validatePacing checks all but what depends on the time.
func (d *Draft) validatePacing(check *checker) {
	p := d.Pacing
	if p == nil {
		return
	}
	switch p.Mode {
	case PaceASAP:
		if p.Slices != 0 || len(p.Weights) > 0 {
			check.fault(CodeInvalid, "has no slices: use EVEN or WEIGHTED for those", "pacing", "mode")
		}
	case PaceEven:
		check.within(p.Slices, 2, MaxSlices, "pacing", "slices")
		if len(p.Weights) > 0 {
			check.fault(CodeInvalid, "are of WEIGHTED only", "pacing", "weights")
		}
	case PaceWeighted:
		p.validateWeights(check)
	default:
		check.fault(CodeInvalid, "must be ASAP, EVEN or WEIGHTED", "pacing", "mode")
	}
	if p.Window != nil {
		p.Window.validate(check)
	}
}

func (p *Pacing) validateWeights(check *checker) {
	if len(p.Weights) < 2 || len(p.Weights) > MaxSlices {
		check.fault(CodeOutOfRange, fmt.Sprintf("must be 2 to %d, are %d", MaxSlices, len(p.Weights)), "pacing", "weights")
		return
	}
	total := 0
	for i, weight := range p.Weights {
		check.within(weight, 0, MaxWeight, "pacing", "weights", strconv.Itoa(i))
		total += max(weight, 0)
	}
	if total == 0 {
		check.fault(CodeOutOfRange, "must not all be 0", "pacing", "weights")
	}
	if p.Slices != 0 && p.Slices != len(p.Weights) {
		check.fault(CodeInvalid, fmt.Sprintf("must be as many as there are weights, %d; or leave it out", len(p.Weights)), "pacing", "slices")
	}
}

func (w *PacingWindow) validate(check *checker) {
	if _, err := w.Zone(); err != nil {
		check.fault(CodeInvalid, "must be the IANA name of a time zone, e.g. Europe/Berlin", "pacing", "window", "timeZone")
	}
	check.within(w.From, 0, 23, "pacing", "window", "from") //nolint:mnd // hours of a day
	check.within(w.To, 1, 24, "pacing", "window", "to")     //nolint:mnd // hours of a day
	if w.From == w.To {
		check.fault(CodeInvalid, "must not be from: leave the window out for all day", "pacing", "window", "to")
	}
	for i, day := range w.Days {
		if _, known := dayNumber(day); !known {
			check.fault(CodeInvalid, "must be a day of the week", "pacing", "window", "days", strconv.Itoa(i))
		}
	}
}

// Zone returns the window's time zone.
func (w *PacingWindow) Zone() (*time.Location, error) {
	if w.TimeZone == "" || w.TimeZone == "Local" {
		return nil, fmt.Errorf("%w: time zone %q", ErrNotFound, w.TimeZone)
	}
	zone, err := time.LoadLocation(w.TimeZone)
	if err != nil {
		return nil, fmt.Errorf("%w: time zone: %w", ErrNotFound, err)
	}
	return zone, nil
}

// Weekdays returns the window's days as Go counts them.
func (w *PacingWindow) Weekdays() []time.Weekday {
	var days []time.Weekday
	for _, day := range w.Days {
		if number, known := dayNumber(day); known {
			days = append(days, number)
		}
	}
	return days
}

func dayNumber(day Weekday) (time.Weekday, bool) {
	for number, name := range Days() {
		if name == day {
			return time.Weekday(number), true
		}
	}
	return 0, false
}

// CheckPacing says whether an order that is placed now can be paced by its deadline.
func (p *Pacing) CheckPacing(now time.Time, deadline *time.Time) Faults {
	var check checker
	switch {
	case p.Mode == PaceASAP:
	case deadline == nil:
		check.fault(CodeRequired, fmt.Sprintf("must be given: pacing %s releases slices until then", p.Mode), "deadline")
	case deadline.Sub(now) > longestPace:
		check.fault(CodeOutOfRange, "must be within 366 days for an order that is paced", "deadline")
	}
	return check.faults
}

// PlaceInSlices is Place with lines that are released over time: a line with slices has a fulfillment for each of them.
func (c *Case) PlaceInSlices(lines []Line, slices map[uuid.UUID][]Slice) error {
	return c.record(EventPlaced, nil, func() error {
		c.Order.Status = Pending
		for _, line := range lines {
			if len(slices[line.ID]) == 0 {
				c.add(&Fulfillment{LineID: line.ID, Quantity: line.Quantity})
			}
			for _, slice := range slices[line.ID] {
				at := slice.At
				c.add(&Fulfillment{LineID: line.ID, Quantity: slice.Quantity, ScheduledAt: &at})
			}
		}
		return nil
	})
}
