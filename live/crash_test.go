package live_test

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/boostress/boostress/internal/id"
	"github.com/boostress/boostress/internal/testkit"
	"github.com/boostress/boostress/live"
	"github.com/boostress/boostress/store"
)

// TestPostgresCrash kills Postgres while transactions run whose commits need not be on disk. After such a crash their
// transaction ids are given out again, to events among others: none of these may be taken for one that was read before.
func TestPostgresCrash(t *testing.T) {
	t.Parallel()
	stack := testkit.Stack(t)
	if err := store.Migrate(t.Context(), stack.DatabaseURL); err != nil {
		t.Fatal(err)
	}
	s := standOn(t, stack.DatabaseURL, stack.RedisURL, "")
	if _, err := s.pool.Exec(t.Context(), "CREATE TABLE noise (n int)"); err != nil {
		t.Fatal(err)
	}
	s.relay()
	bell := live.NewBell(s.client(), s.options())
	s.run(bell)
	fast := func(o *live.Options) { o.Check, o.Poll = 5*time.Millisecond, 5*time.Millisecond }
	hubs := []*live.Hub{s.hub(fast), s.hub()}
	readers := []*reader{
		{name: "hub 0", hubs: hubs[:1], stays: true}, {name: "hub 1", hubs: hubs[1:], stays: true}, {name: "wanderer", hubs: hubs},
	}
	var reading, writing sync.WaitGroup
	for i, r := range readers {
		r.open(s, r.hubs[0])
		reading.Go(func() { r.read(s, rand.New(rand.NewPCG(1, uint64(i)))) })
	}
	stop := make(chan struct{})
	for i := range 4 {
		w := writer{
			stand: s, pool: s.pool, random: rand.New(rand.NewPCG(2, uint64(i))), bell: bell, rolledBack: new(atomic.Int64),
			orders: []uuid.UUID{id.New(id.Order), id.New(id.Order), id.New(id.Order)},
		}
		writing.Go(func() { untilStopped(t.Context(), stop, w.transaction) })
		writing.Go(func() { untilStopped(t.Context(), stop, s.relaxed) })
	}
	for range 4 {
		wait(t.Context(), 700*time.Millisecond)
		if err := stack.Postgres.Kill(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := stack.Postgres.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	wait(t.Context(), time.Second)
	close(stop)
	writing.Wait()

	want := s.committed()
	t.Logf("%d events committed", len(want))
	for _, r := range readers {
		testkit.Eventually(t, patience, r.name+" has all events", func() bool { return r.count() >= len(want) })
	}
	wait(t.Context(), 300*time.Millisecond) // for what would come twice
	for _, r := range readers {
		r.close()
	}
	reading.Wait()
	for _, r := range readers {
		r.check(t, want)
	}
}

// relaxed commits without waiting for the disk.
func (s *stand) relaxed(ctx context.Context) error {
	return pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "SET LOCAL synchronous_commit = off"); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, "INSERT INTO noise VALUES (1)")
		return err
	})
}

// untilStopped does something again and again. While Postgres is away it fails, which is expected.
func untilStopped(ctx context.Context, stop <-chan struct{}, do func(context.Context) error) {
	for {
		select {
		case <-stop:
			return
		default:
		}
		if err := do(ctx); err != nil {
			wait(ctx, 5*time.Millisecond)
		}
	}
}
