package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/boostress/boostress/store"
	"github.com/boostress/boostress/task"
)

const (
	listPage  = 20
	listCalls = 400  // of each list
	mayScan   = 1000 // rows of a partition that may be read without an index
	// A list that is slow is called less often.
	listTime = 20 * time.Second
)

var (
	errScans = errors.New("a list reads whole partitions")
	errNone  = errors.New("a list is empty")
)

// sample is a run in the record, of which lists are asked for what is like it.
type sample struct {
	ID                            uuid.UUID
	OrderID, ProviderID, WorkerID *uuid.UUID
	ScheduleID                    *uuid.UUID
	Name, TraceID, Word, Rare     string
	ErrorClass                    task.ErrorClass
	EnqueuedAt                    time.Time
	StartedAt                     time.Time
	FinishedAt                    time.Time
}

// samples are runs of each sort: what went well, what a schedule began and what failed.
type samples struct {
	account                       uuid.UUID
	dispatched, scheduled, failed []sample
}

func (r *run) samples(ctx context.Context, until time.Time) (*samples, error) {
	s := &samples{}
	if err := r.sql.QueryRow(ctx, "SELECT id FROM accounts LIMIT 1").Scan(&s.account); err != nil {
		return nil, fmt.Errorf("read account: %w", err)
	}
	for _, some := range []struct {
		of   string
		list *[]sample
	}{
		{"kind = 'DISPATCH' AND state = 'SUCCESS' AND trace_id <> ''", &s.dispatched},
		{"schedule_id IS NOT NULL AND state = 'SUCCESS' AND trace_id <> ''", &s.scheduled},
		{"state = 'FAILURE'", &s.failed},
	} {
		found, err := r.sql.Query(ctx, `SELECT id, order_id, provider_id, worker_id, schedule_id, name, trace_id,
				'kind' || (random() * 4)::int AS word, coalesce(result ->> 'batch', '') AS rare, error_class, enqueued_at, started_at, finished_at
			FROM task_results WHERE `+some.of+` AND finished_at < $1 ORDER BY md5(id::text) LIMIT 100`, until)
		if err != nil {
			return nil, fmt.Errorf("read samples: %w", err)
		}
		if *some.list, err = pgx.CollectRows(found, pgx.RowToStructByPos[sample]); err != nil {
			return nil, fmt.Errorf("read samples: %w", err)
		}
	}
	return s, nil
}

// taskList is one way to ask for task results.
type taskList struct {
	name   string
	of     func(*samples) []sample
	filter func(sample) store.TaskFilter
	sort   store.Sort
}

