package worker

import (
	"context"
	"sync"
	"time"

	"github.com/failsafe-go/failsafe-go/circuitbreaker"
	"github.com/google/uuid"

	"github.com/boostress/boostress/limit"
	"github.com/boostress/boostress/order"
)

const (
	breakAfter  = 10               // calls that fail in a row open a breaker
	breakFor    = 10 * time.Second // then nothing is called for so long, a fifth more or less
	breakJitter = 0.2
	laneWait    = time.Second // how long a call may wait for others to the same provider
	holdLeast   = time.Second // after a provider asked for less, without saying how much less
)

// operation is what a provider is called for; breakers tell them apart.
type operation string

const (
	operationCreate operation = "CREATE"
	operationFind   operation = "FIND"
	operationCancel operation = "CANCEL"
	operationStatus operation = "STATUS"
)

// gate decides whether a provider may be called now: by its breaker, its rate and its concurrency. It holds an entry for
// each provider that was called since the start.
type gate struct {
	rates *limit.Rates
	rate  func(order.Provider) limit.Rate

	mu       sync.Mutex
	breakers map[breakerID]circuitbreaker.CircuitBreaker[any]
	lanes    map[uuid.UUID]*lane

	admission *admission
}

type breakerID struct {
	provider  uuid.UUID
	operation operation
}

func newGate(rates *limit.Rates, rate func(order.Provider) limit.Rate) *gate {
	if rate == nil {
		rate = rateOf
	}
	return &gate{
		rates: rates, rate: rate,
		breakers: make(map[breakerID]circuitbreaker.CircuitBreaker[any]), lanes: make(map[uuid.UUID]*lane),
		admission: newAdmission(),
	}
}

// rateOf turns a provider's limit into a token bucket: as many calls at once as the limit names, and then one for each
// part of its time.
func rateOf(provider order.Provider) limit.Rate {
	if provider.RateCalls <= 0 {
		return limit.Rate{}
	}
	return limit.Rate{Every: provider.RatePer / time.Duration(provider.RateCalls), Burst: provider.RateCalls}
}

// refusal is why a call is not made now; nothing was sent.
type refusal struct {
	after  time.Duration
	reason string
}

func (r *refusal) outcome() order.Outcome {
	return order.Outcome{Message: r.reason, RetryAfter: r.after}
}

func (g *gate) breaker(provider uuid.UUID, op operation) circuitbreaker.CircuitBreaker[any] {
	g.mu.Lock()
	defer g.mu.Unlock()
	id := breakerID{provider, op}
	breaker := g.breakers[id]
	if breaker == nil {
		breaker = circuitbreaker.NewBuilder[any]().WithFailureThreshold(breakAfter).WithSuccessThreshold(1).
			WithDelay(breakFor).WithJitterFactor(breakJitter).Build()
		g.breakers[id] = breaker
	}
	return breaker
}

// closedFor returns how long a provider will surely not be called; zero: it may be.
func (g *gate) closedFor(provider uuid.UUID, op operation) time.Duration {
	return g.breaker(provider, op).RemainingDelay()
}

// tokens takes what a provider's rate allows of a number of calls, and tells the wait until the next and between the
// ones after it.
func (g *gate) tokens(ctx context.Context, provider order.Provider, calls int) (got int, wait, every time.Duration) {
	rate := g.rate(provider)
	got, wait = g.rates.Take(ctx, provider.ID.String(), rate, calls)
	return got, wait, rate.Every
}

// leaving ends a call of a class and tells what that did to the breaker.
type leaving func(order.Class) turn

// turn is what a call did to its breaker.
type turn int

const (
	turnNone turn = iota
	turnOpened
	turnClosed
)

// enter waits, not for long, until the provider has room for a call. The call's class must be told to leave.
func (g *gate) enter(ctx context.Context, provider order.Provider, op operation) (leave leaving, refused *refusal) {
	breaker := g.breaker(provider.ID, op)
	room := g.lane(provider)
	if !room.enter(ctx) {
		return nil, &refusal{laneWait, "as many calls to the provider as it allows are running"}
	}
	if !breaker.TryAcquirePermit() {
		room.leave()
		after := max(breaker.RemainingDelay(), time.Second)
		return nil, &refusal{after, "the provider failed too often and is left alone for a while"}
	}
	return func(class order.Class) turn {
		room.leave()
		before := breaker.State()
		if broken(class) {
			breaker.RecordFailure()
		} else {
			breaker.RecordSuccess()
		}
		return turnOf(before, breaker.State())
	}, nil
}

func turnOf(before, after circuitbreaker.State) turn {
	if after == before {
		return turnNone
	}
	switch after {
	case circuitbreaker.OpenState:
		return turnOpened
	case circuitbreaker.ClosedState:
		return turnClosed
	case circuitbreaker.HalfOpenState:
	}
	return turnNone
}

// broken reports whether an outcome says that something is wrong with a provider rather than with a call.
func broken(class order.Class) bool {
	return class == order.ClassAuth || class == order.ClassUnknown || class == order.ClassRetryable
}

// limited heeds a provider that asked for fewer calls.
func (g *gate) limited(ctx context.Context, provider order.Provider, outcome *order.Outcome) {
	if outcome.Class == order.ClassRateLimited {
		g.rates.Hold(ctx, provider.ID.String(), max(outcome.RetryAfter, holdLeast))
	}
}

func (g *gate) lane(provider order.Provider) *lane {
	if provider.Concurrency <= 0 {
		return nil
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	room := g.lanes[provider.ID]
	if room == nil || cap(room.calls) != provider.Concurrency {
		room = &lane{calls: make(chan struct{}, provider.Concurrency), queue: make(chan struct{}, provider.Concurrency+mostAhead)}
		g.lanes[provider.ID] = room
	}
	return room
}

// lane bounds the calls to a provider that run at a time, and those that wait; a nil lane bounds nothing. Further
// ones are refused, so that a slow provider does not take up the slots of the others' tasks.
type lane struct{ calls, queue chan struct{} }

func (l *lane) enter(ctx context.Context) bool {
	if l == nil {
		return true
	}
	select {
	case l.calls <- struct{}{}:
		return true
	default:
	}
	select {
	case l.queue <- struct{}{}:
	default:
		return false
	}
	defer func() { <-l.queue }()
	timer := time.NewTimer(laneWait)
	defer timer.Stop()
	select {
	case l.calls <- struct{}{}:
		return true
	case <-timer.C:
	case <-ctx.Done():
	}
	return false
}

func (l *lane) leave() {
	if l != nil {
		<-l.calls
	}
}
