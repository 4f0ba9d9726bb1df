package store_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/boostress/boostress/internal/feed"
	"github.com/boostress/boostress/internal/id"
	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/store"
)

const insertEvent = `INSERT INTO events (account_id, order_id, sequence, kind, actor, occurred_at, changes, snapshot)
	VALUES ($1, $2, $3, 'PLACED', 'system', now(), '[]', '{"status":"PENDING"}')`

func head(t testing.TB, st testStore) feed.Head {
	t.Helper()
	now, err := st.FeedHead(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return now
}

func ahead(t testing.TB, st testStore, from feed.Snapshot) ([]int, feed.Head) {
	t.Helper()
	records, now, err := st.FeedAhead(t.Context(), from, 10)
	if err != nil {
		t.Fatal(err)
	}
	return sequences(records), now
}

func sequences(records []feed.Record) (list []int) {
	for _, record := range records {
		list = append(list, record.Sequence)
	}
	return list
}

// TestFeedAheadSeesCommits has two transactions that commit in the other order than they began and wrote.
func TestFeedAheadSeesCommits(t *testing.T) {
	t.Parallel()
	st := openStore(t)
	account := id.New(id.Account)
	start := head(t, st)
	early, late := begin(t, st), begin(t, st)
	put(t, early, account, id.New(id.Order), 1)
	put(t, late, account, id.New(id.Order), 2)
	if got, _ := ahead(t, st, start.Snapshot); got != nil {
		t.Errorf("uncommitted events are seen: %v", got)
	}

	commit(t, late)
	got, second := ahead(t, st, start.Snapshot)
	if diff := cmp.Diff([]int{2}, got); diff != "" {
		t.Error(diff)
	}
	if again, _ := ahead(t, st, second.Snapshot); again != nil {
		t.Errorf("events are seen twice: %v", again)
	}

	commit(t, early)
	got, third := ahead(t, st, second.Snapshot)
	if diff := cmp.Diff([]int{1}, got); diff != "" {
		t.Error(diff)
	}
	both, _ := ahead(t, st, start.Snapshot)
	if diff := cmp.Diff([]int{1, 2}, both); diff != "" {
		t.Error(diff)
	}
	if second.Snapshot.Compare(third.Snapshot) >= 0 || start.Epoch != third.Epoch || third.Epoch == "" {
		t.Errorf("heads are out of order: %v, %v, %v", start, second, third)
	}
}

func TestFeedRefsPages(t *testing.T) {
	t.Parallel()
	st := openStore(t)
	mine, other := id.New(id.Account), id.New(id.Account)
	start := head(t, st)
	tx := begin(t, st)
	for sequence := 1; sequence <= 6; sequence++ {
		put(t, tx, []uuid.UUID{mine, other}[sequence%2], id.New(id.Order), sequence)
	}
	commit(t, tx)
	end := head(t, st)
	tx = begin(t, st)
	put(t, tx, mine, id.New(id.Order), 7)
	commit(t, tx)

	window := feed.Window{From: start.Snapshot, To: end.Snapshot}
	var got []int
	for {
		refs, now, err := st.FeedRefs(t.Context(), window, 4)
		if err != nil {
			t.Fatal(err)
		}
		if now.Epoch != start.Epoch || now.Floor != 0 {
			t.Errorf("read of another feed: %v", now)
		}
		if len(refs) == 0 {
			break
		}
		records, err := st.FeedRecords(t.Context(), refs)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, sequences(records)...)
		window.After = refs[len(refs)-1].ID
	}
	if diff := cmp.Diff([]int{1, 2, 3, 4, 5, 6}, got); diff != "" {
		t.Error(diff)
	}

	window = feed.Window{From: start.Snapshot, To: end.Snapshot, AccountID: &mine}
	refs, _, err := st.FeedRefs(t.Context(), window, 10)
	if err != nil || len(refs) != 3 {
		t.Errorf("account's events: %v, %v", refs, err)
	}
}

