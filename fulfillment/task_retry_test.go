package fulfillment_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/boostress/boostress/account"
	"github.com/boostress/boostress/fulfillment"
	"github.com/boostress/boostress/internal/id"
	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/store"
	"github.com/boostress/boostress/task"
)

// put adds a task of the account.
func (s *stand) put(kind task.Kind, change func(*task.Task)) task.Task {
	s.t.Helper()
	made := task.Task{ID: id.New(id.Task), AccountID: s.who.AccountID, Kind: kind, Queue: task.QueueSystem}
	if change != nil {
		change(&made)
	}
	must(s.t, s.store.Write(s.ctx(), func(tx *store.Tx) error {
		_, err := tx.TaskInsert(s.ctx(), []task.Task{made})
		return err
	}))
	return made
}

// end claims what waits in a queue and ends it.
func (s *stand) end(queue task.Queue, state task.State) (ended task.Task) {
	s.t.Helper()
	s.hurry()
	claimed, err := s.store.TaskClaimDue(s.ctx(), s.worker, term, queue, 1)
	must(s.t, err)
	must(s.t, s.store.Write(s.ctx(), func(tx *store.Tx) error {
		results, err := tx.TaskFinish(s.ctx(), []store.TaskEnd{{Task: claimed[0], State: state, Dead: state == task.Failure}})
		ended = results[0]
		return err
	}))
	return ended
}

func (s *stand) wantRetry(t task.Task, fault string) {
	s.t.Helper()
	_, err := s.RetryTask(s.ctx(), s.who, t.ID)
	if err == nil || !strings.Contains(err.Error(), fault) {
		s.t.Errorf("retry of %s: got %v, want %q", t.Kind, err, fault)
	}
}

func TestRetryTask(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	scheduleID, providerID := id.New(id.Schedule), id.New(id.Provider)
	made := s.put(task.KindExport, func(n *task.Task) {
		n.Name, n.ScheduleID, n.ProviderID, n.Arguments, n.Priority, n.MaxAttempts = "nightly", &scheduleID, &providerID,
			json.RawMessage(`{"what": "ORDERS"}`), 3, 5
	})
	s.wantRetry(made, "has not ended")
	failed := s.end(task.QueueSystem, task.Failure)
	again, err := s.RetryTask(s.ctx(), s.who, made.ID)
	must(t, err)
	want := made
	want.ID, want.UniqueKey, want.State = again.ID, "retry:"+made.ID.String(), task.Pending
	want.EnqueuedAt, want.DueAt, want.AnnouncedAt = again.EnqueuedAt, again.DueAt, again.AnnouncedAt
	if diff := cmp.Diff(want, *again); diff != "" || again.ID == failed.ID || again.AnnouncedAt == nil {
		t.Errorf("the new task (-want +got):\n%s", diff)
	}
	s.wantRetry(made, "the same work waits or runs")
	s.end(task.QueueSystem, task.Success)
	s.wantRetry(*again, "did what it should")
	if _, err := s.RetryTask(s.ctx(), s.who, made.ID); err != nil { // its retry has ended
		t.Error(err)
	}
	if _, err := s.RetryTask(s.ctx(), s.account("other"), made.ID); err == nil || !strings.Contains(err.Error(), "not found") {
		t.Errorf("another account's: %v", err)
	}
	if audited := query[string](s, "SELECT actor FROM audit_entries WHERE action = 'task.retry' AND target_id = $1", made.ID); len(audited) != 2 {
		t.Errorf("audited %v", audited)
	}
}

func TestRetryHasKeysOfItsWork(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	providerID := id.New(id.Provider)
	for kind, key := range map[task.Kind]string{task.KindPollProvider: "poll:", task.KindCheckProvider: "check:"} {
		made := s.put(kind, func(n *task.Task) { n.ProviderID, n.UniqueKey = &providerID, key+providerID.String() })
		s.end(task.QueueSystem, task.Failure)
		other := s.put(kind, func(n *task.Task) { n.ProviderID, n.UniqueKey = &providerID, key+providerID.String() })
		s.wantRetry(made, "the same work waits or runs")
		if ended := s.end(task.QueueSystem, task.Revoked); ended.ID != other.ID {
			t.Fatalf("ended %v", ended)
		}
		again, err := s.RetryTask(s.ctx(), s.who, other.ID)
		must(t, err)
		if again.UniqueKey != key+providerID.String() {
			t.Errorf("its key is %q", again.UniqueKey)
		}
		s.end(task.QueueSystem, task.Success)
	}
}

func TestRetryOfDispatch(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	s.provider("a", "1.00")
	o := s.place(nil)
	dead := s.end(task.QueueDispatch, task.Failure)
	again, err := s.RetryTask(s.ctx(), s.who, dead.ID)
	must(t, err)
	s.wantRetry(dead, "the same work waits or runs")
	step := s.step(fulfillment.StepCreate)
	if step.Task.ID != again.ID {
		t.Errorf("%s runs, want %s", step.Task.ID, again.ID)
	}
	s.wantRetry(dead, "the same work waits or runs")
	s.record(step, accepted("x-1"))
	s.wantRetry(dead, "is at its provider already")
	canceled := s.place(nil)
	dead = s.end(task.QueueDispatch, task.Revoked)
	s.cancel(canceled)
	s.wantRetry(dead, "has ended")
	s.want(o, order.Processing, order.FulfillmentSubmitted)
}

