package scheduling_test

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/boostress/boostress/account"
	"github.com/boostress/boostress/internal/id"
	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/schedule"
	"github.com/boostress/boostress/scheduling"
	"github.com/boostress/boostress/task"
)

// waiting gives a schedule something that waits by its rule.
func (s *stand) waiting(of *schedule.Schedule) {
	s.t.Helper()
	s.exec("UPDATE schedules SET queued_slot = now(), awaits = $2, next_at = now() - interval '1 hour' WHERE id = $1", of.ID, id.New(id.Task))
}

func TestPauseAndResume(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	made := s.make(nil)
	s.waiting(made)
	for range 2 { // pausing a paused one changes nothing
		paused, err := s.Pause(t.Context(), s.who, made.ID)
		must(t, err)
		if paused.Status() != schedule.Paused || paused.NextAt != nil || paused.QueuedSlot != nil || paused.Awaits != nil {
			t.Errorf("paused: %+v", paused)
		}
	}
	for range 2 {
		resumed, err := s.Resume(t.Context(), s.who, made.ID)
		must(t, err)
		if next, _, _ := made.Rule.Next(resumed.UpdatedAt); resumed.NextAt == nil || !resumed.NextAt.Equal(next) {
			t.Errorf("resumed at %v, it fires at %v, want %v", resumed.UpdatedAt, resumed.NextAt, next)
		}
	}
	if got := one[int](s, "SELECT count(*)::int FROM audit_entries WHERE target_id = $1", made.ID); got != 3 {
		t.Errorf("%d audit entries, want those of making, pausing and resuming", got)
	}
}

func TestResumeWhatIsOver(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	soon := time.Now().Add(time.Hour)
	for name, change := range map[string]func(*scheduling.Input){
		"its time has passed": func(in *scheduling.Input) {
			in.Rule = scheduling.RuleInput{Kind: schedule.Once, StartsAt: &soon}
		},
		"it had all of its runs": func(in *scheduling.Input) { in.Rule.MaxRuns = new(3) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			made := s.make(change)
			_, err := s.Pause(t.Context(), s.who, made.ID)
			must(t, err)
			s.exec("UPDATE schedules SET runs = 3, starts_at = starts_at - interval '2 hours' WHERE id = $1", made.ID)
			resumed, err := s.Resume(t.Context(), s.who, made.ID)
			if err != nil || resumed.Status() != schedule.Ended {
				t.Errorf("it is %s, %v", resumed.Status(), err)
			}
		})
	}
}

func TestResumeAfterCompletionWaitsForItsRun(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	made := s.make(func(in *scheduling.Input) { in.Rule.Kind = schedule.AfterCompletion })
	run, err := s.Run(t.Context(), s.who, made.ID, "")
	must(t, err)
	_, err = s.Pause(t.Context(), s.who, made.ID)
	must(t, err)
	resumed, err := s.Resume(t.Context(), s.who, made.ID)
	if err != nil || resumed.NextAt != nil || resumed.Awaits == nil || *resumed.Awaits != run.TaskID {
		t.Errorf("it waits for %v until %v, %v, want the end of %v", resumed.Awaits, resumed.NextAt, err, run.TaskID)
	}
	s.exec("DELETE FROM tasks")
	_, err = s.Pause(t.Context(), s.who, made.ID)
	must(t, err)
	resumed, err = s.Resume(t.Context(), s.who, made.ID)
	if err != nil || resumed.NextAt == nil || !resumed.NextAt.Equal(resumed.UpdatedAt.Add(time.Hour)) {
		t.Errorf("it fires at %v, %v, want an hour after %v", resumed.NextAt, err, resumed.UpdatedAt)
	}
}

