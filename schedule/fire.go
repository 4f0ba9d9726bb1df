package schedule

import (
	"encoding/binary"
	"hash/fnv"
	"slices"
	"time"

	"github.com/google/uuid"
)

// Firing is what becomes of a schedule at one moment.
type Firing struct {
	Slots   []time.Time // that fire now, in their order
	Cancel  bool        // what runs is revoked first
	Skipped int64
	Missed  int64
	// What the schedule has from then on. Where Await is set, it awaits the end of the task that is made for the last of
	// Slots, and Awaits is nil.
	NextAt     *time.Time
	QueuedSlot *time.Time
	Backlog    bool
	Awaits     *uuid.UUID
	Await      bool
}

// Fire decides what becomes of s now, by its policies. live are its tasks that wait or run. It fails with ErrRule.
//
// Each slot is told of once: as one that fires, or in Skipped, Missed or the queue; but for those that are due beyond the
// last of MaxRuns.
func (s *Schedule) Fire(now time.Time, live []uuid.UUID) (Firing, error) {
	times, err := s.Rule.Times()
	if err != nil {
		return Firing{}, err
	}
	left := s.MaxRuns - s.Runs
	if s.MaxRuns > 0 && left <= 0 {
		return Firing{}, nil
	}
	f := Firing{NextAt: s.NextAt}
	if f.NextAt != nil && !f.NextAt.After(now) {
		f.NextAt = times.following(now)
	}
	s.overlap(s.due(times, now, &f), live, &f)
	if s.Rule.Kind == AfterCompletion {
		s.complete(times, now, live, &f)
	}
	if s.MaxRuns > 0 && int64(len(f.Slots)) >= left {
		f.Slots = f.Slots[:left]
		f.NextAt, f.QueuedSlot, f.Backlog, f.Awaits, f.Await = nil, nil, false, nil, false
	}
	return f, nil
}

// waiting are slots whose turn it is.
type waiting struct {
	slots []time.Time
	// backlog is set where they run one after the other, however many they are, and what becomes due meanwhile joins them.
	backlog bool
}

// due finds the slots whose turn it is and applies the misfire policy to them.
func (s *Schedule) due(times *Times, now time.Time, f *Firing) waiting {
	keep := 1
	if s.Misfire == MisfireAll && s.Overlap != OverlapCancel {
		keep = max(1, s.MisfireLimit)
	}
	if s.QueuedSlot != nil && s.Backlog {
		found := times.between(*s.QueuedSlot, now, keep)
		f.Missed = found.before
		return waiting{found.latest, true}
	}
	var found slots
	if s.NextAt != nil && !s.NextAt.After(now) {
		found = times.between(*s.NextAt, now, keep)
	}
	f.Missed = found.before
	isLate := len(found.latest) > 0 && now.Sub(found.latest[len(found.latest)-1]) > Late
	if isLate && s.Misfire == MisfireSkip {
		f.Missed += int64(len(found.latest))
		return waiting{}
	}
	serial := s.Misfire == MisfireAll && (s.Overlap == OverlapSkip || s.Overlap == OverlapQueue)
	return waiting{found.latest, serial && (isLate || len(found.latest) > 1)}
}

// overlap applies the overlap policy to slots whose turn it is. What the queue holds goes before them.
func (s *Schedule) overlap(due waiting, live []uuid.UUID, f *Firing) {
	line := due.slots
	if s.QueuedSlot != nil && !s.Backlog {
		line = append([]time.Time{*s.QueuedSlot}, line...)
		// What is not fired between the queued slot and a backlog belongs to neither: they can't wait as one.
		due.backlog = due.backlog && len(live) == 0
	}
	switch {
	case len(line) == 0:
		return
	case s.Overlap == OverlapAllow:
		f.Slots = line
		return
	case s.Overlap == OverlapCancel:
		f.Slots, f.Skipped = line[len(line)-1:], int64(len(line)-1)
		f.Cancel = len(live) > 0
		return
	case len(live) == 0:
		f.Slots, line = line[:1], line[1:]
	}
	switch {
	case len(line) == 0:
		return
	case due.backlog:
		f.Backlog = true
	case s.Overlap == OverlapQueue:
		f.Skipped = int64(len(line) - 1)
	default:
		f.Skipped = int64(len(line))
		return
	}
	f.QueuedSlot = &line[0]
	s.await(live, f)
}

// await has s wait for the end of what fires now or, where nothing does, of what is live.
func (s *Schedule) await(live []uuid.UUID, f *Firing) {
	switch {
	case len(f.Slots) > 0:
		f.Await = true
	case s.Awaits != nil && slices.Contains(live, *s.Awaits):
		f.Awaits = s.Awaits
	case len(live) > 0:
		f.Awaits = &live[0]
	}
}

// complete is for a rule whose next slot comes after the end of a run.
func (s *Schedule) complete(times *Times, now time.Time, live []uuid.UUID, f *Firing) {
	runs := s.Awaits != nil && slices.Contains(live, *s.Awaits)
	switch {
	case len(f.Slots) > 0, f.QueuedSlot != nil, f.Skipped > 0:
		f.NextAt = nil
		s.await(live, f)
	case f.Missed > 0:
		f.NextAt = times.following(now)
	case runs:
		s.await(live, f)
	case s.Awaits != nil && s.NextAt == nil:
		f.NextAt = times.following(now)
	}
}

// Jittered returns when the run of a slot begins: up to s.Jitter later, each slot by an amount of its own that is always
// the same.
func (s *Schedule) Jittered(slot time.Time) time.Time {
	if s.Jitter <= 0 {
		return slot
	}
	sum := fnv.New64a()
	_, _ = sum.Write(s.ID[:]) // a hash takes everything
	_, _ = sum.Write(binary.BigEndian.AppendUint64(nil, uint64(slot.UnixMicro())))
	part := time.Duration(sum.Sum64() % uint64(s.Jitter)) //nolint:gosec // below the jitter, which is a duration
	return slot.Add(part).Truncate(time.Microsecond)
}
