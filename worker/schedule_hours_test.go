package worker_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"github.com/boostress/boostress/fulfillment"
	"github.com/boostress/boostress/schedule"
	"github.com/boostress/boostress/worker"
)

// newSimulation makes schedules of each rule and policy.
func newSimulation(seed uint64, breaks breakage) *simulation {
	s := &simulation{
		breaks: breaks, dice: rand.New(rand.NewPCG(seed, 1)), begun: time.Now(), slots: map[simSlot]uuid.UUID{},
	}
	instant, long := []time.Duration{0}, []time.Duration{0, time.Second, time.Minute, 20 * time.Minute}
	for _, overlap := range []schedule.Overlap{
		schedule.OverlapSkip, schedule.OverlapQueue, schedule.OverlapAllow, schedule.OverlapCancel,
	} {
		for _, misfire := range []schedule.Misfire{schedule.MisfireSkip, schedule.MisfireOnce, schedule.MisfireAll} {
			every := func(least int) time.Duration { return time.Duration(least+s.dice.IntN(300)) * time.Second }
			for _, one := range []struct {
				rule  schedule.Rule
				lasts []time.Duration
			}{
				{schedule.Rule{Kind: schedule.Interval, Every: every(20)}, instant},
				{schedule.Rule{Kind: schedule.Interval, Every: every(20)}, long},
				{schedule.Rule{Kind: schedule.Cron, Cron: "30 0-6 * * *", TimeZone: "Europe/Berlin"}, instant},
				{schedule.Rule{Kind: schedule.Cron, Cron: "*/13 * * * *", TimeZone: "Europe/Berlin"}, long},
				{schedule.Rule{Kind: schedule.AfterCompletion, Every: every(20)}, long},
				{schedule.Rule{Kind: schedule.Once, StartsAt: new(simEpoch.Add(time.Duration(1+s.dice.IntN(50)) * time.Hour))}, instant},
			} {
				s.add(fmt.Sprintf("%s %s %s %s%v", overlap, misfire, one.rule.Kind, one.rule.Cron, one.rule.Every), schedule.Schedule{
					Rule: one.rule, Overlap: overlap, Misfire: misfire, MisfireLimit: 10_000, Enabled: true,
				}, one.lasts)
			}
		}
	}
	s.plan()
	return s
}

func (s *simulation) add(name string, one schedule.Schedule, lasts []time.Duration) {
	one.ID, one.Name = uuid.UUID{1: byte(len(s.rows) >> 8), 2: byte(len(s.rows)), 15: 13}, name
	next, ok, err := one.Rule.Next(simEpoch)
	if err != nil || !ok {
		panic(fmt.Sprintf("%s: %v", name, err))
	}
	one.NextAt = &next
	s.rows = append(s.rows, &simRow{Schedule: one, lasts: lasts, live: map[uuid.UUID]time.Time{}})
}

// live has a process live, be killed and start again, until ctx ends. From time to time it stays dead for long.
func (p *process) live(ctx context.Context) {
	for ctx.Err() == nil {
		running, stop := context.WithCancel(ctx)
		p.mu.Lock()
		p.stop = stop
		p.mu.Unlock()
		scheduler := worker.NewScheduler(worker.SchedulerOptions{Store: p, AfterCommit: func(fulfillment.Committed) {}})
		if err := scheduler.Run(running); err != nil {
			panic(err)
		}
		stop()
		if ctx.Err() != nil {
			return
		}
		p.mu.Lock()
		pause := time.Duration(p.dice.IntN(10_000)) * time.Millisecond
		if p.chance(10) {
			pause = time.Duration(p.dice.IntN(90)) * time.Minute
		}
		p.down = append(p.down, span{p.now(), p.now().Add(pause)})
		p.mu.Unlock()
		<-time.After(pause)
	}
}

// simulate lets three processes fire for so long and returns what is wrong afterwards.
func simulate(t *testing.T, seed uint64, length time.Duration, breaks breakage) (wrong []string) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := newSimulation(seed, breaks)
		ctx, stop := context.WithCancel(t.Context())
		var processes []*process
		var living sync.WaitGroup
		for range 3 {
			p := &process{simulation: s}
			processes = append(processes, p)
			living.Go(func() { p.live(ctx) })
		}
		outages := s.outages(length, processes)
		s.mu.Lock()
		s.calm = true
		s.mu.Unlock()
		<-time.After(min(length, 2*time.Hour)) // what is late is made up for
		stop()
		end := s.now()
		living.Wait()
		fired := 0
		for _, row := range s.rows {
			s.check(row, processes, end)
			fired += len(row.fired)
		}
		t.Logf("seed %d: %d slots of %d schedules fired in %v; %d kills, %d freezes, %d times nobody was there",
			seed, fired, len(s.rows), length, s.kills, s.stops, outages)
		wrong = s.wrong
	})
	return wrong
}

// outages kills all processes at once from time to time, besides what else happens to them.
func (s *simulation) outages(length time.Duration, processes []*process) (count int) {
	for end := s.now().Add(length); s.now().Before(end); count++ {
		s.mu.Lock()
		pause := time.Duration(s.dice.IntN(600)) * time.Minute
		s.mu.Unlock()
		<-time.After(min(pause, end.Sub(s.now())))
		s.mu.Lock()
		for _, p := range processes {
			p.die()
		}
		s.mu.Unlock()
	}
	return count
}