func taskLists() []taskList {
	dispatched := func(s *samples) []sample { return s.dispatched }
	scheduled := func(s *samples) []sample { return s.scheduled }
	failed := func(s *samples) []sample { return s.failed }
	each := func(sample) store.TaskFilter { return store.TaskFilter{} }
	newest, ever := store.Sort{Desc: true}, true
	by := func(field store.SortField) store.Sort { return store.Sort{Field: field, Desc: true} }
	hour := time.Hour
	lists := []taskList{{"all, the newest first", dispatched, each, newest}, {"all, the oldest first", dispatched, each, store.Sort{}}}
	for _, field := range []store.SortField{store.ByStarted, store.ByFinished, store.ByDuration, store.ByWaitingTime} {
		lists = append(lists, taskList{"all, by " + string(field), dispatched, each, by(field)})
	}
	type filter = store.TaskFilter
	for _, l := range []struct {
		name   string
		of     func(*samples) []sample
		filter func(sample) filter
	}{
		{"of an order", dispatched, func(s sample) filter { return filter{OrderID: s.OrderID} }},
		{"of a provider", dispatched, func(s sample) filter { return filter{ProviderID: s.ProviderID} }},
		{"of a worker", dispatched, func(s sample) filter { return filter{WorkerID: s.WorkerID} }},
		{"of a trace", dispatched, func(s sample) filter { return filter{TraceID: s.TraceID} }},
		{"of a schedule", scheduled, func(s sample) filter { return filter{ScheduleID: s.ScheduleID} }},
		{"of a name", scheduled, func(s sample) filter { return filter{Name: s.Name} }},
		{"of a rare kind", scheduled, func(sample) filter { return filter{Kinds: []task.Kind{task.KindCheckProvider}} }},
		{"of the usual kind", dispatched, func(sample) filter { return filter{Kinds: []task.Kind{task.KindDispatch}} }},
		{"of a queue", scheduled, func(sample) filter { return filter{Queue: task.QueueSystem} }},
		{"of a priority", dispatched, func(sample) filter { return filter{Priorities: []int{9}} }},
		{"begun again", dispatched, func(sample) filter { return filter{AttemptsAtLeast: 2} }},
		{"that failed", failed, func(sample) filter { return filter{States: []task.State{task.Failure}} }},
		{"that are dead", failed, func(sample) filter { return filter{Dead: &ever} }},
		{"of an error class", failed, func(s sample) filter { return filter{Classes: []task.ErrorClass{s.ErrorClass}} }},
		{"with a common word", failed, func(s sample) filter { return filter{Search: []string{s.Word}} }},
		{"with a rare word", scheduled, func(s sample) filter { return filter{Search: []string{s.Rare}} }},
		{"enqueued within an hour", dispatched, func(s sample) filter {
			return filter{EnqueuedAfter: &s.EnqueuedAt, EnqueuedBefore: later(s.EnqueuedAt, hour)}
		}},
		{"started within an hour", dispatched, func(s sample) filter {
			return filter{StartedAfter: &s.StartedAt, StartedBefore: later(s.StartedAt, hour)}
		}},
		{"finished within an hour", dispatched, func(s sample) filter {
			return filter{FinishedAfter: &s.FinishedAt, FinishedBefore: later(s.FinishedAt, hour)}
		}},
		{"of a provider, failed", failed, func(s sample) filter {
			return filter{ProviderID: s.ProviderID, States: []task.State{task.Failure}}
		}},
	} {
		lists = append(lists, taskList{l.name, l.of, l.filter, newest})
	}
	return append(lists,
		taskList{"that took long", dispatched, func(sample) filter { return filter{RanAtLeast: new(980 * time.Millisecond)} }, by(store.ByDuration)},
		taskList{"of a schedule, by FINISHED_AT", scheduled, func(s sample) filter { return filter{ScheduleID: s.ScheduleID} }, by(store.ByFinished)},
		taskList{"of an error class, by FINISHED_AT", failed, func(s sample) filter {
			return filter{Classes: []task.ErrorClass{s.ErrorClass}}
		}, by(store.ByFinished)},
	)
}

func later(at time.Time, by time.Duration) *time.Time { return new(at.Add(by)) }

// read asks for a list many times and returns the 99th percentile of what that took, in milliseconds.
func (s *samples) read(ctx context.Context, st *store.Store, l taskList) (float64, error) {
	took, rows := make([]time.Duration, 0, listCalls), 0
	of, first := l.of(s), time.Now()
	for n := range listCalls + len(of) {
		began := time.Now()
		slice, err := st.TaskList(ctx, s.account, l.filter(of[n%len(of)]), l.sort, store.Page{Size: listPage})
		if err != nil {
			return 0, fmt.Errorf("%s: %w", l.name, err)
		}
		if n >= len(of) || time.Since(first) > listTime { // the first of each is to have it in memory
			took = append(took, time.Since(began))
		}
		rows += len(slice.Items)
		if time.Since(first) > listTime && len(took) > 0 {
			break
		}
	}
	if rows == 0 {
		return 0, fmt.Errorf("%w: %s", errNone, l.name)
	}
	slices.Sort(took)
	return milliseconds(percentile(took, 99)), nil
}

// scans fails where a list's latest statement reads partitions without an index.
func (r *run) scans(ctx context.Context, name string, seen pgx.TraceQueryStartData) error {
	cost, err := r.explain(ctx, seen)
	if err != nil {
		return err
	}
	for node := range cost.Plan.all {
		read := (node.Rows + node.Removed) * node.Loops
		if node.Type == "Seq Scan" && strings.HasPrefix(node.Relation, "task_results") && read > mayScan {
			return fmt.Errorf("%w: %s: %.0f rows of %s", errScans, name, read, node.Relation)
		}
	}
	return nil
}
