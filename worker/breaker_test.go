package worker_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"github.com/boostress/boostress/internal/testkit"
	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/providerapi"
	"github.com/boostress/boostress/store"
	"github.com/boostress/boostress/worker"
)

// fakeBreakers keeps what it is told.
type fakeBreakers struct {
	mu   sync.Mutex
	told []string
	seen []store.Breaker
	long []time.Duration
}

func (f *fakeBreakers) OpenBreaker(_ context.Context, b store.Breaker, while time.Duration) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.told, f.seen, f.long = append(f.told, "open "+b.Operation), append(f.seen, b), append(f.long, while)
	return nil
}

func (f *fakeBreakers) CloseBreaker(_ context.Context, b store.Breaker) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.told, f.seen = append(f.told, "close "+b.Operation), append(f.seen, b)
	return nil
}

// TestBreakersAreShared: others are told when a breaker opens, opens again and closes, and not of any other call.
func TestBreakersAreShared(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		told := &fakeBreakers{}
		var broken bool
		r := newRig(func(r *rig, options *worker.ProviderOptions) {
			r.provider.AccountID = uuid.New()
			options.Breakers = told
			r.adapter.answer = func(context.Context, string) (order.ExternalOrder, error) {
				if broken {
					return order.ExternalOrder{}, &providerapi.Error{Class: order.ClassUnknown}
				}
				return order.ExternalOrder{ExternalID: "x"}, nil
			}
		})
		calls := func(count int) {
			for range count {
				r.run(t, newTasks(1, nil))
			}
		}
		calls(3)
		broken = true
		calls(9)
		if len(told.told) > 0 {
			t.Errorf("told of %v before the tenth failure", told.told)
		}
		calls(5)
		time.Sleep(13 * time.Second) //nolint:forbidigo // the bubble's clock
		calls(2)                     // one tries, and fails
		broken = false
		time.Sleep(13 * time.Second) //nolint:forbidigo // the bubble's clock
		calls(2)
		if want := []string{"open CREATE", "open CREATE", "close CREATE"}; !slices.Equal(told.told, want) {
			t.Errorf("told of %v, want %v", told.told, want)
		}
		for _, b := range told.seen {
			if b.ProviderID != r.provider.ID || b.AccountID != r.provider.AccountID || b.WorkerID != told.seen[0].WorkerID || b.WorkerID == uuid.Nil {
				t.Errorf("told of breaker %+v", b)
			}
		}
		for _, while := range told.long {
			if while < 8*time.Second || while > 12*time.Second {
				t.Errorf("open for %s, want about 10 s", while)
			}
		}
	})
}

// TestProvidersAreMeasured: the leader does so by itself.
func TestProvidersAreMeasured(t *testing.T) {
	t.Parallel()
	e := newEngine(t)
	e.execute("INSERT INTO accounts (id, name, created_at) VALUES (gen_random_uuid(), 'a', now())")
	e.execute(`INSERT INTO providers (id, account_id, name, adapter, base_url, currency, created_at, updated_at)
		SELECT gen_random_uuid(), id, 'p', 'boostress', 'https://p.example', 'EUR', now(), now() FROM accounts LIMIT 1`)
	e.sweeper(nil)
	testkit.Eventually(t, patience, "the provider is measured", func() bool {
		return len(query[uuid.UUID](e, "SELECT provider_id FROM provider_health WHERE measured_at IS NOT NULL")) == 1
	})
}
