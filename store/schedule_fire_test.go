package store_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/boostress/boostress/internal/id"
	"github.com/boostress/boostress/internal/testkit"
	"github.com/boostress/boostress/schedule"
	"github.com/boostress/boostress/store"
	"github.com/boostress/boostress/task"
)

// newSchedule makes an hourly schedule that is due so many seconds from now, with more columns set.
func newSchedule(t testing.TB, st testStore, name string, seconds int, set string) uuid.UUID {
	t.Helper()
	execute(t, st, `INSERT INTO accounts (id, name, created_at) VALUES ('00000000-0000-0000-0000-000000000001', 'default', now())
		ON CONFLICT DO NOTHING`)
	made := id.New(id.Schedule)
	execute(t, st, `INSERT INTO schedules (id, account_id, name, rule, every_ms, task_kind, next_at, created_at, updated_at)
		VALUES ($1, '00000000-0000-0000-0000-000000000001', $2, 'INTERVAL', 3600000, 'TEST', now() + make_interval(secs => $3), now(), now())`,
		made, name, float64(seconds))
	if set != "" {
		execute(t, st, "UPDATE schedules SET "+set+" WHERE id = $1", made)
	}
	return made
}

func dueNames(t testing.TB, st testStore, limit int, aside ...uuid.UUID) (names []string) {
	t.Helper()
	write(t, st, func(tx *store.Tx) error {
		due, err := tx.ScheduleDue(t.Context(), limit, aside)
		for _, one := range due {
			names = append(names, one.Name)
		}
		return err
	})
	return names
}

func TestScheduleDue(t *testing.T) {
	t.Parallel()
	st := openStore(t)
	newSchedule(t, st, "later", 60, "")
	newSchedule(t, st, "paused", -5, "enabled = false")
	newSchedule(t, st, "over", -5, "next_at = NULL")
	live := insertTasks(t, st, newTask(nil))[0].ID
	newSchedule(t, st, "waits", 60, "awaits = '"+live.String()+"'")
	if until, ok, err := st.ScheduleWait(t.Context(), nil); err != nil || !ok || until < 50*time.Second || until > time.Minute {
		t.Errorf("due in %v (%t), %v; want almost a minute", until, ok, err)
	}
	if got := dueNames(t, st, 10); len(got) > 0 {
		t.Errorf("due: %v, want none", got)
	}
	newSchedule(t, st, "released", 60, "awaits = gen_random_uuid()")
	if until, ok, err := st.ScheduleWait(t.Context(), nil); err != nil || !ok || until != 0 {
		t.Errorf("due in %v (%t), %v; want now", until, ok, err)
	}
	newSchedule(t, st, "both", -1, "awaits = gen_random_uuid()")
	newSchedule(t, st, "due", -2, "")
	aside := newSchedule(t, st, "aside", -3, "")
	if diff := cmp.Diff([]string{"due", "both", "released"}, dueNames(t, st, 10, aside)); diff != "" {
		t.Errorf("due (-want +got):\n%s", diff)
	}
	if got := dueNames(t, st, 2); len(got) != 2 || got[0] != "aside" {
		t.Errorf("the first two are %v", got)
	}
	write(t, st, func(tx *store.Tx) error { // what is locked is passed over
		if _, err := tx.ScheduleDue(t.Context(), 3, nil); err != nil {
			return err
		}
		if diff := cmp.Diff([]string{"released"}, dueNames(t, st, 10)); diff != "" {
			t.Errorf("left (-want +got):\n%s", diff)
		}
		return nil
	})
	execute(t, st, "DELETE FROM schedules")
	if until, ok, err := st.ScheduleWait(t.Context(), nil); err != nil || ok {
		t.Errorf("due in %v, %v; want never", until, err)
	}
}

