package resolvers_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/boostress/boostress/account"
	"github.com/boostress/boostress/internal/id"
)

const createSchedule = `mutation($input: CreateScheduleInput!) { createSchedule(input: $input) {
	schedule { id name rule every cron timeZone action arguments queue priority overlap misfire misfireLimit jitter status isEnabled
		isSystem startsAt endsAt maxRuns nextAt queuedSlot runCount skippedCount missedCount createdBy lastRun { number } order { id }
		runs { totalCount } nextRuns(first: 2) }
	userErrors { field code message } } }`

// schedule makes an hourly schedule that may overlap, and returns its id.
func (s *stand) schedule(name string) string {
	s.t.Helper()
	made := at(s.must(as(account.Operator, 1), createSchedule, map[string]any{"input": map[string]any{
		"name": name, "rule": "INTERVAL", "every": "PT1H", "action": "ENFORCE_DEADLINES", "overlap": "ALLOW",
	}}), "createSchedule", "schedule", "id")
	text, ok := made.(string)
	if !ok {
		s.t.Fatalf("no schedule %q", name)
	}
	return text
}

// change runs a mutation that takes a schedule's id, and returns its payload.
func (s *stand) change(who account.Principal, mutation, scheduleID, selected string) any {
	s.t.Helper()
	return at(s.must(who, fmt.Sprintf(`mutation { %s(input: {id: %q}) { %s userErrors { field code message } } }`,
		mutation, scheduleID, selected), nil), mutation)
}

func TestCreateSchedule(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	world{account: 1}.fill(t, s.url)
	who := as(account.Operator, 1)
	orderID := s.placed(who, "S-1", "")
	input := map[string]any{
		"name": "Monday", "idempotencyKey": "k", "rule": "CRON", "cron": "0 9 * * MON", "timeZone": "Europe/Berlin",
		"startsAt": "2098-12-31T00:00:00Z", "endsAt": "2100-01-01T00:00:00Z", "maxRuns": 7, "jitter": "PT5M", "action": "PROCESS_ORDER",
		"arguments": map[string]any{"orderId": orderID}, "queue": "status", "priority": 3, "overlap": "QUEUE_ONE", "misfire": "RUN_ALL",
		"misfireLimit": 5,
	}
	payload := at(s.must(who, createSchedule, map[string]any{"input": input}), "createSchedule")
	made := at(payload, "schedule")
	madeID := at(made, "id")
	drop(made, "id")
	want := map[string]any{
		"name": "Monday", "rule": "CRON", "every": nil, "cron": "0 9 * * MON", "timeZone": "Europe/Berlin", "action": "PROCESS_ORDER",
		"arguments": map[string]any{"orderId": orderID}, "queue": "status", "priority": json.Number("3"), "overlap": "QUEUE_ONE",
		"misfire": "RUN_ALL", "misfireLimit": json.Number("5"), "jitter": "PT5M", "status": "ACTIVE", "isEnabled": true, "isSystem": false,
		"startsAt": "2098-12-31T00:00:00Z", "endsAt": "2100-01-01T00:00:00Z", "maxRuns": json.Number("7"), "nextAt": "2099-01-05T08:00:00Z",
		"queuedSlot": nil, "runCount": json.Number("0"), "skippedCount": json.Number("0"), "missedCount": json.Number("0"),
		"createdBy": "key:test", "lastRun": nil, "order": map[string]any{"id": orderID}, "runs": map[string]any{"totalCount": json.Number("0")},
		"nextRuns": []any{"2099-01-05T08:00:00Z", "2099-01-12T08:00:00Z"},
	}
	if diff := cmp.Diff(want, made); diff != "" {
		t.Errorf("createSchedule (-want +got):\n%s", diff)
	}
	if again := at(s.must(who, createSchedule, map[string]any{"input": input}), "createSchedule", "schedule", "id"); again != madeID {
		t.Errorf("the same request again makes %v, not %v", again, madeID)
	}
	delete(input, "idempotencyKey")
	input["cron"], input["arguments"] = "0 25 * * *", map[string]any{"orderid": orderID}
	refused := at(s.must(who, createSchedule, map[string]any{"input": input}), "createSchedule")
	wantFaults := []string{"[cron] INVALID", "[arguments orderId] REQUIRED", "[arguments orderid] INVALID"}
	if diff := cmp.Diff(wantFaults, faultsOf(refused)); diff != "" || at(refused, "schedule") != nil {
		t.Errorf("faults (-want +got):\n%s", diff)
	}
}

