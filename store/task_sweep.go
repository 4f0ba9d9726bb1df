package store

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/boostress/boostress/store/internal/db"
	"github.com/boostress/boostress/task"
)

// Marks are the times on the oldest entries of a queue's lists, by priority; zero where a list is empty. Tasks that
// were announced well before are in no list any more.
type Marks [task.MaxPriority + 1]time.Time

// far stands for the time on an empty list's oldest entry: everything was announced before.
func far() time.Time { return time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC) }

func (m Marks) columns() []time.Time {
	return column(m[:], func(at time.Time) time.Time {
		if at.IsZero() {
			return far()
		}
		return at
	})
}

// TaskAnnounce marks as announced now what is due, unclaimed and in no list, at most limit tasks, and returns what is to
// be pushed after this call. Tasks of crowded accounts are parked instead; full tells that there may be more of either.
func (s *Store) TaskAnnounce(ctx context.Context, queue task.Queue, marks Marks, limit int) (lost []task.Task, full bool, err error) {
	rows, err := s.queries.TaskAnnounce(ctx, string(queue), marks.columns(), int32(limit)) //nolint:gosec // a page
	if err != nil {
		return nil, false, domainError("announce tasks", err)
	}
	for _, row := range rows {
		if row.AnnouncedAt != nil {
			lost = append(lost, announced(queue, row.ID, row.Priority, row.AnnouncedAt))
		}
	}
	return lost, len(rows) == limit, nil
}

func announced(queue task.Queue, id uuid.UUID, priority int16, at *time.Time) task.Task {
	return task.Task{ID: id, Queue: queue, Priority: int(priority), AnnouncedAt: utc(at)}
}

// fewParked is which part of what an account may have in the lists counts as few.
const fewParked = 10

// TaskCrowd finds the accounts that have enough tasks of a queue waiting in the lists: from now on, further ones are
// parked. An account that has fewer, and few parked, is crowded no more. It reports whether any account is.
func (s *Store) TaskCrowd(ctx context.Context, queue task.Queue, marks Marks, enough int) (crowded bool, err error) {
	err = s.WriteRelaxed(ctx, func(tx *Tx) error {
		few := int32(max(enough/fewParked, 1)) //nolint:gosec // a count
		if err := tx.queries.TaskUncrowd(ctx, string(queue), few); err != nil {
			return domainError("uncrowd tasks", err)
		}
		err := tx.queries.TaskCrowd(ctx, string(queue), marks.columns(), int32(enough)) //nolint:gosec // a count
		if err != nil {
			return domainError("crowd tasks", err)
		}
		count, err := tx.queries.TaskCrowds(ctx, string(queue))
		crowded = count > 0
		return domainError("count crowded accounts", err)
	})
	return crowded, err
}

// taskUnpark steps from account to account over the index of parked tasks, and takes from each in turn. It is a
// transaction of its own that commits asynchronously.
const taskUnpark = `
WITH RECURSIVE accounts AS (
    (SELECT account_id FROM tasks WHERE queue = $1 AND parked ORDER BY account_id LIMIT 1)
    UNION ALL
    SELECT (SELECT t.account_id FROM tasks t
            WHERE t.queue = $1 AND t.parked AND t.account_id > a.account_id ORDER BY t.account_id LIMIT 1)
    FROM accounts a WHERE a.account_id IS NOT NULL
), waiting AS (
    SELECT account_id, count(*) AS count FROM tasks
    WHERE queue = $1 AND NOT parked AND due_at <= now() AND claim_token IS NULL
      AND announced_at >= LEAST(now(), ($2::timestamptz[])[priority + 1]) - interval '2 seconds'
    GROUP BY account_id
), room AS (
    SELECT a.account_id, GREATEST($3::int - coalesce(w.count, 0), 0) AS count
    FROM accounts a LEFT JOIN waiting w ON w.account_id = a.account_id WHERE a.account_id IS NOT NULL
), next AS (
    SELECT p.id, p.turn FROM room r CROSS JOIN LATERAL (
        SELECT x.id, row_number() OVER (ORDER BY x.priority DESC, x.due_at, x.id) AS turn FROM (
            SELECT t.id, t.priority, t.due_at FROM tasks t
            WHERE t.queue = $1 AND t.account_id = r.account_id AND t.parked AND t.priority <= $5
            ORDER BY t.priority DESC, t.due_at, t.id
            LIMIT LEAST(r.count, 1 + $4::int / (SELECT count(*) FROM room)) FOR UPDATE SKIP LOCKED) x) p
    ORDER BY p.turn, p.id LIMIT $4::int
)
UPDATE tasks t SET announced_at = now(), parked = false
FROM next, (SELECT set_config('synchronous_commit', 'off', true)) relaxed WHERE t.id = next.id
RETURNING t.id, t.priority, t.announced_at, next.turn`

// TaskUnpark announces parked tasks of a priority or a lower one, account by account in turn, at most limit tasks, until
// each account has enough waiting in the lists. It returns, in turn, what is to be pushed after this call.
func (s *Store) TaskUnpark(ctx context.Context, queue task.Queue, marks Marks, priority, enough, limit int) ([]task.Task, error) {
	type parked struct {
		task.Task

		turn int64
	}
	rows, err := s.pool.Query(ctx, taskUnpark, string(queue), marks.columns(), enough, limit, priority)
	if err != nil {
		return nil, domainError("unpark tasks", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (parked, error) {
		var id uuid.UUID
		var priority int16
		var at time.Time
		var turn int64
		if err := row.Scan(&id, &priority, &at, &turn); err != nil {
			return parked{}, fmt.Errorf("scan: %w", err)
		}
		return parked{announced(queue, id, priority, &at), turn}, nil
	})
	slices.SortFunc(list, func(a, b parked) int { return cmp.Compare(a.turn, b.turn) })
	return column(list, func(p parked) task.Task { return p.Task }), domainError("unpark tasks", err)
}

// QueueDepth is how much of a queue there is at one moment.
type QueueDepth struct {
	Queue   task.Queue
	Waiting int           // due and unclaimed
	Running int           // claimed
	Delayed int           // not due yet
	Oldest  time.Duration // since the oldest waiting one was due
}

// QueueDepths counts every queue that has tasks. It reads every task: ask seldom.
func (s *Store) QueueDepths(ctx context.Context) ([]QueueDepth, error) {
	rows, err := s.queries.TaskCount(ctx)
	return column(rows, func(row db.TaskCountRow) QueueDepth {
		return QueueDepth{
			Queue: task.Queue(row.Queue), Waiting: int(row.Waiting), Running: int(row.Running), Delayed: int(row.Delayed),
			Oldest: time.Duration(row.OldestSeconds * float64(time.Second)),
		}
	}), domainError("count tasks", err)
}