func TestScheduleSlotIsTakenOnce(t *testing.T) {
	t.Parallel()
	st := openStore(t)
	one, other := newSchedule(t, st, "one", -1, "skipped = 1, runs = 4"), newSchedule(t, st, "other", -1, "queued_slot = now()")
	slot := time.Now().UTC().Truncate(time.Microsecond)
	run := schedule.Run{ScheduleID: one, Slot: slot, Number: 5, TaskID: id.New(id.Task)}
	next, awaits := slot.Add(time.Hour), id.New(id.Task)
	write(t, st, func(tx *store.Tx) error {
		if err := tx.ScheduleFire(t.Context(), []schedule.Run{run}); err != nil {
			return err
		}
		return tx.ScheduleAdvance(t.Context(), []store.ScheduleStep{
			{ID: one, Fired: 1, LastSlot: &slot, Firing: schedule.Firing{
				NextAt: &next, QueuedSlot: &slot, Backlog: true, Awaits: &awaits, Skipped: 2, Missed: 3,
			}},
			{ID: other},
		})
	})
	got := query[string](t, st, `SELECT concat_ws(' ', name, (next_at, queued_slot, awaits, last_slot) = ($1, $2, $3, $2), runs,
		backlog, skipped, missed) FROM schedules ORDER BY name`, next, slot, awaits)
	if diff := cmp.Diff([]string{"one t 5 t 3 3", "other 0 f 0 0"}, got); diff != "" {
		t.Errorf("advanced (-want +got):\n%s", diff)
	}
	again := []schedule.Run{run, {ScheduleID: other, Slot: slot, TaskID: id.New(id.Task)}}
	err := st.Write(t.Context(), func(tx *store.Tx) error { return tx.ScheduleFire(t.Context(), again) })
	if !errors.Is(err, store.ErrSlotTaken) {
		t.Errorf("a slot is taken twice: %v", err)
	}
	write(t, st, func(tx *store.Tx) error {
		taken, err := tx.ScheduleTaken(t.Context(), again)
		if diff := cmp.Diff([]schedule.Run{{ScheduleID: one, Slot: slot, TaskID: run.TaskID}}, taken); diff != "" {
			t.Errorf("taken (-want +got):\n%s", diff)
		}
		return err
	})
}

func TestScheduleLive(t *testing.T) {
	t.Parallel()
	st := openStore(t)
	one, other := id.New(id.Schedule), id.New(id.Schedule)
	first := insertTasks(t, st, newTask(func(n *task.Task) { n.ScheduleID = &one }))[0].ID
	second := insertTasks(t, st, newTask(func(n *task.Task) { n.ScheduleID = &one }))[0].ID
	insertTasks(t, st, newTask(func(n *task.Task) { n.ScheduleID = &other }), newTask(nil))
	write(t, st, func(tx *store.Tx) error {
		live, err := tx.ScheduleLive(t.Context(), []uuid.UUID{one})
		if diff := cmp.Diff(map[uuid.UUID][]uuid.UUID{one: {first, second}}, live); diff != "" {
			t.Errorf("live (-want +got):\n%s", diff)
		}
		return err
	})
}

// A process that is frozen in the middle of a firing keeps its locks for a few seconds, no longer.
func TestFrozenSchedulerLosesItsLocks(t *testing.T) {
	t.Parallel()
	st := openStore(t)
	newSchedule(t, st, "one", -1, "")
	frozen := make(chan struct{})
	ended := make(chan error, 1)
	thaw := make(chan struct{})
	go func() {
		ended <- st.WriteBrief(t.Context(), func(tx *store.Tx) error {
			due, err := tx.ScheduleDue(t.Context(), 10, nil)
			close(frozen)
			<-thaw
			if len(due) == 1 {
				err = errors.Join(err, tx.ScheduleAdvance(t.Context(), []store.ScheduleStep{{ID: due[0].ID}}))
			}
			return err
		})
	}()
	<-frozen
	if got := dueNames(t, st, 10); len(got) > 0 {
		t.Fatalf("%v is not locked", got)
	}
	begun := time.Now()
	testkit.Eventually(t, 10*time.Second, "the lock is gone", func() bool { return len(dueNames(t, st, 10)) == 1 })
	if took := time.Since(begun); took > 5*time.Second {
		t.Errorf("the lock went after %v", took)
	}
	close(thaw)
	if err := <-ended; err == nil {
		t.Error("what was frozen has written")
	}
	if got := dueNames(t, st, 10); len(got) != 1 {
		t.Error("what was frozen has moved the schedule on")
	}
}
