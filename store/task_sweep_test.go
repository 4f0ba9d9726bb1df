package store_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/boostress/boostress/internal/id"
	"github.com/boostress/boostress/store"
	"github.com/boostress/boostress/task"
)

const queue = task.QueueDispatch

func TestTaskAnnounceFindsWhatNoListHolds(t *testing.T) {
	t.Parallel()
	now := query[time.Time](t, openStore(t), "SELECT now()")[0]
	tests := map[string]struct {
		announced string // SQL
		mark      time.Time
		want      bool
	}{
		"never announced":                        {"NULL", time.Time{}, true},
		"never announced, list in use":           {"NULL", now.Add(-time.Hour), true},
		"just now, list empty":                   {"now()", time.Time{}, false},
		"3 s ago, list empty":                    {"now() - interval '3 s'", time.Time{}, true},
		"an hour ago, oldest entry is as old":    {"now() - interval '1 h'", now.Add(-time.Hour), false},
		"an hour ago, oldest entry is younger":   {"now() - interval '1 h'", now.Add(-time.Minute), true},
		"shortly before the oldest entry's time": {"now() - interval '61 s'", now.Add(-time.Minute), false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			st := openStore(t)
			one := newTask(func(n *task.Task) { n.Priority = 3 })
			insertTasks(t, st, one)
			execute(t, st, "UPDATE tasks SET announced_at = "+test.announced)
			lost, _ := announce(t, st, store.Marks{3: test.mark})
			if got := len(lost) == 1; got != test.want {
				t.Fatalf("announced %v", lost)
			}
			if test.want && (lost[0].ID != one.ID || lost[0].AnnouncedAt == nil || lost[0].Priority != 3) {
				t.Errorf("announced %+v", lost[0])
			}
			if again, _ := announce(t, st, store.Marks{3: test.mark}); len(again) != 0 {
				t.Error("announced twice at once")
			}
		})
	}
}

func TestTaskAnnounceLeavesTheRestAlone(t *testing.T) {
	t.Parallel()
	st := openStore(t)
	worker := register(t, st)
	claimed, delayed, other := newTask(nil), newTask(nil), newTask(func(n *task.Task) { n.Queue = task.QueueSystem })
	insertTasks(t, st, claimed, delayed, other)
	claim(t, st, worker, claimed.ID)
	execute(t, st, "UPDATE tasks SET announced_at = NULL")
	execute(t, st, "UPDATE tasks SET due_at = now() + interval '1 h' WHERE id = $1", delayed.ID)
	if lost, full := announce(t, st, store.Marks{}); len(lost) != 0 || full {
		t.Errorf("announced %v", lost)
	}
}

func TestCrowdedAccountsTakeTurns(t *testing.T) {
	t.Parallel()
	st := openStore(t)
	const enough = 10
	crowd := func() bool {
		t.Helper()
		crowded, err := st.TaskCrowd(t.Context(), queue, store.Marks{}, enough)
		if err != nil {
			t.Fatal(err)
		}
		return crowded
	}
	unpark := func() (accounts []int) {
		t.Helper()
		list, err := st.TaskUnpark(t.Context(), queue, store.Marks{}, task.MaxPriority, enough, 12)
		if err != nil {
			t.Fatal(err)
		}
		for _, one := range list {
			accounts = append(accounts, query[int](t, st, "SELECT max_attempts FROM tasks WHERE id = $1", one.ID)...)
		}
		return accounts
	}
	accounts := []uuid.UUID{id.New(id.Account), id.New(id.Account)}
	add := func(account, count int) (stored []task.Task) {
		t.Helper()
		for range count {
			stored = append(stored, newTask(func(n *task.Task) { n.AccountID, n.MaxAttempts = accounts[account], account+1 }))
		}
		return insertTasks(t, st, stored...)
	}

	add(0, enough)
	crowd()
	for _, one := range add(0, 20) {
		if one.AnnouncedAt != nil {
			t.Fatal("a task of a crowded account is to be announced")
		}
	}
	if got := unpark(); len(got) != 0 {
		t.Errorf("announced %d more of an account that has enough", len(got))
	}
	for _, one := range add(1, enough) {
		if one.AnnouncedAt == nil {
			t.Error("a task of another account is not to be announced")
		}
	}
	crowd()
	add(1, 20)

	// The lists are worked off.
	worker := register(t, st)
	claim(t, st, worker, query[uuid.UUID](t, st, "SELECT id FROM tasks WHERE NOT parked")...)
	got := unpark()
	for turn := 0; turn+1 < len(got); turn += 2 {
		if got[turn] == got[turn+1] {
			t.Errorf("accounts do not take turns: %v", got)
		}
	}
	if len(got) != 12 {
		t.Errorf("announced %d tasks, want as many as asked for", len(got))
	}
	// The rest, ten at a time for each account, and then nobody is crowded.
	for range 10 {
		claim(t, st, worker, query[uuid.UUID](t, st, "SELECT id FROM tasks WHERE NOT parked AND claim_token IS NULL")...)
		unpark()
	}
	claim(t, st, worker, allTasks(t, st)...)
	if crowd() {
		t.Error("accounts without a backlog are still crowded")
	}
	if left := query[int](t, st, "SELECT count(*)::int FROM tasks WHERE claim_token IS NULL")[0]; left != 0 {
		t.Errorf("%d tasks were never announced", left)
	}
}

