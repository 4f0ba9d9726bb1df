package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/boostress/boostress/store/internal/db"
	"github.com/boostress/boostress/task"
)

const day = 24 * time.Hour

// The tables of task results that have partitions, with how much time each covers: what went well comes in great numbers
// and is kept for a shorter time.
func taskPartitions() map[string]time.Duration {
	return map[string]time.Duration{"task_results_done": day, "task_results_failed": 7 * day}
}

// partitionDay is how the names of partitions end: with the day at which they begin.
const partitionDay = "20060102"

// TaskResultPartitions makes the partitions of the task results from now until ahead. What results are in a rest partition
// already stays there.
func (s *Store) TaskResultPartitions(ctx context.Context, now time.Time, ahead time.Duration) error {
	for parent, covers := range taskPartitions() {
		for from := now.UTC().Truncate(covers); !from.After(now.Add(ahead)); from = from.Add(covers) {
			if err := s.taskResultPartition(ctx, parent, from, covers); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *Store) taskResultPartition(ctx context.Context, parent string, from time.Time, covers time.Duration) error {
	name := parent + "_" + from.Format(partitionDay)
	quoted := pgx.Identifier{name}.Sanitize()
	var exists bool
	if err := s.pool.QueryRow(ctx, "SELECT to_regclass($1) IS NOT NULL", name).Scan(&exists); err != nil || exists {
		return domainError("look for partition", err)
	}
	// Attaching, unlike creating in place, locks neither readers nor writers of the other partitions out.
	err := s.alter(ctx,
		fmt.Sprintf("CREATE TABLE %s (LIKE %s INCLUDING ALL)", quoted, parent),
		fmt.Sprintf("ALTER TABLE %s ATTACH PARTITION %s FOR VALUES FROM ('%s') TO ('%s')",
			parent, quoted, from.Format(time.RFC3339), from.Add(covers).Format(time.RFC3339)))
	if refusedAs(err, checkViolation) || refusedAs(err, duplicateTable) {
		return nil
	}
	return domainError("make partition "+name, err)
}

const (
	checkViolation   = "23514" // the rest partition has rows of that time
	duplicateTable   = "42P07" // somebody else was faster
	undefinedTable   = "42P01" // here, too
	lockNotAvailable = "55P03"
)

func refusedAs(err error, code string) bool {
	var refused *pgconn.PgError
	return errors.As(err, &refused) && refused.Code == code
}

const (
	// Whoever comes behind a statement that waits for a table waits, too: for no longer than this.
	alterWait  = "100ms"
	alterTries = 100
	alterPause = 150 * time.Millisecond
)

// alter changes tables in a transaction that locks them for a moment. While others read or write them for long, it steps
// back and tries again.
func (s *Store) alter(ctx context.Context, statements ...string) error {
	for try := 1; ; try++ {
		err := s.Write(ctx, func(tx *Tx) error {
			for _, statement := range append([]string{"SET LOCAL lock_timeout = '" + alterWait + "'"}, statements...) {
				if _, err := tx.tx.Exec(ctx, statement); err != nil {
					return err //nolint:wrapcheck // the caller does
				}
			}
			return nil
		})
		if !refusedAs(err, lockNotAvailable) || try == alterTries {
			return err
		}
		select {
		case <-time.After(alterPause):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Partition holds the results of runs that ended in one stretch of time.
type Partition struct {
	Name     string
	Failed   bool      // of what failed or was revoked; else of what went well
	Until    time.Time // everything in it was finished before; of those that are attached
	Attached bool      // lists see it
}

// Partitions lists the partitions of task results, the oldest first: those by time, and those that were taken out of the
// record and not dropped.
func (s *Store) Partitions(ctx context.Context) ([]Partition, error) {
	found, err := s.pool.Query(ctx, `SELECT c.relname, i.inhrelid IS NOT NULL FROM pg_class c LEFT JOIN pg_inherits i ON i.inhrelid = c.oid
		WHERE c.relkind = 'r' AND pg_table_is_visible(c.oid) AND c.relname ~ '^task_results_(done|failed)_(rest_)?[0-9]{8,}$'
		ORDER BY substring(c.relname FROM '[0-9]+$'), c.relname`)
	if err != nil {
		return nil, domainError("list partitions", err)
	}
	list, err := pgx.CollectRows(found, func(row pgx.CollectableRow) (Partition, error) {
		var p Partition
		if err := row.Scan(&p.Name, &p.Attached); err != nil {
			return p, fmt.Errorf("scan: %w", err)
		}
		if p.Failed = strings.HasPrefix(p.Name, "task_results_failed"); !p.Attached {
			return p, nil
		}
		from, err := time.Parse(partitionDay, p.Name[len(p.Name)-len(partitionDay):])
		p.Until = from.Add(taskPartitions()[p.parent()])
		return p, err //nolint:wrapcheck // a number that is no day
	})
	return list, domainError("list partitions", err)
}

func (p *Partition) parent() string { return p.Name[:len(p.Name)-len(partitionDay)-1] }

// DetachPartition takes a partition out of the record: it stays as a table that nobody sees or writes to. Writers and
// readers are held up for no longer than a tenth of a second at a time. (DETACH CONCURRENTLY holds up nobody, but is refused
// where there is a partition for the rest.)
func (s *Store) DetachPartition(ctx context.Context, p Partition) error {
	err := s.alter(ctx, fmt.Sprintf("ALTER TABLE %s DETACH PARTITION %s", p.parent(), pgx.Identifier{p.Name}.Sanitize()))
	return domainError("detach partition "+p.Name, err)
}

// DropPartition drops a partition that is detached.
func (s *Store) DropPartition(ctx context.Context, p Partition) error {
	err := s.alter(ctx, "SET LOCAL statement_timeout = 0", "DROP TABLE "+pgx.Identifier{p.Name}.Sanitize())
	if refusedAs(err, undefinedTable) {
		return nil
	}
	return domainError("drop partition "+p.Name, err)
}

// PartitionRows reads results of a detached partition by id, of all accounts, behind one.
func (s *Store) PartitionRows(ctx context.Context, p Partition, after uuid.UUID, limit int) ([]*task.Task, error) {
	return s.results(ctx, fmt.Sprintf("SELECT %s FROM %s t WHERE t.id > $1 ORDER BY t.id LIMIT $2",
		columnsOf[db.TaskResult]("t"), pgx.Identifier{p.Name}.Sanitize()), after, limit)
}

// DropRest deletes results from the partition for the rest that were finished before a time, at most limit, and returns
// how many.
func (s *Store) DropRest(ctx context.Context, failed bool, before time.Time, limit int) (int, error) {
	dropped, err := s.pool.Exec(ctx, dropRest(failed), before, limit)
	return int(dropped.RowsAffected()), domainError("delete task results", err)
}

// DetachRest moves results out of the partition for the rest as DropRest deletes them: into a table of their own, which is
// like a partition that is detached.
func (s *Store) DetachRest(ctx context.Context, failed bool, before time.Time, limit int) (p Partition, moved int, err error) {
	err = s.Write(ctx, func(tx *Tx) error {
		p = Partition{Name: fmt.Sprintf("%s_%d", restOf(failed), tx.Now.UnixMicro()), Failed: failed}
		name := pgx.Identifier{p.Name}.Sanitize()
		if _, err := tx.tx.Exec(ctx, fmt.Sprintf("CREATE TABLE %s (LIKE task_results)", name)); err != nil {
			return domainError("make table", err)
		}
		done, err := tx.tx.Exec(ctx, fmt.Sprintf("WITH moved AS (%s RETURNING *) INSERT INTO %s SELECT * FROM moved", //nolint:unqueryvet // a copy
			dropRest(failed), name), before, limit)
		moved = int(done.RowsAffected())
		return domainError("move task results", err)
	})
	return p, moved, err
}

func dropRest(failed bool) string {
	rest := restOf(failed)
	return fmt.Sprintf(`DELETE FROM %s WHERE (id, state, finished_at) IN (
		SELECT id, state, finished_at FROM %s WHERE finished_at < $1 ORDER BY id LIMIT $2)`, rest, rest)
}

func restOf(failed bool) string {
	if failed {
		return "task_results_failed_rest"
	}
	return "task_results_done_rest"
}

func (s *Store) results(ctx context.Context, query string, args ...any) ([]*task.Task, error) {
	found, err := s.pool.Query(ctx, query, args...)
	if err != nil {
		return nil, domainError("read task results", err)
	}
	list, err := pgx.CollectRows(found, pgx.RowToStructByPos[db.TaskResult])
	return column(list, func(row db.TaskResult) *task.Task {
		one := taskResultOf(row)
		return &one
	}), domainError("read task results", err)
}