func TestChangeSchedule(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	world{account: 1}.fill(t, s.url)
	who, scheduleID := as(account.Operator, 1), s.schedule("hourly")

	const state = "schedule { status isEnabled nextAt nextRuns }"
	if paused := s.change(who, "pauseSchedule", scheduleID, state); at(paused, "schedule", "status") != "PAUSED" ||
		at(paused, "schedule", "nextAt") != nil || len(list(paused, "schedule", "nextRuns")) != 0 {
		t.Errorf("paused: %v", paused)
	}
	if resumed := s.change(who, "resumeSchedule", scheduleID, state); at(resumed, "schedule", "status") != "ACTIVE" ||
		len(list(resumed, "schedule", "nextRuns")) != 5 || at(resumed, "schedule", "nextRuns", 0) != at(resumed, "schedule", "nextAt") {
		t.Errorf("resumed: %v", resumed)
	}
	const update = `mutation($input: UpdateScheduleInput!) { updateSchedule(input: $input) {
		schedule { every cron timeZone maxRuns jitter endsAt priority } userErrors { field code message } } }`
	for _, step := range []struct{ input, want map[string]any }{
		{
			map[string]any{
				"rule": "CRON", "cron": "@daily", "timeZone": "Asia/Tokyo", "maxRuns": 3, "jitter": "PT1M", "endsAt": "2100-01-01T00:00:00Z",
			},
			map[string]any{
				"every": nil, "cron": "@daily", "timeZone": "Asia/Tokyo", "maxRuns": json.Number("3"), "jitter": "PT1M",
				"endsAt": "2100-01-01T00:00:00Z", "priority": json.Number("0"),
			},
		},
		{
			map[string]any{"timeZone": nil, "maxRuns": nil, "jitter": nil, "endsAt": nil, "priority": 9},
			map[string]any{
				"every": nil, "cron": "@daily", "timeZone": nil, "maxRuns": nil, "jitter": nil, "endsAt": nil, "priority": json.Number("9"),
			},
		},
	} {
		step.input["id"] = scheduleID
		changed := at(s.must(who, update, map[string]any{"input": step.input}), "updateSchedule")
		if diff := cmp.Diff(any(step.want), at(changed, "schedule")); diff != "" {
			t.Errorf("updateSchedule: %v (-want +got):\n%s", faultsOf(changed), diff)
		}
	}
	run := s.change(who, "runSchedule", scheduleID, "run { number isByHand schedule { name runCount } task { name kind queue state } }")
	if at(run, "run", "task", "name") != "hourly" || at(run, "run", "isByHand") != true || fmt.Sprint(at(run, "run", "number")) != "1" ||
		fmt.Sprint(at(run, "run", "schedule", "runCount")) != "1" {
		t.Errorf("run: %v", run)
	}
	if deleted := s.change(who, "deleteSchedule", scheduleID, "schedule { name }"); at(deleted, "schedule", "name") != "hourly" {
		t.Errorf("deleted: %v", deleted)
	}
	data := s.must(who, fmt.Sprintf(`{ schedule(id: %q) { id } taskResults(filter: {state: [REVOKED]}) { nodes { name schedule { id } } } }`,
		scheduleID), nil)
	if at(data, "schedule") != nil || at(data, "taskResults", "nodes", 0, "name") != "hourly" {
		t.Errorf("after its deletion: %v", data)
	}
	if gone := s.change(who, "pauseSchedule", scheduleID, "schedule { id }"); !slices.Equal(faultsOf(gone), []string{"[id] NOT_FOUND"}) {
		t.Errorf("of what is gone: %v", gone)
	}
}

