package worker_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/boostress/boostress/fulfillment"
	"github.com/boostress/boostress/internal/id"
	"github.com/boostress/boostress/internal/testkit"
	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/store"
	"github.com/boostress/boostress/task"
	"github.com/boostress/boostress/worker"
)

// fakeBulk is an operation of some chunks.
type fakeBulk struct {
	mu     sync.Mutex
	chunks int
	broken error  // what each chunk fails with
	before func() // each chunk
	failed string
}

func (f *fakeBulk) WorkBulk(ctx context.Context, _ task.Task) (bool, error) {
	if f.before != nil {
		f.before()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := errors.Join(f.broken, ctx.Err()); err != nil {
		return false, err
	}
	f.chunks--
	return f.chunks > 0, nil
}

func (f *fakeBulk) FailBulk(_ context.Context, _ task.Task, broke task.Breakdown) error {
	f.failed = broke.Message
	return nil
}

// runBulk runs one bulk task at an attempt of three.
func runBulk(ctx context.Context, service worker.Bulking, attempt int) (result worker.Result) {
	one := task.Task{ID: id.New(id.Task), Kind: task.KindBulk, Attempt: attempt, MaxAttempts: 3}
	worker.Bulk(service).Handle(ctx, []task.Task{one}, func(_ int, r worker.Result) { result = r })
	return result
}

func TestBulkRuns(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	afterOne := &fakeBulk{chunks: 5}
	afterOne.before = func() {
		if afterOne.chunks == 4 {
			afterOne.broken = broken
		}
	}
	for name, test := range map[string]struct {
		stopped bool
		service *fakeBulk
		attempt int
		settled bool
		later   bool // and the run does not count
		failed  string
	}{
		"to its end":                     {false, &fakeBulk{chunks: 3}, 1, true, false, ""},
		"taken over":                     {false, &fakeBulk{chunks: 3, broken: fulfillment.ErrStale}, 1, true, false, ""},
		"breaks down":                    {false, &fakeBulk{chunks: 3, broken: broken}, 2, false, false, ""},
		"breaks down after progress":     {false, afterOne, 3, false, true, ""},
		"breaks down for the last time":  {false, &fakeBulk{chunks: 3, broken: broken}, 3, true, false, "broken"},
		"is stopped in its last attempt": {true, &fakeBulk{chunks: 3}, 3, false, false, ""},
		"has no attempt left": {
			false, &fakeBulk{chunks: 3}, 4, true, false, "no attempt is left: the workers that ran it fell silent",
		},
		"panics": {false, &fakeBulk{chunks: 3, before: func() { panic("oh") }}, 3, true, false, "panic: oh"},
	} {
		ctx, stop := context.WithCancel(t.Context())
		if test.stopped {
			stop()
		}
		result := runBulk(ctx, test.service, test.attempt)
		later, isLater := errors.AsType[*worker.LaterError](result.Err)
		if result.Settled != test.settled || isLater != test.later || isLater && !later.Free || test.service.failed != test.failed {
			t.Errorf("%s: %+v, failed with %q", name, result, test.service.failed)
		}
		stop()
	}
}

// bulkShop has many orders that nobody takes, and an operation that cancels them all.
func bulkShop(t *testing.T, orders int) (*shop, *order.BulkOperation) {
	t.Helper()
	s := newShop(t)
	for range orders / 100 {
		drafts := make([]order.Draft, 100)
		for i := range drafts {
			drafts[i] = order.Draft{
				Reference: id.New(id.Order).String(), Category: "nobody's", Lines: []order.LineDraft{{ServiceType: "none", Quantity: 1}},
			}
		}
		_, faults, err := s.service.CreateOrders(t.Context(), s.who, "", drafts)
		if err := errors.Join(err, faults.Err()); err != nil {
			t.Fatal(err)
		}
	}
	b, err := s.service.StartBulk(t.Context(), s.who, fulfillment.BulkInput{
		Kind: order.BulkCancelOrders, Targets: store.BulkTargets{Orders: &store.OrderFilter{}}, Arguments: []byte("{}"),
	})
	if err != nil {
		t.Fatal(err)
	}
	return s, b
}

// bulkWorker serves only what bulk tasks wait in.
func (s *shop) bulkWorker(service worker.Bulking) (stop func()) {
	return s.engine.worker(nil, func(o *worker.Options) {
		o.Handlers = map[task.Kind]worker.Handler{task.KindBulk: worker.Bulk(service)}
		o.Slots = map[task.Queue]int{task.QueueSystem: 2}
		o.Term, o.Grace = 2*time.Second, 10*time.Millisecond
	})
}

func (s *shop) bulkProgress(b *order.BulkOperation) *order.BulkOperation {
	s.t.Helper()
	found, err := s.store.BulkOperations(s.t.Context(), b.AccountID, []uuid.UUID{b.ID})
	if err != nil {
		s.t.Fatal(err)
	}
	return found[b.ID]
}

// counted counts chunks, and does something in the middle of a transaction's life: before each is committed.
type interrupted struct {
	*fulfillment.Service

	chunks atomic.Int32
	at     int32
	do     func()
}

func (i *interrupted) WorkBulk(ctx context.Context, t task.Task) (bool, error) {
	if i.chunks.Add(1) == i.at {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		timer := time.AfterFunc(3*time.Millisecond, func() { i.do(); cancel() }) // in the midst of it
		defer timer.Stop()
		return i.Service.WorkBulk(ctx, t)
	}
	return i.Service.WorkBulk(ctx, t)
}

// A worker is stopped in mid-chunk, again and again; whoever comes next goes on where it was.
func TestBulkResumesWhereItWas(t *testing.T) {
	t.Parallel()
	s, b := bulkShop(t, 1000)
	s.sweeper(func(o *worker.SweeperOptions) { o.Upkeep, o.Term = s.service, 2*time.Second })
	for range 4 {
		hurt := make(chan struct{})
		service := &interrupted{Service: s.service, at: 2, do: func() { close(hurt) }}
		stop := s.bulkWorker(service)
		select {
		case <-hurt:
		case <-time.After(patience):
			t.Fatal("no chunk was worked off")
		}
		stop()
	}
	if now := s.bulkProgress(b); now.State != order.BulkRunning || now.Done == 0 || now.Done%100 != 0 {
		t.Fatalf("after four workers it is %+v", now)
	}
	s.bulkWorker(s.service)
	s.wantBulkDone(b, 1000)
}

// wantBulkDone waits until the operation has ended, and checks that it did everything once.
func (s *shop) wantBulkDone(b *order.BulkOperation, rows int) {
	s.t.Helper()
	testkit.Eventually(s.t, patience, "the operation ends", func() bool { return s.bulkProgress(b).FinishedAt != nil })
	if now := s.bulkProgress(b); now.State != order.BulkSucceeded || now.Done != rows || now.Failed != 0 {
		s.t.Errorf("it ended as %+v", now)
	}
	if asked := query[int](s.engine, "SELECT count(*)::int FROM events WHERE kind = 'CANCEL_REQUESTED'")[0]; asked != rows {
		s.t.Errorf("%d orders were canceled, want %d", asked, rows)
	}
	violations, err := s.store.Invariants(s.t.Context(), 10*time.Second)
	if err != nil || len(violations) > 0 {
		s.t.Errorf("violations: %v, %v", violations, err)
	}
}

// Two workers, one of which freezes in mid-operation: the other takes over, and the zombie's work is refused.
func TestFrozenWorkersBulkIsTakenOver(t *testing.T) {
	t.Parallel()
	s, b := bulkShop(t, 500)
	s.sweeper(func(o *worker.SweeperOptions) { o.Upkeep, o.Term = s.service, 2*time.Second })
	frozen, thaw := make(chan struct{}), make(chan struct{})
	var once sync.Once
	first := &frozenBulk{Service: s.service, freeze: func() { once.Do(func() { close(frozen) }); <-thaw }}
	s.bulkWorker(first)
	<-frozen
	s.execute("UPDATE workers SET heartbeat_at = now() - interval '1 minute'")
	s.execute("UPDATE tasks SET worker_id = $1 WHERE kind = 'BULK'", id.New(id.Worker))
	testkit.Eventually(t, patience, "its claim is taken back", func() bool {
		return query[int](s.engine, "SELECT count(*)::int FROM tasks WHERE kind = 'BULK' AND claim_token IS NULL")[0] == 1
	})
	s.bulkWorker(s.service)
	s.wantBulkDone(b, 500)
	close(thaw)
	testkit.Eventually(t, patience, "the zombie learns of it", func() bool { return first.stale.Load() })
	s.wantBulkDone(b, 500)
}

// frozenBulk works off one chunk and freezes before the next.
type frozenBulk struct {
	*fulfillment.Service

	freeze func()
	chunks atomic.Int32
	stale  atomic.Bool
}

func (f *frozenBulk) WorkBulk(ctx context.Context, t task.Task) (bool, error) {
	if f.chunks.Add(1) == 2 {
		f.freeze()
		_, err := f.Service.WorkBulk(context.WithoutCancel(ctx), t)
		f.stale.Store(errors.Is(err, fulfillment.ErrStale))
		return false, err
	}
	return f.Service.WorkBulk(ctx, t)
}
