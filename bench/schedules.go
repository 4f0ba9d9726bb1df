package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/boostress/boostress/fulfillment"
	"github.com/boostress/boostress/store"
	"github.com/boostress/boostress/worker"
)

const (
	dueSchedules   = 10   // of the many that are looked at
	firingsASecond = 1000 // of the run that measures lateness
)

// schedules measures what it costs to look at many schedules of which few are due, and how late slots fire at a steady
// rate. The scheduler runs in this process then, so that its statements and the moments of its commits can be told; the
// queue is paused, so that no worker takes what fires.
func (r *run) schedules(ctx context.Context) error {
	if err := r.system.stop("scheduler"); err != nil {
		return err
	}
	if _, err := r.sql.Exec(ctx, "INSERT INTO paused_queues (queue) VALUES ('system')"); err != nil {
		return fmt.Errorf("pause queue: %w", err)
	}
	spy := &spy{}
	st, err := store.Open(ctx, r.system.stack.DatabaseURL, store.Options{Tracer: spy})
	if err != nil {
		return fmt.Errorf("open store: %w", err)
	}
	defer st.Close()
	for _, count := range []int{1000, 100_000} {
		if err := r.looks(ctx, st, spy, count); err != nil {
			return err
		}
	}
	if err := r.firings(ctx, st, spy); err != nil {
		return err
	}
	_, err = r.sql.Exec(ctx, `WITH s AS (DELETE FROM schedules WHERE name LIKE 'bench-%' RETURNING id)
		DELETE FROM tasks WHERE schedule_id IN (SELECT id FROM s)`)
	if err != nil {
		return fmt.Errorf("remove schedules: %w", err)
	}
	return nil
}

// stop ends one of the processes, where it runs.
func (s *system) stop(name string) error {
	at := slices.IndexFunc(s.parts, func(p *part) bool { return p.name == name })
	if at < 0 {
		return nil
	}
	p := s.parts[at]
	s.parts = slices.Delete(s.parts, at, at+1)
	if err := errors.Join(p.cmd.Process.Signal(syscall.SIGTERM), p.cmd.Wait(), p.log.Close()); err != nil {
		return fmt.Errorf("stop %s: %w", name, err)
	}
	return nil
}

// make adds schedules that fire every so many milliseconds, from a moment on that is set for each.
func (r *run) make(ctx context.Context, count, everyMS int, first string) error {
	_, err := r.sql.Exec(ctx, `INSERT INTO schedules (id, created_at, account_id, updated_at, name, rule, every_ms, task_kind, overlap,
			misfire, starts_at, next_at)
		SELECT gen_random_uuid(), now(), a.id, now(), 'bench-' || $2::int || '-' || (SELECT count(*) FROM schedules) || '-' || n, 'INTERVAL', $2,
			'RETENTION', 'ALLOW', 'RUN_ONCE', f.at, f.at
		FROM (SELECT id FROM accounts LIMIT 1) a, generate_series(1, $1::int) n, LATERAL (SELECT `+first+` AS at) f`, count, everyMS)
	if err == nil {
		_, err = r.sql.Exec(ctx, "VACUUM ANALYZE schedules")
	}
	if err != nil {
		return fmt.Errorf("make schedules: %w", err)
	}
	return nil
}

// looks measures a scheduler's two reads while few of many schedules are due.
func (r *run) looks(ctx context.Context, st *store.Store, spy *spy, count int) error {
	if err := r.make(ctx, count-dueSchedules, 3_600_000, "now() + interval '1 hour' * (1 + random())"); err != nil {
		return err
	}
	if err := r.make(ctx, dueSchedules, 3_600_001, "now()"); err != nil {
		return err
	}
	if _, _, err := st.ScheduleWait(ctx, nil); err != nil {
		return fmt.Errorf("look: %w", err)
	}
	err := st.WriteBrief(ctx, func(tx *store.Tx) error {
		_, err := tx.ScheduleDue(ctx, dueSchedules, nil)
		return err
	})
	if err != nil {
		return fmt.Errorf("look: %w", err)
	}
	for _, statement := range []struct{ query, name string }{{"ScheduleWait", "is any due"}, {"ScheduleDue", "lock those due"}} {
		cost, err := r.explain(ctx, spy.seen(statement.query))
		if err != nil {
			return err
		}
		name := fmt.Sprintf("%d schedules, %d due: %s", count, dueSchedules, statement.name)
		r.table.add(name, "ms", "", cost.Time)
		r.table.add(name+": buffers", "", "", float64(cost.Plan.Hit+cost.Plan.Read))
		r.table.add(name+": rows", "", "", cost.Plan.Rows)
	}
	if _, err := r.sql.Exec(ctx, "DELETE FROM schedules WHERE name LIKE 'bench-%'"); err != nil {
		return fmt.Errorf("remove schedules: %w", err)
	}
	return nil
}

