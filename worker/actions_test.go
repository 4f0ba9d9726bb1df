package worker_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/boostress/boostress/fulfillment"
	"github.com/boostress/boostress/internal/id"
	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/providerapi"
	"github.com/boostress/boostress/task"
	"github.com/boostress/boostress/worker"
)

// fakeActing answers handlers.
type fakeActing struct {
	made *order.Order
	done fulfillment.Processed
	err  error
}

func (f *fakeActing) CreateOrder(context.Context, task.Task) (*order.Order, error) {
	return f.made, f.err
}

func (f *fakeActing) ProcessOrder(context.Context, task.Task) (fulfillment.Processed, error) {
	return f.done, f.err
}

func TestActionsTellWhatTheyDid(t *testing.T) {
	t.Parallel()
	acting := &fakeActing{made: &order.Order{ID: uuid.Max}, done: fulfillment.Processed{Retried: 2}}
	for want, handler := range map[string]worker.Handler{
		`{"orderId":"ffffffff-ffff-ffff-ffff-ffffffffffff"}`: worker.CreateOrder(acting),
		`{"placed":false,"retried":2}`:                       worker.ProcessOrder(acting),
	} {
		if got := runOne(t, handler, nil); got.Err != nil || string(got.Value) != want {
			t.Errorf("%s, %v, want %s", got.Value, got.Err, want)
		}
	}
	pages := []int{500, 500, 7}
	handler := worker.EnforceDeadlines(func(_ context.Context, limit int) (int, error) {
		if limit != 500 {
			t.Errorf("asked for %d", limit)
		}
		count := pages[0]
		pages = pages[1:]
		return count, nil
	})
	if got := runOne(t, handler, nil); string(got.Value) != `{"orders":1007}` || len(pages) > 0 {
		t.Errorf("%s, %v", got.Value, got.Err)
	}
}

func TestActionsFailForGoodWhereAnotherRunWouldDoNoBetter(t *testing.T) {
	t.Parallel()
	taken := order.Faults{{Field: []string{"reference"}, Code: order.CodeReferenceTaken}}
	busy := order.Faults{{Field: []string{"idempotencyKey"}, Code: order.CodeIdempotencyInProgress}}
	for name, tt := range map[string]struct {
		err   error
		final bool
		class task.ErrorClass
	}{
		"refused":  {taken, true, task.ErrorInput},
		"gone":     {fmt.Errorf("order: %w", order.ErrNotFound), true, task.ErrorNotFound},
		"over":     {order.ErrFulfilled, true, task.ErrorInput},
		"busy":     {busy, false, ""},
		"anything": {errors.New("the database is away"), false, ""},
	} {
		got := runOne(t, worker.CreateOrder(&fakeActing{err: tt.err}), nil)
		failed, known := errors.AsType[*worker.FailedError](got.Err)
		if known != tt.final || known && (!failed.Final || failed.Class != tt.class) {
			t.Errorf("%s: %+v", name, got.Err)
		}
	}
}

// A final failure ends its task at once, which can be run again by hand.
func TestFinalFailureIsNotTriedAgain(t *testing.T) {
	t.Parallel()
	e := newEngine(t)
	e.announcer().Announce(e.insert(newTask(nil)))
	e.worker(func(context.Context, task.Task) (json.RawMessage, error) {
		return nil, &worker.FailedError{Class: task.ErrorInput, Final: true, Err: errors.New("no such reference")}
	}, nil)
	e.finished(task.Failure, 1)
	if got := query[string](e, "SELECT format('%s %s %s %s', attempt, dead, error_class, error) FROM task_results"); got[0] !=
		"1 t INPUT no such reference" {
		t.Errorf("it ended as %v", got)
	}
}

func pingTask(url string) func(*task.Task) {
	return func(n *task.Task) {
		n.ID, n.Name = uuid.Max, "weekly"
		n.Arguments = json.RawMessage(`{"url": ` + strconv.Quote(url) + `, "run": {"slot": "2030-01-02T03:04:05Z", "number": 7}}`)
	}
}

func TestPingPostsAMessage(t *testing.T) {
	t.Parallel()
	type message struct {
		Method, Path, Body, ID, Timestamp, Type, Authorization string
	}
	var got message
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		got = message{
			r.Method, r.URL.Path, string(body), r.Header.Get("Webhook-Id"), r.Header.Get("Webhook-Timestamp"),
			r.Header.Get("Content-Type"), r.Header.Get("Authorization"),
		}
		w.WriteHeader(http.StatusAccepted)
	}))
	t.Cleanup(server.Close)
	handler := worker.Ping(providerapi.NewHTTPClient(providerapi.Guard{Allow: providerapi.Loopback()}), func() time.Time { return time.Unix(42, 0) })
	if result := runOne(t, handler, pingTask(server.URL+"/hook")); result.Err != nil || string(result.Value) != `{"status":202}` {
		t.Errorf("%s, %v", result.Value, result.Err)
	}
	want := message{
		"POST", "/hook", `{"run":7,"schedule":"weekly","slot":"2030-01-02T03:04:05Z","type":"ping"}`, uuid.Max.String(), "42", "application/json", "",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the message (-want +got):\n%s", diff)
	}
}