func TestRetryTasksInBulk(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	var failed []uuid.UUID
	for range 3 {
		failed = append(failed, s.put(task.KindExport, nil).ID)
		s.end(task.QueueSystem, task.Failure)
	}
	done := s.put(task.KindExport, nil)
	s.end(task.QueueSystem, task.Success)
	_, err := s.RetryTask(s.ctx(), s.who, failed[1])
	must(t, err)
	s.end(task.QueueSystem, task.Success)
	_, err = s.RetryTask(s.ctx(), s.who, failed[1]) // waits
	must(t, err)

	input := fulfillment.BulkInput{
		Kind: order.BulkRetryTasks, Arguments: []byte("{}"),
		Targets: store.BulkTargets{Tasks: &store.TaskFilter{Kinds: []task.Kind{task.KindExport, task.KindBulk}}},
	}
	b := s.bulk(s.who, input)
	s.exec("UPDATE tasks SET due_at = now() + interval '1 hour' WHERE kind <> 'BULK'")
	s.workAll()
	s.wantBulk(b, order.BulkSucceeded, 2, 1)
	if diff := cmp.Diff([]string{"SUCCEEDED", "FAILED CONFLICT", "SUCCEEDED"}, s.outcomes(b)); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
	input.Targets.IDs = []uuid.UUID{done.ID, failed[0]}
	b = s.bulk(s.who, input)
	s.exec("UPDATE tasks SET due_at = now() + interval '1 hour' WHERE kind <> 'BULK'")
	s.workAll()
	if diff := cmp.Diff([]string{"FAILED CONFLICT", "FAILED CONFLICT"}, s.outcomes(b)); diff != "" {
		t.Errorf("rows of ids (-want +got):\n%s", diff)
	}
}

func TestRetryOfBulk(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	s.placeMany(150)
	b := s.bulk(s.who, cancelOrders())
	dead := s.end(task.QueueSystem, task.Failure)
	_, err := s.RetryTask(s.ctx(), s.who, dead.ID)
	must(t, err)
	s.wantRetry(dead, "the same work waits or runs")
	s.workAll()
	s.wantBulk(b, order.BulkSucceeded, 150, 0)
	s.wantRetry(dead, "has ended")
}

func TestRevokeTask(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	s.provider("a", "1.00")
	revoke := func(t task.Task) (*task.Task, error) { return s.RevokeTask(s.ctx(), s.who, t.ID) }
	waiting := s.put(task.KindExport, nil)
	revoked, err := revoke(waiting)
	must(t, err)
	if revoked.State != task.Revoked || revoked.ErrorClass != task.ErrorRevoked || revoked.FinishedAt == nil {
		t.Errorf("revoked: %+v", revoked)
	}
	_, err = revoke(waiting)
	wantFaults(t, err, "id CONFLICT")
	if _, err := s.RevokeTask(s.ctx(), s.account("other"), s.put(task.KindExport, nil).ID); err == nil {
		t.Error("another account's was revoked")
	}
	placed := s.place(nil)
	_, err = revoke(task.Task{ID: query[uuid.UUID](s, "SELECT id FROM tasks WHERE order_id = $1", placed.ID)[0]})
	wantFaults(t, err, "id CONFLICT")
	if err == nil || !strings.Contains(err.Error(), "cancelFulfillment") {
		t.Errorf("it names no way out: %v", err)
	}
	running := s.claim()[0]
	revoked, err = revoke(running)
	must(t, err)
	if !revoked.RevokeAsked || revoked.State != task.Started {
		t.Errorf("running: %+v", revoked)
	}
	found, err := s.store.Tasks(s.ctx(), s.who.AccountID, []uuid.UUID{running.ID})
	must(t, err)
	if !found[running.ID].RevokeAsked {
		t.Error("nothing tells that its end was asked for")
	}
	tested := s.who
	tested.TestMode = true
	_, err = s.RevokeTask(s.ctx(), tested, s.put(task.KindExport, nil).ID)
	wantFaults(t, err, "id FORBIDDEN")
	audited := query[string](s, "SELECT action FROM audit_entries WHERE action LIKE 'task.%'")
	if diff := cmp.Diff([]string{string(account.ActionTaskRevoke), string(account.ActionTaskRevoke)}, audited); diff != "" {
		t.Errorf("audited (-want +got):\n%s", diff)
	}
}

// A synchronization does not run for ever because nobody makes it any more.
func TestRevokedSynchronizationEnds(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	p := s.provider("a", "1.00")
	sync, err := s.SyncOffers(s.ctx(), s.who, p.ID, order.SyncPropose)
	must(t, err)
	taskID := query[uuid.UUID](s, "SELECT id FROM tasks WHERE kind = 'SYNC_OFFERS'")[0]
	revoked, err := s.RevokeTask(s.ctx(), s.who, taskID)
	must(t, err)
	now, _, err := s.Sync(s.ctx(), sync.ID)
	must(t, err)
	if now.State != order.SyncFailed {
		t.Errorf("it is %s", now.State)
	}
	s.wantRetry(*revoked, "syncOffers")
}
