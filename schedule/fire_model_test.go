package schedule_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"github.com/boostress/boostress/schedule"
)

// world is one schedule that lives for a while: somebody looks at it when it is due, or does not, and its runs end
// sometime.
type world struct {
	*rapid.T

	s      schedule.Schedule
	now    time.Time
	runs   map[uuid.UUID]time.Time // when each that is live ends
	ended  time.Time               // when the latest one did
	fired  []time.Time
	looked time.Time // at it
	hands  int       // runs by hand so far
}

func TestEachSlotIsDealtWithOnce(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			w.step()
		}
		w.settle()
		w.count()
	})
}

func newWorld(t *rapid.T) *world {
	w := &world{T: t, now: moment("2026-03-28T20:00:00Z"), runs: map[uuid.UUID]time.Time{}}
	w.s = schedule.Schedule{
		ID: uuid.UUID{1}, Enabled: true,
		Overlap: rapid.SampledFrom([]schedule.Overlap{
			schedule.OverlapSkip, schedule.OverlapQueue, schedule.OverlapAllow, schedule.OverlapCancel,
		}).Draw(t, "overlap"),
		Misfire:      rapid.SampledFrom([]schedule.Misfire{schedule.MisfireSkip, schedule.MisfireOnce, schedule.MisfireAll}).Draw(t, "misfire"),
		MisfireLimit: rapid.IntRange(1, 20).Draw(t, "limit"),
		MaxRuns:      rapid.SampledFrom([]int64{0, 0, 1, 7}).Draw(t, "most runs"),
		Rule: schedule.Rule{
			Kind: rapid.SampledFrom([]schedule.Kind{
				schedule.Interval, schedule.Cron, schedule.AfterCompletion, schedule.Once,
			}).Draw(t, "kind"),
			Every:    rapid.SampledFrom([]time.Duration{time.Second, 7 * time.Minute, 3 * time.Hour}).Draw(t, "every"),
			Cron:     rapid.SampledFrom([]string{"*/10 * * * *", "0 1-4 * * *", "30 2 * * *", "@hourly"}).Draw(t, "cron"),
			TimeZone: "Europe/Berlin",
		},
	}
	if w.s.Rule.Kind == schedule.Once || rapid.Bool().Draw(t, "starts") {
		w.s.Rule.StartsAt = new(w.now.Add(rapid.SampledFrom([]time.Duration{0, time.Second, time.Hour}).Draw(t, "start")))
	}
	if rapid.Bool().Draw(t, "ends") {
		w.s.Rule.EndsAt = new(w.now.Add(rapid.SampledFrom([]time.Duration{5 * time.Second, 6 * time.Hour, 24 * time.Hour}).Draw(t, "end")))
	}
	w.s.NextAt = w.following(w.now.Add(-time.Nanosecond))
	return w
}

func (w *world) following(after time.Time) *time.Time {
	next, ok, err := w.s.Rule.Next(after)
	if err != nil {
		w.Fatal(err)
	}
	if !ok {
		return nil
	}
	return &next
}

// step lets some time pass: until something is due or a run ends, as a rule; or longer, while nobody is there.
func (w *world) step() {
	until := w.next()
	switch rapid.SampledFrom([]string{"on", "on", "on", "late", "away", "by hand"}).Draw(w.T, "step") {
	case "late":
		until = until.Add(rapid.SampledFrom([]time.Duration{100 * time.Millisecond, 5 * time.Second, 2 * time.Minute}).Draw(w.T, "by"))
	case "away":
		until = until.Add(time.Duration(rapid.Int64Range(0, int64(30*w.s.Rule.Every)).Draw(w.T, "for")))
	case "by hand": // besides its slots
		w.hands++
		w.begin(uuid.UUID{15: byte(w.hands), 14: 1})
	}
	w.advance(until)
	w.look()
}

// next returns when something is due or a run ends.
func (w *world) next() time.Time {
	until := w.now.Add(time.Minute)
	for _, end := range w.runs {
		if end.Before(until) {
			until = end
		}
	}
	if w.s.NextAt != nil && w.s.NextAt.Before(until) {
		until = *w.s.NextAt
	}
	return until
}

func (w *world) advance(until time.Time) {
	if until.After(w.now) {
		w.now = until
	}
	for id, end := range w.runs {
		if !end.After(w.now) {
			delete(w.runs, id)
			if end.After(w.ended) {
				w.ended = end
			}
		}
	}
}

func (w *world) begin(id uuid.UUID) {
	lasts := rapid.SampledFrom([]time.Duration{0, 500 * time.Millisecond, 10 * time.Minute, 5 * time.Hour}).Draw(w.T, "lasts")
	w.runs[id] = w.now.Add(lasts)
}

