package worker_test

import (
	"context"
	"encoding/json"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/boostress/boostress/internal/id"
	"github.com/boostress/boostress/internal/testkit"
	"github.com/boostress/boostress/store"
	"github.com/boostress/boostress/task"
	"github.com/boostress/boostress/worker"
)

// BenchmarkInsert adds tasks, a hundred in each durable transaction, from four goroutines.
func BenchmarkInsert(b *testing.B) {
	e := newEngine(b)
	account := id.New(id.Account)
	b.SetParallelism(2)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			e.insert(newTasks(100, func(n *task.Task) { n.AccountID = account })...)
		}
	})
	b.ReportMetric(float64(b.N)*100/b.Elapsed().Seconds(), "tasks/s")
}

// BenchmarkRun claims, runs and settles tasks that do nothing, of ten accounts.
func BenchmarkRun(b *testing.B) {
	for name, slots := range map[string]int{"256": 256, "64": 64} {
		b.Run(name, func(b *testing.B) {
			e := newEngine(b)
			var accounts [10]task.Task
			for i := range accounts {
				accounts[i] = newTask(nil)
			}
			var stored []task.Task
			for len(stored) < b.N {
				nth := 0
				stored = append(stored, e.insert(newTasks(1000, func(n *task.Task) {
					n.AccountID = accounts[nth%len(accounts)].AccountID
					nth++
				})...)...)
			}
			query[string](e, "SELECT 'x' FROM (SELECT pg_stat_reset()) r")
			announcer := e.announcer()
			var done sync.WaitGroup
			done.Add(b.N)
			b.ResetTimer()
			left := b.N
			e.worker(func(context.Context, task.Task) (json.RawMessage, error) {
				e.mu.Lock()
				defer e.mu.Unlock()
				if left > 0 {
					left--
					done.Done()
				}
				return nil, nil
			}, func(o *worker.Options) { o.Slots = map[task.Queue]int{task.QueueDispatch: slots} })
			for batch := range slices.Chunk(stored, 500) {
				announcer.Announce(batch)
			}
			done.Wait()
			b.StopTimer()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "tasks/s")
		})
	}
}

// BenchmarkStartDelay measures, at 200 tasks a second, from the insert to the start of the run.
func BenchmarkStartDelay(b *testing.B) {
	e := newEngine(b)
	e.sweeper(nil)
	announcer := e.announcer()
	var mu sync.Mutex
	began := map[string]time.Time{}
	var delays []time.Duration
	var done sync.WaitGroup
	e.worker(func(_ context.Context, t task.Task) (json.RawMessage, error) {
		now := time.Now()
		mu.Lock()
		delays = append(delays, now.Sub(began[t.ID.String()]))
		mu.Unlock()
		done.Done()
		return nil, nil
	}, nil)
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	b.ResetTimer()
	for range b.N {
		<-ticker.C
		one := newTask(nil)
		done.Add(1)
		go func() {
			mu.Lock()
			began[one.ID.String()] = time.Now()
			mu.Unlock()
			var stored []task.Task
			err := e.store.Write(b.Context(), func(tx *store.Tx) (err error) {
				stored, err = tx.TaskInsert(b.Context(), []task.Task{one})
				return err
			})
			if err != nil {
				b.Error(err)
			}
			announcer.Announce(stored)
		}()
	}
	done.Wait()
	b.StopTimer()
	slices.Sort(delays)
	b.ReportMetric(float64(delays[len(delays)/2].Microseconds()), "µs/p50")
	b.ReportMetric(float64(delays[len(delays)*99/100].Microseconds()), "µs/p99")
}

// BenchmarkDispatch brings orders to a provider that answers at once, with all that belongs to it: routing, budget,
// attempts, events, ledger.
func BenchmarkDispatch(b *testing.B) {
	s := newShop(b)
	for placed := 0; placed < b.N; placed += 100 {
		s.place(100)
	}
	b.ResetTimer()
	s.sweeper(func(o *worker.SweeperOptions) { o.Upkeep = s.service })
	s.worker(nil)
	testkit.Eventually(b, 5*time.Minute, "all are ordered", func() bool {
		s.ledger.mu.Lock()
		defer s.ledger.mu.Unlock()
		return len(s.ledger.orders) >= b.N
	})
	s.fulfilled(b.N, patience)
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "orders/s")
}
