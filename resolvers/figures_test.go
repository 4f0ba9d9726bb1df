package resolvers_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/boostress/boostress/account"
	"github.com/boostress/boostress/internal/id"
	"github.com/boostress/boostress/task"
)

// rollUp has runs of an account end at a time, and counts what is over a minute later.
func (s *stand) rollUp(at time.Time, number int) {
	s.t.Helper()
	const insert = `INSERT INTO task_results (id, account_id, kind, queue, priority, state, error_class, provider_id, attempt, max_attempts,
			due_at, enqueued_at, started_at, finished_at)
		SELECT gen_random_uuid(), '%s', kind, queue, 0, state, class, provider::uuid, 1, 25, '%[2]s'::timestamptz - run - wait,
			'%[2]s'::timestamptz - run - wait, '%[2]s'::timestamptz - run, '%[2]s'::timestamptz
		FROM (VALUES ('DISPATCH', 'dispatch', 'SUCCESS', '', '%[3]s', interval '2 s', interval '100 ms'),
			('DISPATCH', 'dispatch', 'SUCCESS', '', '%[3]s', interval '2 s', interval '200 ms'),
			('DISPATCH', 'dispatch', 'FAILURE', 'TIMEOUT', '%[4]s', interval '9 s', interval '1 s'),
			('RETENTION', 'system', 'REVOKED', 'REVOKED', NULL, interval '1 s', interval '1 ms')) r (kind, queue, state, class, provider, run, wait)`
	execute(s.t, s.url, "UPDATE rollup_marks SET until = date_trunc('day', now(), 'UTC') - interval '1 day'")
	execute(s.t, s.url, fmt.Sprintf(insert, accountID(number), at.Format(time.RFC3339), idOf(id.Provider, number, 0), id.New(id.Provider)))
	for step := range task.Steps() {
		for more := true; more; {
			var err error
			if _, more, err = s.store.RollUp(s.t.Context(), step, at.Add(time.Minute)); err != nil {
				s.t.Fatal(err)
			}
		}
	}
}

const taskFigures = `query($window: StatisticsWindow!) { statistics { tasks(window: $window) { from until
	total { enqueued finished succeeded failed revoked finishedPerSecond waitingTime { p50 p90 p99 max } duration { p50 max }
		failures { class count } }
	queues { queue figures { finished } } kinds { kind figures { finished failed } }
	providers { provider { name } figures { finished failed duration { p50 } } }
	points { at finished failed durationP90 } } } }`

func TestTaskStatistics(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	world{account: 1, providers: 1}.fill(t, s.url)
	world{account: 2, providers: 1}.fill(t, s.url)
	at0 := time.Now().UTC().Add(-2 * time.Minute).Truncate(time.Minute)
	s.rollUp(at0, 1)
	for _, window := range []string{"MINUTES_5", "MINUTES_15", "HOUR_1", "HOURS_6", "DAY_1", "DAYS_7", "DAYS_30"} {
		seen := at(s.must(as(account.Viewer, 1), taskFigures, map[string]any{"window": window}), "statistics", "tasks")
		if at(seen, "until") != at0.Add(time.Minute).Format(time.RFC3339) {
			t.Errorf("%s: until %v", window, at(seen, "until"))
		}
		total := at(seen, "total")
		numbers := fmt.Sprintf("%v %v %v %v", at(total, "finished"), at(total, "succeeded"), at(total, "failed"), at(total, "revoked"))
		if numbers != "4 2 1 1" || fmt.Sprint(at(total, "failures")) != "[map[class:REVOKED count:1] map[class:TIMEOUT count:1]]" {
			t.Errorf("%s: total is %v", window, total)
		}
		for path, exact := range map[string]time.Duration{
			"waitingTime.p50": 100 * time.Millisecond, "waitingTime.p90": time.Second, "waitingTime.max": time.Second,
			"duration.p50": 2 * time.Second, "duration.max": 9 * time.Second,
		} {
			kind, which, _ := strings.Cut(path, ".")
			if told := durationOf(t, at(total, kind, which)); told < exact || told > exact*11/10 {
				t.Errorf("%s: %s is %v, exactly %v", window, path, told, exact)
			}
		}
		if got := fmt.Sprint(at(seen, "queues")); got != "[map[figures:map[finished:3] queue:dispatch] map[figures:map[finished:1] queue:system]]" {
			t.Errorf("%s: queues are %s", window, got)
		}
		if got := fmt.Sprint(at(seen, "kinds", 0)); got != "map[figures:map[failed:1 finished:3] kind:DISPATCH]" {
			t.Errorf("%s: first is kind %s", window, got)
		}
		first, second := at(seen, "providers", 0), at(seen, "providers", 1)
		if at(first, "provider", "name") != "provider-000" || at(first, "figures", "finished") != json.Number("2") ||
			at(second, "provider") != nil || at(second, "figures", "failed") != json.Number("1") {
			t.Errorf("%s: providers are %v", window, at(seen, "providers"))
		}
		points, finished := list(seen, "points"), 0
		for _, point := range points {
			if at(point, "finished") == json.Number("4") && at(point, "failed") == json.Number("1") && at(point, "durationP90") != nil {
				finished++
			}
		}
		if finished != 1 || len(points) > 60 || at(points[0], "at") != at(seen, "from") {
			t.Errorf("%s: points are %v", window, points)
		}
	}
	usual := s.must(as(account.Viewer, 1), `{ statistics { tasks { points { at } } } queues { finishedPerSecond enqueuedPerSecond } }`, nil)
	if len(list(usual, "statistics", "tasks", "points")) != 60 {
		t.Errorf("without a window: %v", usual)
	}
	if got := at(usual, "queues", 0, "finishedPerSecond"); got != json.Number("0.05") {
		t.Errorf("three in the last minute that is counted are %v in a second", got)
	}
}

