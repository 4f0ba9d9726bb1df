package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/jackc/pgx/v5"
)

// row is one line of the table.
type row struct {
	name, unit string
	goal       string
	values     []float64 // one for each round
}

type table struct {
	rows []*row
}

func (t *table) add(name, unit, goal string, value float64) {
	for _, r := range t.rows {
		if r.name == name {
			r.values = append(r.values, value)
			return
		}
	}
	t.rows = append(t.rows, &row{name: name, unit: unit, goal: goal, values: []float64{value}})
}

// latest returns the last round's value of a row; 0: there is none.
func (t *table) latest(name string) float64 {
	for _, r := range t.rows {
		if r.name == name {
			return r.values[len(r.values)-1]
		}
	}
	return 0
}

func (t *table) print(out io.Writer, rounds int) error {
	fmt.Fprintf(out, "\n%d cores, %s, medians of %d round(s)\n\n", runtime.NumCPU(), runtime.Version(), rounds)
	writer := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(writer, "measured\tvalue\tunit\tgoal\t")
	for _, r := range t.rows {
		slices.Sort(r.values)
		fmt.Fprintf(writer, "%s\t%.4g\t%s\t%s\t\n", r.name, r.values[len(r.values)/2], r.unit, r.goal)
	}
	if err := writer.Flush(); err != nil {
		return fmt.Errorf("print: %w", err)
	}
	return nil
}

// run is one round's parts.
type run struct {
	system *system
	load   *load
	sql    *pgx.Conn
	table  *table
}

func measure(ctx context.Context, o options) error {
	var results table
	for round := range o.Rounds {
		fmt.Fprintf(os.Stderr, "round %d of %d\n", round+1, o.Rounds)
		if err := measureRound(ctx, o, &results); err != nil {
			return err
		}
	}
	return results.print(os.Stdout, o.Rounds)
}

func measureRound(ctx context.Context, o options, results *table) (err error) {
	s, err := startSystem(ctx, o)
	if s != nil {
		defer func() { err = errors.Join(err, s.close(context.WithoutCancel(ctx))) }()
	}
	if err != nil {
		return err
	}
	sql, err := pgx.Connect(ctx, s.stack.DatabaseURL)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer func() { err = errors.Join(err, sql.Close(context.WithoutCancel(ctx))) }()
	client, err := s.prepare(ctx)
	if err != nil {
		return err
	}
	r := &run{system: s, load: &load{client: client}, sql: sql, table: results}
	for _, step := range []struct {
		name string
		run  func(context.Context) error
	}{
		{"floors", r.floors},
		{"warm up", r.warmUp},
		{"batches", r.batches},
		{"singles", r.singles},
		{"latency", r.latency},
		{"live", r.live},
		{"peers", r.peers},
		{"schedules", r.schedules},
		{"results", r.results},
	} {
		if o.Only != "" && step.name != o.Only && step.name != "warm up" {
			continue
		}
		if err := step.run(ctx); err != nil {
			return err
		}
	}
	return r.check(ctx)
}

func (r *run) warmUp(ctx context.Context) error {
	if err := repeat(ctx, 20, 4, func(ctx context.Context) error { return r.load.createBatch(ctx, 50) }); err != nil {
		return err
	}
	return r.settle(ctx)
}

// batchClients is how many createOrders are on their way at a time.
const (
	batchClients = 4
	batchSize    = 100
	batchesName  = "orders/s, createOrders of 100 → FULFILLED"
)

func (r *run) batches(ctx context.Context) error {
	count := r.system.options.Batches
	return r.throughput(ctx, batchesName, "≥ 6,700", func() error {
		return repeat(ctx, count, batchClients, func(ctx context.Context) error { return r.load.createBatch(ctx, batchSize) })
	})
}

func (r *run) singles(ctx context.Context) error {
	o := r.system.options
	return r.throughput(ctx, fmt.Sprintf("orders/s, createOrder × %d → FULFILLED", o.Clients), "≥ 2,500", func() error {
		return repeat(ctx, o.Singles, o.Clients, r.load.createSingle)
	})
}

