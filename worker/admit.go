package worker

import (
	"math/rand/v2"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/boostress/boostress/limit"
	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/task"
)

// admission keeps tasks away from a provider that is not called now, before anything is written for them: thousands may
// wait for a provider that takes one call at a time. It knows only what this process knows, and may be wrong: whoever is
// admitted and then refused all the same has its intent taken back.
type admission struct {
	mu       sync.Mutex
	admitted map[uuid.UUID]uuid.UUID // tasks that are, until they end: their providers
	count    map[uuid.UUID]int       // of these, by provider
	slots    map[uuid.UUID]slot
	took     map[uuid.UUID]time.Duration // how long the provider's calls take, by experience
}

// slot is when a provider's rate allows the next call, and when the next task that waits may come back.
type slot struct{ opens, next time.Time }

func newAdmission() *admission {
	return &admission{
		admitted: make(map[uuid.UUID]uuid.UUID), count: make(map[uuid.UUID]int), slots: make(map[uuid.UUID]slot),
		took: make(map[uuid.UUID]time.Duration),
	}
}

// admit returns how long a task waits before its provider may be asked to create; zero: it may be now. Those that wait come
// back one after the other, as fast as the provider's rate and its calls let them through, so that a crowd of them costs
// next to nothing.
func (g *gate) admit(taskID uuid.UUID, provider *order.Provider) time.Duration {
	if wait := g.closedFor(provider.ID, operationCreate); wait > 0 {
		return wait + rand.N(laneWait) //nolint:gosec // jitter
	}
	rate := g.rate(*provider)
	a := g.admission
	a.mu.Lock()
	defer a.mu.Unlock()
	if _, known := a.admitted[taskID]; known {
		return 0
	}
	now, one := time.Now(), a.slots[provider.ID]
	most, every := a.room(provider, rate)
	if now.Before(one.opens) || most > 0 && a.count[provider.ID] >= most {
		one.next = latest(one.next, now).Add(max(every, time.Millisecond))
		a.slots[provider.ID] = one
		return one.next.Sub(now)
	}
	a.admitted[taskID] = provider.ID
	a.count[provider.ID]++
	return 0
}

// mostAhead bounds how many more calls than may run at a time wait for their turn.
const mostAhead = 32

// room returns how many tasks of a provider may be admitted at a time, zero being any number, and after what time there is
// room for one more: as many as it will take within the time that a call may wait for others.
func (a *admission) room(provider *order.Provider, rate limit.Rate) (most int, every time.Duration) {
	if rate.Every > 0 {
		most, every = max(rate.Burst, 1), rate.Every
	}
	if calls := provider.Concurrency; calls > 0 {
		took := a.took[provider.ID]
		if took <= 0 {
			took = laneWait
		}
		ahead := min(calls*int(max(laneWait/took, 1)), mostAhead)
		if most == 0 || calls+ahead < most {
			most = calls + ahead
		}
		every = max(every, took/time.Duration(calls))
	}
	return most, every
}

// note learns how long calls to a provider take.
func (g *gate) note(provider uuid.UUID, took time.Duration) {
	const weight = 8
	a := g.admission
	a.mu.Lock()
	defer a.mu.Unlock()
	before, known := a.took[provider]
	if !known {
		before = took
	}
	a.took[provider] = before + (took-before)/weight
}

// lacks notes that a provider's rate refused calls: the next is allowed after wait, and one more with every.
func (g *gate) lacks(provider uuid.UUID, refused int, wait, every time.Duration) {
	if refused <= 0 {
		return
	}
	a := g.admission
	a.mu.Lock()
	defer a.mu.Unlock()
	now := time.Now()
	opens := now.Add(wait)
	a.slots[provider] = slot{opens: opens, next: latest(a.slots[provider].next, opens.Add(time.Duration(refused)*every))}
}

// release ends tasks' admissions.
func (g *gate) release(tasks ...task.Task) {
	a := g.admission
	a.mu.Lock()
	defer a.mu.Unlock()
	for i := range tasks {
		if provider, known := a.admitted[tasks[i].ID]; known {
			delete(a.admitted, tasks[i].ID)
			a.count[provider]--
			if a.count[provider] <= 0 {
				delete(a.count, provider)
			}
		}
	}
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