func TestOrderEvents(t *testing.T) {
	t.Parallel()
	st := openStore(t)
	account, orderID := id.New(id.Account), id.New(id.Order)
	for sequence := 1; sequence <= 3; sequence++ {
		tx := begin(t, st)
		put(t, tx, account, orderID, sequence)
		commit(t, tx)
	}
	got, err := st.OrderEvents(t.Context(), account, orderID, 1, 10)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]int{2, 3}, sequences(got)); diff != "" {
		t.Error(diff)
	}
	latest, err := st.OrderLatestEvent(t.Context(), account, orderID)
	if err != nil || latest.Sequence != 3 || latest.OrderID != orderID || latest.Kind != string(order.EventPlaced) {
		t.Errorf("latest event: %v, %v", latest, err)
	}
	if diff := cmp.Diff(json.RawMessage(`{"status":"PENDING"}`), latest.Snapshot); diff != "" {
		t.Error(diff)
	}
	if got, err := st.OrderEvents(t.Context(), id.New(id.Account), orderID, 0, 10); err != nil || len(got) != 0 {
		t.Errorf("another account's events: %v, %v", got, err)
	}
	if _, err := st.OrderLatestEvent(t.Context(), id.New(id.Account), orderID); !errors.Is(err, order.ErrNotFound) {
		t.Errorf("another account's latest event: %v", err)
	}
}

func TestForgetEventsRaisesFloor(t *testing.T) {
	t.Parallel()
	st := openStore(t)
	account := id.New(id.Account)
	orders := []uuid.UUID{id.New(id.Order), id.New(id.Order)}
	for _, orderID := range orders {
		tx := begin(t, st)
		put(t, tx, account, orderID, 1)
		commit(t, tx)
	}
	latest := query[string](t, st, "SELECT xid::text FROM events WHERE order_id = $1", orders[1])[0]
	if floor := head(t, st).Floor; floor != 0 {
		t.Errorf("floor is %d before anything was forgotten", floor)
	}
	for _, orderIDs := range [][]uuid.UUID{orders[1:], orders[:1], nil} { // the second must not lower it
		write(t, st, func(tx *store.Tx) error {
			count, err := tx.ForgetEvents(t.Context(), orderIDs)
			if count != int64(len(orderIDs)) {
				t.Errorf("forgot %d events of %d", count, len(orderIDs))
			}
			return err
		})
		if floor := head(t, st).Floor; strconv.FormatUint(floor, 10) != latest {
			t.Errorf("floor is %d, not %s", floor, latest)
		}
	}
}

// TestFeedOfAnotherServer has events whose transaction ids this server has not given out yet, as after a restore of rows.
func TestFeedOfAnotherServer(t *testing.T) {
	t.Parallel()
	st := openStore(t)
	start := head(t, st)
	execute(t, st, `INSERT INTO events (xid, account_id, order_id, sequence, kind, actor, occurred_at, changes, snapshot)
		VALUES ('1000000000000', $1, $2, 1, 'PLACED', 'system', now(), '[]', '{}')`, id.New(id.Account), id.New(id.Order))
	if got, _ := ahead(t, st, start.Snapshot); got != nil {
		t.Errorf("another server's events are news: %v", got)
	}
}

// TestHeadIsDurable leaves a commit on its way to the disk and expects the head to bring it there.
func TestHeadIsDurable(t *testing.T) {
	t.Parallel()
	st := openStore(t)
	relaxed := begin(t, st)
	if _, err := relaxed.Exec(t.Context(), "SET LOCAL synchronous_commit = off"); err != nil {
		t.Fatal(err)
	}
	put(t, relaxed, id.New(id.Account), id.New(id.Order), 1)
	commit(t, relaxed)
	written := query[string](t, st, "SELECT pg_current_wal_insert_lsn()::text")[0]
	head(t, st)
	if !query[bool](t, st, "SELECT pg_current_wal_flush_lsn() >= $1::text::pg_lsn", written)[0] {
		t.Error("the head sees what a crash may undo")
	}
}