func durationOf(t *testing.T, text any) time.Duration {
	t.Helper()
	length, err := time.ParseDuration(strings.ToLower(strings.TrimPrefix(fmt.Sprint(text), "PT")))
	if err != nil {
		t.Fatal(err)
	}
	return length
}

// An account's figures are its own; what nothing was counted of has none.
func TestTaskStatisticsOfNothing(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	world{account: 1, providers: 1}.fill(t, s.url)
	world{account: 2, providers: 1}.fill(t, s.url)
	s.rollUp(time.Now().UTC().Add(-2*time.Minute).Truncate(time.Minute), 1)
	s.must(as(account.Viewer, 1), taskFigures, map[string]any{"window": "HOUR_1"})
	seen := at(s.must(as(account.Viewer, 2), taskFigures, map[string]any{"window": "HOUR_1"}), "statistics", "tasks")
	want := map[string]any{
		"enqueued": json.Number("0"), "finished": json.Number("0"), "succeeded": json.Number("0"), "failed": json.Number("0"),
		"revoked": json.Number("0"), "finishedPerSecond": json.Number("0"), "waitingTime": nil, "duration": nil, "failures": []any{},
	}
	if diff := cmp.Diff(want, at(seen, "total")); diff != "" {
		t.Errorf("total (-want +got):\n%s", diff)
	}
	if len(list(seen, "queues"))+len(list(seen, "kinds"))+len(list(seen, "providers")) > 0 || at(seen, "points", 0, "durationP90") != nil {
		t.Errorf("parts: %v", seen)
	}
}

// Whoever watches the same window at the same time shares what is read, until there is more to count.
func TestTaskStatisticsAreShared(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	world{account: 1, providers: 1}.fill(t, s.url)
	end := time.Now().UTC().Add(-3 * time.Minute).Truncate(time.Minute)
	s.rollUp(end, 1)
	s.counter.since()
	watches := make([]*watch, 0, 5)
	for range 5 {
		watches = append(watches, s.watch(t, as(account.Viewer, 1), `subscription { statisticsUpdated(every: "PT1S") { tasks(window: HOUR_1) {
			total { finished } } } }`, nil))
	}
	reads := func() (count int) {
		for _, statement := range s.counter.since() {
			if strings.Contains(statement, "name: RollupOfAccount ") {
				count++
			}
		}
		return count
	}
	for range 3 {
		for _, w := range watches {
			if event := w.event(); at(event, "statisticsUpdated", "tasks", "total", "finished") != 4.0 {
				t.Fatalf("it comes %v", event)
			}
		}
	}
	if got := reads(); got != 1 {
		t.Errorf("%d reads, want one", got)
	}
	if _, _, err := s.store.RollUp(t.Context(), 0, end.Add(2*time.Minute)); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		for _, w := range watches {
			w.event()
		}
	}
	if got := reads(); got != 1 {
		t.Errorf("%d reads after there was more to count, want one", got)
	}
}
