// Package schedule computes due times: of schedules, of retries, and of quantities that are released over time.
package schedule

import (
	"encoding/json"
	"time"

	"github.com/google/uuid"
)

// Schedule says what runs when. Each of its due times is a slot, and each slot fires at most once.
type Schedule struct {
	ID        uuid.UUID
	AccountID uuid.UUID
	Name      string // unique per account
	Rule      Rule
	MaxRuns   int64         // it ends after so many runs; 0: no limit
	Jitter    time.Duration // runs begin up to so long after their slots, each slot by an amount of its own
	Overlap   Overlap
	Misfire   Misfire
	// MisfireLimit is how many late slots RUN_ALL runs, the latest ones.
	MisfireLimit int
	TaskKind     string
	Arguments    json.RawMessage // an object
	Queue        string
	Priority     int
	Enabled      bool       // false: paused
	System       bool       // Boostress's own: a person can change when it runs, no more
	NextAt       *time.Time // the next slot; nil: none, or it awaits the end of a run
	QueuedSlot   *time.Time // fires once the run that it awaits has ended
	Backlog      bool       // what was due since QueuedSlot waits with it, to fire one after the other
	Awaits       *uuid.UUID // the task whose end it awaits
	LastSlot     *time.Time // the latest slot that fired
	Runs         int64      // slots that fired
	Skipped      int64      // slots that did not, because an earlier run was not over
	Missed       int64      // slots that nobody was there to fire in time, and that the misfire policy leaves out
	OrderID      *uuid.UUID // that the arguments name
	ProviderID   *uuid.UUID // that the arguments name
	CreatedBy    string     // actor
	TestMode     bool       // made with a test-mode key: so are its orders
	CreatedAt    time.Time
	UpdatedAt    time.Time
}

// Run is one slot that fired.
type Run struct {
	ScheduleID uuid.UUID
	Slot       time.Time
	Number     int64 // from 1
	TaskID     uuid.UUID
	FiredAt    time.Time
	ByHand     bool // a person ran it: the slot is the moment of that
}

// Overlap says what happens to a slot that is due while an earlier run waits or runs.
type Overlap string

// The overlap policies.
const (
	OverlapSkip   Overlap = "SKIP"           // it does not fire
	OverlapQueue  Overlap = "QUEUE_ONE"      // it fires once that run has ended; while one slot waits so, further ones don't fire
	OverlapAllow  Overlap = "ALLOW"          // it fires
	OverlapCancel Overlap = "CANCEL_RUNNING" // it fires, and that run is revoked
)

// Misfire says what happens to slots that nobody was there to fire in time: a later one is due already, or they are
// late by more than Late.
type Misfire string

// The misfire policies.
const (
	MisfireSkip Misfire = "SKIP"     // they don't fire
	MisfireOnce Misfire = "RUN_ONCE" // the latest one fires
	// MisfireAll fires all of them, the latest MisfireLimit: one after the other, unless runs may overlap. What becomes due
	// before the last of them has fired is one more of them. Where a run is revoked by the next, only the latest one fires.
	MisfireAll Misfire = "RUN_ALL"
)

// Late is how late a slot may fire and count as on time, e.g. because the process that fired slots was replaced.
const Late = time.Minute

// Status is how a schedule stands.
type Status string

// The states of a schedule.
const (
	Active Status = "ACTIVE"
	Paused Status = "PAUSED"
	Ended  Status = "ENDED" // nothing is due any more
)

// Status tells how s stands.
func (s *Schedule) Status() Status {
	switch {
	case !s.Enabled:
		return Paused
	case s.NextAt == nil && s.Awaits == nil && s.QueuedSlot == nil:
		return Ended
	default:
		return Active
	}
}