// TestFeedPlans holds that of a million events only the window is read.
func TestFeedPlans(t *testing.T) {
	t.Parallel()
	st := openStore(t)
	conn := connect(t, st)
	run := func(statement string, args ...any) {
		if _, err := conn.Exec(t.Context(), statement, args...); err != nil {
			t.Fatal(err)
		}
	}
	run(`INSERT INTO events (xid, account_id, order_id, sequence, kind, actor, occurred_at, changes, snapshot)
		SELECT (100 + n / 4)::text::xid8, $1::uuid, gen_random_uuid(), 1, 'PLACED', 'system', now(), '[]', '{}'
		FROM generate_series(1, 1000000) n`, id.New(id.Account))
	run("ANALYZE events")
	// The window: 4 × 4 events of the running ones, and 4 × 100 at the end.
	const ends, running, to = "250000", "{200,3000,77777,180000}", "250100:250100:"
	// The rows' transaction ids are yet to come for the server, so the statement as it is has nothing to read.
	rows, err := conn.Query(t.Context(), `EXPLAIN SELECT id, snapshot, pg_current_snapshot()::text FROM events
		WHERE xid >= CAST('`+ends+`'::text AS xid8) AND xid < pg_snapshot_xmax(pg_current_snapshot())
			OR xid = ANY(CAST('`+running+`'::text[] AS xid8[]))
		ORDER BY id LIMIT 500`)
	if err != nil {
		t.Fatal(err)
	}
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if plan := strings.Join(lines, "\n"); err != nil || strings.Contains(plan, "Seq Scan") ||
		!strings.Contains(plan, "xid < pg_snapshot_xmax(pg_current_snapshot())") {
		t.Errorf("%v: %s", err, plan)
	}
	for name, statement := range map[string]string{
		"ahead": `SELECT id, snapshot, pg_current_snapshot()::text FROM events
			WHERE xid >= CAST('` + ends + `'::text AS xid8) AND xid < '250100'
				OR xid = ANY(CAST('` + running + `'::text[] AS xid8[]))
			ORDER BY id LIMIT 500`,
		"refs": `SELECT id, xid::text AS xid FROM events
			WHERE (xid >= CAST('` + ends + `'::text AS xid8) AND xid < CAST('250100'::text AS xid8)
				OR xid = ANY(CAST('` + running + `'::text[] AS xid8[])))
			AND pg_visible_in_snapshot(xid, (SELECT CAST('` + to + `'::text AS pg_snapshot))) AND id > 0 ORDER BY id LIMIT 100000`,
	} {
		rows, err := conn.Query(t.Context(), "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) "+statement)
		if err != nil {
			t.Fatal(err)
		}
		plan, err := pgx.CollectExactlyOneRow(rows, pgx.RowTo[string])
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(plan, "Seq Scan") || !strings.Contains(plan, "events_pkey") {
			t.Errorf("%s does not use the index: %s", name, plan)
		}
		var parsed []struct {
			Plan struct {
				Rows   float64 `json:"Actual Rows"`
				Hit    float64 `json:"Shared Hit Blocks"`
				Read   float64 `json:"Shared Read Blocks"`
				Millis float64 `json:"Actual Total Time"`
			} `json:"Plan"`
		}
		if err := json.Unmarshal([]byte(plan), &parsed); err != nil {
			t.Fatal(err)
		}
		got := parsed[0].Plan
		t.Logf("%s: %v rows, %v blocks, %v ms", name, got.Rows, got.Hit+got.Read, got.Millis)
		if got.Rows < 400 || got.Hit+got.Read > 200 {
			t.Errorf("%s reads %v blocks for %v rows", name, got.Hit+got.Read, got.Rows)
		}
	}
	if err := conn.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestLead(t *testing.T) {
	t.Parallel()
	st := openStore(t)
	ctx, stop := context.WithCancel(t.Context())
	leading, ended := make(chan context.Context), make(chan error)
	lead := func() {
		_, err := st.Lead(ctx, "feed", func(ctx context.Context) error {
			leading <- ctx
			<-ctx.Done()
			return context.Cause(ctx)
		})
		ended <- err
	}
	go lead()
	<-leading
	if led, err := st.Lead(t.Context(), "feed", func(context.Context) error { return nil }); led || err != nil {
		t.Errorf("a second leader: %v, %v", led, err)
	}
	if led, err := st.Lead(t.Context(), "other", func(context.Context) error { return nil }); !led || err != nil {
		t.Errorf("the leader of another role: %v, %v", led, err)
	}

	// The leader's connection breaks.
	execute(t, st, `SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND pid <> pg_backend_pid()
		AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`)
	if err := <-ended; err == nil {
		t.Error("a leader without its lock did not end")
	}

	go lead()
	<-leading
	stop()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("stopped leader: %v", err)
	}
	if led, err := st.Lead(t.Context(), "feed", func(context.Context) error { return nil }); !led || err != nil {
		t.Errorf("the next leader: %v, %v", led, err)
	}
}

func begin(t testing.TB, st testStore) pgx.Tx {
	t.Helper()
	conn := connect(t, st)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), time.Minute)
		defer cancel()
		if err := conn.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	tx, err := conn.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return tx
}

func put(t testing.TB, tx pgx.Tx, account, orderID uuid.UUID, sequence int) {
	t.Helper()
	if _, err := tx.Exec(t.Context(), insertEvent, account, orderID, sequence); err != nil {
		t.Fatal(fmt.Errorf("insert event: %w", err))
	}
}

func commit(t testing.TB, tx pgx.Tx) {
	t.Helper()
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
}
