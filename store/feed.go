package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/boostress/boostress/internal/feed"
	"github.com/boostress/boostress/store/internal/db"
)

// noLSN lies before every place of the log, so nothing has to be made durable up to it.
const noLSN = "0/0"

// FeedHead tells where the feed stands. The snapshot may have to be made durable first, which takes as long as a
// commit.
func (s *Store) FeedHead(ctx context.Context) (feed.Head, error) {
	var head feed.Head
	err := s.onConn(ctx, "read feed's head", func(queries *db.Queries) error {
		now, err := queries.EventSnapshot(ctx)
		if err != nil {
			return fmt.Errorf("take snapshot: %w", err)
		}
		head, err = headOf(ctx, queries, now.Head, now.Lsn)
		return err
	})
	return head, err
}

// FeedAhead reads up to limit of the events that were committed and that a snapshot does not see, by id, and tells
// where the feed stood then. Where limit was reached, FeedRefs has the rest. Without events the head is the zero value:
// whoever asks stays where they are.
func (s *Store) FeedAhead(ctx context.Context, from feed.Snapshot, limit int) ([]feed.Record, feed.Head, error) {
	var (
		records []feed.Record
		head    feed.Head
	)
	err := s.onConn(ctx, "read feed", func(queries *db.Queries) error {
		list, err := queries.EventAhead(ctx, int32(limit), textOfXID(from.End()), textOfXIDs(from.Running())) //nolint:gosec // a page, far below
		if err != nil || len(list) == 0 {
			return err
		}
		for _, row := range list {
			record, err := recordOf(db.EventGetManyRow{
				ID: row.ID, Xid: row.Xid, AccountID: row.AccountID, OrderID: row.OrderID, FulfillmentID: row.FulfillmentID,
				Sequence: row.Sequence, Kind: row.Kind, Actor: row.Actor, OccurredAt: row.OccurredAt, Changes: row.Changes,
				Snapshot: row.Snapshot,
			})
			if err != nil {
				return err
			}
			records = append(records, record)
		}
		head, err = headOf(ctx, queries, list[0].Head, list[0].Lsn)
		return err
	})
	return records, head, err
}

// FeedRefs finds up to limit of a window's events, by id, and tells the feed's epoch and floor after that.
func (s *Store) FeedRefs(ctx context.Context, window feed.Window, limit int) ([]feed.Ref, feed.Head, error) {
	var (
		refs []feed.Ref
		head feed.Head
	)
	err := s.onConn(ctx, "find events", func(queries *db.Queries) error {
		list, err := queries.EventRefs(ctx, db.EventRefsParams{
			Limit: int32(limit), Ends: textOfXID(window.From.End()), Running: textOfXIDs(window.From.Running()), //nolint:gosec // a page, far below
			Snapshot: window.To.String(), SnapshotEnds: textOfXID(window.To.End()), After: window.After,
			Account: window.AccountID,
		})
		if err != nil {
			return err
		}
		for _, row := range list {
			xid, err := xidOf(row.Xid)
			if err != nil {
				return err
			}
			refs = append(refs, feed.Ref{ID: row.ID, XID: xid})
		}
		head, err = headOf(ctx, queries, window.To.String(), noLSN)
		return err
	})
	return refs, head, err
}

// FeedRecords reads events, by id. What retention removed meanwhile is missing.
func (s *Store) FeedRecords(ctx context.Context, refs []feed.Ref) ([]feed.Record, error) {
	list, err := s.queries.EventGetMany(ctx,
		column(refs, func(r feed.Ref) string { return textOfXID(r.XID) }),
		column(refs, func(r feed.Ref) int64 { return r.ID }))
	if err != nil {
		return nil, fmt.Errorf("read events: %w", err)
	}
	return recordsOf(list)
}

// OrderEvents reads up to limit of an order's events with a sequence above after, by sequence. An order that doesn't
// exist, or is another account's, has none.
func (s *Store) OrderEvents(ctx context.Context, accountID, orderID uuid.UUID, after, limit int) ([]feed.Record, error) {
	list, err := s.queries.EventOfOrder(ctx, int32(limit), orderID, accountID, int32(after)) //nolint:gosec // a page, far below
	if err != nil {
		return nil, fmt.Errorf("read order's events: %w", err)
	}
	return recordsOf(rows(list, func(row db.EventOfOrderRow) db.EventGetManyRow { return db.EventGetManyRow(row) }))
}

// OrderLatestEvent reads an order's latest event. It fails with order.ErrNotFound.
func (s *Store) OrderLatestEvent(ctx context.Context, accountID, orderID uuid.UUID) (feed.Record, error) {
	row, err := s.queries.EventLatestOfOrder(ctx, orderID, accountID)
	if err != nil {
		return feed.Record{}, domainError("read order's latest event", err)
	}
	return recordOf(db.EventGetManyRow(row))
}

// ForgetEvents removes all events of orders, for retention, and returns how many there were. Cursors that lie before
// them have expired then.
func (t *Tx) ForgetEvents(ctx context.Context, orderIDs []uuid.UUID) (int64, error) {
	count, err := t.queries.EventForget(ctx, orderIDs)
	if err != nil {
		return 0, fmt.Errorf("forget events: %w", err)
	}
	return count, nil
}

// onConn runs several reads on one connection, which ends with its server: what it says of the server is true of all.
func (s *Store) onConn(ctx context.Context, operation string, do func(*db.Queries) error) error {
	err := s.pool.AcquireFunc(ctx, func(conn *pgxpool.Conn) error { return do(db.New(conn)) })
	if err != nil {
		return fmt.Errorf("%s: %w", operation, err)
	}
	return nil
}

// headOf makes a snapshot durable that was taken when the log ended at lsn, and adds whose it is.
func headOf(ctx context.Context, queries *db.Queries, snapshot, lsn string) (feed.Head, error) {
	row, err := queries.EventHead(ctx, lsn)
	if err != nil {
		return feed.Head{}, fmt.Errorf("settle snapshot: %w", err)
	}
	sum := sha256.Sum256([]byte(row.Epoch + " " + row.System + " " + row.Timeline + " " + row.Database))
	head := feed.Head{Epoch: hex.EncodeToString(sum[:8])}
	if head.Floor, err = xidOf(row.Floor); err != nil {
		return feed.Head{}, err
	}
	head.Snapshot, err = feed.ParseSnapshot(snapshot)
	return head, err
}

func recordsOf(list []db.EventGetManyRow) ([]feed.Record, error) {
	records := make([]feed.Record, len(list))
	for i, row := range list {
		var err error
		if records[i], err = recordOf(row); err != nil {
			return nil, err
		}
	}
	return records, nil
}

func recordOf(row db.EventGetManyRow) (feed.Record, error) {
	xid, err := xidOf(row.Xid)
	return feed.Record{
		ID: row.ID, XID: xid, AccountID: row.AccountID, OrderID: row.OrderID, FulfillmentID: row.FulfillmentID,
		Sequence: int(row.Sequence), Kind: row.Kind, Actor: row.Actor, OccurredAt: row.OccurredAt.UTC(),
		Changes: row.Changes, Snapshot: row.Snapshot,
	}, err
}

func xidOf(text string) (uint64, error) {
	xid, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("read transaction id: %w", err)
	}
	return xid, nil
}

func textOfXID(xid uint64) string { return strconv.FormatUint(xid, 10) }

func textOfXIDs(xids []uint64) []string { return column(xids, textOfXID) }