func TestWhoMayDoWhatWithSchedules(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	world{account: 1}.fill(t, s.url)
	world{account: 2}.fill(t, s.url)
	scheduleID := s.schedule("hourly")
	read := fmt.Sprintf(`{ schedule(id: %q) { name lastRun { number } runs { nodes { number } } nextRuns } schedules { totalCount }
		previewSchedule(input: {rule: CRON, cron: "@daily"}) { slots } }`, scheduleID)
	for role, want := range map[account.Role][2]string{
		account.Admin: {"", ""}, account.Operator: {"", ""}, account.Viewer: {"", "FORBIDDEN"}, account.Integrator: {"FORBIDDEN", "FORBIDDEN"},
	} {
		if got := code(s.run(as(role, 1), read, nil)); got != want[0] {
			t.Errorf("%s reads: %q, want %q", role, got, want[0])
		}
		for _, mutation := range []string{"pauseSchedule", "resumeSchedule", "runSchedule"} {
			change := fmt.Sprintf("mutation { %s(input: {id: %q}) { userErrors { code } } }", mutation, scheduleID)
			if got := code(s.run(as(role, 1), change, nil)); got != want[1] {
				t.Errorf("%s does %s: %q, want %q", role, mutation, got, want[1])
			}
		}
	}
	if data := s.must(as(account.Admin, 2), fmt.Sprintf(`{ schedule(id: %q) { name } node(id: %[1]q) { id } }`, scheduleID), nil); at(data,
		"schedule") != nil || at(data, "node") != nil {
		t.Errorf("another account reads %v", data)
	}
	if got := s.change(as(account.Admin, 2), "runSchedule", scheduleID, "run { number }"); !slices.Equal(faultsOf(got), []string{
		"[id] NOT_FOUND",
	}) {
		t.Errorf("another account runs %v", got)
	}
}

