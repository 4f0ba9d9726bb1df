package store

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/store/internal/db"
	"github.com/boostress/boostress/task"
)

// InsertBulk writes a new operation; its rows are written beside it.
func (t *Tx) InsertBulk(ctx context.Context, b *order.BulkOperation) error {
	return domainError("insert bulk operation", t.queries.BulkInsert(ctx, db.BulkInsertParams{
		ID: b.ID, AccountID: b.AccountID, Kind: string(b.Kind), State: string(b.State), Arguments: b.Arguments,
		Total: small(b.Total), CreatedBy: b.CreatedBy, Role: b.Role, TestMode: b.TestMode, Now: t.Now,
	}))
}

// LockBulk reads an account's operation for change. It fails with order.ErrNotFound.
func (t *Tx) LockBulk(ctx context.Context, accountID, operationID uuid.UUID) (*order.BulkOperation, error) {
	row, err := t.queries.BulkLock(ctx, accountID, operationID)
	if err != nil {
		return nil, domainError("lock bulk operation", err)
	}
	return bulkOf(row), nil
}

// UpdateBulk writes how far an operation is.
func (t *Tx) UpdateBulk(ctx context.Context, b *order.BulkOperation) error {
	return domainError("update bulk operation", t.queries.BulkUpdate(ctx, db.BulkUpdateParams{
		ID: b.ID, State: string(b.State), Done: small(b.Done), Failed: small(b.Failed), CancelAsked: b.CancelAsked,
		Error: b.Error, StartedAt: b.StartedAt, FinishedAt: b.FinishedAt,
	}))
}

// BulkTargets are the targets of an operation: what the one filter that is set matches or, where IDs is not nil, these,
// which are things of the filter's kind.
type BulkTargets struct {
	IDs          []uuid.UUID
	Orders       *OrderFilter
	Fulfillments *FulfillmentFilter
	Offers       *OfferFilter
	Tasks        *TaskFilter // of those, only what failed or was revoked
}

// listed returns what the targets are rows of, which of these are meant, and in which order they are worked off.
func (b *BulkTargets) listed(accountID uuid.UUID) (from string, w *where, sorted string) {
	switch {
	case b.Tasks != nil && b.IDs != nil:
		return listedAs(tasks(scopeAll), b.Tasks.where(accountID))
	case b.Tasks != nil:
		w := b.Tasks.where(accountID)
		w.add("t.state IN ('FAILURE', 'REVOKED')")
		return listedAs(tasks(scopeFinished), w)
	case b.Offers != nil:
		return listedAs(offers(), b.Offers.where(accountID))
	case b.Fulfillments != nil:
		return listedAs(fulfillments(), b.Fulfillments.where(accountID))
	default:
		return listedAs(orders(), b.Orders.where(accountID))
	}
}

func listedAs[R, T any](tab table[R, T], w *where) (from string, _ *where, sorted string) {
	return tab.from, w, orderBy(append(tab.sort[""], tab.id), false)
}

// Known tells which of the targets' ids the account has.
func (t *Tx) Known(ctx context.Context, accountID uuid.UUID, targets BulkTargets) (map[uuid.UUID]bool, error) {
	from, w, _ := targets.listed(accountID)
	w.add("t.id = ANY(?)", targets.IDs)
	found, err := t.tx.Query(ctx, fmt.Sprintf("SELECT t.id FROM %s t WHERE %s", from, w), w.args...)
	if err != nil {
		return nil, domainError("find targets", err)
	}
	ids, err := pgx.CollectRows(found, pgx.RowTo[uuid.UUID])
	return setOf(ids), domainError("find targets", err)
}

