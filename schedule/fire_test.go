package schedule_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/boostress/boostress/schedule"
)

// minute returns a moment of the day on which these tests are, so many minutes past midnight.
func minute(n int) time.Time {
	return moment("2026-03-01T00:00:00Z").Add(time.Duration(n) * time.Minute)
}

func minutes(list ...int) []time.Time {
	var times []time.Time
	for _, n := range list {
		times = append(times, minute(n))
	}
	return times
}

// hourly is due at each full hour from one o'clock on.
func hourly(change func(*schedule.Schedule)) schedule.Schedule {
	s := schedule.Schedule{
		ID: uuid.UUID{1}, Rule: schedule.Rule{Kind: schedule.Interval, Every: time.Hour}, Overlap: schedule.OverlapSkip,
		Misfire: schedule.MisfireOnce, MisfireLimit: 3, NextAt: new(minute(60)),
	}
	if change != nil {
		change(&s)
	}
	return s
}

// delayed is due an hour after the end of the run before.
func delayed(change func(*schedule.Schedule)) schedule.Schedule {
	return hourly(func(s *schedule.Schedule) {
		s.Rule.Kind = schedule.AfterCompletion
		change(s)
	})
}

func TestFire(t *testing.T) {
	t.Parallel()
	run, other := uuid.UUID{7}, uuid.UUID{8}
	live := []uuid.UUID{run}
	const (
		skip, queue, allow, cancel = schedule.OverlapSkip, schedule.OverlapQueue, schedule.OverlapAllow, schedule.OverlapCancel
		once, all, none            = schedule.MisfireOnce, schedule.MisfireAll, schedule.MisfireSkip
	)
	with := func(overlap schedule.Overlap, misfire schedule.Misfire, change func(*schedule.Schedule)) schedule.Schedule {
		s := hourly(change)
		s.Overlap, s.Misfire = overlap, misfire
		return s
	}
	queued := func(at int) func(*schedule.Schedule) {
		return func(s *schedule.Schedule) {
			s.QueuedSlot, s.Awaits, s.NextAt = new(minute(at)), &run, new(minute(at+60))
		}
	}
	tests := map[string]struct {
		s    schedule.Schedule
		now  int
		live []uuid.UUID
		want schedule.Firing
	}{
		"not due":  {hourly(nil), 59, nil, schedule.Firing{NextAt: new(minute(60))}},
		"in time":  {hourly(nil), 60, nil, schedule.Firing{Slots: minutes(60), NextAt: new(minute(120))}},
		"a minute": {with(skip, none, nil), 61, nil, schedule.Firing{Slots: minutes(60), NextAt: new(minute(120))}},

		"late, SKIP":     {with(skip, none, nil), 62, nil, schedule.Firing{Missed: 1, NextAt: new(minute(120))}},
		"late, RUN_ONCE": {with(skip, once, nil), 62, nil, schedule.Firing{Slots: minutes(60), NextAt: new(minute(120))}},
		"five, SKIP":     {with(skip, none, nil), 302, nil, schedule.Firing{Missed: 5, NextAt: new(minute(360))}},
		"five, SKIP, one in time": {
			with(skip, none, nil), 300, nil, schedule.Firing{Slots: minutes(300), Missed: 4, NextAt: new(minute(360))},
		},
		"five, RUN_ONCE": {with(skip, once, nil), 302, nil, schedule.Firing{Slots: minutes(300), Missed: 4, NextAt: new(minute(360))}},
		"five, RUN_ALL beside each other": {
			with(allow, all, nil), 302, nil, schedule.Firing{Slots: minutes(180, 240, 300), Missed: 2, NextAt: new(minute(360))},
		},
		"five, RUN_ALL one after the other": {with(skip, all, nil), 302, nil, schedule.Firing{
			Slots: minutes(180), Missed: 2, NextAt: new(minute(360)), QueuedSlot: new(minute(240)), Backlog: true, Await: true,
		}},
		"five, RUN_ALL where each revokes the other": {
			with(cancel, all, nil), 302, nil, schedule.Firing{Slots: minutes(300), Missed: 4, NextAt: new(minute(360))},
		},
		"a backlog goes on, and what is due joins it": {
			with(skip, all, func(s *schedule.Schedule) { queued(240)(s); s.Backlog = true }), 305, nil,
			schedule.Firing{
				Slots: minutes(240), NextAt: new(minute(360)), QueuedSlot: new(minute(300)), Backlog: true, Await: true,
			},
		},
		"a backlog waits": {
			with(skip, all, func(s *schedule.Schedule) { queued(240)(s); s.Backlog = true }), 300, live,
			schedule.Firing{NextAt: new(minute(360)), QueuedSlot: new(minute(240)), Backlog: true, Awaits: &run},
		},
		"a backlog grows beyond its limit": {
			with(skip, all, func(s *schedule.Schedule) { queued(240)(s); s.Backlog = true }), 480, live,
			schedule.Firing{NextAt: new(minute(540)), QueuedSlot: new(minute(360)), Backlog: true, Awaits: &run, Missed: 2},
		},
		"a backlog ends": {
			with(skip, all, func(s *schedule.Schedule) { queued(240)(s); s.Backlog = true }), 241, nil,
			schedule.Firing{Slots: minutes(240), NextAt: new(minute(300))},
		},
		"late while one runs, RUN_ALL": {with(skip, all, nil), 302, live, schedule.Firing{
			Missed: 2, NextAt: new(minute(360)), QueuedSlot: new(minute(180)), Backlog: true, Awaits: &run,
		}},

		"one runs, SKIP":         {with(skip, once, nil), 60, live, schedule.Firing{Skipped: 1, NextAt: new(minute(120))}},
		"one runs, SKIP RUN_ALL": {with(skip, all, nil), 60, live, schedule.Firing{Skipped: 1, NextAt: new(minute(120))}},
		"one runs, QUEUE_ONE": {with(queue, once, nil), 60, live, schedule.Firing{
			NextAt: new(minute(120)), QueuedSlot: new(minute(60)), Awaits: &run,
		}},
		"one runs, ALLOW":          {with(allow, once, nil), 60, live, schedule.Firing{Slots: minutes(60), NextAt: new(minute(120))}},
		"one runs, CANCEL_RUNNING": {with(cancel, once, nil), 60, live, schedule.Firing{Slots: minutes(60), Cancel: true, NextAt: new(minute(120))}},
		"one waits in the queue": {with(queue, once, queued(60)), 120, live, schedule.Firing{
			Skipped: 1, NextAt: new(minute(180)), QueuedSlot: new(minute(60)), Awaits: &run,
		}},
		"one waits in the queue, and many are late": {with(queue, all, queued(60)), 302, live, schedule.Firing{
			Missed: 1, Skipped: 3, NextAt: new(minute(360)), QueuedSlot: new(minute(60)), Awaits: &run,
		}},
		"the queue's turn": {with(queue, once, queued(60)), 90, nil, schedule.Firing{Slots: minutes(60), NextAt: new(minute(120))}},
		"the queue's turn, and one is due": {with(queue, once, queued(60)), 120, nil, schedule.Firing{
			Slots: minutes(60), NextAt: new(minute(180)), QueuedSlot: new(minute(120)), Await: true,
		}},
		"the queue's turn, and many are late": {with(queue, all, queued(60)), 302, nil, schedule.Firing{
			Slots: minutes(60), Missed: 1, NextAt: new(minute(360)), QueuedSlot: new(minute(180)), Backlog: true, Await: true,
		}},
		"the queue's turn, but another one runs": {with(queue, once, queued(60)), 90, []uuid.UUID{other}, schedule.Firing{
			NextAt: new(minute(120)), QueuedSlot: new(minute(60)), Awaits: &other,
		}},

		"the last of its runs": {hourly(func(s *schedule.Schedule) { s.MaxRuns, s.Runs = 3, 2 }), 60, nil, schedule.Firing{Slots: minutes(60)}},
		"more runs than it has": {
			with(allow, all, func(s *schedule.Schedule) { s.MaxRuns, s.Runs = 3, 1 }), 181, nil, schedule.Firing{Slots: minutes(60, 120)},
		},
		"runs that it had by hand": {hourly(func(s *schedule.Schedule) { s.MaxRuns, s.Runs = 3, 4 }), 60, nil, schedule.Firing{}},
		"the end": {
			hourly(func(s *schedule.Schedule) { s.Rule.EndsAt = new(minute(120)) }), 60, nil, schedule.Firing{Slots: minutes(60)},
		},
		"after the end": {hourly(func(s *schedule.Schedule) { s.Rule.EndsAt = new(minute(60)) }), 60, nil, schedule.Firing{}},
		"late after the end": {
			hourly(func(s *schedule.Schedule) { s.Rule.EndsAt = new(minute(150)) }), 600, nil, schedule.Firing{Slots: minutes(120), Missed: 1},
		},
		"once": {
			hourly(func(s *schedule.Schedule) { s.Rule = onceAt(60) }), 90, nil, schedule.Firing{Slots: minutes(60)},
		},

		"AFTER_COMPLETION": {delayed(func(*schedule.Schedule) {}), 60, nil, schedule.Firing{Slots: minutes(60), Await: true}},
		"AFTER_COMPLETION, it runs": {
			delayed(func(s *schedule.Schedule) { s.NextAt, s.Awaits = nil, &run }), 90, live, schedule.Firing{Awaits: &run},
		},
		"AFTER_COMPLETION, it ended": {
			delayed(func(s *schedule.Schedule) { s.NextAt, s.Awaits = nil, &run }), 90, nil, schedule.Firing{NextAt: new(minute(150))},
		},
		"AFTER_COMPLETION, it ended at the end": {
			delayed(func(s *schedule.Schedule) { s.NextAt, s.Awaits, s.Rule.EndsAt = nil, &run, new(minute(120)) }), 90, nil, schedule.Firing{},
		},
		"AFTER_COMPLETION, a run by hand, SKIP": {delayed(func(*schedule.Schedule) {}), 60, live, schedule.Firing{Skipped: 1, Awaits: &run}},
		"AFTER_COMPLETION, a run by hand, QUEUE_ONE": {
			delayed(func(s *schedule.Schedule) { s.Overlap = queue }), 60, live, schedule.Firing{QueuedSlot: new(minute(60)), Awaits: &run},
		},
		"AFTER_COMPLETION, the queue's turn": {
			delayed(func(s *schedule.Schedule) {
				s.Overlap, s.NextAt, s.QueuedSlot, s.Awaits = queue, nil, new(minute(60)), &run
			}), 90, nil,
			schedule.Firing{Slots: minutes(60), Await: true},
		},
		"AFTER_COMPLETION, a run by hand, ALLOW": {
			delayed(func(s *schedule.Schedule) { s.Overlap = allow }), 60, live, schedule.Firing{Slots: minutes(60), Await: true},
		},
		"AFTER_COMPLETION, late, SKIP": {
			delayed(func(s *schedule.Schedule) { s.Misfire = none }), 90, nil, schedule.Firing{Missed: 1, NextAt: new(minute(150))},
		},
		"AFTER_COMPLETION, the last of its runs": {
			delayed(func(s *schedule.Schedule) { s.MaxRuns = 1 }), 60, nil, schedule.Firing{Slots: minutes(60)},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := test.s.Fire(minute(test.now), test.live)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	broken := hourly(func(s *schedule.Schedule) { s.Rule.Kind = "NEVER" })
	if _, err := broken.Fire(minute(60), nil); !errors.Is(err, schedule.ErrRule) {
		t.Errorf("a bad rule: %v, want ErrRule", err)
	}
}

func onceAt(at int) schedule.Rule {
	return schedule.Rule{Kind: schedule.Once, StartsAt: new(minute(at))}
}

func TestJitterIsOfTheSlot(t *testing.T) {
	t.Parallel()
	s := hourly(func(s *schedule.Schedule) { s.Jitter = 10 * time.Minute })
	seen := map[time.Duration]bool{}
	for n := range 200 {
		slot := minute(60 * n)
		at := s.Jittered(slot)
		if late := at.Sub(slot); late < 0 || late >= s.Jitter || !at.Equal(s.Jittered(slot)) || !at.Equal(at.Truncate(time.Microsecond)) {
			t.Fatalf("slot %v begins at %v", slot, at)
		}
		seen[at.Sub(slot)/time.Minute] = true
	}
	if len(seen) != 10 {
		t.Errorf("runs begin in %d of 10 minutes", len(seen))
	}
	if s.Jitter = 0; !s.Jittered(minute(60)).Equal(minute(60)) {
		t.Error("a slot without jitter is moved")
	}
}

func BenchmarkFire(b *testing.B) {
	zone := func(kind schedule.Kind) schedule.Schedule {
		return hourly(func(s *schedule.Schedule) {
			s.Rule = schedule.Rule{Kind: kind, Every: time.Hour, Cron: "0 9-17 * * mon-fri", TimeZone: "Europe/Berlin"}
		})
	}
	for _, kind := range []schedule.Kind{schedule.Interval, schedule.Cron, schedule.AfterCompletion} {
		s := zone(kind)
		b.Run(string(kind), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := s.Fire(minute(60), nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