// there reports whether a process was there from a moment on for as long as a firing may take, while at most one thing
// went wrong.
func there(processes []*process, from time.Time) bool {
	const failover = 5 * time.Second
	healthy, faults := false, 0
	for _, p := range processes {
		isDown := false
		for _, d := range p.down {
			if d.from.Before(from.Add(failover)) && d.to.Add(time.Second).After(from) {
				isDown = true
				faults++
			}
		}
		healthy = healthy || !isDown
	}
	return healthy && faults < 2
}

// check looks for what is wrong with one schedule.
func (s *simulation) check(row *simRow, processes []*process, now time.Time) {
	fault := func(format string, args ...any) {
		s.wrong = append(s.wrong, row.Name+": "+fmt.Sprintf(format, args...))
	}
	if row.tasks != len(row.fired) {
		fault("%d slots became %d tasks", len(row.fired), row.tasks)
	}
	byTime := slices.Clone(row.fired)
	slices.SortFunc(byTime, func(a, b simRun) int { return a.slot.Compare(b.slot) })
	for i := 1; i < len(byTime); i++ {
		if byTime[i].slot.Equal(byTime[i-1].slot) {
			fault("slot %v fired twice", byTime[i].slot)
		}
	}
	if row.NextAt != nil && now.Sub(*row.NextAt) > time.Second || row.released(now.Add(-time.Second)) {
		fault("it is due for ever: next at %v, awaits %v", row.NextAt, row.Awaits)
	}
	if row.Rule.Kind == schedule.AfterCompletion {
		if len(row.fired) < 20 || row.NextAt == nil && row.Awaits == nil {
			fault("it fired %d times, and next at %v", len(row.fired), row.NextAt)
		}
		return
	}
	s.checkSlots(row, processes, fault)
}

// checkSlots looks at each slot that was due.
func (s *simulation) checkSlots(row *simRow, processes []*process, fault func(string, ...any)) {
	fired := map[int64]simRun{}
	for _, run := range row.fired {
		fired[run.slot.UnixMicro()] = run
	}
	var due, queued, known int64
	for at := simEpoch; ; due++ {
		next, ok, err := row.Rule.Next(at)
		if err != nil || !ok || row.NextAt != nil && !next.Before(*row.NextAt) {
			break
		}
		at = next
		if row.QueuedSlot != nil && (at.Equal(*row.QueuedSlot) || row.Backlog && at.After(*row.QueuedSlot)) {
			queued++
			continue
		}
		run, ok := fired[at.UnixMicro()]
		if ok {
			known++
		}
		// Where runs are over at once, or may overlap, each slot fires, unless nobody was there.
		fires := row.Overlap == schedule.OverlapAllow || row.lasts[0] == row.lasts[len(row.lasts)-1]
		switch {
		case !fires:
		case !ok && row.Misfire == schedule.MisfireAll && row.Overlap != schedule.OverlapCancel:
			fault("slot %v did not fire", at)
		case !there(processes, at):
		case !ok:
			fault("slot %v did not fire, though somebody was there", at)
		case run.at.Sub(at) > 5*time.Second && row.Misfire != schedule.MisfireAll:
			fault("slot %v fired %v late, though somebody was there", at, run.at.Sub(at))
		}
	}
	if known != int64(len(row.fired)) || row.Runs != known {
		fault("%d runs are counted, %d fired, of them %d slots", row.Runs, len(row.fired), known)
	}
	if sum := row.Runs + row.Skipped + row.Missed + queued; sum != due {
		fault("%d runs, %d skipped, %d missed, %d queued: %d of %d slots", row.Runs, row.Skipped, row.Missed, queued, sum, due)
	}
}

// TestSixtyHoursOfThreeSchedulers: three schedulers are killed and frozen at random for sixty hours, by a database whose
// clock has nothing to do with theirs. Each slot has one run, and none is missing that the policy does not leave out.
func TestSixtyHoursOfThreeSchedulers(t *testing.T) {
	t.Parallel()
	wrong := simulate(t, rand.Uint64(), 60*time.Hour, breakage{})
	for _, one := range wrong[:min(20, len(wrong))] {
		t.Error(one)
	}
}

// The simulation notices where a rule that keeps slots apart is broken.
func TestSimulationNotices(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		breaks  breakage
		notices string
	}{
		"neither locks nor a primary key":       {breakage{locks: true, key: true}, "fired twice"},
		"no primary key, and steps that vanish": {breakage{advance: true, key: true}, "fired twice"},
		"steps that vanish":                     {breakage{advance: true}, " slots"},
		"slots without tasks":                   {breakage{tasks: true}, "became 0 tasks"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wrong := simulate(t, 1, time.Hour, test.breaks)
			counts := map[string]int{}
			for _, one := range wrong {
				for _, what := range []string{"fired twice", test.notices} {
					if strings.Contains(one, what) {
						counts[what]++
					}
				}
			}
			if counts[test.notices] == 0 {
				t.Errorf("%d things are wrong, and none of them %q", len(wrong), test.notices)
			}
			if counts["fired twice"] > 0 && !test.breaks.key {
				t.Error("slots fire twice in spite of their primary key")
			}
			t.Logf("%d things are wrong: %v", len(wrong), counts)
		})
	}
}
