package fulfillment_test

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/govalues/decimal"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/boostress/boostress/account"
	"github.com/boostress/boostress/fulfillment"
	"github.com/boostress/boostress/internal/id"
	"github.com/boostress/boostress/internal/seal"
	"github.com/boostress/boostress/internal/testkit"
	"github.com/boostress/boostress/migrations"
	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/store"
	"github.com/boostress/boostress/task"
)

const term = 10 * time.Second

// alive is the age at which a test's worker still claims: it sends no heartbeats, and machines may be busy.
const alive = time.Hour

// stand is the service on a database of the test's own, with a worker that is the test itself. At the test's end all
// invariants must hold.
type stand struct {
	*fulfillment.Service

	t      testing.TB
	store  *store.Store
	pool   *pgxpool.Pool // for what no use case tells or does
	who    account.Principal
	worker uuid.UUID

	mu        sync.Mutex
	can       map[uuid.UUID]order.Capabilities // of providers; those of native where there is none
	broken    bool                             // no adapter can be opened
	committed []fulfillment.Committed
}

var native = order.Capabilities{Idempotency: order.IdempotencyNative, Cancel: true, BulkStatusSize: 100}

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
	s := &stand{t: t, store: st, pool: pool, can: map[uuid.UUID]order.Capabilities{}}
	s.Service = fulfillment.New(st, fulfillment.Options{
		AfterCommit: func(c fulfillment.Committed) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.committed = append(s.committed, c)
		},
		Capabilities: s.capabilities, Adapters: func() []string { return []string{"boostress"} }, Seal: keys, Term: term,
	})
	s.who, s.worker = s.account("default"), s.register()
	t.Cleanup(func() {
		if !t.Failed() {
			s.wantInvariants()
		}
	})
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

func amount(text string) decimal.Decimal { return decimal.MustParse(text) }

func money(text string) *order.Money { return &order.Money{Amount: amount(text), Currency: "EUR"} }

func (s *stand) ctx() context.Context {
	if s.t.Context().Err() != nil { // while cleaning up
		return context.WithoutCancel(s.t.Context())
	}
	return s.t.Context()
}

func (s *stand) capabilities(_ context.Context, provider order.Provider) (order.Capabilities, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.broken {
		return order.Capabilities{}, fmt.Errorf("no adapter %q", provider.Adapter)
	}
	if can, set := s.can[provider.ID]; set {
		return can, nil
	}
	return native, nil
}

func (s *stand) setCapabilities(provider *order.Provider, can order.Capabilities) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.can[provider.ID] = can
}

func (s *stand) breakAdapters(broken bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.broken = broken
}

func (s *stand) account(name string) account.Principal {
	s.t.Helper()
	made := account.Account{ID: id.New(id.Account), Name: name, Currency: "EUR", CreatedAt: time.Now()}
	must(s.t, s.store.Write(s.ctx(), func(tx *store.Tx) error { return tx.InsertAccount(s.ctx(), made) }))
	return account.Principal{AccountID: made.ID, Currency: made.Currency, Actor: "key:" + name, Role: account.Admin}
}

func (s *stand) register() uuid.UUID {
	s.t.Helper()
	worker := store.Worker{ID: id.New(id.Worker), Host: "here", PID: 1, Version: "test", Queues: task.Queues()}
	must(s.t, s.store.WorkerRegister(s.ctx(), worker))
	return worker.ID
}

func (s *stand) exec(statement string, args ...any) {
	s.t.Helper()
	_, err := s.pool.Exec(s.ctx(), statement, args...)
	must(s.t, err)
}

// provider adds a provider with one offer of posters at a price for each.
func (s *stand) provider(name, price string) *order.Provider {
	s.t.Helper()
	p := s.providerWith(fulfillment.ProviderInput{Name: &name})
	s.offer(p, price)
	return p
}

func (s *stand) providerWith(input fulfillment.ProviderInput) *order.Provider {
	s.t.Helper()
	url := "https://provider.example"
	input.Adapter, input.Simulated = "boostress", true
	input.BaseURL = cmp.Or(input.BaseURL, &url)
	p, err := s.CreateProvider(s.ctx(), s.who, input)
	must(s.t, err)
	return p
}