// throughput measures from the first order's creation to the last one's end, both as the database knows them, and how
// many log flushes each fulfillment cost.
func (r *run) throughput(ctx context.Context, name, goal string, place func() error) error {
	var begun time.Time
	var flushed, flushes int64
	if err := r.sql.QueryRow(ctx, "SELECT now(), wal_sync FROM pg_stat_wal").Scan(&begun, &flushed); err != nil {
		return fmt.Errorf("read clock: %w", err)
	}
	used := r.processor(ctx)
	if err := place(); err != nil {
		return err
	}
	var accepted float64
	if err := r.sql.QueryRow(ctx, "SELECT extract(epoch FROM now() - $1)", begun).Scan(&accepted); err != nil {
		return fmt.Errorf("read clock: %w", err)
	}
	if err := r.settle(ctx); err != nil {
		return err
	}
	var count int64
	var seconds float64
	err := r.sql.QueryRow(ctx, `SELECT count(*), extract(epoch FROM max(finished_at) - $1), (SELECT wal_sync FROM pg_stat_wal)
		FROM orders WHERE created_at >= $1 AND status = 'FULFILLED'`, begun).Scan(&count, &seconds, &flushes)
	if err != nil {
		return fmt.Errorf("count orders: %w", err)
	}
	r.table.add(name, "1/s", goal, float64(count)/seconds)
	r.table.add(name+": accepted", "1/s", "", float64(count)/accepted)
	var tasks int64
	err = r.sql.QueryRow(ctx, "SELECT count(*) FROM task_results WHERE enqueued_at >= $1 AND state = 'SUCCESS'", begun).Scan(&tasks)
	if err != nil {
		return fmt.Errorf("count tasks: %w", err)
	}
	r.table.add(name+": tasks run", "1/s", "≥ 10,000", float64(tasks)/seconds)
	r.table.add(name+": log flushes per order", "", "", float64(flushes-flushed)/float64(count))
	r.count(ctx, name, used, count)
	return nil
}

// settle waits until every order has ended.
func (r *run) settle(ctx context.Context) error {
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		var open int
		if err := r.sql.QueryRow(ctx, "SELECT count(*) FROM tasks WHERE kind = 'DISPATCH'").Scan(&open); err != nil {
			return fmt.Errorf("count tasks: %w", err)
		}
		if open == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("settle: %w", ctx.Err())
		case <-tick.C:
		}
	}
}

// latency measures how long a task waits for its worker at a steady rate.
func (r *run) latency(ctx context.Context) error {
	o := r.system.options
	var begun time.Time
	if err := r.sql.QueryRow(ctx, "SELECT now()").Scan(&begun); err != nil {
		return fmt.Errorf("read clock: %w", err)
	}
	err := pace(ctx, time.Second/time.Duration(o.Rate), time.Duration(o.Seconds)*time.Second, r.load.createSingle)
	if err := errors.Join(err, r.settle(ctx)); err != nil {
		return err
	}
	var p50, p99 float64
	err = r.sql.QueryRow(ctx, `SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY waited),
			percentile_cont(0.99) WITHIN GROUP (ORDER BY waited)
		FROM (SELECT extract(epoch FROM started_at - enqueued_at) * 1000 AS waited FROM task_results
			WHERE enqueued_at >= $1 AND kind = 'DISPATCH') w`, begun).Scan(&p50, &p99)
	if err != nil {
		return fmt.Errorf("read waits: %w", err)
	}
	r.table.add(fmt.Sprintf("enqueue → start at %d/s, p50", o.Rate), "ms", "≤ 1", p50)
	r.table.add(fmt.Sprintf("enqueue → start at %d/s, p99", o.Rate), "ms", "≤ 2", p99)
	return nil
}

// Each order of the live run has three events: placed, submitting, fulfilled.
const (
	eventsPerSecond = 1000
	eventsPerOrder  = 3
	liveBatch       = 10
)

// live measures from an event's transaction (its start: the commit comes later) to a subscriber that has it.
func (r *run) live(ctx context.Context) error {
	w, err := r.load.watch(ctx)
	if err != nil {
		return err
	}
	interval := time.Second * liveBatch * eventsPerOrder / eventsPerSecond
	err = pace(ctx, interval, time.Duration(r.system.options.Seconds)*time.Second, func(ctx context.Context) error {
		return r.load.createBatch(ctx, liveBatch)
	})
	err = errors.Join(err, r.settle(ctx))
	delays, closing := w.end()
	if err := errors.Join(err, closing); err != nil {
		return err
	}
	r.table.add("transaction → subscriber at 1,000 events/s, p50", "ms", "", milliseconds(percentile(delays, 50)))
	r.table.add("transaction → subscriber at 1,000 events/s, p99", "ms", "≤ 10", milliseconds(percentile(delays, 99)))
	r.table.add("  events received", "", "", float64(len(delays)))
	return nil
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

var errUnfinished = errors.New("orders did not end as FULFILLED")

// check fails when an order of the run ended otherwise: the figures would be of something else.
func (r *run) check(ctx context.Context) error {
	var all, fulfilled int
	err := r.sql.QueryRow(ctx, "SELECT count(*), count(*) FILTER (WHERE status = 'FULFILLED') FROM orders").Scan(&all, &fulfilled)
	if err != nil {
		return fmt.Errorf("count orders: %w", err)
	}
	if all == 0 || fulfilled != all {
		return fmt.Errorf("%w: %d of %d did", errUnfinished, fulfilled, all)
	}
	return nil
}
