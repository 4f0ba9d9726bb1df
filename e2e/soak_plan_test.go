package e2e_test

import (
	"context"
	"math/rand/v2"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9"
)

// gentle is how the provider behaves between faults, orders being open for about a second.
var gentle = behavior{
	LatencyMS: span{5, 30}, AcceptMS: span{50, 200}, ProgressMS: span{100, 800}, FulfillMS: span{50, 200}, RetryMS: 1000,
}

// moods are how it misbehaves.
var moods = []func(*behavior){
	func(b *behavior) { b.DropReply = 0.2 },
	func(b *behavior) { b.ErrorAfter, b.ErrorBefore = 0.1, 0.1 },
	func(b *behavior) { b.RateLimit = 0.3 },
	func(b *behavior) { b.Garbage, b.Truncate = 0.1, 0.1 },
	func(b *behavior) { b.Drip, b.LatencyMS = 0.2, span{200, 1000} },
	func(b *behavior) { b.Reject = 0.1 },
	func(b *behavior) { b.LookupDelayMS = 1500 },
}

// fault is one thing that goes wrong: what, with whom, for how long, and how long after the one before.
type fault struct {
	what   string
	target string
	lasts  time.Duration
	after  time.Duration
	mood   int
}

// plan draws the faults of a run. It is all that the seed decides, and all of it is decided before the run.
func plan(seed uint64, length time.Duration) []fault {
	dice := rand.New(rand.NewPCG(seed, 1))
	within := func(from, to time.Duration) time.Duration { return from + time.Duration(dice.Int64N(int64(to-from))) }
	kinds := []string{
		"kill", "kill", "kill", "kill", "freeze", "freeze", "flush", "flush", "redis", "postgres", "provider", "provider",
	}
	mortal := []string{"api-1", "worker-1", "worker-1", "scheduler-1", "sandbox-1"}
	frozen := []string{"api-1", "worker-1", "worker-2", "scheduler-1", "scheduler-2", "sandbox-1"}
	var all []fault
	for at := time.Duration(0); at < length; {
		f := fault{what: kinds[dice.IntN(len(kinds))], after: within(500*time.Millisecond, 4*time.Second), mood: dice.IntN(len(moods))}
		switch f.what {
		case "kill":
			f.target, f.lasts = mortal[dice.IntN(len(mortal))], within(0, 2*time.Second)
		case "freeze":
			f.target, f.lasts = frozen[dice.IntN(len(frozen))], within(time.Second, 8*time.Second)
		case "redis":
			f.lasts = within(0, 5*time.Second)
		case "postgres":
			f.lasts = within(0, 2*time.Second)
		case "provider":
			f.lasts = within(2*time.Second, 8*time.Second)
		}
		at += f.after + f.lasts + time.Second // for what starts again
		all = append(all, f)
	}
	return all
}

// inject has a fault happen, waits for its end, and has an order placed then that shows when all is well.
func (s *soak) inject(f fault) {
	s.t.Helper()
	s.t.Logf("%s %s for %v", f.what, f.target, f.lasts.Round(time.Millisecond))
	s.count(f.what)
	switch f.what {
	case "kill":
		p := s.roles[f.target]
		p.kill()
		<-time.After(f.lasts)
		if p.name == "sandbox" {
			s.roles[f.target] = s.startSandbox()
		} else {
			s.roles[f.target] = s.roleAt(p.addr, p.name, nil)
		}
	case "freeze":
		s.roles[f.target].signal(syscall.SIGSTOP)
		<-time.After(f.lasts)
		s.roles[f.target].signal(syscall.SIGCONT)
	case "flush":
		s.flush()
	case "redis":
		must(s.t, s.stack.Redis.Kill(s.t.Context()))
		<-time.After(f.lasts)
		must(s.t, s.stack.Redis.Start(s.t.Context()))
	case "postgres":
		must(s.t, s.stack.Postgres.Kill(s.t.Context()))
		<-time.After(f.lasts)
		must(s.t, s.stack.Postgres.Start(s.t.Context()))
	case "provider":
		ill := gentle
		moods[f.mood](&ill)
		s.behave(ill)
		<-time.After(f.lasts)
		s.behave(gentle)
	}
	s.probes.Go(s.probe)
}

func (s *soak) flush() {
	s.t.Helper()
	address, err := redis.ParseURL(s.stack.RedisURL)
	must(s.t, err)
	client := redis.NewClient(address)
	defer func() { must(s.t, client.Close()) }()
	ctx, cancel := context.WithTimeout(s.t.Context(), 10*time.Second)
	defer cancel()
	must(s.t, client.FlushAll(ctx).Err())
}

// probe places an order and notes how long it takes to its end. While a next fault goes on, it takes longer.
func (s *soak) probe() {
	begun := time.Now()
	id := s.load.one()
	for id != "" && time.Since(begun) < patience {
		if s.load.ended(id) {
			s.mu.Lock()
			s.recovers = append(s.recovers, time.Since(begun))
			s.mu.Unlock()
			return
		}
		<-time.After(100 * time.Millisecond)
	}
	s.count("unrecovered")
}
