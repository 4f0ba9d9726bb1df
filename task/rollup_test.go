package task_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"github.com/boostress/boostress/task"
)

func TestStepsAreMultiples(t *testing.T) {
	t.Parallel()
	steps := task.Steps()
	for i := 1; i < len(steps); i++ {
		if steps[i].Length%steps[i-1].Length != 0 || steps[i].Keep <= steps[i-1].Keep {
			t.Errorf("%v after %v", steps[i], steps[i-1])
		}
	}
}

// A window is covered without gap or overlap, up to what is known, by stretches that begin and end with those of their
// step, and that no part of the window has only a part of.
func TestPieces(t *testing.T) {
	t.Parallel()
	day := 24 * time.Hour
	windows := []task.Window{
		{Part: 10 * time.Second, Parts: 6},
		{Part: 30 * time.Second, Parts: 30},
		{Part: time.Minute, Parts: 60},
		{Part: 6 * time.Minute, Parts: 60},
		{Part: time.Hour, Parts: 24},
		{Part: 3 * time.Hour, Parts: 56},
		{Part: day, Parts: 30},
	}
	rapid.Check(t, func(t *rapid.T) {
		w := rapid.SampledFrom(windows).Draw(t, "window")
		at := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC).Add(time.Duration(rapid.Int64Range(0, int64(40*day)).Draw(t, "now")))
		steps := task.Steps()
		marks := make([]time.Time, len(steps))
		for i, step := range steps {
			at = at.Truncate(step.Length).Add(-time.Duration(rapid.IntRange(0, 5).Draw(t, "behind")) * step.Length)
			marks[i] = at
		}
		from, until := w.Bounds(marks[0])
		if until != marks[0] || until.Sub(from) > time.Duration(w.Parts)*w.Part || until.Sub(from) <= time.Duration(w.Parts-1)*w.Part {
			t.Fatalf("%v to %v for %v", from, until, w)
		}
		if from.Truncate(w.Part) != from {
			t.Fatalf("it begins within a part: %v", from)
		}
		next := from
		for i, piece := range w.Pieces(marks) {
			if !piece.From.Equal(next) || !piece.Until.After(piece.From) {
				t.Fatalf("piece %d is %v, want it to begin at %v", i, piece, next)
			}
			if piece.From.Truncate(piece.Step.Length) != piece.From || piece.Until.Truncate(piece.Step.Length) != piece.Until {
				t.Fatalf("piece %d has a part of a stretch: %v", i, piece)
			}
			if w.Part%piece.Step.Length != 0 {
				t.Fatalf("stretches of %v don't make up parts of %v", piece.Step.Length, w.Part)
			}
			next = piece.Until
		}
		if !next.Equal(until) {
			t.Fatalf("covered until %v, not %v", next, until)
		}
	})
}

func TestStatisticsAdd(t *testing.T) {
	t.Parallel()
	until := time.Date(2026, 3, 4, 5, 6, 10, 0, time.UTC)
	s := task.NewStatistics(task.Window{Part: 10 * time.Second, Parts: 6}, until)
	provider := uuid.New()
	add := func(ago time.Duration, state task.State, class task.ErrorClass, provider uuid.UUID, count int64) {
		s.Add(&task.Rollup{Count: count, Waiting: []int32{80, int32(count)}, Running: []int32{100, int32(count)}, RollupKey: task.RollupKey{
			BeganAt: until.Add(-ago), Queue: task.QueueDispatch, Kind: task.KindDispatch, State: state, ErrorClass: class, ProviderID: provider,
		}})
	}
	add(10*time.Second, "", "", uuid.Nil, 7)
	add(10*time.Second, task.Success, "", provider, 3)
	add(60*time.Second, task.Failure, "", uuid.Nil, 2) // of before classes were kept
	add(60*time.Second, task.Failure, task.ErrorStore, uuid.Nil, 1)
	add(20*time.Second, task.Revoked, task.ErrorRevoked, uuid.Nil, 4)
	add(30*time.Second, task.Revoked, "", uuid.Nil, 1)
	add(61*time.Second, task.Success, "", provider, 100) // before the window
	add(0, task.Success, "", provider, 100)              // not over yet
	total := s.Total
	if total.Enqueued != 7 || total.Finished != 11 || total.Succeeded != 3 || total.Failed != 3 || total.Revoked != 5 {
		t.Errorf("total: %+v", total)
	}
	if f := total.Failures; f[task.ErrorInternal] != 2 || f[task.ErrorStore] != 1 || f[task.ErrorRevoked] != 4 || len(f) != 3 {
		t.Errorf("failures: %v", f)
	}
	if len(s.Providers) != 1 || s.Providers[provider].Finished != 3 {
		t.Errorf("providers: %v", s.Providers)
	}
	if s.Points[0].Failed != 3 || s.Points[5].Succeeded != 3 || s.Points[5].Enqueued != 7 || s.Points[4].Revoked != 4 {
		t.Errorf("points: %+v", s.Points)
	}
}
