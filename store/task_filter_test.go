package store_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/boostress/boostress/internal/id"
	"github.com/boostress/boostress/store"
	"github.com/boostress/boostress/task"
)

// taskWorld is a few values of everything that tasks are selected by, so that filters often match some.
type taskWorld struct {
	*rand.Rand

	begin                                          time.Time
	schedules, orders, fulfillments, workers, some []uuid.UUID
}

func newTaskWorld(seed uint64) *taskWorld {
	w := &taskWorld{Rand: rand.New(rand.NewPCG(seed, 1)), begin: time.Now().UTC().Truncate(time.Millisecond).Add(-time.Hour)}
	for range 3 {
		w.schedules, w.orders = append(w.schedules, id.New(id.Schedule)), append(w.orders, id.New(id.Order))
		w.workers, w.some = append(w.workers, id.New(id.Worker)), append(w.some, id.New(id.Provider))
		w.fulfillments = append(w.fulfillments, id.New(id.Fulfillment))
	}
	return w
}

func one[T any](w *taskWorld, list ...T) T { return list[w.IntN(len(list))] }

func (w *taskWorld) maybe(list []uuid.UUID) *uuid.UUID {
	if w.IntN(3) == 0 {
		return nil
	}
	return &list[w.IntN(len(list))]
}

func (w *taskWorld) moment() time.Time {
	return w.begin.Add(time.Duration(w.IntN(60)) * time.Minute).Add(time.Duration(w.IntN(3)) * 333 * time.Microsecond)
}

// text is what an error or a result may say.
func (w *taskWorld) text() string {
	var text strings.Builder
	for range w.IntN(4) {
		text.WriteString(one(w, "timeout", "Time", "größe", "ÄRGER", "ошибка", "x1", "007", "1e5", "C:\\new", "a\nb", "it's",
			"\u4fa1\u683c", "\x01", "a&b", "<i>", "a_b", "—"))
		text.WriteString(one(w, " ", ", ", "-", "\t", "/", "\"", "…"))
	}
	return text.String()
}

func (w *taskWorld) kindQueue() (task.Kind, task.Queue) {
	kind := one(w, task.KindDispatch, task.KindDispatch, task.KindCancel, task.KindBulk, task.KindPollProvider)
	if kind == task.KindDispatch {
		return kind, task.QueueDispatch
	}
	return kind, one(w, task.Queues()...)
}

// task is one in any state; its id was made when it was enqueued.
func (w *taskWorld) task(accountID uuid.UUID) task.Task {
	enqueued := w.moment()
	made := task.Task{
		ID: id.At(id.Task, enqueued), AccountID: accountID, Name: one(w, "", "", "nightly", "hourly"), State: one(w, task.States()...),
		Priority: one(w, 0, 0, 5, 9), ScheduleID: w.maybe(w.schedules), ProviderID: w.maybe(w.some),
		Error: w.text(), TraceID: one(w, "", "t1", "t2"), Attempt: w.IntN(4), MaxAttempts: 25, EnqueuedAt: enqueued, DueAt: enqueued,
	}
	made.Kind, made.Queue = w.kindQueue()
	if made.Error != "" {
		made.ErrorClass = one(w, append(task.ErrorClasses(), "")...)
	}
	if w.IntN(3) > 0 {
		nth := w.IntN(3)
		made.OrderID, made.FulfillmentID = &w.orders[nth], &w.fulfillments[nth]
	}
	if made.State == task.Started || w.IntN(4) > 0 && made.State != task.Pending {
		started := enqueued.Add(time.Duration(w.IntN(3)) * 700 * time.Millisecond)
		made.StartedAt, made.WorkerID = &started, w.maybe(w.workers)
	}
	if made.State.Final() {
		finished := enqueued.Add(time.Duration(2+w.IntN(3)) * time.Second)
		made.FinishedAt, made.Dead = &finished, made.State == task.Failure
		if w.IntN(3) > 0 {
			made.Result = w.result()
		}
	}
	return made
}

func (w *taskWorld) result() json.RawMessage {
	value := map[string]any{w.text(): w.text(), "b": []any{w.text(), true, nil, w.IntN(5)}, "ab": 17}
	text, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	return text
}

