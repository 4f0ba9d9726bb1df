package server_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"github.com/boostress/boostress/access"
	"github.com/boostress/boostress/account"
	"github.com/boostress/boostress/internal/id"
	"github.com/boostress/boostress/internal/request"
	"github.com/boostress/boostress/server"
)

const stubSchema = `
type Query {
  hello(name: String): String who: String trace: String slow: String boom: String fails: String node: Node color(is: Color): String
  echo(input: EchoInput, list: [Int!], grid: [[Int]!], bare: Int = 7): Any
}
input EchoInput {
  text: String int: Int float: Float flag: Boolean id: ID color: Color any: Any tags: [String!] grid: [[Int]!] next: EchoInput
  nexts: [EchoInput!] need: Int! = 1 must: Boolean! = true
}
scalar Any
type Node { id: ID next: Node }
enum Color { RED GREEN }
input TouchInput { text: String! count: Int! }
type Mutation { touch(input: TouchInput!): String signIn: String signOut: String }
type Subscription { ticked: Int }
`

// stub is an executable schema whose root fields are functions. It does what generated code does, as far as it goes.
type stub struct {
	schema *ast.Schema
	fields map[string]func(ctx context.Context, args map[string]any) (any, error)
	ran    atomic.Int64 // fields
}

func newStub() *stub {
	s := &stub{schema: gqlparser.MustLoadSchema(&ast.Source{Input: stubSchema})}
	s.fields = map[string]func(context.Context, map[string]any) (any, error){
		"hello": func(_ context.Context, args map[string]any) (any, error) {
			return fmt.Sprint("hello ", args["name"]), nil
		},
		"who": func(ctx context.Context, _ map[string]any) (any, error) {
			principal, known := account.FromContext(ctx)
			if !known {
				return "nobody", nil
			}
			return principal.Actor, nil
		},
		"trace": func(ctx context.Context, _ map[string]any) (any, error) { return request.TraceID(ctx), nil },
		"node":  func(context.Context, map[string]any) (any, error) { return map[string]any{}, nil },
		"echo":  func(_ context.Context, args map[string]any) (any, error) { return args, nil },
		"slow":  func(ctx context.Context, _ map[string]any) (any, error) { <-ctx.Done(); return nil, ctx.Err() },
		"boom":  func(context.Context, map[string]any) (any, error) { panic("secret in a panic") },
		"fails": func(context.Context, map[string]any) (any, error) { return nil, errors.New("secret in an error") },
		"touch": func(_ context.Context, args map[string]any) (any, error) {
			input, _ := args["input"].(map[string]any)
			return input["text"], nil
		},
		"signIn": func(ctx context.Context, _ map[string]any) (any, error) {
			if !request.TakesCookies(ctx) {
				return nil, errors.New("no cookies here")
			}
			request.Cookies{}.SetSession(ctx, "token", epoch)
			return request.ClientIP(ctx), nil
		},
		"signOut": func(ctx context.Context, _ map[string]any) (any, error) {
			request.Cookies{}.ClearSession(ctx)
			return "bye", nil
		},
	}
	return s
}

func (s *stub) Schema() *ast.Schema { return s.schema }

func (s *stub) Complexity(context.Context, string, string, int, map[string]any) (int, bool) {
	return 0, false
}

func (s *stub) Exec(ctx context.Context) graphql.ResponseHandler {
	operation := graphql.GetOperationContext(ctx)
	ticks := 0
	return func(ctx context.Context) *graphql.Response {
		if operation.Operation.Operation == ast.Subscription {
			ticks++
			if ticks > 1 {
				<-ctx.Done()
				return nil
			}
			return &graphql.Response{Data: json.RawMessage(`{"ticked":1}`)}
		}
		var data bytes.Buffer
		data.WriteByte('{')
		for i, field := range graphql.CollectFields(operation, operation.Operation.SelectionSet, nil) {
			if i > 0 {
				data.WriteByte(',')
			}
			fmt.Fprintf(&data, "%q:%s", field.Alias, s.resolve(ctx, operation, field))
		}
		data.WriteByte('}')
		return &graphql.Response{Data: data.Bytes()}
	}
}

func (s *stub) resolve(ctx context.Context, operation *graphql.OperationContext, field graphql.CollectedField) (text []byte) {
	defer func() {
		if panicked := recover(); panicked != nil {
			graphql.AddError(ctx, graphql.Recover(ctx, panicked))
			text = []byte("null")
		}
	}()
	if field.Name == "__typename" {
		return []byte(`"Query"`)
	}
	s.ran.Add(1)
	value, err := s.fields[field.Name](ctx, field.ArgumentMap(operation.Variables))
	if err != nil {
		graphql.AddError(ctx, err)
		return []byte("null")
	}
	text, err = json.Marshal(value)
	if err != nil {
		panic(err)
	}
	return text
}

