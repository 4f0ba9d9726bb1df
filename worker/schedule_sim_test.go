package worker_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/boostress/boostress/schedule"
	"github.com/boostress/boostress/store"
	"github.com/boostress/boostress/task"
	"github.com/boostress/boostress/worker"
)

// simulation is a database in memory that holds schedules, and the processes that fire them. It keeps what Postgres would:
// locks of rows, changes that are seen when they are committed, and a clock of its own.
type simulation struct {
	breaks breakage

	mu    sync.Mutex
	dice  *rand.Rand
	begun time.Time // by the processes' clocks, which are years off
	rows  []*simRow
	slots map[simSlot]uuid.UUID
	calm  bool // nothing fails any more
	kills int
	stops int // processes that were frozen
	wrong []string

	soonest time.Time // something is due, or a task ends that one awaits; zero: that is not known
}

// breakage is what a simulation leaves out, to see that its checks notice.
type breakage struct{ locks, key, advance, tasks bool }

type simSlot struct {
	schedule uuid.UUID
	slot     int64
}

type simRow struct {
	schedule.Schedule

	lock  *simTx
	lasts []time.Duration // how long its runs last
	live  map[uuid.UUID]time.Time
	ended time.Time // the latest of its runs
	fired []simRun
	tasks int
}

type simRun struct{ slot, at time.Time }

var (
	errKilled           = errors.New("killed")
	errTerminated error = &pgconn.PgError{Code: "25P03", Message: "terminating connection due to idle-in-transaction timeout"}
	simEpoch            = time.Date(2026, 3, 28, 0, 0, 0, 0, time.UTC) // clocks in Berlin are set an hour ahead a day later
)

const simIdle = 3 * time.Second

func (s *simulation) now() time.Time {
	return simEpoch.Add(time.Since(s.begun)).Truncate(time.Microsecond)
}

// chance is one time in so many, while things fail.
func (s *simulation) chance(of int) bool { return !s.calm && s.dice.IntN(of) == 0 }

// process is one that fires schedules until it is killed.
type process struct {
	*simulation

	stop context.CancelFunc
	down []span // when it was dead or frozen
}

type span struct{ from, to time.Time }

