package resolvers_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io/fs"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/executor"
	"github.com/99designs/gqlgen/graphql/handler/extension"
	"github.com/jackc/pgx/v5"
	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"github.com/boostress/boostress/access"
	"github.com/boostress/boostress/account"
	"github.com/boostress/boostress/fulfillment"
	"github.com/boostress/boostress/internal/request"
	"github.com/boostress/boostress/internal/seal"
	"github.com/boostress/boostress/internal/testkit"
	"github.com/boostress/boostress/limit"
	"github.com/boostress/boostress/live"
	"github.com/boostress/boostress/migrations"
	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/resolvers"
	"github.com/boostress/boostress/scheduling"
	"github.com/boostress/boostress/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, testkit.LeakOptions()...) }

// stand is the API without its transports, on stores of the test's own.
type stand struct {
	t        testing.TB
	url      string
	store    *store.Store
	root     *resolvers.Root
	executor *executor.Executor
	counter  *counter
	log      *lockedWriter
	jar      *jar
	access   *access.Service
	results  *live.Results
	keys     *seal.Keyring
	service  *fulfillment.Service

	schedules *scheduling.Service
}

// patientWait is long enough for every field of a slow machine under the race detector to be asked for.
const patientWait = 100 * time.Millisecond

func newStand(t testing.TB) *stand {
	t.Helper()
	s := &stand{t: t, counter: &counter{}, log: &lockedWriter{}, jar: &jar{}, keys: newKeyring(t)}
	s.url = testkit.Postgres(t, store.Migrate, schemaVersion(t))
	st, err := store.Open(t.Context(), s.url, store.Options{Tracer: s.counter})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(st.Close)
	s.store = st

	redisURL, prefix := testkit.Redis(t)
	options, err := redis.ParseURL(redisURL)
	if err != nil {
		t.Fatal(err)
	}
	client := redis.NewClient(options)
	t.Cleanup(func() { _ = client.Close() })
	log := slog.New(slog.NewTextHandler(s.log, nil))
	bell, results, hints, hub := startLive(t, st, client, prefix)
	s.results = results
	s.access = access.New(st, limit.NewLogin(client, limit.LoginOptions{Prefix: prefix}), access.Options{Derive: quickDerive})
	announce := func(committed fulfillment.Committed) {
		bell.Ring()
		results.Publish(committed.Results)
		hints.Publish(committed.Operations)
		hints.Publish(committed.Fired)
	}
	s.service = fulfillment.New(st, fulfillment.Options{
		AfterCommit:  announce,
		Capabilities: func(context.Context, order.Provider) (order.Capabilities, error) { return order.Capabilities{}, nil },
		Adapters:     func() []string { return []string{"boostress"} },
		Seal:         s.keys,
	})
	s.schedules = scheduling.New(st, s.service, scheduling.Options{AfterCommit: announce})
	s.root = resolvers.New(resolvers.Options{
		Store: st, Access: s.access, Live: hub, Log: log, Wait: patientWait, Fulfillment: s.service, Scheduling: s.schedules,
	})
	s.executor = executor.New(s.root.Schema())
	for _, extension := range []graphql.HandlerExtension{s.root.Rules(), s.root, extension.Introspection{}} {
		s.executor.Use(extension)
	}
	s.executor.SetErrorPresenter(s.root.Present)
	s.executor.SetRecoverFunc(s.root.Recover)
	return s
}

// startLive runs the live feed of one process.
func startLive(
	t testing.TB, st *store.Store, client redis.UniversalClient, prefix string,
) (*live.Bell, *live.Results, *live.Hints, *live.Hub) {
	t.Helper()
	cursors, err := live.NewCursors([]byte("a key that only tests use"))
	if err != nil {
		t.Fatal(err)
	}
	options := live.Options{Cursors: cursors, Prefix: prefix}
	bell, results, hub := live.NewBell(client, options), live.NewResults(client, options), live.NewHub(st, client, options)
	hints := live.NewHints(client, options)
	relay := live.NewRelay(st, client, func(ctx context.Context, do func(context.Context) error) (bool, error) {
		return st.Lead(ctx, "relay", do)
	}, options)
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	for _, run := range []func(context.Context) error{bell.Run, results.Run, hints.Run, hub.Run, relay.Run} {
		running.Go(func() {
			if err := run(ctx); err != nil {
				t.Error(err)
			}
		})
	}
	t.Cleanup(func() {
		cancel()
		running.Wait()
	})
	return bell, results, hints, hub
}

func newKeyring(t testing.TB) *seal.Keyring {
	t.Helper()
	ring, err := seal.NewKeyring(seal.GenerateKey())
	if err != nil {
		t.Fatal(err)
	}
	return ring
}

func quickDerive(password, salt []byte, _, _ uint32, _ uint8, length uint32) []byte {
	sum := sha256.Sum256(append(append([]byte{}, password...), salt...))
	return sum[:length]
}