func TestPingThatFails(t *testing.T) {
	t.Parallel()
	reached := make(chan struct{}, 1)
	target := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached <- struct{}{} }))
	t.Cleanup(target.Close)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/moved":
			http.Redirect(w, r, target.URL, http.StatusTemporaryRedirect)
		case "/cut":
			panic(http.ErrAbortHandler)
		default:
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	t.Cleanup(server.Close)
	open := providerapi.NewHTTPClient(providerapi.Guard{Allow: providerapi.Loopback()})
	hasty := providerapi.NewHTTPClient(providerapi.Guard{Allow: providerapi.Loopback()})
	hasty.Timeout = time.Nanosecond
	for name, tt := range map[string]struct {
		client *http.Client
		url    string
		class  task.ErrorClass
	}{
		"refused":   {open, server.URL + "/no", task.ErrorProvider},
		"moved":     {open, server.URL + "/moved", task.ErrorProvider},
		"cut":       {open, server.URL + "/cut", task.ErrorConnection},
		"too late":  {hasty, server.URL + "/late", task.ErrorTimeout},
		"inside":    {providerapi.NewHTTPClient(providerapi.Guard{}), server.URL, task.ErrorConnection},
		"no target": {open, "", task.ErrorInput},
	} {
		result := runOne(t, worker.Ping(tt.client, time.Now), pingTask(tt.url))
		failed, known := errors.AsType[*worker.FailedError](result.Err)
		if !known || failed.Class != tt.class || failed.Final != (tt.class == task.ErrorInput) {
			t.Errorf("%s: %+v", name, result.Err)
		}
	}
	select {
	case <-reached:
		t.Error("it followed a redirect")
	default:
	}
}

// fakeBeginning begins synchronizations.
type fakeBeginning struct {
	sync  order.OfferSync
	ours  bool
	err   error
	begun int
}

func (f *fakeBeginning) BeginSync(context.Context, task.Task) (*order.OfferSync, bool, error) {
	f.begun++
	return &f.sync, f.ours, f.err
}

func TestSyncThatAScheduleBegan(t *testing.T) {
	t.Parallel()
	conflict := order.Faults{{Field: []string{"providerId"}, Code: order.CodeConflict, Message: "another one is running"}}
	const fresh, kept = `{"providerId": "%s", "mode": "APPLY"}`, `{"providerId": "%[1]s", "mode": "APPLY", "syncId": "%[1]s"}`
	for name, tt := range map[string]struct {
		arguments string
		state     order.SyncState // of what is read
		attempt   int
		beginning fakeBeginning
		begun     int
		listed    int
		value     string
	}{
		"begins":           {fresh, order.SyncRunning, 1, fakeBeginning{ours: true}, 1, 1, `{"listed":1,"state":"APPLIED"}`},
		"goes on":          {kept, order.SyncRunning, 2, fakeBeginning{}, 0, 1, `{"listed":1,"state":"APPLIED"}`},
		"was given back":   {kept, order.SyncRunning, 1, fakeBeginning{}, 0, 1, `{"listed":1,"state":"APPLIED"}`},
		"is done":          {kept, order.SyncApplied, 2, fakeBeginning{}, 0, 0, `{"state":"APPLIED"}`},
		"again by hand":    {kept, order.SyncFailed, 1, fakeBeginning{ours: true}, 1, 1, `{"listed":1,"state":"APPLIED"}`},
		"beside another":   {fresh, order.SyncRunning, 1, fakeBeginning{sync: order.OfferSync{State: order.SyncRunning}}, 1, 0, `running`},
		"another mode":     {fresh, order.SyncRunning, 1, fakeBeginning{err: conflict}, 1, 0, "later"},
		"provider is gone": {fresh, order.SyncRunning, 1, fakeBeginning{err: order.ErrNotFound}, 1, 0, "final"},
	} {
		catalog := &fakeCatalog{state: tt.state}
		handler := worker.SyncOffers(catalog, &tt.beginning, worker.NewProviders(worker.ProviderOptions{Adapters: &teller{}}))
		got := runOne(t, handler, func(n *task.Task) {
			n.Arguments, n.Attempt = json.RawMessage(fmt.Sprintf(tt.arguments, id.New(id.Provider))), tt.attempt
		})
		value := string(got.Value)
		if tt.value == "running" {
			value = "running"
		}
		if later, ok := errors.AsType[*worker.LaterError](got.Err); ok && later.Free {
			value = "later"
		}
		if failed, ok := errors.AsType[*worker.FailedError](got.Err); ok && failed.Final && failed.Class == task.ErrorNotFound {
			value = "final"
		}
		if value != tt.value || tt.beginning.begun != tt.begun || len(catalog.listed) != tt.listed {
			t.Errorf("%s: %s (%v), begun %d times, listed %d", name, value, got.Err, tt.beginning.begun, len(catalog.listed))
		}
	}
}

func TestCheckOfADeletedProvider(t *testing.T) {
	t.Parallel()
	catalog := &fakeCatalog{provider: order.Provider{DeletedAt: new(time.Now())}}
	handler := worker.CheckProvider(catalog, worker.NewProviders(worker.ProviderOptions{Adapters: &teller{}}))
	got := runOne(t, handler, func(n *task.Task) { n.ScheduleID = &uuid.Max })
	if failed, known := errors.AsType[*worker.FailedError](got.Err); !known || !failed.Final || failed.Class != task.ErrorNotFound {
		t.Errorf("%+v", got.Err)
	}
}
