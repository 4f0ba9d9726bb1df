package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/boostress/boostress/store"
)

const (
	fewResults   = 10_000
	resultDays   = 14 // partitions of what went well; of what failed there are two
	listPatience = time.Minute
)

// results measures every list of task results while there are few and while there are many of them, all of one account,
// and looks at how the database reads them.
func (r *run) results(ctx context.Context) error {
	if r.system.options.Results == 0 {
		return nil
	}
	for _, part := range []string{"worker", "scheduler"} {
		if err := r.system.stop(part); err != nil {
			return err
		}
	}
	spy := &spy{}
	st, err := store.Open(ctx, r.system.stack.DatabaseURL, store.Options{Tracer: spy, Statement: listPatience})
	if err != nil {
		return fmt.Errorf("open store: %w", err)
	}
	defer st.Close()
	few := map[string]float64{}
	for _, count := range []int{fewResults, r.system.options.Results} {
		if err := r.listsOf(ctx, st, spy, count, few); err != nil {
			return err
		}
	}
	return nil
}

// listsOf makes results, reads all their lists and removes them again. What the lists took with few of them is the
// measure of what they take with many.
func (r *run) listsOf(ctx context.Context, st *store.Store, spy *spy, count int, few map[string]float64) error {
	until := time.Now().UTC().Truncate(7 * 24 * time.Hour) // the partitions in use begin later
	if err := r.makeResults(ctx, st, count, until); err != nil {
		return err
	}
	asked, err := r.samples(ctx, until)
	if err != nil {
		return err
	}
	for _, l := range taskLists() {
		p99, err := asked.read(ctx, st, l)
		if err != nil {
			return err
		}
		if err := r.scans(ctx, l.name, spy.seen(unnamed)); err != nil {
			return err
		}
		if count == fewResults {
			few[l.name] = p99
			continue
		}
		r.table.add(fmt.Sprintf("list of %d results: %s, p99", count, l.name), "ms", fmt.Sprintf("≤ %.3g", 1.5*few[l.name]), p99)
	}
	return dropResults(ctx, st, until)
}

// makeResults makes the results of as many runs in the two weeks before, as they come: most of them dispatches that went
// well, of one order each.
func (r *run) makeResults(ctx context.Context, st *store.Store, count int, until time.Time) error {
	began, from := time.Now(), until.AddDate(0, 0, -resultDays)
	if err := st.TaskResultPartitions(ctx, from, resultDays*24*time.Hour-time.Second); err != nil {
		return fmt.Errorf("make partitions: %w", err)
	}
	for _, statement := range []string{"SET synchronous_commit = off", "SET statement_timeout = 0"} {
		if _, err := r.sql.Exec(ctx, statement); err != nil {
			return fmt.Errorf("make results: %w", err)
		}
	}
	const parts = 20 // so that each is a transaction that the log has room for
	for part := range parts {
		_, err := r.sql.Exec(ctx, `INSERT INTO task_results (id, account_id, kind, name, queue, priority, state, dead, result, error,
				error_class, order_id, provider_id, schedule_id, worker_id, trace_id, attempt, max_attempts, due_at, enqueued_at,
				started_at, finished_at)
			SELECT id, (SELECT id FROM accounts LIMIT 1), CASE WHEN rare THEN 'CHECK_PROVIDER' ELSE 'DISPATCH' END,
				CASE WHEN rare THEN 'nightly-' || n / 20 % 5 ELSE '' END, CASE WHEN rare THEN 'system' ELSE 'dispatch' END,
				CASE WHEN n % 100 = 4 THEN 9 ELSE 0 END, CASE WHEN failed THEN 'FAILURE' WHEN n % 100 = 3 THEN 'REVOKED' ELSE 'SUCCESS' END,
				failed, CASE WHEN rare THEN jsonb_build_object('read', n % 100, 'note', 'word' || n / 20 % 10,
					'batch', left(md5('batch' || n / 500), 12)) END,
				CASE WHEN failed THEN 'the provider said: no paper of kind kind' || n / 50 % 5 ELSE '' END,
				CASE WHEN failed THEN (ARRAY['TIMEOUT', 'PROVIDER', 'CONNECTION', 'INPUT'])[1 + n / 50 % 4] ELSE '' END,
				CASE WHEN NOT rare THEN overlay(id::text PLACING 'a' FROM 20)::uuid END,
				md5('provider' || n % 40)::uuid, CASE WHEN rare THEN md5('schedule' || n / 20 % 5)::uuid END, md5('worker' || n % 8)::uuid,
				CASE WHEN n % 10 = 0 THEN md5('trace' || n) ELSE '' END, CASE WHEN n % 40 = 5 THEN 2 + n % 3 ELSE 1 END, 25, at - interval '1 ms', at,
				at + interval '1 ms' * (n % 97), at + interval '1 ms' * (n % 97) + interval '1 ms' * (n % 997)
			FROM (SELECT n, $1::timestamptz + interval '14 days' * (n::float / $2) AS at, md5(n::text) AS h, n % 20 = 0 AS rare, n % 50 = 1 AS failed
				FROM generate_series($3::bigint, $4::bigint - 1) n) made,
			LATERAL (SELECT (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '7' || left(h, 3) || '8' || right(h, 15))::uuid
				AS id) minted`, from, count, count/parts*part, count/parts*(part+1))
		if err != nil {
			return fmt.Errorf("make results: %w", err)
		}
	}
	if _, err := r.sql.Exec(ctx, "VACUUM (ANALYZE, FREEZE) task_results"); err != nil {
		return fmt.Errorf("make results: %w", err)
	}
	fmt.Fprintf(os.Stderr, "made %d task results in %s\n", count, time.Since(began).Round(time.Second))
	return nil
}

func dropResults(ctx context.Context, st *store.Store, until time.Time) error {
	partitions, err := st.Partitions(ctx)
	if err != nil {
		return fmt.Errorf("drop results: %w", err)
	}
	for _, p := range partitions {
		if p.Until.After(until) {
			continue
		}
		if err := errors.Join(st.DetachPartition(ctx, p), st.DropPartition(ctx, p)); err != nil {
			return fmt.Errorf("drop results: %w", err)
		}
	}
	return nil
}