func TestCrowdedAccountsLostTasksAreParked(t *testing.T) {
	t.Parallel()
	st := openStore(t)
	stored := insertTasks(t, st, newTask(nil), newTask(nil))
	execute(t, st, "INSERT INTO task_crowds (queue, account_id) VALUES ($1, $2)", string(queue), stored[0].AccountID)
	execute(t, st, "UPDATE tasks SET announced_at = NULL")
	lost, _ := announce(t, st, store.Marks{})
	if len(lost) != 1 || lost[0].ID != stored[1].ID {
		t.Errorf("announced %v, want only the other account's", lost)
	}
	list, err := st.TaskUnpark(t.Context(), queue, store.Marks{}, task.MaxPriority, 1000, 1000)
	if err != nil || len(list) != 1 || list[0].ID != stored[0].ID {
		t.Errorf("unparked %v, %v", list, err)
	}
}

func TestUnparkGoesByPriority(t *testing.T) {
	t.Parallel()
	st := openStore(t)
	account := id.New(id.Account)
	execute(t, st, "INSERT INTO task_crowds (queue, account_id) VALUES ($1, $2)", string(queue), account)
	var want []uuid.UUID
	for priority := range 5 {
		one := insertTasks(t, st, newTask(func(n *task.Task) { n.AccountID, n.Priority = account, priority }))
		want = append(want, one[0].ID)
	}
	slices.Reverse(want)
	var got []uuid.UUID
	for _, priority := range []int{task.MaxPriority, 1} {
		execute(t, st, "UPDATE tasks SET parked = true")
		list, err := st.TaskUnpark(t.Context(), queue, store.Marks{}, priority, 1000, 1000)
		if err != nil {
			t.Fatal(err)
		}
		for _, one := range list {
			got = append(got, one.ID)
		}
	}
	want = append(want, want[3:]...) // those of 1 and lower
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("unparked (-want +got):\n%s", diff)
	}
}