func TestUpdatePlansAnewWhereTheRuleChanges(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	for name, tt := range map[string]struct {
		change scheduling.Change
		anew   bool
	}{
		"nothing":         {scheduling.Change{}, false},
		"other settings":  {scheduling.Change{Priority: new(9), Overlap: new(schedule.OverlapAllow)}, false},
		"the same rule":   {scheduling.Change{Every: new(time.Hour)}, false},
		"another length":  {scheduling.Change{Every: new(2 * time.Hour)}, true},
		"another kind":    {scheduling.Change{Rule: new(schedule.Cron), Cron: new("@daily")}, true},
		"another start":   {scheduling.Change{StartsAt: new(time.Now().Add(time.Hour))}, true},
		"an end":          {scheduling.Change{EndsAt: new(time.Now().Add(48 * time.Hour))}, true},
		"a limit of runs": {scheduling.Change{MaxRuns: new(5)}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			made := s.make(nil)
			s.waiting(made)
			before := s.schedule(made)
			changed, err := s.Update(t.Context(), s.who, made.ID, tt.change)
			must(t, err)
			kept := changed.NextAt.Equal(*before.NextAt) && changed.QueuedSlot != nil && changed.Awaits != nil
			if tt.anew {
				next, _, err := changed.Rule.Next(changed.UpdatedAt)
				if err != nil || !changed.NextAt.Equal(next) || changed.QueuedSlot != nil || changed.Awaits != nil {
					t.Errorf("it fires at %v, queued %v, awaits %v; want %v", changed.NextAt, changed.QueuedSlot, changed.Awaits, next)
				}
			} else if !kept {
				t.Errorf("it fires at %v, queued %v, awaits %v; want all as it was", changed.NextAt, changed.QueuedSlot, changed.Awaits)
			}
		})
	}
}

func TestUpdateTakesThingsAway(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	made := s.make(func(in *scheduling.Input) {
		in.Rule = cron("@daily", "Europe/Berlin")
		in.Rule.StartsAt, in.Rule.EndsAt, in.Rule.MaxRuns = new(time.Now()), new(time.Now().AddDate(1, 0, 0)), new(5)
		in.Jitter = new(time.Minute)
	})
	changed, err := s.Update(t.Context(), s.who, made.ID, scheduling.Change{
		TimeZone: new(""), StartsAt: new(time.Time{}), EndsAt: new(time.Time{}), Endless: true, Jitter: new(time.Duration(0)),
	})
	must(t, err)
	got := s.schedule(changed)
	if r := got.Rule; r.TimeZone != "" || r.StartsAt != nil || r.EndsAt != nil || got.MaxRuns != 0 || got.Jitter != 0 {
		t.Errorf("left: %+v", got)
	}
}

func TestUpdateOfAnEndedOne(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	made := s.make(func(in *scheduling.Input) { in.Rule.MaxRuns = new(2) })
	s.exec("UPDATE schedules SET runs = 2, next_at = NULL WHERE id = $1", made.ID)
	_, err := s.Update(t.Context(), s.who, made.ID, scheduling.Change{MaxRuns: new(2)})
	wantFault(t, err, order.CodeOutOfRange, "maxRuns")
	longer, err := s.Update(t.Context(), s.who, made.ID, scheduling.Change{MaxRuns: new(3)})
	if err != nil || longer.Status() != schedule.Active || longer.NextAt == nil {
		t.Errorf("with one more run it is %v, %v", longer, err)
	}
}

func TestUpdateFaults(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	other, recurring := s.make(nil), s.make(func(in *scheduling.Input) {
		in.Rule = cron("@daily", "")
		in.Action, in.Arguments = task.KindCreateOrder, arguments(`{"order": {"reference": "{{date}}", "category": "prints",
			"destination": {}, "lines": [{"serviceType": "poster-a3", "quantity": 2}]}}`)
	})
	for name, tt := range map[string]struct {
		change scheduling.Change
		code   order.Code
		field  []string
	}{
		"a name that is taken":   {scheduling.Change{Name: &other.Name}, order.CodeNameTaken, []string{"name"}},
		"every without interval": {scheduling.Change{Every: new(time.Hour)}, order.CodeInvalid, []string{"every"}},
		"an interval without":    {scheduling.Change{Rule: new(schedule.Interval)}, order.CodeRequired, []string{"every"}},
		"no runs":                {scheduling.Change{MaxRuns: new(0)}, order.CodeOutOfRange, []string{"maxRuns"}},
		"an end that has come":   {scheduling.Change{EndsAt: new(time.Now())}, order.CodeOutOfRange, []string{"endsAt"}},
		"arguments":              {scheduling.Change{Arguments: arguments(`{"order": 1}`)}, order.CodeInvalid, []string{"arguments", "order"}},
		// Now that it fires each hour, a day is no name for an order any more.
		"a rule that breaks its arguments": {scheduling.Change{Cron: new("@hourly")}, order.CodeInvalid, []string{"arguments", "order", "reference"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := s.Update(t.Context(), s.who, recurring.ID, tt.change)
			wantFault(t, err, tt.code, tt.field...)
		})
	}
}