// look is what a scheduler does.
func (w *world) look() {
	due := w.s.NextAt != nil && !w.s.NextAt.After(w.now)
	gone := w.s.Awaits != nil && w.runs[*w.s.Awaits].IsZero()
	if !due && !gone {
		return
	}
	var live []uuid.UUID
	for id := range w.runs {
		live = append(live, id)
	}
	before := w.s
	f, err := w.s.Fire(w.now, live)
	if err != nil {
		w.Fatal(err)
	}
	w.judge(&before, f, len(live))
	if f.Cancel {
		clear(w.runs)
	}
	for _, slot := range f.Slots {
		w.fired = append(w.fired, slot)
		w.s.Runs++
		id := uuid.UUID{15: byte(len(w.fired)), 14: byte(len(w.fired) >> 8), 13: 2}
		w.begin(id)
		if f.Await {
			f.Awaits = &id
		}
	}
	w.s.NextAt, w.s.QueuedSlot, w.s.Backlog, w.s.Awaits = f.NextAt, f.QueuedSlot, f.Backlog, f.Awaits
	w.s.Skipped += f.Skipped
	w.s.Missed += f.Missed
	w.looked = w.now
}

// judge checks one decision by itself.
func (w *world) judge(before *schedule.Schedule, f schedule.Firing, live int) {
	serial := before.Overlap == schedule.OverlapSkip || before.Overlap == schedule.OverlapQueue
	if serial && len(f.Slots) > 0 && (live > 0 || len(f.Slots) > 1) {
		w.Fatalf("%d slots fire beside %d runs", len(f.Slots), live)
	}
	if before.Overlap == schedule.OverlapCancel && len(f.Slots) > 0 && f.Cancel != (live > 0) {
		w.Fatalf("revokes: %t, beside %d runs", f.Cancel, live)
	}
	if f.NextAt != nil && !f.NextAt.After(w.now) {
		w.Fatalf("still due at %v", f.NextAt)
	}
	awaits := f.Await && len(f.Slots) > 0 || f.Awaits != nil && !w.runs[*f.Awaits].IsZero()
	if f.QueuedSlot != nil && !awaits || f.Awaits != nil && !awaits || f.Backlog && f.QueuedSlot == nil {
		w.Fatalf("waits for nothing: %+v", f)
	}
	if before.Rule.Kind == schedule.AfterCompletion && f.NextAt != nil && (f.Await || f.QueuedSlot != nil) {
		w.Fatalf("due at %v, whatever runs then", f.NextAt)
	}
	for _, slot := range f.Slots {
		queued := before.QueuedSlot != nil && !slot.Before(*before.QueuedSlot)
		switch late := w.now.Sub(slot); {
		case late < 0:
			w.Fatalf("slot %v fires too early", slot)
		case before.Misfire == schedule.MisfireSkip && late > schedule.Late && !queued:
			w.Fatalf("slot %v is made up for", slot)
		case before.Rule.Kind == schedule.AfterCompletion && len(w.fired) > 0 && slot.Before(w.ended.Add(before.Rule.Every)) &&
			serial && w.hands == 0:
			w.Fatalf("slot %v comes too soon after a run ended at %v", slot, w.ended)
		}
	}
}

// settle has everything end that has begun, with somebody there.
func (w *world) settle() {
	for range 100 {
		if w.s.QueuedSlot == nil && len(w.runs) == 0 {
			return
		}
		until := w.now
		for _, end := range w.runs {
			if end.After(until) {
				until = end
			}
		}
		w.advance(until)
		w.look()
	}
}

// count checks that every slot until the last look became something.
func (w *world) count() {
	w.Helper()
	if w.s.MaxRuns > 0 && int64(len(w.fired)) > w.s.MaxRuns {
		w.Fatalf("it fired %d times, at most %d are allowed", len(w.fired), w.s.MaxRuns)
	}
	for i, slot := range w.fired {
		if slices.ContainsFunc(w.fired[:i], slot.Equal) {
			w.Fatalf("slot %v fired twice", slot)
		}
	}
	if w.s.Rule.Kind == schedule.AfterCompletion {
		if w.s.Status() == schedule.Ended && w.s.MaxRuns == 0 && w.s.Rule.EndsAt == nil {
			w.Fatal("it has ended for no reason")
		}
		return
	}
	var due []time.Time
	for at := w.following(moment("2026-03-28T20:00:00Z").Add(-time.Nanosecond)); at != nil && !at.After(w.looked); at = w.following(*at) {
		due = append(due, *at)
	}
	for _, slot := range w.fired {
		if !slices.ContainsFunc(due, slot.Equal) {
			w.Fatalf("%v fired and is no slot", slot)
		}
	}
	if w.s.MaxRuns > 0 && w.s.Runs == w.s.MaxRuns { // what came after the last run is nobody's
		return
	}
	var queued int64
	if w.s.QueuedSlot != nil {
		queued = 1
		for _, slot := range due {
			if w.s.Backlog && slot.After(*w.s.QueuedSlot) {
				queued++
			}
		}
	}
	if sum := w.s.Runs + w.s.Skipped + w.s.Missed + queued; sum != int64(len(due)) {
		w.Fatalf("%d runs, %d skipped, %d missed, %d queued: %d of %d slots", w.s.Runs, w.s.Skipped, w.s.Missed, queued, sum, len(due))
	}
	if w.s.Overlap == schedule.OverlapAllow && w.s.Skipped > 0 || w.s.Misfire == schedule.MisfireAll && w.s.Overlap == schedule.OverlapAllow &&
		w.s.MisfireLimit == 20 && w.s.Missed > 0 && w.s.Runs < 20 {
		w.Fatalf("%d skipped, %d missed", w.s.Skipped, w.s.Missed)
	}
}