func (w *taskWorld) filter() store.TaskFilter {
	var f store.TaskFilter
	for range 1 + w.IntN(2) {
		moment, long := w.moment(), time.Duration(w.IntN(4))*700*time.Millisecond-time.Millisecond
		kind, queue := w.kindQueue()
		other, _ := w.kindQueue()
		switch w.IntN(21) {
		case 0:
			f.Kinds = []task.Kind{kind, other}[w.IntN(3):2]
		case 1:
			f.Name = "nightly"
		case 2:
			f.States = []task.State{one(w, task.States()...), one(w, task.States()...)}
		case 3:
			f.Queue = queue
		case 4:
			f.Priorities = [][]int{{0, 5}, {5, 9}, {9}, {}}[w.IntN(4)]
		case 5:
			f.ScheduleID = &w.schedules[0]
		case 6:
			f.OrderID = &w.orders[0]
		case 7:
			f.FulfillmentID = &w.fulfillments[0]
		case 8:
			f.ProviderID = &w.some[0]
		case 9:
			f.WorkerID = &w.workers[0]
		case 10:
			dead := w.IntN(2) == 0
			f.Dead = &dead
		case 11:
			f.Classes = []task.ErrorClass{task.ErrorTimeout, one(w, task.ErrorClasses()...)}
		case 12:
			f.TraceID = "t1"
		case 13:
			f.AttemptsAtLeast = w.IntN(4)
		case 14:
			f.Search = store.TaskWords(one(w,
				"time", "TIMEOUT", "größ", "ärger", "ошиб", "x", "00", "1e5", "new", "b a", "it s",
				"\u4fa1", "ab 17", "tru", "nu", "0001", "i", "nothing of it"))
		case 15:
			f.EnqueuedAfter = &moment
		case 16:
			f.EnqueuedBefore = &moment
		case 17:
			f.StartedAfter, f.StartedBefore = &moment, one(w, nil, new(w.moment()))
		case 18:
			f.FinishedAfter, f.FinishedBefore = one(w, nil, new(w.moment())), &moment
		case 19:
			f.RanAtLeast = &long
		case 20:
			f.WaitedAtLeast = &long
		}
	}
	return f
}

func insertWorld(t *testing.T, st testStore, w *taskWorld, accountID uuid.UUID, count int) []*task.Task {
	t.Helper()
	for i := range w.fulfillments {
		execute(t, st, `INSERT INTO orders (id, account_id, reference, category, destination, status, currency, quantity, created_by,
			created_at, updated_at) VALUES ($1, $2, $3, 'x', '{}', 'PENDING', 'EUR', 1, 'test', now(), now())`,
			w.orders[i], accountID, fmt.Sprint("R", i))
		line := id.New(id.Line)
		execute(t, st, `INSERT INTO order_lines (id, account_id, order_id, position, service_type, quantity) VALUES ($1, $2, $3, 0, 'x', 1)`,
			line, accountID, w.orders[i])
		execute(t, st, `INSERT INTO fulfillments (id, account_id, order_id, line_id, quantity, status, currency, created_at, updated_at)
			VALUES ($1, $2, $3, $4, 1, 'PENDING', 'EUR', now(), now())`, w.fulfillments[i], accountID, w.orders[i], line)
	}
	batch, all := new(pgx.Batch), make([]*task.Task, count)
	for i := range all {
		one := w.task(accountID)
		all[i] = &one
		if !one.State.Final() {
			batch.Queue(`INSERT INTO tasks (id, account_id, kind, name, queue, priority, state, last_error, error_class, order_id,
				fulfillment_id, provider_id, schedule_id, worker_id, trace_id, attempt, max_attempts, due_at, enqueued_at, started_at)
				VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14,$15,$16,$17,$18,$19,$20)`, one.ID, one.AccountID,
				string(one.Kind), one.Name, string(one.Queue), one.Priority, string(one.State), one.Error, string(one.ErrorClass),
				one.OrderID, one.FulfillmentID, one.ProviderID, one.ScheduleID, one.WorkerID, one.TraceID, one.Attempt,
				one.MaxAttempts, one.DueAt, one.EnqueuedAt, one.StartedAt)
			continue
		}
		batch.Queue(`INSERT INTO task_results (id, account_id, kind, name, queue, priority, state, error, error_class, order_id,
			fulfillment_id, provider_id, schedule_id, worker_id, trace_id, attempt, max_attempts, due_at, enqueued_at, started_at,
			finished_at, dead, result)
			VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14,$15,$16,$17,$18,$19,$20,$21,$22,$23)`, one.ID, one.AccountID,
			string(one.Kind), one.Name, string(one.Queue), one.Priority, string(one.State), one.Error, string(one.ErrorClass),
			one.OrderID, one.FulfillmentID, one.ProviderID, one.ScheduleID, one.WorkerID, one.TraceID, one.Attempt,
			one.MaxAttempts, one.DueAt, one.EnqueuedAt, one.StartedAt, one.FinishedAt, one.Dead, one.Result)
	}
	conn := connect(t, st)
	if err := conn.SendBatch(t.Context(), batch).Close(); err != nil {
		t.Fatal(err)
	}
	if err := conn.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	return all
}

