package resolvers_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/boostress/boostress/account"
	"github.com/boostress/boostress/internal/id"
	"github.com/boostress/boostress/store"
	"github.com/boostress/boostress/task"
)

func (s *stand) countStatuses() {
	s.t.Helper()
	if err := s.store.CountStatuses(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
}

func (s *stand) register(change func(*store.Worker)) uuid.UUID {
	s.t.Helper()
	w := store.Worker{
		ID: id.New(id.Worker), Host: "h", PID: 7, Version: "v", Queues: []task.Queue{task.QueueDispatch, task.QueueSystem},
		Slots: []int{64, 4},
	}
	if change != nil {
		change(&w)
	}
	if err := s.store.WorkerRegister(s.t.Context(), w); err != nil {
		s.t.Fatal(err)
	}
	return w.ID
}

const pauseQueue = `mutation($queue: String!, $reason: String) { pauseQueue(input: {queue: $queue, reason: $reason}) {
	queue { name isPaused pauseReason pausedAt } userErrors { field code message } } }`

const resumeQueue = `mutation($queue: String!) { resumeQueue(input: {queue: $queue}) { queue { name isPaused pauseReason pausedAt
	} userErrors { field code message } } }`

func TestPauseAndResumeQueue(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	world{account: 1}.fill(t, s.url)
	world{account: 2}.fill(t, s.url)
	admin := as(account.Admin, 1)
	pause := func(reason any) any {
		return at(s.must(admin, pauseQueue, map[string]any{"queue": "status", "reason": reason}), "pauseQueue", "queue")
	}
	first := pause("maintenance")
	if at(first, "isPaused") != true || at(first, "pauseReason") != "maintenance" || at(first, "pausedAt") == nil {
		t.Errorf("paused: %v", first)
	}
	again := pause(nil)
	if at(again, "isPaused") != true || at(again, "pauseReason") != nil || at(again, "pausedAt") != at(first, "pausedAt") {
		t.Errorf("paused again without a reason: %v", again)
	}
	pause("another one")
	seen := s.must(as(account.Viewer, 2), `{ queues { name isPaused pauseReason } }`, nil)
	want := "[map[isPaused:false name:dispatch pauseReason:<nil>] map[isPaused:true name:status pauseReason:another one] " +
		"map[isPaused:false name:system pauseReason:<nil>]]"
	if got := fmt.Sprint(at(seen, "queues")); got != want {
		t.Errorf("another account sees %s, want %s", got, want)
	}
	for range 2 {
		resumed := at(s.must(admin, resumeQueue, map[string]any{"queue": "status"}), "resumeQueue", "queue")
		if at(resumed, "isPaused") != false || at(resumed, "pausedAt") != nil || at(resumed, "pauseReason") != nil {
			t.Errorf("resumed: %v", resumed)
		}
	}
	audited := s.must(admin, `{ auditEntries(first: 10) { nodes { action actor details } } }`, nil)
	var actions []string
	for _, entry := range list(audited, "auditEntries", "nodes") {
		if action := fmt.Sprint(at(entry, "action")); strings.HasPrefix(action, "queue.") {
			actions = append(actions, fmt.Sprintf("%s %v %v", action, at(entry, "actor"), at(entry, "details")))
		}
	}
	wantActions := []string{
		"queue.resume key:test map[queue:status]", "queue.pause key:test map[queue:status reason:another one]",
		"queue.pause key:test map[queue:status]", "queue.pause key:test map[queue:status reason:maintenance]",
	}
	if diff := cmp.Diff(wantActions, actions); diff != "" {
		t.Errorf("audit (-want +got):\n%s", diff)
	}
}

func TestQueuesAndWorkersAreTheFirstAccounts(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	world{account: 1}.fill(t, s.url)
	world{account: 2}.fill(t, s.url)
	execute(t, s.url, fmt.Sprintf("UPDATE accounts SET created_at = created_at + interval '1 day' WHERE id = '%s'", accountID(2)))
	worker := s.register(nil)
	tester := as(account.Admin, 1)
	tester.TestMode = true
	calls := map[string]string{
		"pauseQueue":  `pauseQueue(input: {queue: "status"}) { queue { name } userErrors { field code message } }`,
		"resumeQueue": `resumeQueue(input: {queue: "status"}) { queue { name } userErrors { field code message } }`,
		"drainWorker": fmt.Sprintf(`drainWorker(input: {id: %q}) { worker { id } userErrors { field code message } }`, worker),
	}
	for name, call := range calls {
		for whose, who := range map[string]account.Principal{"another account's": as(account.Admin, 2), "in test mode": tester} {
			payload := at(s.must(who, "mutation { "+call+" }", nil), name)
			if at(payload, "userErrors", 0, "code") != "FORBIDDEN" || at(payload, "queue") != nil || at(payload, "worker") != nil {
				t.Errorf("%s, %s: %v", name, whose, payload)
			}
		}
		for _, role := range []account.Role{account.Operator, account.Integrator, account.Viewer} {
			if got := code(s.run(as(role, 1), "mutation { "+call+" }", nil)); got != "FORBIDDEN" {
				t.Errorf("%s as %s: %s", name, role, got)
			}
		}
	}
	if paused, err := s.store.QueuesPaused(t.Context()); err != nil || len(paused) > 0 {
		t.Errorf("paused are %v, %v", paused, err)
	}
}

func TestQueueInputsThatCantBe(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	world{account: 1}.fill(t, s.url)
	const unknown = "[queue] NOT_FOUND there is no such queue: use one of dispatch, status, system"
	for call, want := range map[string]string{
		`pauseQueue(input: {queue: "mail"})`:                                               unknown,
		`pauseQueue(input: {queue: "status", reason: "` + strings.Repeat("é", 501) + `"})`: "[reason] TOO_LONG must be at most 500 characters",
		`resumeQueue(input: {queue: ""})`:                                                  unknown,
		`drainWorker(input: {id: "x"})`:                                                    "[id] NOT_FOUND there is no such thing",
	} {
		payload := at(s.must(as(account.Admin, 1), "mutation { c: "+call+" { userErrors { field code message } } }", nil), "c")
		fault := at(payload, "userErrors", 0)
		if got := fmt.Sprintf("%v %v %v", at(fault, "field"), at(fault, "code"), at(fault, "message")); got != want {
			t.Errorf("%s: %v, want %s", call, payload, want)
		}
	}
	if paused := s.must(as(account.Admin, 1), pauseQueue, map[string]any{"queue": "status", "reason": strings.Repeat("é", 500)}); len(list(paused,
		"pauseQueue", "userErrors")) > 0 {
		t.Errorf("500 characters: %v", paused)
	}
}

func TestWorkersAndTheirStates(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	world{account: 1, providers: 1, orders: 1}.fill(t, s.url)
	named := func(host string) uuid.UUID { return s.register(func(w *store.Worker) { w.Host = host }) }
	working, draining, drained, silent, stopped := named("working"), named("draining"), named("drained"), named("silent"), named("stopped")
	for _, worker := range []uuid.UUID{working, draining} {
		if alive, err := s.store.WorkerBeat(t.Context(), worker, 3, time.Minute); !alive || err != nil {
			t.Fatal(alive, err)
		}
	}
	admin := as(account.Admin, 1)
	const drain = `mutation($id: ID!) { drainWorker(input: {id: $id}) { worker { host state drainAskedAt running } userErrors { code } } }`
	for worker, state := range map[uuid.UUID]string{draining: "DRAINING", drained: "DRAINED"} {
		told := at(s.must(admin, drain, map[string]any{"id": worker}), "drainWorker", "worker")
		again := at(s.must(admin, drain, map[string]any{"id": worker}), "drainWorker", "worker")
		if at(told, "state") != state || at(told, "drainAskedAt") == nil {
			t.Errorf("drained: %v", told)
		}
		if diff := cmp.Diff(told, again); diff != "" {
			t.Errorf("drained again (-first +again):\n%s", diff)
		}
	}
	execute(t, s.url, fmt.Sprintf("UPDATE workers SET heartbeat_at = now() - interval '11 s' WHERE id = '%s'", silent))
	if err := s.store.WorkerUnregister(t.Context(), stopped); err != nil {
		t.Fatal(err)
	}
	if refused := s.must(admin, drain, map[string]any{"id": stopped}); at(refused, "drainWorker", "userErrors", 0, "code") != "NOT_FOUND" {
		t.Errorf("a stopped worker is drained: %v", refused)
	}

	data := s.must(as(account.Viewer, 1), `{ workers { host state queues slots running stoppedAt } queues { name slots } }`, nil)
	states := map[string]string{}
	for _, worker := range list(data, "workers") {
		states[fmt.Sprint(at(worker, "host"))] = fmt.Sprintf("%v %v %v %v", at(worker, "state"), at(worker, "queues"), at(worker, "slots"),
			at(worker, "running"))
	}
	if diff := cmp.Diff(map[string]string{
		"working": "RUNNING [dispatch system] [64 4] 3", "draining": "DRAINING [dispatch system] [64 4] 3",
		"drained": "DRAINED [dispatch system] [64 4] 0", "silent": "SILENT [dispatch system] [64 4] 0",
	}, states); diff != "" {
		t.Errorf("workers (-want +got):\n%s", diff)
	}
	// Of those that take tasks: one.
	if got := fmt.Sprint(at(data, "queues")); got != "[map[name:dispatch slots:64] map[name:status slots:0] map[name:system slots:4]]" {
		t.Errorf("slots: %s", got)
	}

	// What ran a task is known after it has ended.
	execute(t, s.url, fmt.Sprintf("UPDATE task_results SET worker_id = '%s'", stopped))
	ran := s.must(as(account.Viewer, 1), `{ taskResults(filter: {isDead: true}) { nodes { workerId worker { host state } } } }`, nil)
	if got := at(ran, "taskResults", "nodes", 0); at(got, "worker", "host") != "stopped" || at(got, "worker", "state") != "STOPPED" {
		t.Errorf("task: %v", ran)
	}
}

// What waits in a queue is the account's own; an account that has nothing sees zeros.
func TestQueuesOfAnAccount(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	world{account: 1, providers: 1, orders: 3}.fill(t, s.url)
	world{account: 2}.fill(t, s.url)
	for number, want := range map[int]json.Number{1: "3", 2: "0"} {
		data := s.must(as(account.Viewer, number), `{ queues { depth oldestAge enqueuedPerSecond finishedPerSecond } }`, nil)
		if got := at(data, "queues", 0, "depth"); got != want || (at(data, "queues", 0, "oldestAge") == nil) != (want == "0") {
			t.Errorf("account %d: %v", number, data)
		}
	}
}
