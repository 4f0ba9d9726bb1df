package worker_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/govalues/decimal"

	"github.com/boostress/boostress/fulfillment"
	"github.com/boostress/boostress/internal/id"
	"github.com/boostress/boostress/limit"
	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/providerapi"
	"github.com/boostress/boostress/task"
	"github.com/boostress/boostress/worker"
)

// fakeCatalog keeps what handlers tell it.
type fakeCatalog struct {
	provider order.Provider
	state    order.SyncState
	checked  *fulfillment.Checked
	listed   []order.ExternalOffer
	failed   string
}

func (f *fakeCatalog) Provider(context.Context, uuid.UUID) (order.Provider, error) {
	return f.provider, nil
}

func (f *fakeCatalog) RecordCheck(_ context.Context, _ uuid.UUID, found fulfillment.Checked) error {
	f.checked = &found
	return nil
}

func (f *fakeCatalog) Sync(_ context.Context, syncID uuid.UUID) (order.OfferSync, order.Provider, error) {
	return order.OfferSync{ID: syncID, State: f.state}, f.provider, nil
}

func (f *fakeCatalog) FinishSync(_ context.Context, syncID uuid.UUID, listed []order.ExternalOffer) (*order.OfferSync, error) {
	f.listed = listed
	return &order.OfferSync{ID: syncID, State: order.SyncApplied}, nil
}

func (f *fakeCatalog) FailSync(_ context.Context, _ uuid.UUID, reason string) error {
	f.failed = reason
	return nil
}

// teller is an adapter that can be checked and lists offers.
type teller struct {
	*fakeAdapter

	ping, balance, list error
}

func (a *teller) For(context.Context, order.Provider) (providerapi.Provider, error) { return a, nil }

func (a *teller) Ping(context.Context) error { return a.ping }

func (a *teller) Balance(context.Context) (order.Money, error) {
	return order.Money{Amount: decimal.MustParse("12.5"), Currency: "EUR"}, a.balance
}

func (a *teller) Offers(context.Context) ([]order.ExternalOffer, error) {
	return []order.ExternalOffer{{ExternalID: "a3"}}, a.list
}

func runOne(t *testing.T, handler worker.Handler, change func(*task.Task)) worker.Result {
	t.Helper()
	var got worker.Result
	handler.Handle(t.Context(), newTasks(1, func(n *task.Task) {
		providerID := id.New(id.Provider)
		n.ProviderID, n.Attempt, n.MaxAttempts = &providerID, 1, 3
		n.Arguments = json.RawMessage(`{"syncId":"` + id.New(id.OfferSync).String() + `"}`)
		if change != nil {
			change(n)
		}
	}), func(_ int, result worker.Result) { got = result })
	return got
}

func TestCheckAsksTheProvider(t *testing.T) {
	t.Parallel()
	refused := &providerapi.Error{Class: order.ClassAuth, Message: "no such key"}
	silent := &providerapi.Error{Class: order.ClassUnsupported}
	balance := order.Money{Amount: decimal.MustParse("12.5"), Currency: "EUR"}
	for name, test := range map[string]struct {
		adapter worker.Adapters
		want    fulfillment.Checked
	}{
		"well":           {&teller{}, fulfillment.Checked{Balance: &balance}},
		"tells nothing":  {&teller{balance: silent}, fulfillment.Checked{Balance: nil}},
		"refused":        {&teller{ping: refused}, fulfillment.Checked{Problem: "AUTH: no such key", Class: order.ClassAuth}},
		"can't be asked": {&fakeAdapter{}, fulfillment.Checked{Problem: "its adapter has nothing to check", Class: order.ClassUnsupported}},
	} {
		catalog := &fakeCatalog{}
		handler := worker.CheckProvider(catalog, worker.NewProviders(worker.ProviderOptions{Adapters: test.adapter}))
		if got := runOne(t, handler, nil); got.Err != nil {
			t.Errorf("%s: %v", name, got.Err)
		}
		if catalog.checked == nil {
			t.Fatalf("%s: nothing was recorded", name)
		}
		exact := cmp.Comparer(func(a, b decimal.Decimal) bool { return a.Equal(b) })
		if diff := cmp.Diff(test.want, *catalog.checked, exact); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestCheckKeepsToTheRate(t *testing.T) {
	t.Parallel()
	catalog := &fakeCatalog{}
	handler := worker.CheckProvider(catalog, worker.NewProviders(worker.ProviderOptions{
		Adapters: &teller{}, Rate: func(order.Provider) limit.Rate { return limit.Rate{Every: time.Hour, Burst: 1} },
	}))
	var later *worker.LaterError
	if got := runOne(t, handler, nil); !errors.As(got.Err, &later) || !later.Free || catalog.checked != nil {
		t.Errorf("without a token for the balance: %+v, recorded %+v", got, catalog.checked)
	}
}

func TestSyncReadsTheList(t *testing.T) {
	t.Parallel()
	away := &providerapi.Error{Class: order.ClassRetryable, Message: "away"}
	for name, test := range map[string]struct {
		adapter worker.Adapters
		state   order.SyncState
		attempt int
		listed  int
		failed  string
		again   bool
	}{
		"listed":      {&teller{}, order.SyncRunning, 1, 1, "", false},
		"ended":       {&teller{}, order.SyncFailed, 1, 0, "", false},
		"away":        {&teller{list: away}, order.SyncRunning, 1, 0, "", true},
		"still away":  {&teller{list: away}, order.SyncRunning, 3, 0, "RETRYABLE: away", false},
		"no catalog":  {&fakeAdapter{}, order.SyncRunning, 1, 0, "UNSUPPORTED: its adapter can't list offers", false},
		"credentials": {&teller{list: &providerapi.Error{Class: order.ClassAuth}}, order.SyncRunning, 1, 0, "AUTH", false},
	} {
		catalog := &fakeCatalog{state: test.state}
		handler := worker.SyncOffers(catalog, nil, worker.NewProviders(worker.ProviderOptions{Adapters: test.adapter}))
		got := runOne(t, handler, func(n *task.Task) { n.Attempt = test.attempt })
		if (got.Err != nil) != test.again || len(catalog.listed) != test.listed || catalog.failed != test.failed {
			t.Errorf("%s: %+v, listed %v, failed %q", name, got, catalog.listed, catalog.failed)
		}
	}
}