// schemaVersion changes with the migrations.
func schemaVersion(t testing.TB) string {
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

// lockedWriter is for a log that several goroutines write.
type lockedWriter struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (w *lockedWriter) Write(text []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.Write(text)
}

// logged returns what was logged so far.
func (s *stand) logged() string {
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	return s.log.text.String()
}

func execute(t testing.TB, url, statement string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Exec(t.Context(), statement); err != nil {
		t.Fatal(err)
	}
	if err := conn.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// jar notes what becomes of the session's cookie.
type jar struct{ token string }

func (j *jar) Keep(token string, _ time.Time) { j.token = token }

func (j *jar) Drop() { j.token = "" }

// counter counts statements.
type counter struct {
	mu         sync.Mutex
	statements []string
}

func (c *counter) TraceQueryStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceQueryStartData) context.Context {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.statements = append(c.statements, strings.Join(strings.Fields(data.SQL), " "))
	return ctx
}

func (c *counter) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// since returns the statements of fields that were run since it was last called.
func (c *counter) since() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	ran := c.statements
	c.statements = nil
	// The live feed reads by itself, whatever is asked.
	fields := ran[:0]
	for _, statement := range ran {
		if !strings.Contains(statement, "pg_current_snapshot") && !strings.Contains(statement, "EventHead") &&
			!strings.Contains(statement, "advisory") && !strings.Contains(statement, "EventAhead") {
			fields = append(fields, statement)
		}
	}
	return fields
}

// as returns who makes requests in a role of an account.
func as(role account.Role, accountNumber int) account.Principal {
	return account.Principal{AccountID: accountID(accountNumber), Currency: "EUR", Actor: "key:test", Role: role}
}

// run runs an operation as somebody and returns the whole answer.
func (s *stand) run(who account.Principal, query string, variables map[string]any) map[string]any {
	s.t.Helper()
	return s.runContext(account.NewContext(s.t.Context(), who), query, variables)
}

func (s *stand) runContext(ctx context.Context, query string, variables map[string]any) map[string]any {
	s.t.Helper()
	ctx = request.NewContext(ctx, &request.Info{ID: "req-1", ClientIP: "192.0.2.1", Jar: s.jar})
	response := s.execute(graphql.StartOperationTrace(ctx), query, variables)
	text, err := json.Marshal(response)
	if err != nil {
		s.t.Fatal(err)
	}
	var answer map[string]any
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	if err := decoder.Decode(&answer); err != nil {
		s.t.Fatal(err)
	}
	return answer
}

func (s *stand) execute(ctx context.Context, query string, variables map[string]any) *graphql.Response {
	operation, refused := s.executor.CreateOperationContext(ctx, &graphql.RawParams{Query: query, Variables: numbers(s.t, variables)})
	if refused != nil {
		return s.executor.DispatchError(graphql.WithOperationContext(ctx, operation), refused)
	}
	next, ctx := s.executor.DispatchOperation(ctx, operation)
	return next(ctx)
}

// numbers gives variables the types that they have when they come as JSON.
func numbers(t testing.TB, variables map[string]any) map[string]any {
	t.Helper()
	text, err := json.Marshal(variables)
	if err != nil {
		t.Fatal(err)
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var read map[string]any
	if err := decoder.Decode(&read); err != nil {
		t.Fatal(err)
	}
	return read
}

// must runs an operation that has to answer without errors, and returns its data.
func (s *stand) must(who account.Principal, query string, variables map[string]any) map[string]any {
	s.t.Helper()
	answer := s.run(who, query, variables)
	if answer["errors"] != nil {
		s.t.Fatalf("%s\nanswers with errors: %v", query, answer["errors"])
	}
	data, ok := answer["data"].(map[string]any)
	if !ok {
		s.t.Fatalf("%s\nanswers without data: %v", query, answer)
	}
	return data
}

// code returns the code of an answer's first error, "" where it has none.
func code(answer map[string]any) string {
	list, _ := answer["errors"].([]any)
	if len(list) == 0 {
		return ""
	}
	text, _ := at(list[0], "extensions", "code").(string)
	return text
}

// list follows a path to a list; nil where there is none.
func list(value any, path ...any) []any {
	found, _ := at(value, path...).([]any)
	return found
}

// drop takes a field away from the object at the end of a path.
func drop(value any, field string, path ...any) {
	if object, ok := at(value, path...).(map[string]any); ok {
		delete(object, field)
	}
}

// at follows a path into an answer; nil where it ends early.
func at(value any, path ...any) any {
	for _, step := range path {
		switch step := step.(type) {
		case string:
			object, _ := value.(map[string]any)
			value = object[step]
		case int:
			list, _ := value.([]any)
			if step >= len(list) {
				return nil
			}
			value = list[step]
		}
	}
	return value
}
