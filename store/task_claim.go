package store

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/boostress/boostress/task"
)

// TaskClaim claims those of the tasks that are due and unclaimed for a worker whose heartbeat is younger than term, puts
// a fresh token on each, and returns them by priority. A crash of the database may undo it: nothing may be sent before
// something durable follows.
func (s *Store) TaskClaim(ctx context.Context, workerID uuid.UUID, term time.Duration, ids []uuid.UUID) ([]task.Task, error) {
	var claimed []task.Task
	err := s.WriteRelaxed(ctx, func(tx *Tx) error {
		rows, err := tx.queries.TaskClaim(ctx, workerID, ids, term.Seconds())
		if err != nil {
			return domainError("claim tasks", err)
		}
		claimed = column(rows, taskOf)
		return nil
	})
	slices.SortFunc(claimed, func(a, b task.Task) int {
		return cmp.Or(cmp.Compare(b.Priority, a.Priority), a.DueAt.Compare(b.DueAt))
	})
	return claimed, err
}