func TestSystemSchedules(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	made := s.make(func(in *scheduling.Input) { in.Action = task.KindRetention })
	s.exec("UPDATE schedules SET system = true WHERE id = $1", made.ID)

	for name, change := range map[string]scheduling.Change{
		"name": {Name: new("x")}, "startsAt": {StartsAt: new(time.Now())}, "endsAt": {EndsAt: new(time.Now())}, "maxRuns": {Endless: true},
		"jitter": {Jitter: new(time.Second)}, "queue": {Queue: new("status")}, "priority": {Priority: new(1)},
		"overlap": {Overlap: new(schedule.OverlapAllow)}, "misfire": {Misfire: new(schedule.MisfireSkip)}, "misfireLimit": {MisfireLimit: new(1)},
	} {
		_, err := s.Update(t.Context(), s.who, made.ID, change)
		wantFault(t, err, order.CodeForbidden, name)
	}
	_, err := s.Delete(t.Context(), s.who, made.ID)
	wantFault(t, err, order.CodeForbidden, "id")
	_, err = s.Update(t.Context(), s.who, made.ID, scheduling.Change{
		Rule: new(schedule.Cron), Cron: new("@daily"), TimeZone: new("Asia/Tokyo"), Arguments: arguments(`{"archive": true}`),
	})
	must(t, err)
	for _, do := range []func(account.Principal) error{
		func(who account.Principal) error { _, err := s.Pause(t.Context(), who, made.ID); return err },
		func(who account.Principal) error { _, err := s.Resume(t.Context(), who, made.ID); return err },
		func(who account.Principal) error { _, err := s.Run(t.Context(), who, made.ID, ""); return err },
	} {
		wantFault(t, do(s.as(account.Operator, false)), order.CodeForbidden, "id")
		must(t, do(s.who))
	}
}

func TestDeleteGivesUpWhatWaits(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	made := s.make(func(in *scheduling.Input) { in.Overlap = schedule.OverlapAllow })
	waits, err := s.Run(t.Context(), s.who, made.ID, "")
	must(t, err)
	runs, err := s.Run(t.Context(), s.who, made.ID, "")
	must(t, err)
	s.exec("UPDATE tasks SET state = 'STARTED', claim_token = $2 WHERE id = $1", runs.TaskID, uuid.New())
	_, err = s.Delete(t.Context(), s.who, made.ID)
	must(t, err)
	if s.schedule(made) != nil {
		t.Error("it is still there")
	}
	if got := one[uuid.UUID](s, "SELECT id FROM task_results WHERE state = 'REVOKED' AND schedule_id = $1", made.ID); got != waits.TaskID {
		t.Errorf("%v was revoked, want what waited", got)
	}
	if got := one[uuid.UUID](s, "SELECT id FROM tasks WHERE schedule_id = $1", made.ID); got != runs.TaskID {
		t.Errorf("%v is left, want what runs", got)
	}
	if got := one[int](s, "SELECT count(*)::int FROM schedule_slots WHERE schedule_id = $1", made.ID); got != 2 {
		t.Errorf("%d runs are kept, want 2", got)
	}
	if len(s.committed.Results) != 1 {
		t.Errorf("told of %d ended runs, want 1", len(s.committed.Results))
	}
}
