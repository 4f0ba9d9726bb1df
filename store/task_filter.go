package store

import (
	"bytes"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/boostress/boostress/task"
)

// TaskFilter selects tasks; zero fields select nothing.
type TaskFilter struct {
	Kinds           []task.Kind // one of these; nil: any, empty: none
	Name            string
	States          []task.State // one of these; nil: any, empty: none
	Queue           task.Queue
	Priorities      []int // one of these; nil: any, empty: none
	ScheduleID      *uuid.UUID
	OrderID         *uuid.UUID
	FulfillmentID   *uuid.UUID
	ProviderID      *uuid.UUID
	WorkerID        *uuid.UUID
	Dead            *bool
	Classes         []task.ErrorClass // one of these; nil: any, empty: none
	TraceID         string
	AttemptsAtLeast int
	Search          []string   // words of its error or result begin so, all of them: see TaskWords
	EnqueuedAfter   *time.Time // at or after, by the milliseconds of the id
	EnqueuedBefore  *time.Time
	StartedAfter    *time.Time // at or after
	StartedBefore   *time.Time
	FinishedAfter   *time.Time // at or after
	FinishedBefore  *time.Time
	RanAtLeast      *time.Duration // the latest run of what is finished
	WaitedAtLeast   *time.Duration // the latest run
}

// Match tells the same of a task as the list does.
func (f *TaskFilter) Match(t *task.Task) bool {
	return in(f.Kinds, t.Kind) && in(f.States, t.State) && in(f.Priorities, t.Priority) && in(f.Classes, t.ErrorClass) &&
		(f.Name == "" || f.Name == t.Name) && (f.Queue == "" || f.Queue == t.Queue) &&
		(f.TraceID == "" || f.TraceID == t.TraceID) && f.AttemptsAtLeast <= t.Attempt &&
		(f.Dead == nil || *f.Dead == t.Dead) && f.matchReferences(t) && f.matchTimes(t) && f.matchWords(t)
}

func (f *TaskFilter) matchReferences(t *task.Task) bool {
	return same(f.ScheduleID, t.ScheduleID) && same(f.OrderID, t.OrderID) && same(f.FulfillmentID, t.FulfillmentID) &&
		same(f.ProviderID, t.ProviderID) && same(f.WorkerID, t.WorkerID)
}

func (f *TaskFilter) matchTimes(t *task.Task) bool {
	if f.EnqueuedAfter != nil && lessID(t.ID, lowestID(*f.EnqueuedAfter)) ||
		f.EnqueuedBefore != nil && !lessID(t.ID, lowestID(*f.EnqueuedBefore)) {
		return false
	}
	return within(t.StartedAt, f.StartedAfter, f.StartedBefore) && within(t.FinishedAt, f.FinishedAfter, f.FinishedBefore) &&
		atLeast(t.Duration(), f.RanAtLeast) && atLeast(t.WaitingTime(), f.WaitedAtLeast)
}

func lessID(a, b uuid.UUID) bool { return bytes.Compare(a[:], b[:]) < 0 }

// within reports whether a time is at or after one bound and before the other; nil is no bound. The record knows
// microseconds.
func within(at, after, before *time.Time) bool {
	if after == nil && before == nil {
		return true
	}
	return at != nil && (after == nil || !at.Before(after.Truncate(time.Microsecond))) &&
		(before == nil || at.Before(before.Truncate(time.Microsecond)))
}

func atLeast(long, least *time.Duration) bool { return least == nil || long != nil && *long >= *least }

// in reports whether a filter's list, nil for any, has a value.
func in[T comparable](list []T, value T) bool {
	return list == nil || slices.Contains(list, value)
}

func same(wanted, got *uuid.UUID) bool { return wanted == nil || got != nil && *wanted == *got }

// scope is which of the tables of tasks a list reads.
type scope int

const (
	scopeAll scope = iota
	scopeLive
	scopeFinished
)

// scope leaves out the table that has nothing of what is wanted.
func (f *TaskFilter) scope(sort SortField) scope {
	live, finished := f.States == nil, f.States == nil
	for _, state := range f.States {
		live, finished = live || !state.Final(), finished || state.Final()
	}
	switch {
	case sort == ByFinished, sort == ByDuration, sort == ByWaitingTime, f.FinishedAfter != nil, f.FinishedBefore != nil,
		f.RanAtLeast != nil, f.Dead != nil && *f.Dead:
		return scopeFinished
	case live && !finished:
		return scopeLive
	case finished && !live:
		return scopeFinished
	default:
		return scopeAll
	}
}