// A paced order's own schedules are listed, found and followed as others are.
func TestSchedulesOfAnOrder(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	world{account: 1}.fill(t, s.url)
	who := as(account.Operator, 1)
	paced := fmt.Sprintf(`, deadline: %q, pacing: {mode: EVEN, slices: 2}`, time.Now().AddDate(0, 1, 0).UTC().Format(time.RFC3339))
	orderID, other := s.placed(who, "P-1", paced+`, priority: 3`), s.placed(who, "P-2", paced)
	// The first slice is sent, and its provider asked from time to time.
	execute(t, s.url, fmt.Sprintf(`UPDATE fulfillments SET status = 'SUBMITTED', next_poll_at = '2098-01-01' WHERE id = (
		SELECT id FROM fulfillments WHERE order_id = '%s' ORDER BY scheduled_at LIMIT 1)`, orderID))
	execute(t, s.url, fmt.Sprintf(`UPDATE fulfillments SET scheduled_at = '2098-01-01'::timestamptz + n * interval '1 day'
		FROM (SELECT id, row_number() OVER (ORDER BY scheduled_at) AS n FROM fulfillments WHERE order_id = '%s') f
		WHERE f.id = fulfillments.id`, orderID))
	read := func(query string) map[string]any {
		return s.must(who, query, map[string]any{"order": orderID})
	}
	const fields = `name rule action queue status isSystem isEnabled overlap misfire nextAt nextRuns runCount order { reference } runs {
		nodes { number } } lastRun { number }`
	data := read(`query($order: ID!) { order(id: $order) { schedules { id ` + fields + ` } } }`)
	own := list(data, "order", "schedules")
	if len(own) != 2 {
		t.Fatalf("it has %v", own)
	}
	var ids []string
	for _, one := range own {
		ids = append(ids, fmt.Sprint(at(one, "id")))
		drop(one, "id")
	}
	none := map[string]any{"nodes": []any{}}
	want := []any{
		map[string]any{
			"name": "pacing of P-1", "rule": "PACING", "action": "PROCESS_ORDER", "queue": "dispatch", "status": "ACTIVE", "isSystem": true,
			"isEnabled": true, "overlap": "ALLOW", "misfire": "RUN_ALL", "nextAt": "2098-01-03T00:00:00Z", "runCount": json.Number("1"),
			"nextRuns": []any{"2098-01-03T00:00:00Z"}, "order": map[string]any{"reference": "P-1"}, "runs": none, "lastRun": nil,
		},
		map[string]any{
			"name": "polling of P-1", "rule": "POLLING", "action": "POLL_PROVIDER", "queue": "status", "status": "ACTIVE", "isSystem": true,
			"isEnabled": true, "overlap": "SKIP", "misfire": "RUN_ONCE", "nextAt": "2098-01-01T00:00:00Z", "runCount": json.Number("0"),
			"nextRuns": []any{"2098-01-01T00:00:00Z"}, "order": map[string]any{"reference": "P-1"}, "runs": none, "lastRun": nil,
		},
	}
	if diff := cmp.Diff(want, own); diff != "" {
		t.Errorf("its own (-want +got):\n%s", diff)
	}
	if parsed, err := id.Parse(ids[0], id.OrderPacing); err != nil || id.Of(parsed, id.Order).String() != orderID {
		t.Errorf("the id is %s, of %s", ids[0], orderID)
	}

	made := at(s.must(who, createSchedule, map[string]any{"input": map[string]any{
		"name": "a hurry", "rule": "ONCE", "startsAt": "2097-01-01T00:00:00Z", "action": "PROCESS_ORDER",
		"arguments": map[string]any{"orderId": orderID},
	}}), "createSchedule", "schedule", "id")
	data = read(`query($order: ID!) {
		all: schedules(filter: {orderId: $order}) { totalCount nodes { name } }
		next: schedules(filter: {orderId: $order}, orderBy: {field: NEXT_AT, direction: DESC}) { nodes { name } }
		page: schedules(filter: {orderId: $order}, first: 1) { pageInfo { hasNextPage endCursor } nodes { id } }
		system: schedules(filter: {orderId: $order, isSystem: true, status: [ACTIVE], action: [POLL_PROVIDER]}) { nodes { id } }
		everything: schedules { nodes { name } } }`)
	for name, want := range map[string][]string{
		"all": {"a hurry", "pacing of P-1", "polling of P-1"}, "next": {"pacing of P-1", "polling of P-1", "a hurry"},
		"everything": {"a hurry", "retention"},
	} {
		var got []string
		for _, one := range list(data, name, "nodes") {
			got = append(got, fmt.Sprint(at(one, "name")))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	if at(data, "page", "nodes", 0, "id") != made || at(data, "page", "pageInfo", "hasNextPage") != true ||
		at(data, "system", "nodes", 0, "id") != ids[1] || len(list(data, "system", "nodes")) != 1 {
		t.Errorf("a page %v, of the system %v", at(data, "page"), at(data, "system"))
	}
	found := s.must(who, `query($ids: [ID!]!, $one: ID!, $other: ID!) { nodes(ids: $ids) { ... on Schedule { name nextRuns } }
			schedule(id: $one) { name } other: node(id: $other) { id } }`,
		map[string]any{"ids": ids, "one": ids[0], "other": id.Of(uuid.MustParse(other), id.OrderPolling).String()})
	if at(found, "nodes", 0, "name") != "pacing of P-1" || len(list(found, "nodes", 0, "nextRuns")) != 1 ||
		at(found, "nodes", 1, "name") != "polling of P-1" || at(found, "schedule", "name") != "pacing of P-1" || at(found, "other") != nil {
		t.Errorf("by id: %v", found)
	}
	if refused := s.change(who, "pauseSchedule", ids[0], "schedule { id }"); !slices.Equal(faultsOf(refused), []string{"[id] FORBIDDEN"}) {
		t.Errorf("pausing it: %v", refused)
	}
	s.must(who, `mutation($order: ID!) { holdOrder(input: {id: $order, name: "wait", reason: "a word"}) { userErrors { code } } }`,
		map[string]any{"order": orderID})
	held := at(read(`query($order: ID!) { order(id: $order) { schedules { status nextAt nextRuns } } }`), "order", "schedules", 0)
	if at(held, "status") != "PAUSED" || at(held, "nextAt") != nil || len(list(held, "nextRuns")) != 0 {
		t.Errorf("of a held order: %v", held)
	}
}

// Each run comes once and in order to whoever watches, whether its hint came or not.
func TestScheduleFired(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	world{account: 1}.fill(t, s.url)
	world{account: 2}.fill(t, s.url)
	scheduleID, busy := s.schedule("watched"), s.schedule("busy")
	who := as(account.Operator, 1)
	s.change(who, "runSchedule", scheduleID, "run { number }") // before anybody watches

	const document = `subscription($id: ID!) { scheduleFired(id: $id) { number isByHand slot schedule { name } task { state } } }`
	ids := map[string]any{"id": scheduleID}
	for name, refused := range map[string]*watch{
		"unknown": s.watch(t, who, document, map[string]any{"id": "x"}), "another's": s.watch(t, as(account.Admin, 2), document, ids),
	} {
		if refused.event() != nil || refused.refused != "BAD_USER_INPUT" {
			t.Errorf("%s: refused with %q", name, refused.refused)
		}
	}
	watches := []*watch{s.watch(t, who, document, ids), s.watch(t, as(account.Viewer, 1), document, ids)}
	const runs = 5
	for range runs {
		s.change(who, "runSchedule", busy, "run { number }")
		s.change(who, "runSchedule", scheduleID, "run { number }")
	}
	wantRuns := func(from, to int, isByHand bool) {
		for _, w := range watches {
			for n := from; n <= to; n++ {
				event := at(w.event(), "scheduleFired")
				if fmt.Sprint(at(event, "number")) != strconv.Itoa(n) || at(event, "isByHand") != isByHand ||
					at(event, "schedule", "name") != "watched" || (at(event, "task", "state") == "PENDING") != isByHand {
					t.Fatalf("run %d comes as %v", n, event)
				}
			}
		}
	}
	wantRuns(2, runs+1, true)
	// As a scheduler would whose hints are lost: late slots, which lie before those that ran by hand.
	for n := range 3 {
		execute(t, s.url, fmt.Sprintf(`WITH fired AS (UPDATE schedules SET runs = runs + 1 WHERE id = '%s' RETURNING id, runs)
			INSERT INTO schedule_slots (schedule_id, slot, task_id, fired_at, number)
			SELECT id, now() - interval '1 hour' * %d, gen_random_uuid(), now(), runs FROM fired`, scheduleID, 3-n))
	}
	wantRuns(runs+2, runs+4, false)
}

func TestPreviewSchedule(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	world{account: 1}.fill(t, s.url)
	who := as(account.Viewer, 1)
	const query = `query($input: PreviewScheduleInput!, $first: Int! = 3) { previewSchedule(input: $input, first: $first) {
		slots userErrors { field code message } } }`
	got := at(s.must(who, query, map[string]any{"input": map[string]any{
		"rule": "CRON", "cron": "30 2 * * *", "timeZone": "Europe/Berlin", "startsAt": "2029-03-24T00:00:00Z",
	}}), "previewSchedule")
	// The night of the 25th has no half past two.
	want := map[string]any{"userErrors": []any{}, "slots": []any{"2029-03-24T01:30:00Z", "2029-03-25T01:30:00Z", "2029-03-26T00:30:00Z"}}
	if diff := cmp.Diff(any(want), got); diff != "" {
		t.Errorf("previewSchedule (-want +got):\n%s", diff)
	}
	refused := at(s.must(who, query, map[string]any{"input": map[string]any{"rule": "INTERVAL", "cron": "@daily"}}), "previewSchedule")
	if diff := cmp.Diff([]string{"[every] REQUIRED", "[cron] INVALID"}, faultsOf(refused)); diff != "" || len(list(refused, "slots")) != 0 {
		t.Errorf("faults (-want +got):\n%s", diff)
	}
	for _, first := range []int{0, 101} {
		answer := s.run(who, query, map[string]any{"input": map[string]any{"rule": "CRON", "cron": "@daily"}, "first": first})
		if code(answer) != "BAD_USER_INPUT" {
			t.Errorf("first %d: %v", first, answer)
		}
	}
}
