package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/boostress/boostress/store/internal/db"
	"github.com/boostress/boostress/task"
)

// clocksApart is how far the database's clock, which the ids of tasks are made by, may jump when another host takes over.
const clocksApart = 15 * time.Second

var errMarks = errors.New("another number of marks than there are steps")

// RollupBound returns until when nothing more can be finished, for no transaction that began before is still running; and
// the database's time. It is a statement of its own: what it sees must be older than what is read after it.
func (s *Store) RollupBound(ctx context.Context) (bound, now time.Time, err error) {
	row, err := s.queries.RollupBound(ctx)
	return row.Bound.UTC(), row.Now.UTC(), domainError("find what is over", err)
}

// RollUp counts, for one of task.Steps, what is over and not counted yet, as many stretches as are made at a time: the
// first step from the record of runs until bound, and every other one from the step before it. It returns until when all
// is counted, and whether there may be more to count. Each stretch is counted once, however many do it and wherever they
// are ended.
func (s *Store) RollUp(ctx context.Context, step int, bound time.Time) (until time.Time, more bool, err error) {
	steps := task.Steps()
	this := steps[step]
	err = s.WriteRelaxed(ctx, func(tx *Tx) error {
		begins, err := tx.queries.RollupMark(ctx, secondsOf(this))
		if err != nil {
			return domainError("lock rollups", err)
		}
		if step > 0 {
			if bound, err = tx.queries.RollupMark(ctx, secondsOf(steps[step-1])); err != nil {
				return domainError("lock rollups", err)
			}
		}
		begins, bound = begins.UTC(), bound.UTC().Truncate(this.Length)
		until = begins.Add(time.Duration(this.Most) * this.Length)
		if more = until.Before(bound); !more {
			until = bound
		}
		if !until.After(begins) {
			until = begins
			return nil
		}
		return tx.rollUp(ctx, step, begins, until)
	})
	return until, more, err
}

func secondsOf(step task.Step) int32 { return small(int(step.Length / time.Second)) }

// rollUp makes the stretches of a step between two times.
func (t *Tx) rollUp(ctx context.Context, step int, begins, ends time.Time) error {
	steps := task.Steps()
	sums := make(sums)
	if step == 0 {
		if err := t.sumRecord(ctx, sums, begins, ends); err != nil {
			return err
		}
	} else {
		finer, err := t.queries.RollupList(ctx, secondsOf(steps[step-1]), begins, ends)
		if err != nil {
			return domainError("read rollups", err)
		}
		for _, row := range finer {
			r := rollupOf(row)
			r.BeganAt = r.BeganAt.Truncate(steps[step].Length)
			sum := sums.of(r.RollupKey)
			sum.count += r.Count
			sum.waiting.AddPairs(r.Waiting)
			sum.running.AddPairs(r.Running)
		}
	}
	if err := t.insertRollups(ctx, secondsOf(steps[step]), sums); err != nil {
		return err
	}
	return domainError("mark rollups", t.queries.RollupAdvance(ctx, secondsOf(steps[step]), ends))
}

// sums are rollups that are being counted.
type sums map[task.RollupKey]*sum

type sum struct {
	count            int64
	waiting, running task.Histogram
}

func (s sums) of(key task.RollupKey) *sum {
	found := s[key]
	if found == nil {
		found = new(sum)
		s[key] = found
	}
	return found
}