// where is written so that the partial indexes are found: what a task has that is wanted is told besides.
func (f *TaskFilter) where(accountID uuid.UUID) *where {
	w := of(accountID)
	switch {
	case f.Kinds == nil:
	case slices.Contains(f.Kinds, task.KindDispatch): // no index is needed to find some
		w.add("t.kind = ANY(?)", f.Kinds)
	default:
		oneOf(w, "kind", "text", f.Kinds)
	}
	if f.Queue != "" {
		w.add("t.queue = ?", f.Queue)
	}
	if f.Kinds != nil && !slices.Contains(f.Kinds, task.KindDispatch) || f.Queue != "" && f.Queue != task.QueueDispatch {
		w.add("t.kind <> 'DISPATCH'")
	}
	f.whereState(w)
	if f.Name != "" {
		w.add("t.name = ? AND t.name <> ''", f.Name)
	}
	if f.Priorities != nil {
		if slices.ContainsFunc(f.Priorities, func(p int) bool { return p <= 0 }) {
			w.add("t.priority = ANY(?)", f.Priorities)
		} else {
			oneOf(w, "priority", "smallint", f.Priorities)
			w.add("t.priority > 0")
		}
	}
	if f.Classes != nil {
		oneOf(w, "error_class", "text", f.Classes)
		w.add("t.error_class <> ''")
	}
	if f.TraceID != "" {
		w.add("t.trace_id = ? AND t.trace_id <> ''", f.TraceID)
	}
	if f.AttemptsAtLeast > 0 {
		w.add("t.attempt >= ?", f.AttemptsAtLeast)
	}
	if f.AttemptsAtLeast > 1 {
		w.add("t.attempt > 1")
	}
	f.whereReferences(w)
	f.whereTimes(w)
	if f.Search != nil {
		w.add("(t.error <> '' OR t.result IS NOT NULL)")
		w.words = wordsWhere(w, f.Search)
	}
	return w
}

func (f *TaskFilter) whereState(w *where) {
	if f.States != nil {
		w.add("t.state = ANY(?)", f.States)
	}
	if f.Dead != nil {
		w.add("t.dead = ?", *f.Dead)
	}
	if f.Dead != nil && *f.Dead {
		w.add("t.state = 'FAILURE'") // so that only these partitions are read
	}
}

func (f *TaskFilter) whereReferences(w *where) {
	for _, reference := range []struct {
		column string
		id     *uuid.UUID
	}{
		{"schedule_id", f.ScheduleID},
		{ofOrder, f.OrderID},
		{"fulfillment_id", f.FulfillmentID},
		{"provider_id", f.ProviderID},
		{"worker_id", f.WorkerID},
	} {
		if reference.id != nil {
			w.add("t."+reference.column+" = ?", *reference.id)
		}
	}
	if f.FulfillmentID != nil {
		// The record of finished runs has an index by order alone. Tasks about a fulfillment are about its order.
		w.add("t.order_id = (SELECT f.order_id FROM fulfillments f WHERE f.id = ?)", *f.FulfillmentID)
	}
}

func (f *TaskFilter) whereTimes(w *where) {
	if f.EnqueuedAfter != nil {
		w.add("t.id >= ?", lowestID(*f.EnqueuedAfter))
	}
	if f.EnqueuedBefore != nil {
		w.add("t.id < ?", lowestID(*f.EnqueuedBefore))
	}
	if f.StartedAfter != nil {
		w.add("t.started_at >= ? AND (t.finished_at IS NULL OR t.finished_at >= ?)", *f.StartedAfter, *f.StartedAfter)
	}
	if f.StartedBefore != nil {
		w.add("t.started_at < ?", *f.StartedBefore)
	}
	if f.FinishedAfter != nil {
		w.add("t.finished_at >= ?", *f.FinishedAfter)
	}
	if f.FinishedBefore != nil {
		w.add("t.finished_at < ?", *f.FinishedBefore)
	}
	// What was begun or finished by then was enqueued by then: ids, by which lists are sorted, need not be passed over.
	for _, before := range []*time.Time{f.StartedBefore, f.FinishedBefore} {
		if before != nil {
			w.add("t.id < ?", lowestID(before.Add(clocksApart)))
		}
	}
	if f.RanAtLeast != nil {
		w.add("t.running_us >= ?", inMicroseconds(*f.RanAtLeast))
	}
	switch {
	case f.WaitedAtLeast == nil:
	case *f.WaitedAtLeast <= 0:
		w.add("t.waiting_us IS NOT NULL")
	default:
		w.add("t.waiting_us >= ?", inMicroseconds(*f.WaitedAtLeast))
	}
}

// inMicroseconds rounds up: the record knows no parts of them.
func inMicroseconds(least time.Duration) int64 {
	return int64((least + time.Microsecond - 1) / time.Microsecond)
}
