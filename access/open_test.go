package access_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"
	"golang.org/x/crypto/argon2"

	"github.com/boostress/boostress/access"
	"github.com/boostress/boostress/account"
	"github.com/boostress/boostress/internal/id"
	"github.com/boostress/boostress/internal/testkit"
	"github.com/boostress/boostress/migrations"
	"github.com/boostress/boostress/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, testkit.LeakOptions()...) }

const (
	username = "admin"
	password = "correct horse battery"
	here     = "203.0.113.9"
)

// hand is a clock that tests move by hand. It starts at the time of its first use.
type hand struct {
	begin time.Time
	moved atomic.Int64
}

func newHand() *hand { return &hand{begin: time.Now()} }

func (h *hand) Now() time.Time { return h.begin.Add(time.Duration(h.moved.Load())) }

func (h *hand) Advance(by time.Duration) { h.moved.Add(int64(by)) }

// tries is a throttle that keeps to the ten tries, and nothing else.
type tries struct {
	mu     sync.Mutex
	counts map[string]int
}

func (t *tries) Wait(_ context.Context, username, clientIP string) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.counts[username+" "+clientIP] >= 10 {
		return time.Minute
	}
	return 0
}

func (t *tries) Count(_ context.Context, username, clientIP string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.counts == nil {
		t.counts = map[string]int{}
	}
	t.counts[username+" "+clientIP]++
}

func (t *tries) Forget(_ context.Context, username, clientIP string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.counts, username+" "+clientIP)
}

// hashing counts how often a password hash is computed, and how many at a time. It computes a cheaper one.
type hashing struct {
	calls, now atomic.Int64
	gate       chan struct{} // where not nil, each call waits for it

	mu   sync.Mutex
	most int64
}

func (h *hashing) derive(password, salt []byte, _, _ uint32, threads uint8, length uint32) []byte {
	h.calls.Add(1)
	running := h.now.Add(1)
	defer h.now.Add(-1)
	h.mu.Lock()
	h.most = max(h.most, running)
	h.mu.Unlock()
	if h.gate != nil {
		<-h.gate
	}
	return argon2.IDKey(password, salt, 1, 64, threads, length)
}

// together returns how many were computed at a time, at most.
func (h *hashing) together() int64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.most
}

// statements counts what the database is asked.
type statements struct{ atomic.Int64 }

func (s *statements) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	s.Add(1)
	return ctx
}

func (*statements) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// stand is a Service on a database of the test's own, with all that tests look at.
type stand struct {
	*access.Service

	store   *store.Store
	url     string
	clock   *hand
	hashing *hashing
	asked   *statements
	account account.Account
	admin   account.Principal // by a session
}

// empty returns a stand whose database has nothing but its tables.
func empty(t *testing.T) *stand {
	t.Helper()
	s := &stand{url: testkit.Postgres(t, store.Migrate, schemaVersion(t))}
	s.open(t)
	return s
}

// open gives the stand a Service of its own, as another process would have.
func (s *stand) open(t *testing.T) {
	t.Helper()
	s.clock, s.hashing, s.asked = newHand(), &hashing{}, &statements{}
	st, err := store.Open(t.Context(), s.url, store.Options{Tracer: s.asked})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(st.Close)
	s.store = st
	s.Service = access.New(st, &tries{}, access.Options{Derive: s.hashing.derive, Clock: s.clock.Now})
}

// another returns a second process on the same database.
func (s *stand) another(t *testing.T) *stand {
	t.Helper()
	other := &stand{url: s.url, account: s.account, admin: s.admin}
	other.open(t)
	return other
}

// furnished returns a stand with the default account and its admin, signed in.
func furnished(t *testing.T) *stand {
	t.Helper()
	s := empty(t)
	defaults, err := s.EnsureDefaults(t.Context(), username, password)
	if err != nil {
		t.Fatal(err)
	}
	s.account = defaults.Account
	s.admin, _ = s.signIn(t)
	return s
}

func (s *stand) signIn(t *testing.T) (account.Principal, access.Credential) {
	t.Helper()
	in, err := s.SignIn(t.Context(), username, password, here)
	if err != nil {
		t.Fatal(err)
	}
	credential := access.SessionCredential(in.Token)
	who, err := s.Authenticate(t.Context(), credential)
	if err != nil {
		t.Fatal(err)
	}
	return who, credential
}

func (s *stand) makeKey(t *testing.T, input access.APIKeyInput) (account.APIKey, access.Credential) {
	t.Helper()
	if input.Name == "" {
		input.Name = "a key"
	}
	if input.Role == "" {
		input.Role = account.Operator
	}
	key, secret, err := s.CreateAPIKey(t.Context(), s.admin, input)
	if err != nil {
		t.Fatal(err)
	}
	return key, keyCredential(secret)
}

// stranger returns the admin of another account.
func (s *stand) stranger(t *testing.T) account.Principal {
	t.Helper()
	other := account.Account{ID: id.New(id.Account), Name: "other", Currency: "USD"}
	err := s.store.Write(t.Context(), func(tx *store.Tx) error {
		other.CreatedAt = tx.Now
		return tx.InsertAccount(t.Context(), other)
	})
	if err != nil {
		t.Fatal(err)
	}
	return account.Principal{AccountID: other.ID, Currency: "USD", Actor: "user:stranger", Role: account.Admin}
}

func (s *stand) execute(t *testing.T, statement string, args ...any) {
	t.Helper()
	query[int](t, s, "WITH changed AS ("+statement+" RETURNING 1) SELECT count(*)::int FROM changed", args...)
}

func query[T any](t *testing.T, s *stand, statement string, args ...any) []T {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), s.url)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := conn.Query(t.Context(), statement, args...)
	if err != nil {
		t.Fatal(err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowTo[T])
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	return list
}

// actions lists what was audited, in order, as "actor action".
func (s *stand) actions(t *testing.T) []string {
	t.Helper()
	return query[string](t, s, "SELECT actor || ' ' || action FROM audit_entries ORDER BY created_at, id")
}

func keyCredential(secret string) access.Credential {
	return access.HeaderCredential(func(name string) string {
		if name == "X-API-Key" {
			return secret
		}
		return ""
	})
}

func idOf(t *testing.T, s *stand, statement string) uuid.UUID {
	t.Helper()
	return query[uuid.UUID](t, s, statement)[0]
}

// schemaVersion changes with the migrations.
func schemaVersion(t *testing.T) string {
	t.Helper()
	sum := sha256.New()
	err := fs.WalkDir(migrations.FS, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := fs.ReadFile(migrations.FS, path)
		sum.Write(content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return hex.EncodeToString(sum.Sum(nil))
}