func (s *stand) offer(p *order.Provider, price string) *order.Offer {
	s.t.Helper()
	name, category, service := "Poster", "prints", "poster-a3"
	o, err := s.CreateOffer(s.ctx(), s.who, fulfillment.OfferInput{
		ProviderID: p.ID, ExternalID: uuid.NewString(), Name: &name, Category: &category, ServiceType: &service, UnitPrice: money(price),
	})
	must(s.t, err)
	return o
}

// draft is an order of two posters.
func draft(change func(*order.Draft)) order.Draft {
	d := order.Draft{
		Reference: uuid.NewString(), Category: "prints", Lines: []order.LineDraft{{ServiceType: "poster-a3", Quantity: 2}},
	}
	if change != nil {
		change(&d)
	}
	return d
}

func (s *stand) place(change func(*order.Draft)) *order.Order {
	s.t.Helper()
	placed, err := s.CreateOrder(s.ctx(), s.who, draft(change))
	must(s.t, err)
	return placed
}

// hurry makes every waiting task due.
func (s *stand) hurry() {
	s.t.Helper()
	s.exec("UPDATE tasks SET due_at = now() WHERE claim_token IS NULL AND due_at > now()")
}

func (s *stand) claim() []task.Task {
	s.t.Helper()
	return s.claimFor(s.worker)
}

func (s *stand) claimFor(worker uuid.UUID) []task.Task {
	s.t.Helper()
	tasks, err := s.store.TaskClaimDue(s.ctx(), worker, alive, task.QueueDispatch, 1000)
	must(s.t, err)
	return tasks
}

// steps hurries and claims all tasks, and writes their intents.
func (s *stand) steps() []fulfillment.Step {
	s.t.Helper()
	s.hurry()
	steps, err := s.Intend(s.ctx(), s.claim())
	must(s.t, err)
	return steps
}

// step is the one call that is to be made now.
func (s *stand) step(want fulfillment.StepKind) fulfillment.Step {
	s.t.Helper()
	steps := slices.DeleteFunc(s.steps(), func(one fulfillment.Step) bool { return one.Kind == fulfillment.StepNone })
	if len(steps) != 1 || steps[0].Kind != want {
		s.t.Fatalf("steps are %+v, want one of kind %d", steps, want)
	}
	return steps[0]
}

// idle checks that no call is to be made now.
func (s *stand) idle() {
	s.t.Helper()
	for _, step := range s.steps() {
		if step.Kind != fulfillment.StepNone {
			s.t.Fatalf("a call is to be made: %+v", step)
		}
	}
}

func (s *stand) record(step fulfillment.Step, outcome order.Outcome) {
	s.t.Helper()
	s.report(fulfillment.Report{Step: step, Outcome: outcome})
}

func (s *stand) report(reports ...fulfillment.Report) {
	s.t.Helper()
	errs, err := s.Record(s.ctx(), reports)
	must(s.t, err)
	for _, err := range errs {
		must(s.t, err)
	}
}

// seen is what a provider says of an order.
func seen(external string, state order.ExternalState, delivered int, charge *order.Money) *order.ExternalOrder {
	return &order.ExternalOrder{
		ExternalID: external, State: state, RawStatus: string(state), Delivered: delivered, Charge: charge,
	}
}

func accepted(external string) order.Outcome {
	return order.Outcome{
		Class: order.ClassAccepted, Order: seen(external, order.ExternalAccepted, 0, nil), Latency: time.Millisecond,
		Request: []byte(`{"a":1}`), Response: []byte(`{"b":2}`),
	}
}

func outcome(class order.Class) order.Outcome {
	return order.Outcome{Class: class, Message: "it said " + string(class)}
}

// submitted is an order that a provider has accepted, with its fulfillment.
func (s *stand) submitted(change func(*order.Draft)) (*order.Order, *order.Fulfillment) {
	s.t.Helper()
	o := s.place(change)
	s.record(s.step(fulfillment.StepCreate), accepted("x-"+o.Reference))
	return s.order(o), s.fulfillment(o)
}

// observe has a fulfillment's provider say something, as a poll would bring it.
func (s *stand) observe(f *order.Fulfillment, seen *order.ExternalOrder) {
	s.t.Helper()
	provider, err := s.Provider(s.ctx(), *f.ProviderID)
	must(s.t, err)
	must(s.t, s.Observe(s.ctx(), provider, []fulfillment.Observation{
		{OrderID: f.OrderID, FulfillmentID: f.ID, DueAt: f.NextPollAt, Order: seen},
	}))
}