// ScheduleWait does what the store's does.
func (p *process) ScheduleWait(ctx context.Context, _ []uuid.UUID) (time.Duration, bool, error) {
	if err := ctx.Err(); err != nil {
		return 0, false, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return max(0, p.soonest.Sub(p.now())), !p.soonest.IsZero(), nil
}

// plan finds when something may be done next.
func (s *simulation) plan() {
	s.soonest = time.Time{}
	sooner := func(at time.Time) {
		if s.soonest.IsZero() || at.Before(s.soonest) {
			s.soonest = at
		}
	}
	for _, row := range s.rows {
		if row.NextAt != nil {
			sooner(*row.NextAt)
		}
		if row.Awaits == nil {
			continue
		}
		if end, ok := row.live[*row.Awaits]; ok {
			sooner(end)
		} else {
			sooner(simEpoch)
		}
	}
}

// released reports whether the task that a schedule awaits has ended.
func (r *simRow) released(now time.Time) bool {
	return r.Awaits != nil && !r.live[*r.Awaits].After(now)
}

// running lists the tasks that have not ended.
func (r *simRow) running(now time.Time) (ids []uuid.UUID) {
	for id, end := range r.live {
		if end.After(now) {
			ids = append(ids, id)
			continue
		}
		delete(r.live, id)
		if end.After(r.ended) {
			r.ended = end
		}
	}
	return ids
}

// simTx is one transaction.
type simTx struct {
	*process

	begun  time.Time // by the database's clock
	last   time.Time // the end of its latest statement
	over   bool
	locked []*simRow
	runs   []schedule.Run
	made   []task.Task
	steps  []store.ScheduleStep
	ended  map[uuid.UUID]bool // tasks that it revoked
}

// Fire does what the store's does. The process may die or freeze before each statement, and before and after the commit.
func (p *process) Fire(ctx context.Context, do func(worker.ScheduleTx, time.Time) error) error {
	x := &simTx{process: p, ended: map[uuid.UUID]bool{}}
	x.begun = p.now()
	x.last = x.begun
	err := do(x, x.begun)
	if err == nil {
		err = x.statement(ctx)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if err == nil {
		x.commit()
	}
	x.end()
	if err == nil && p.chance(1000) {
		p.die()
		return errKilled
	}
	return err
}

// statement lets time pass, and things happen.
func (x *simTx) statement(ctx context.Context) error {
	x.mu.Lock()
	kill, freeze := x.chance(3000), x.chance(3000)
	pause := time.Duration(x.dice.IntN(3000)) * time.Microsecond
	if freeze {
		x.stops++
		pause = time.Duration(x.dice.IntN(20_000)) * time.Millisecond
		x.down = append(x.down, span{x.now(), x.now().Add(pause)})
	}
	if kill {
		x.die()
	}
	x.mu.Unlock()
	if kill {
		return errKilled
	}
	<-time.After(pause)
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.over || x.now().Sub(x.last) > simIdle {
		x.end()
		return errTerminated
	}
	x.last = x.now()
	return ctx.Err()
}

func (p *process) die() {
	p.kills++
	p.stop()
}

// end gives up its locks.
func (x *simTx) end() {
	for _, row := range x.locked {
		if row.lock == x {
			row.lock = nil
		}
	}
	x.over = true
}

// free reports whether nobody holds a row; whoever has fallen silent loses it.
func (s *simulation) free(row *simRow) bool {
	if row.lock != nil && s.now().Sub(row.lock.last) > simIdle {
		row.lock.end()
	}
	return row.lock == nil || s.breaks.locks
}

// ScheduleDue does what the store's does.
func (x *simTx) ScheduleDue(ctx context.Context, limit int, aside []uuid.UUID) (due []schedule.Schedule, err error) {
	if err := x.statement(ctx); err != nil {
		return nil, err
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, row := range x.rows {
		isDue := row.NextAt != nil && !row.NextAt.After(x.begun) || row.released(x.begun)
		if isDue && len(due) < limit && !slices.Contains(aside, row.ID) && x.free(row) {
			row.lock = x
			x.locked = append(x.locked, row)
			due = append(due, row.Schedule)
		}
	}
	return due, nil
}

// ScheduleLive does what the store's does.
func (x *simTx) ScheduleLive(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID][]uuid.UUID, error) {
	if err := x.statement(ctx); err != nil {
		return nil, err
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	live := map[uuid.UUID][]uuid.UUID{}
	for _, row := range x.rows {
		if slices.Contains(ids, row.ID) {
			live[row.ID] = row.running(x.now())
		}
	}
	return live, nil
}

// ScheduleTaken does what the store's does.
func (x *simTx) ScheduleTaken(ctx context.Context, slots []schedule.Run) (taken []schedule.Run, err error) {
	if err := x.statement(ctx); err != nil {
		return nil, err
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, run := range slots {
		if id, ok := x.slots[simSlotOf(run)]; ok {
			run.TaskID = id
			taken = append(taken, run)
		}
	}
	return taken, nil
}

func simSlotOf(run schedule.Run) simSlot { return simSlot{run.ScheduleID, run.Slot.UnixMicro()} }

// ScheduleFire does what the store's does.
func (x *simTx) ScheduleFire(ctx context.Context, runs []schedule.Run) error {
	if err := x.statement(ctx); err != nil {
		return err
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, run := range runs {
		if _, ok := x.slots[simSlotOf(run)]; ok && !x.breaks.key {
			return store.ErrSlotTaken
		}
	}
	x.runs = runs
	return nil
}

// TaskInsert does what the store's does.
func (x *simTx) TaskInsert(ctx context.Context, tasks []task.Task) ([]task.Task, error) {
	x.made = tasks
	if x.breaks.tasks {
		x.made = nil
	}
	return tasks, x.statement(ctx)
}

// ScheduleAdvance does what the store's does.
func (x *simTx) ScheduleAdvance(ctx context.Context, steps []store.ScheduleStep) error {
	x.steps = steps
	return x.statement(ctx)
}

// TaskRevokeSchedule does what the store's does, and workers obey at once.
func (x *simTx) TaskRevokeSchedule(
	ctx context.Context, ids []uuid.UUID, _ string,
) (revoked []task.Task, left map[uuid.UUID]bool, err error) {
	if err := x.statement(ctx); err != nil {
		return nil, nil, err
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, row := range x.rows {
		if slices.Contains(ids, row.ID) {
			for _, id := range row.running(x.now()) {
				x.ended[id] = true
			}
		}
	}
	return nil, nil, nil
}

// commit has everybody see what the transaction did.
func (x *simTx) commit() {
	byID := map[uuid.UUID]*simRow{}
	for _, row := range x.rows {
		byID[row.ID] = row
		for id := range x.ended {
			delete(row.live, id)
		}
	}
	for _, run := range x.runs {
		row := byID[run.ScheduleID]
		x.slots[simSlotOf(run)] = run.TaskID
		row.fired = append(row.fired, simRun{run.Slot, x.now()})
		if serial := row.Overlap == schedule.OverlapSkip || row.Overlap == schedule.OverlapQueue; serial && len(row.running(x.begun)) > 0 {
			x.wrong = append(x.wrong, row.Name+": two runs at a time")
		}
	}
	for i := range x.made {
		row := byID[*x.made[i].ScheduleID]
		row.tasks++
		row.live[x.made[i].ID] = x.now().Add(row.lasts[x.dice.IntN(len(row.lasts))])
	}
	defer x.plan()
	for _, step := range x.steps {
		row := byID[step.ID]
		row.Runs, row.Skipped, row.Missed = row.Runs+step.Fired, row.Skipped+step.Skipped, row.Missed+step.Missed
		if x.breaks.advance && x.dice.IntN(10) == 0 {
			continue // it is lost
		}
		row.NextAt, row.QueuedSlot, row.Backlog, row.Awaits = step.NextAt, step.QueuedSlot, step.Backlog, step.Awaits
		if step.LastSlot != nil {
			row.LastSlot = step.LastSlot
		}
	}
}
