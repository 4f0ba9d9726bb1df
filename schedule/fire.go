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
	// Slots instead of Awaits.
	NextAt     *time.Time
	QueuedSlot *time.Time
	Awaits     *uuid.UUID
	Await      bool
}

// Fire decides what becomes of s now, by its policies. live are its tasks that wait or run. It fails with ErrRule.
func (s *Schedule) Fire(now time.Time, live []uuid.UUID) (Firing, error) {
	times, err := s.Rule.Times()
	if err != nil {
		return Firing{}, err
	}
	f := Firing{NextAt: s.NextAt, QueuedSlot: s.QueuedSlot, Awaits: s.Awaits}
	if f.Awaits != nil && !slices.Contains(live, *f.Awaits) {
		f.Awaits = nil
	}
	due := s.pick(s.due(times, now, &f), now, &f)
	if s.MaxRuns > 0 {
		due = due[:min(int64(len(due)), max(0, s.MaxRuns-s.Runs))]
	}
	s.overlap(due, live, &f)
	if s.Rule.Kind == AfterCompletion {
		s.complete(times, now, live, &f)
	}
	if s.MaxRuns > 0 && s.Runs+int64(len(f.Slots)) >= s.MaxRuns {
		f.NextAt, f.QueuedSlot, f.Awaits, f.Await = nil, nil, nil, false
	}
	return f, nil
}

// serial reports whether late slots are run one after the other.
func (s *Schedule) serial() bool {
	return s.Misfire == MisfireAll && (s.Overlap == OverlapSkip || s.Overlap == OverlapQueue)
}

// slots are due ones: the latest of them, and how many there are before.
type slots struct {
	latest []time.Time
	before int64
}

// due finds the slots that are due, and moves NextAt behind them. What is queued is the first of them where they run one
// after the other: whatever was due since then waits with it.
func (s *Schedule) due(times *Times, now time.Time, f *Firing) slots {
	var found slots
	if s.serial() && f.QueuedSlot != nil {
		found = times.between(*f.QueuedSlot, now, s.MisfireLimit)
	} else if f.NextAt != nil && !f.NextAt.After(now) {
		found = times.between(*f.NextAt, now, max(1, s.MisfireLimit))
	}
	if f.NextAt != nil && !f.NextAt.After(now) {
		f.NextAt = times.following(now)
	}
	return found
}

// pick applies the misfire policy.
func (s *Schedule) pick(due slots, now time.Time, f *Firing) []time.Time {
	kept := due.latest
	switch {
	case len(kept) == 0:
	case s.Misfire == MisfireAll && s.Overlap != OverlapCancel:
		kept = kept[max(0, len(kept)-s.MisfireLimit):]
	case s.Misfire == MisfireSkip && now.Sub(kept[len(kept)-1]) > Late:
		kept = nil
	default:
		kept = kept[len(kept)-1:]
	}
	f.Missed = due.before + int64(len(due.latest)-len(kept))
	return kept
}

// overlap applies the overlap policy to slots that are to fire.
func (s *Schedule) overlap(due []time.Time, live []uuid.UUID, f *Firing) {
	queued := f.QueuedSlot
	f.QueuedSlot = nil
	if queued != nil && !s.serial() {
		due = append([]time.Time{*queued}, due...)
	}
	switch {
	case s.Overlap == OverlapAllow:
		f.Slots, f.Awaits = due, nil
		return
	case s.Overlap == OverlapCancel:
		f.Missed += int64(max(0, len(due)-1))
		f.Slots, f.Awaits = due[max(0, len(due)-1):], nil
		f.Cancel = len(f.Slots) > 0 && len(live) > 0
		return
	case len(live) == 0 && len(due) > 0:
		f.Slots, due, f.Awaits = due[:1], due[1:], nil
	}
	switch {
	case len(due) == 0:
		f.Awaits = nil
	case s.serial() || s.Overlap == OverlapQueue:
		f.QueuedSlot = &due[0]
		f.Await = len(f.Slots) > 0
		if !f.Await && f.Awaits == nil {
			f.Awaits = &live[0]
		}
		if !s.serial() {
			f.Skipped = int64(len(due) - 1)
		}
	default:
		f.Skipped, f.Awaits = int64(len(due)), nil
	}
}

// complete is for a rule whose next slot comes after the end of a run.
func (s *Schedule) complete(times *Times, now time.Time, live []uuid.UUID, f *Firing) {
	f.QueuedSlot, f.Awaits, f.Await = nil, nil, false
	switch {
	case len(f.Slots) > 0:
		f.NextAt, f.Await = nil, true
	case len(live) > 0 && f.Skipped > 0, len(live) > 0 && s.Awaits != nil && slices.Contains(live, *s.Awaits):
		f.NextAt, f.Awaits = nil, &live[0]
	case f.NextAt == nil || f.Missed > 0:
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
