package scheduling

import (
	"encoding/json"
	"time"

	"github.com/google/uuid"

	"github.com/boostress/boostress/internal/id"
	"github.com/boostress/boostress/schedule"
	"github.com/boostress/boostress/task"
)

// Run is what a task's arguments say of the slot that it runs for.
type Run struct {
	Slot     time.Time `json:"slot"`     // UTC
	Number   int64     `json:"number"`   // of the schedule's runs, from 1
	TimeZone string    `json:"timeZone"` // of the schedule; "": UTC
	TestMode bool      `json:"testMode"` // orders that it makes are in test mode
}

// keyRun is where a task's arguments hold its Run.
const keyRun = "run"

// RunTask returns the task that a slot of s becomes, and the run that keeps it: number counts s's runs from 1. The task
// is due as s's jitter says, or now where that is long past, because a slot that is made up for did not wait in a queue.
// A run by hand has now for its slot, and the caller sets Run.ByHand and clears the task's DueAt.
func RunTask(s *schedule.Schedule, slot time.Time, number int64, now time.Time) (task.Task, schedule.Run) {
	scheduleID := s.ID
	due := s.Jittered(slot)
	if now.Sub(due) > schedule.Late {
		due = now
	}
	t := task.Task{
		ID: id.At(id.Task, now), AccountID: s.AccountID, Kind: task.Kind(s.TaskKind), Name: s.Name, Queue: task.Queue(s.Queue),
		Priority: s.Priority, OrderID: clone(s.OrderID), ProviderID: clone(s.ProviderID), ScheduleID: &scheduleID,
		Arguments: runArguments(s, slot, number), MaxAttempts: attempts(task.Kind(s.TaskKind)), DueAt: due,
	}
	return t, schedule.Run{ScheduleID: s.ID, Slot: slot.UTC(), Number: number, TaskID: t.ID, FiredAt: now}
}

// runArguments adds the run to a schedule's arguments. Where these are no object, they are left out, and the handler
// finds fault with what is missing.
func runArguments(s *schedule.Schedule, slot time.Time, number int64) json.RawMessage {
	arguments := map[string]json.RawMessage{}
	if json.Unmarshal(s.Arguments, &arguments) != nil || arguments == nil {
		arguments = map[string]json.RawMessage{}
	}
	run := Run{Slot: slot.UTC(), Number: number, TimeZone: s.Rule.TimeZone, TestMode: s.TestMode}
	arguments[keyRun], _ = json.Marshal(run) //nolint:errchkjson // a slot's year has four digits
	whole, _ := json.Marshal(arguments)      //nolint:errchkjson // all of it was read or written as JSON
	return whole
}

const (
	// mostTries bounds the runs of what the next slot does as well: it must not keep that from firing for long.
	mostTries = 5
	// mostCreateTries bounds those of an order that nothing else would make.
	mostCreateTries = 25
)

func attempts(kind task.Kind) int {
	if kind == task.KindCreateOrder {
		return mostCreateTries
	}
	return mostTries
}

func clone(value *uuid.UUID) *uuid.UUID {
	if value == nil {
		return nil
	}
	same := *value
	return &same
}
