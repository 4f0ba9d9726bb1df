package scheduling_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/boostress/boostress/account"
	"github.com/boostress/boostress/fulfillment"
	"github.com/boostress/boostress/internal/id"
	"github.com/boostress/boostress/internal/seal"
	"github.com/boostress/boostress/internal/testkit"
	"github.com/boostress/boostress/migrations"
	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/schedule"
	"github.com/boostress/boostress/scheduling"
	"github.com/boostress/boostress/store"
	"github.com/boostress/boostress/task"
)

// stand is the service on a database of the test's own.
type stand struct {
	*scheduling.Service

	t      testing.TB
	store  *store.Store
	pool   *pgxpool.Pool
	orders *fulfillment.Service
	who    account.Principal

	mu        sync.Mutex
	committed fulfillment.Committed // of schedules, all together
}

func newStand(t testing.TB) *stand {
	t.Helper()
	url := testkit.Postgres(t, store.Migrate, schemaVersion(t))
	st, err := store.Open(t.Context(), url, store.Options{MaxConns: 8})
	must(t, err)
	t.Cleanup(st.Close)
	pool, err := pgxpool.New(t.Context(), url)
	must(t, err)
	t.Cleanup(pool.Close)
	keys, err := seal.NewKeyring(seal.GenerateKey())
	must(t, err)
	s := &stand{t: t, store: st, pool: pool}
	s.orders = fulfillment.New(st, fulfillment.Options{
		Capabilities: func(context.Context, order.Provider) (order.Capabilities, error) { return order.Capabilities{}, nil },
		Adapters:     func() []string { return []string{"boostress"} }, Seal: keys,
	})
	s.Service = scheduling.New(st, s.orders, scheduling.Options{
		AfterCommit: func(c fulfillment.Committed) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.committed.Tasks = append(s.committed.Tasks, c.Tasks...)
			s.committed.Results = append(s.committed.Results, c.Results...)
			s.committed.Fired = append(s.committed.Fired, c.Fired...)
		},
		CheckAddress: func(url string) error {
			if strings.Contains(url, "inside") {
				return errors.New("is inside")
			}
			return nil
		},
	})
	s.who = s.account("default")
	return s
}

func schemaVersion(t testing.TB) string {
	t.Helper()
	sum := sha256.New()
	must(t, fs.WalkDir(migrations.FS, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := fs.ReadFile(migrations.FS, path)
		sum.Write(content)
		return err
	}))
	return hex.EncodeToString(sum.Sum(nil))
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (s *stand) account(name string) account.Principal {
	s.t.Helper()
	made := account.Account{ID: id.New(id.Account), Name: name, Currency: "EUR", CreatedAt: time.Now()}
	must(s.t, s.store.Write(s.t.Context(), func(tx *store.Tx) error { return tx.InsertAccount(s.t.Context(), made) }))
	return account.Principal{AccountID: made.ID, Currency: made.Currency, Actor: "user:" + name, Role: account.Admin}
}

func (s *stand) as(role account.Role, testMode bool) account.Principal {
	who := s.who
	who.Role, who.TestMode = role, testMode
	return who
}

func (s *stand) exec(statement string, args ...any) {
	s.t.Helper()
	_, err := s.pool.Exec(s.t.Context(), statement, args...)
	must(s.t, err)
}

func one[T any](s *stand, query string, args ...any) T {
	s.t.Helper()
	var value T
	ctx := context.WithoutCancel(s.t.Context()) // it may be asked while cleaning up
	must(s.t, s.pool.QueryRow(ctx, query, args...).Scan(&value))
	return value
}

// hourly is the input of an hourly schedule that needs no arguments.
func hourly(change func(*scheduling.Input)) scheduling.Input {
	every := time.Hour
	in := scheduling.Input{
		Name: uuid.NewString(), Rule: scheduling.RuleInput{Kind: schedule.Interval, Every: &every}, Action: task.KindEnforceDeadlines,
		Overlap: schedule.OverlapSkip, Misfire: schedule.MisfireOnce, MisfireLimit: 100, Enabled: true,
	}
	if change != nil {
		change(&in)
	}
	return in
}

func (s *stand) make(change func(*scheduling.Input)) *schedule.Schedule {
	s.t.Helper()
	made, err := s.Create(s.t.Context(), s.who, hourly(change))
	must(s.t, err)
	return made
}

func (s *stand) provider() *order.Provider { return s.providerOf(s.who) }

func (s *stand) providerOf(who account.Principal) *order.Provider {
	s.t.Helper()
	name, url := uuid.NewString(), "https://provider.example"
	p, err := s.orders.CreateProvider(s.t.Context(), who, fulfillment.ProviderInput{
		Name: &name, BaseURL: &url, Adapter: "boostress", Simulated: true,
	})
	must(s.t, err)
	return p
}

func (s *stand) place(change func(*order.Draft)) *order.Order {
	s.t.Helper()
	d := order.Draft{Reference: uuid.NewString(), Category: "prints", Lines: []order.LineDraft{{ServiceType: "poster-a3", Quantity: 2}}}
	if change != nil {
		change(&d)
	}
	placed, err := s.orders.CreateOrder(s.t.Context(), s.who, d)
	must(s.t, err)
	return placed
}

// schedule reads one as it is.
func (s *stand) schedule(of *schedule.Schedule) *schedule.Schedule {
	s.t.Helper()
	found, err := s.store.Schedules(s.t.Context(), of.AccountID, []uuid.UUID{of.ID})
	must(s.t, err)
	return found[of.ID]
}

func arguments(format string) json.RawMessage { return json.RawMessage(format) }