// sortValue is what a list is sorted by; nil: a task has none.
func sortValue(sort store.SortField, t *task.Task) *int64 {
	micros := func(d *time.Duration, signed time.Duration) *int64 {
		if d == nil {
			return nil
		}
		return new(signed.Microseconds())
	}
	at := func(at *time.Time) *int64 {
		if at == nil {
			return nil
		}
		return new(at.UnixMicro())
	}
	switch sort {
	case store.ByStarted:
		return at(t.StartedAt)
	case store.ByFinished:
		return at(t.FinishedAt)
	case store.ByDuration:
		return micros(t.Duration(), *cmp.Or(t.Duration(), new(time.Duration)))
	case store.ByWaitingTime:
		if t.FinishedAt == nil {
			return nil
		}
		return micros(t.WaitingTime(), *cmp.Or(t.WaitingTime(), new(time.Duration)))
	default:
		return new(int64)
	}
}

func TestTaskListTellsWhatMatchTells(t *testing.T) {
	t.Parallel()
	st := openStore(t)
	const rounds = 400
	w := newTaskWorld(rand.Uint64())
	account := id.New(id.Account)
	all := insertWorld(t, st, w, account, 300)
	insertWorld(t, st, newTaskWorld(1), id.New(id.Account), 20)
	matched := 0
	for range rounds {
		filter, sort := w.filter(), store.Sort{Desc: w.IntN(2) == 0, Field: one(w, "", store.ByEnqueued, store.ByStarted,
			store.ByFinished, store.ByDuration, store.ByWaitingTime)}
		var want []*task.Task
		count := 0
		for _, one := range all {
			if filter.Match(one) && sortValue(sort.Field, one) != nil {
				want = append(want, one)
				count++
			}
		}
		matched += count
		slices.SortFunc(want, func(a, b *task.Task) int {
			by := cmp.Or(cmp.Compare(*sortValue(sort.Field, a), *sortValue(sort.Field, b)), slices.Compare(a.ID[:], b.ID[:]))
			if sort.Desc {
				return -by
			}
			return by
		})
		name := fmt.Sprintf("%+v by %+v", filter, sort)
		got := walkTasks(t, st, account, filter, sort, store.Page{Size: 1 + w.IntN(60), Last: w.IntN(3) == 0, Count: true}, count)
		if diff := gocmp.Diff(textsOf(want), textsOf(got)); diff != "" {
			text, _ := json.Marshal(filter)
			t.Fatalf("%s %s (-matched +listed):\n%s", name, text, diff)
		}
	}
	if matched < rounds {
		t.Errorf("%d tasks matched %d filters: too few to tell anything", matched, rounds)
	}
}

func textsOf(tasks []*task.Task) []string {
	texts := make([]string, len(tasks))
	for i, t := range tasks {
		texts[i] = fmt.Sprintln(t.ID, t.State, t.Kind, t.Error, string(t.Result), t.StartedAt)
		if t.Result != nil {
			texts[i] = t.ID.String() // the record writes JSON in its own way
		}
	}
	return texts
}

func walkTasks(
	t *testing.T, st testStore, account uuid.UUID, filter store.TaskFilter, sort store.Sort, page store.Page, total int,
) (all []*task.Task) {
	t.Helper()
	for range total + 1 {
		slice, err := st.TaskList(t.Context(), account, filter, sort, page)
		if err != nil {
			t.Fatalf("%+v by %+v: %v", filter, sort, err)
		}
		if slice.Total != total {
			t.Errorf("%+v by %+v: total is %d, want %d", filter, sort, slice.Total, total)
		}
		if page.Last {
			all = slices.Concat(slice.Items, all)
		} else {
			all = slices.Concat(all, slice.Items)
		}
		if !slice.More {
			return all
		}
		if page.Last {
			page.Before = slice.Keys[0]
		} else {
			page.After = slice.Keys[len(slice.Keys)-1]
		}
	}
	t.Fatalf("%+v by %+v: the list does not end", filter, sort)
	return nil
}