type cost struct {
	Plan node
	Time float64 `json:"Execution Time"`
}

// node is a step of a plan.
type node struct {
	Type     string  `json:"Node Type"`
	Relation string  `json:"Relation Name"`
	Rows     float64 `json:"Actual Rows"` // of a loop
	Removed  float64 `json:"Rows Removed by Filter"`
	Loops    float64 `json:"Actual Loops"`
	Hit      int     `json:"Shared Hit Blocks"`
	Read     int     `json:"Shared Read Blocks"`
	Plans    []node
}

// all yields the step and those below it.
func (n *node) all(yield func(*node) bool) {
	n.walk(yield)
}

func (n *node) walk(yield func(*node) bool) bool {
	if !yield(n) {
		return false
	}
	for i := range n.Plans {
		if !n.Plans[i].walk(yield) {
			return false
		}
	}
	return true
}

// explain runs a statement once more, and tells what it cost; of five times the middle one.
func (r *run) explain(ctx context.Context, seen pgx.TraceQueryStartData) (cost, error) {
	var all []cost
	for range 5 {
		var costs []cost
		err := r.sql.QueryRow(ctx, "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) "+seen.SQL, seen.Args...).Scan(&costs)
		if err != nil {
			return cost{}, fmt.Errorf("explain: %w", err)
		}
		all = append(all, costs[0])
	}
	slices.SortFunc(all, func(a, b cost) int { return int(1000 * (a.Time - b.Time)) })
	return all[len(all)/2], nil
}

// firings measures from each slot to the commit by which it fired.
func (r *run) firings(ctx context.Context, st *store.Store, spy *spy) error {
	if err := r.make(ctx, firingsASecond, 1000, "date_trunc('second', now()) + interval '2 seconds' + interval '1 millisecond' * n"); err != nil {
		return err
	}
	var mu sync.Mutex
	var late []time.Duration
	scheduler := worker.NewScheduler(worker.SchedulerOptions{
		Store: worker.Schedules(st), AfterCommit: func(c fulfillment.Committed) {
			now := time.Now()
			mu.Lock()
			defer mu.Unlock()
			for i := range c.Tasks {
				late = append(late, now.Sub(c.Tasks[i].DueAt))
			}
		},
	})
	before := spy.count.Load()
	running, stop := context.WithTimeout(ctx, time.Duration(r.system.options.Firings)*time.Second)
	defer stop()
	if err := scheduler.Run(running); err != nil {
		return fmt.Errorf("fire: %w", err)
	}
	slices.Sort(late)
	name := fmt.Sprintf("slot → commit at %d firings/s", firingsASecond)
	r.table.add(name+", p50", "ms", "", milliseconds(percentile(late, 50)))
	r.table.add(name+", p99", "ms", "≤ 250", milliseconds(percentile(late, 99)))
	r.table.add("  fired", "1/s", "", float64(len(late))/float64(r.system.options.Firings-2))
	r.table.add("  statements per firing", "", "", float64(spy.count.Load()-before)/float64(max(1, len(late))))
	return nil
}

// unnamed is what a spy has statements under that have no name.
const unnamed = ""

// spy remembers statements by their names, and counts them.
type spy struct {
	count atomic.Int64
	mu    sync.Mutex
	last  map[string]pgx.TraceQueryStartData
}

// TraceQueryStart remembers a statement.
func (s *spy) TraceQueryStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceQueryStartData) context.Context {
	s.count.Add(1)
	name, named := strings.CutPrefix(data.SQL, "-- name: ")
	if name, _, _ = strings.Cut(name, " "); !named {
		name = unnamed
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.last == nil {
		s.last = map[string]pgx.TraceQueryStartData{}
	}
	s.last[name] = data
	return ctx
}

// TraceQueryEnd does nothing.
func (*spy) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// seen returns the latest statement of a name, with its arguments as this program's own connection sends them.
func (s *spy) seen(name string) pgx.TraceQueryStartData {
	s.mu.Lock()
	defer s.mu.Unlock()
	data := s.last[name]
	args := slices.Clone(data.Args)
	for i, arg := range args {
		if ids, ok := arg.([]uuid.UUID); ok {
			texts := make([]string, len(ids))
			for n, id := range ids {
				texts[n] = id.String()
			}
			args[i] = texts
		}
	}
	data.Args = args
	return data
}
