package scheduling_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/boostress/boostress/internal/id"
	"github.com/boostress/boostress/schedule"
	"github.com/boostress/boostress/scheduling"
	"github.com/boostress/boostress/task"
)

func TestRunTaskIsWhatTheScheduleSays(t *testing.T) {
	t.Parallel()
	providerID := id.New(id.Provider)
	s := schedule.Schedule{
		ID: id.New(id.Schedule), AccountID: id.New(id.Account), Name: "nightly", TaskKind: "CHECK_PROVIDER", Queue: "status",
		Priority: 4, ProviderID: &providerID, Arguments: []byte(`{"providerId":"x"}`), TestMode: true,
		Rule: schedule.Rule{TimeZone: "Europe/Berlin"},
	}
	slot := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	made, run := scheduling.RunTask(&s, slot, 7, slot.Add(time.Second))
	want := task.Task{
		ID: made.ID, AccountID: s.AccountID, Kind: task.KindCheckProvider, Name: "nightly", Queue: task.QueueStatus, Priority: 4,
		ProviderID: &providerID, ScheduleID: &s.ID, MaxAttempts: 5, DueAt: slot,
		Arguments: []byte(`{"providerId":"x","run":{"slot":"2030-01-02T03:04:05Z","number":7,"timeZone":"Europe/Berlin","testMode":true}}`),
	}
	if diff := cmp.Diff(want, made); diff != "" {
		t.Errorf("the task (-want +got):\n%s", diff)
	}
	wantRun := schedule.Run{ScheduleID: s.ID, Slot: slot, Number: 7, TaskID: made.ID, FiredAt: slot.Add(time.Second)}
	if diff := cmp.Diff(wantRun, run); diff != "" {
		t.Errorf("the run (-want +got):\n%s", diff)
	}
}

func TestRunTaskIsDueByItsJitterAndNotLongAgo(t *testing.T) {
	t.Parallel()
	s := schedule.Schedule{ID: uuid.Max, TaskKind: "CREATE_ORDER", Jitter: time.Minute, Arguments: []byte(`[]`)}
	slot := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	made, _ := scheduling.RunTask(&s, slot, 1, slot)
	if want := s.Jittered(slot); !made.DueAt.Equal(want) || want.Equal(slot) {
		t.Errorf("due at %v, want %v", made.DueAt, want)
	}
	if want := `{"run":{"slot":"2030-01-02T03:04:05Z","number":1,"timeZone":"","testMode":false}}`; string(made.Arguments) != want {
		t.Errorf("arguments %s, want %s", made.Arguments, want)
	}
	late := slot.Add(time.Hour)
	if made, _ = scheduling.RunTask(&s, slot, 1, late); !made.DueAt.Equal(late) {
		t.Errorf("due at %v, want %v", made.DueAt, late)
	}
}
