package store

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/boostress/boostress/internal/failpoint"
	"github.com/boostress/boostress/store/internal/db"
	"github.com/boostress/boostress/task"
)

// TaskClaim claims those of the tasks that are due and unclaimed for a worker whose heartbeat is younger than term, puts
// a fresh token on each, and returns them by priority. A crash of the database may undo it: nothing may be sent before
// something durable follows.
func (s *Store) TaskClaim(ctx context.Context, workerID uuid.UUID, term time.Duration, ids []uuid.UUID) ([]task.Task, error) {
	rows, err := s.queries.TaskClaim(ctx, workerID, ids, term.Seconds())
	if err == nil && failpoint.Broken(failpoint.ClaimToken) {
		rows, err = fenceByWorker(ctx, s.pool, rows)
	}
	return byPriority(column(rows, taskOf)), domainError("claim tasks", err)
}

// fenceByWorker breaks the rule that each claim has a token of its own: the worker's id takes its place.
func fenceByWorker(ctx context.Context, on db.DBTX, rows []db.Task) ([]db.Task, error) {
	for i := range rows {
		rows[i].ClaimToken = rows[i].WorkerID
		_, err := on.Exec(ctx, "UPDATE tasks SET claim_token = worker_id WHERE id = $1 AND worker_id = $2", rows[i].ID, rows[i].WorkerID)
		if err != nil {
			return nil, fmt.Errorf("fence by worker: %w", err)
		}
	}
	return rows, nil
}

// TaskClaimDue is TaskClaim for when the lists are away: it finds at most limit due tasks of a queue by itself. It knows
// no fairness but that what was parked comes last.
func (s *Store) TaskClaimDue(
	ctx context.Context, workerID uuid.UUID, term time.Duration, queue task.Queue, limit int,
) ([]task.Task, error) {
	var claimed []task.Task
	err := s.WriteRelaxed(ctx, func(tx *Tx) error {
		rows, err := tx.queries.TaskClaimDue(ctx, workerID, string(queue), term.Seconds(), int32(limit)) //nolint:gosec // few
		if err == nil && len(rows) < limit {
			var parked []db.Task
			left := int32(limit - len(rows)) //nolint:gosec // few
			parked, err = tx.queries.TaskClaimParked(ctx, workerID, string(queue), term.Seconds(), left)
			rows = append(rows, parked...)
		}
		if err == nil && failpoint.Broken(failpoint.ClaimToken) {
			rows, err = fenceByWorker(ctx, tx.tx, rows)
		}
		if err != nil {
			return domainError("claim due tasks", err)
		}
		claimed = column(rows, taskOf)
		return nil
	})
	return byPriority(claimed), err
}

func byPriority(tasks []task.Task) []task.Task {
	slices.SortFunc(tasks, func(a, b task.Task) int {
		return cmp.Or(cmp.Compare(b.Priority, a.Priority), a.DueAt.Compare(b.DueAt))
	})
	return tasks
}
