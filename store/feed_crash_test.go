package store_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/boostress/boostress/internal/id"
	"github.com/boostress/boostress/internal/testkit"
	"github.com/boostress/boostress/store"
)

// TestHeadSurvivesCrash kills Postgres right after commits that did not wait for the disk, but that the feed's head sees.
// Their transaction ids would be given out again, and events that get them would be taken for old ones.
func TestHeadSurvivesCrash(t *testing.T) {
	t.Parallel()
	stack := testkit.Stack(t)
	if err := store.Migrate(t.Context(), stack.DatabaseURL); err != nil {
		t.Fatal(err)
	}
	opened, err := store.Open(t.Context(), stack.DatabaseURL, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(opened.Close)
	st := testStore{Store: opened, url: stack.DatabaseURL}
	execute(t, st, "CREATE TABLE noise (n int)")
	conn := connect(t, st)
	run := func(conn *pgx.Conn, statement string, args ...any) {
		t.Helper()
		if _, err := conn.Exec(t.Context(), statement, args...); err != nil {
			t.Fatal(err)
		}
	}
	run(conn, "SET synchronous_commit = on")
	run(conn, "INSERT INTO noise VALUES (0)")
	run(conn, "SET synchronous_commit = off")
	const lost = 20
	for range lost {
		run(conn, "INSERT INTO noise VALUES (1)")
	}
	before := head(t, st)
	if err := stack.Postgres.Kill(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), time.Second)
	defer cancel()
	_ = conn.Close(ctx) // it is broken
	if err := stack.Postgres.Start(t.Context()); err != nil {
		t.Fatal(err)
	}

	conn = connect(t, st)
	want := make([]int, 0, lost)
	account := id.New(id.Account)
	for sequence := 1; sequence <= lost; sequence++ {
		run(conn, insertEvent, account, id.New(id.Order), sequence)
		want = append(want, sequence)
	}
	if err := conn.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	records, _, err := st.FeedAhead(t.Context(), before.Snapshot, 2*lost)
	if err != nil { // the pool's connections broke with the server
		records, _, err = st.FeedAhead(t.Context(), before.Snapshot, 2*lost)
	}
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, sequences(records)); diff != "" {
		t.Errorf("events that are not seen: %s", diff)
	}
}