// sumRecord counts what came in and what was finished between two times.
func (t *Tx) sumRecord(ctx context.Context, sums sums, begins, ends time.Time) error {
	finished, err := t.queries.RollupFinished(ctx, begins, ends)
	if err != nil {
		return domainError("count finished tasks", err)
	}
	for _, row := range finished {
		sum := sums.of(task.RollupKey{
			AccountID: row.AccountID, BeganAt: row.BeganAt.UTC(), Queue: task.Queue(row.Queue), Kind: task.Kind(row.Kind),
			ProviderID: row.ProviderID, State: task.State(row.State), ErrorClass: task.ErrorClass(row.ErrorClass),
		})
		const waiting, running = 1, 2
		switch {
		case row.Part == waiting && row.Bucket >= 0:
			sum.waiting.Add(int(row.Bucket), row.Count)
		case row.Part == running && row.Bucket >= 0:
			sum.running.Add(int(row.Bucket), row.Count)
		case row.Part > running:
			sum.count = row.Count
		}
	}
	lowest, highest := lowestID(begins.Add(-clocksApart)), lowestID(ends.Add(clocksApart))
	enqueued, err := t.queries.RollupEnqueued(ctx, lowest, highest, begins, ends)
	if err != nil {
		return domainError("count enqueued tasks", err)
	}
	for _, row := range enqueued {
		sums.of(task.RollupKey{
			AccountID: row.AccountID, BeganAt: row.BeganAt.UTC(), Queue: task.Queue(row.Queue), Kind: task.Kind(row.Kind),
			ProviderID: row.ProviderID,
		}).count = row.Count
	}
	return nil
}

func (t *Tx) insertRollups(ctx context.Context, step int32, sums sums) error {
	rows := make([][]any, 0, len(sums))
	for key, sum := range sums {
		rows = append(rows, []any{
			step, key.AccountID, key.BeganAt, string(key.Queue), string(key.Kind), key.ProviderID, string(key.State),
			string(key.ErrorClass), sum.count, sum.waiting.Pairs(), sum.running.Pairs(),
		})
	}
	_, err := t.tx.CopyFrom(ctx, pgx.Identifier{"task_rollups"}, []string{
		"step", "account_id", "began_at", "queue", "kind", "provider_id", "state", "error_class", "count", "waiting", "running",
	}, pgx.CopyFromRows(rows))
	return domainError("insert rollups", err)
}

func rollupOf(row db.TaskRollup) task.Rollup {
	return task.Rollup{
		RollupKey: task.RollupKey{
			AccountID: row.AccountID, BeganAt: row.BeganAt.UTC(), Queue: task.Queue(row.Queue), Kind: task.Kind(row.Kind),
			ProviderID: row.ProviderID, State: task.State(row.State), ErrorClass: task.ErrorClass(row.ErrorClass),
		},
		Count: row.Count, Waiting: row.Waiting, Running: row.Running,
	}
}

// RollupMarks returns until when all is counted, by step.
func (s *Store) RollupMarks(ctx context.Context) ([]time.Time, error) {
	list, err := s.queries.RollupMarks(ctx)
	if err == nil && len(list) != len(task.Steps()) {
		err = fmt.Errorf("%w: %d", errMarks, len(list))
	}
	return column(list, func(row db.RollupMark) time.Time { return row.Until.UTC() }), domainError("read marks of rollups", err)
}

// ForgetRollups drops what is past its keep, up to 10,000 of a step in one statement.
func (s *Store) ForgetRollups(ctx context.Context) error {
	marks, err := s.RollupMarks(ctx)
	if err != nil {
		return err
	}
	for i, step := range task.Steps() {
		before := marks[i].Add(-step.Keep)
		if i+1 < len(marks) && marks[i+1].Before(before) {
			before = marks[i+1]
		}
		for {
			dropped, err := s.queries.RollupForget(ctx, secondsOf(step), before)
			if err != nil {
				return domainError("forget rollups", err)
			}
			if dropped == 0 {
				break
			}
		}
	}
	return nil
}

// TaskStatistics tells what an account's tasks came to over a window; marks are those of RollupMarks.
func (s *Store) TaskStatistics(
	ctx context.Context, accountID uuid.UUID, window task.Window, marks []time.Time,
) (*task.Statistics, error) {
	pieces := window.Pieces(marks)
	list, err := s.queries.RollupOfAccount(ctx,
		column(pieces, func(p task.Piece) int32 { return secondsOf(p.Step) }),
		column(pieces, func(p task.Piece) time.Time { return p.From }),
		column(pieces, func(p task.Piece) time.Time { return p.Until }), accountID)
	if err != nil {
		return nil, domainError("read rollups", err)
	}
	statistics := task.NewStatistics(window, marks[0])
	for _, row := range list {
		statistics.Add(new(rollupOf(row)))
	}
	return statistics, nil
}