func pauseQueue(t *testing.T, st testStore) {
	t.Helper()
	err := st.Write(t.Context(), func(tx *store.Tx) error {
		return tx.PauseQueue(t.Context(), queue, "maintenance", "user:admin")
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestPausedQueueIsNotAnnounced(t *testing.T) {
	t.Parallel()
	st := openStore(t)
	pauseQueue(t, st)
	if paused, err := st.QueuesPaused(t.Context()); err != nil || !slices.Equal(paused, []task.Queue{queue}) {
		t.Errorf("paused: %v, %v", paused, err)
	}
	if stored := insertTasks(t, st, newTask(nil)); stored[0].AnnouncedAt != nil {
		t.Error("a task of a paused queue is to be announced")
	}
	err := st.Write(t.Context(), func(tx *store.Tx) error {
		paused, err := tx.ResumeQueue(t.Context(), queue)
		if !paused {
			t.Error("it was not paused")
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if lost, _ := announce(t, st, store.Marks{}); len(lost) != 1 {
		t.Errorf("announced %v after the queue went on", lost)
	}
}

func TestTaskClaimDueTakesParkedLast(t *testing.T) {
	t.Parallel()
	st := openStore(t)
	worker := register(t, st)
	stored := insertTasks(t, st, newTask(nil), newTask(nil), newTask(nil))
	execute(t, st, "UPDATE tasks SET parked = true, announced_at = NULL WHERE id <> $1", stored[2].ID)
	claimDue := func(limit int) []task.Task {
		t.Helper()
		claimed, err := st.TaskClaimDue(t.Context(), worker, term, queue, limit)
		if err != nil {
			t.Fatal(err)
		}
		return claimed
	}
	if first := claimDue(1); len(first) != 1 || first[0].ID != stored[2].ID {
		t.Errorf("claimed first: %v", first)
	}
	if rest := claimDue(10); len(rest) != 2 {
		t.Errorf("claimed then: %v", rest)
	}
	if parked := query[bool](t, st, "SELECT parked FROM tasks WHERE parked"); len(parked) != 0 {
		t.Error("claimed tasks are still parked, where nobody takes them back")
	}
}

func TestWorkerBeat(t *testing.T) {
	t.Parallel()
	st := openStore(t)
	worker := register(t, st)
	beat := func() bool {
		t.Helper()
		alive, err := st.WorkerBeat(t.Context(), worker, 3, term)
		if err != nil {
			t.Fatal(err)
		}
		return alive
	}
	if !beat() {
		t.Error("a fresh worker is not alive")
	}
	execute(t, st, "UPDATE workers SET heartbeat_at = now() - interval '10 s'")
	if beat() {
		t.Error("a worker that was silent for a term lives on")
	}
	if err := st.WorkerUnregister(t.Context(), worker); err != nil || beat() {
		t.Errorf("unregistered worker: %v", err)
	}
}

func TestQueueDepths(t *testing.T) {
	t.Parallel()
	st := openStore(t)
	worker := register(t, st)
	running := newTask(nil)
	insertTasks(t, st, running, newTask(nil), newTask(nil), newTask(func(n *task.Task) { n.DueAt = time.Now().Add(time.Hour) }))
	claim(t, st, worker, running.ID)
	execute(t, st, "UPDATE tasks SET due_at = due_at - interval '5 s' WHERE claim_token IS NULL")
	depths, err := st.QueueDepths(t.Context())
	if err != nil || len(depths) != 1 {
		t.Fatal(depths, err)
	}
	if got := depths[0]; got.Waiting != 2 || got.Running != 1 || got.Delayed != 1 || got.Oldest < 5*time.Second || got.Oldest > time.Minute {
		t.Errorf("depth is %+v", got)
	}
}

func announce(t testing.TB, st testStore, marks store.Marks) ([]task.Task, bool) {
	t.Helper()
	lost, full, err := st.TaskAnnounce(t.Context(), queue, marks, 1000)
	if err != nil {
		t.Fatal(err)
	}
	return lost, full
}

// TestCrowdEndsWhileFewAreAdded: an account that adds a few tasks between any two looks is crowded no more once its
// backlog is gone, or all of its tasks would wait for the next look.
func TestCrowdEndsWhileFewAreAdded(t *testing.T) {
	t.Parallel()
	st := openStore(t)
	const enough = 40
	account := id.New(id.Account)
	add := func(count int) []task.Task {
		t.Helper()
		tasks := make([]task.Task, count)
		for i := range tasks {
			tasks[i] = newTask(func(n *task.Task) { n.AccountID = account })
		}
		return insertTasks(t, st, tasks...)
	}
	crowd := func() bool {
		t.Helper()
		crowded, err := st.TaskCrowd(t.Context(), queue, store.Marks{}, enough)
		if err != nil {
			t.Fatal(err)
		}
		return crowded
	}
	first := add(enough)
	if !crowd() {
		t.Fatal("an account with enough in the lists is not crowded")
	}
	claim(t, st, register(t, st), first[0].ID)
	add(enough / 10)
	if !crowd() {
		t.Error("an account of which much is parked is crowded no more")
	}
	if _, err := st.TaskUnpark(t.Context(), queue, store.Marks{}, task.MaxPriority, enough*2, 1); err != nil {
		t.Fatal(err)
	}
	claim(t, st, register(t, st), query[uuid.UUID](t, st, "SELECT id FROM tasks WHERE NOT parked AND claim_token IS NULL")...)
	if crowd() {
		t.Error("an account of which little is parked, and nothing in the lists, is still crowded")
	}
	for _, one := range add(1) {
		if one.AnnouncedAt == nil {
			t.Error("its next task is not announced")
		}
	}
}