// InsertBulkRows writes the rows of an operation and returns how many there are, but at most limit: the ids as they are,
// which the caller knows, or all that the filter matches, by the time of their making. These never leave the database.
func (t *Tx) InsertBulkRows(
	ctx context.Context, accountID, operationID uuid.UUID, targets BulkTargets, limit int,
) (int, error) {
	if targets.IDs != nil {
		err := t.queries.BulkRowInsert(ctx, operationID, accountID, targets.IDs)
		return len(targets.IDs), domainError("insert bulk rows", err)
	}
	from, w, sorted := targets.listed(accountID)
	wrote, err := t.tx.Exec(ctx, fmt.Sprintf(`INSERT INTO bulk_rows (operation_id, position, account_id, target_id)
SELECT %s::uuid, row_number() OVER (ORDER BY %s) - 1, t.account_id, t.id FROM %s t WHERE %s ORDER BY %s LIMIT %d`,
		w.arg(operationID), sorted, from, w, sorted, limit), w.args...)
	return int(wrote.RowsAffected()), domainError("insert bulk rows", err)
}

// NextBulkRows reads the operation's rows from its next one on, at most limit.
func (t *Tx) NextBulkRows(ctx context.Context, b *order.BulkOperation, limit int) ([]order.BulkRow, error) {
	list, err := t.queries.BulkRowNext(ctx, b.ID, small(b.Next()), small(limit))
	return rows(list, bulkRowOf), domainError("read bulk rows", err)
}

// SettleBulkRows writes what became of an operation's rows. It fails where one of them was settled before.
func (t *Tx) SettleBulkRows(ctx context.Context, operationID uuid.UUID, list []order.BulkRow) error {
	type row = order.BulkRow
	count, err := t.queries.BulkRowSettle(ctx, db.BulkRowSettleParams{
		OperationID: operationID,
		Positions:   column(list, func(r row) int32 { return small(r.Position) }),
		Outcomes:    column(list, func(r row) string { return string(r.Outcome) }),
		Codes:       column(list, func(r row) string { return string(r.Code) }),
		Messages:    column(list, func(r row) string { return r.Message }),
	})
	return wroteAll("settle bulk rows", count, len(list), err)
}

// OrdersOf tells which orders an account's fulfillments belong to.
func (t *Tx) OrdersOf(ctx context.Context, accountID uuid.UUID, fulfillmentIDs []uuid.UUID) (map[uuid.UUID]uuid.UUID, error) {
	list, err := t.queries.BulkOrdersOf(ctx, accountID, fulfillmentIDs)
	if err != nil {
		return nil, domainError("find orders", err)
	}
	owners := make(map[uuid.UUID]uuid.UUID, len(list))
	for _, row := range list {
		owners[row.ID] = row.OrderID
	}
	return owners, nil
}

// TaskRevokeUnique ends the task with a unique key as REVOKED, unless it runs, and returns its result.
func (t *Tx) TaskRevokeUnique(ctx context.Context, uniqueKey string) ([]task.Task, error) {
	list, err := t.queries.BulkTaskRevoke(ctx, t.Now, uniqueKey)
	return column(list, taskResultOf), domainError("revoke task", err)
}

// TaskProgressed notes that a task, whose claim is locked, got further: its next breakdown counts as its first.
func (t *Tx) TaskProgressed(ctx context.Context, one task.Task) error {
	return domainError("note progress", t.queries.TaskProgressed(ctx, one.ID, one.Token))
}

func bulkOf(row db.BulkOperation) *order.BulkOperation {
	return &order.BulkOperation{
		ID: row.ID, AccountID: row.AccountID, Kind: order.BulkKind(row.Kind), State: order.BulkState(row.State),
		Arguments: row.Arguments, Total: int(row.Total), Done: int(row.Done), Failed: int(row.Failed),
		CancelAsked: row.CancelAsked, Error: row.Error, CreatedBy: row.CreatedBy, Role: row.Role, TestMode: row.TestMode,
		CreatedAt: row.CreatedAt.UTC(), StartedAt: utc(row.StartedAt), FinishedAt: utc(row.FinishedAt),
	}
}

func bulkRowOf(row db.BulkRow) order.BulkRow {
	return order.BulkRow{
		OperationID: row.OperationID, Position: int(row.Position), TargetID: row.TargetID,
		Outcome: order.BulkOutcome(row.Outcome), Code: order.Code(row.Code), Message: row.Message,
	}
}