// present and recovered stand for what the resolvers bring along.
func present(_ context.Context, err error) *gqlerror.Error {
	if shown, ok := errors.AsType[*gqlerror.Error](err); ok && shown.Extensions["code"] != nil {
		return shown
	}
	return &gqlerror.Error{Message: "internal error", Extensions: map[string]any{"code": "INTERNAL"}}
}

func recovered(context.Context, any) error { return errors.New("recovered") }

// The credentials that the stub knows.
var (
	goodKey   = account.MintAPIKey(false)
	otherKey  = account.MintAPIKey(false) // well made, and nobody's
	goodToken = account.MintSessionToken()
	oldToken  = account.MintSessionToken()
)

// doorman knows a key and a session.
type doorman struct {
	away atomic.Bool
	seen atomic.Int64
}

var errAway = errors.New("secret: the database at 10.0.0.1 is away")

func (d *doorman) Authenticate(_ context.Context, credential access.Credential) (account.Principal, error) {
	d.seen.Add(1)
	key := access.HeaderCredential(func(name string) string { return map[string]string{"X-API-Key": goodKey}[name] })
	switch {
	case d.away.Load():
		return account.Principal{}, errAway
	case credential == key:
		return account.Principal{AccountID: id.New(id.Account), Actor: "key:test", Role: account.Admin}, nil
	case credential == access.SessionCredential(goodToken):
		return account.Principal{AccountID: id.New(id.Account), Actor: "user:ada", Role: account.Admin}, nil
	}
	return account.Principal{}, access.ErrUnauthenticated
}

// records is a log that tests can look at.
type records struct {
	mu   sync.Mutex
	text strings.Builder
}

func (r *records) Write(text []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.Write(text)
}

func (r *records) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.String()
}

// stand is a server with all that it was made of.
type stand struct {
	*httptest.Server

	stub    *stub
	doorman *doorman
	log     *records
	options server.Options
}

// serve starts a server. change may alter its options.
func serve(t testing.TB, change ...func(*server.Options)) *stand {
	t.Helper()
	s := &stand{stub: newStub(), doorman: new(doorman), log: new(records)}
	s.options = server.Options{Schema: s.stub, Present: present, Recover: recovered, Authenticator: s.doorman}
	s.options.Log = slog.New(slog.NewJSONHandler(s.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	for _, alter := range change {
		alter(&s.options)
	}
	built, err := server.New(s.options)
	if err != nil {
		t.Fatal(err)
	}
	s.Server = httptest.NewServer(built.Handler())
	t.Cleanup(s.Close)
	s.Client().CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return s
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	text   string
	Data   json.RawMessage `json:"data"`
	Errors []struct {
		Message    string         `json:"message"`
		Extensions map[string]any `json:"extensions"`
	} `json:"errors"`
}

// code returns the code of the first error, or "".
func (a answer) code() string {
	if len(a.Errors) == 0 {
		return ""
	}
	code, _ := a.Errors[0].Extensions["code"].(string)
	return code
}

// ask sends a request; headers are names and values in turn.
func (s *stand) ask(t testing.TB, method, path, body string, headers ...string) answer {
	t.Helper()
	sent, err := http.NewRequestWithContext(t.Context(), method, s.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for pair := range slices.Chunk(headers, 2) {
		sent.Header.Set(pair[0], pair[1])
	}
	return do(t, s.Client(), sent)
}

func do(t testing.TB, client *http.Client, sent *http.Request) answer {
	t.Helper()
	response, err := client.Do(sent)
	if err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	_, err = text.ReadFrom(response.Body)
	if err = errors.Join(err, response.Body.Close()); err != nil {
		t.Fatal(err)
	}
	a := answer{status: response.StatusCode, header: response.Header, text: text.String()}
	if sent.Method != http.MethodHead && strings.Contains(response.Header.Get("Content-Type"), "json") {
		if err := json.Unmarshal(text.Bytes(), &a); err != nil {
			t.Fatalf("answer is no JSON: %v: %s", err, a.text)
		}
	}
	return a
}

// post sends an operation as JSON, with more headers.
func (s *stand) post(t testing.TB, query string, variables map[string]any, headers ...string) answer {
	t.Helper()
	body, err := json.Marshal(map[string]any{"query": query, "variables": variables})
	if err != nil {
		t.Fatal(err)
	}
	return s.ask(t, http.MethodPost, "/graphql", string(body), append([]string{"Content-Type", "application/json"}, headers...)...)
}
