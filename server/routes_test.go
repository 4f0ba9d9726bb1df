package server_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/99designs/gqlgen/graphql"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"github.com/boostress/boostress/playground"
	"github.com/boostress/boostress/server"
)

func TestRoutes(t *testing.T) {
	t.Parallel()
	s := serve(t, func(o *server.Options) { o.Playground = playground.Handler() })
	for _, test := range []struct {
		method, path string
		status       int
		location     string
	}{
		{"GET", "/", 302, "/playground/"},
		{"GET", "/playground", 301, "/playground/"},
		{"GET", "/healthz", 200, ""},
		{"HEAD", "/healthz", 200, ""},
		{"POST", "/healthz", 405, ""},
		{"GET", "/readyz", 200, ""},
		{"GET", "/metrics", 200, ""},
		{"GET", "/graphql/", 404, ""},
		{"GET", "/nothing", 404, ""},
		{"GET", "/debug/pprof/", 404, ""},
		{"GET", "/debug/vars", 404, ""},
		{"POST", "/webhooks/x", 404, ""},
	} {
		got := s.ask(t, test.method, test.path, "")
		if got.status != test.status || got.header.Get("Location") != test.location {
			t.Errorf("%s %s: got %d to %q", test.method, test.path, got.status, got.header.Get("Location"))
		}
	}
}

func TestSecurityHeaders(t *testing.T) {
	t.Parallel()
	s := serve(t, func(o *server.Options) { o.Playground = playground.Handler() })
	for _, path := range []string{"/graphql?query={who}", "/healthz", "/nothing", "/metrics", "/playground/"} {
		h := s.ask(t, http.MethodGet, path, "").header
		policy := h.Values("Content-Security-Policy")
		if len(policy) != 1 || !strings.Contains(policy[0], "frame-ancestors 'none'") {
			t.Errorf("%s: policy %q", path, policy)
		}
		if path == "/playground/" && !strings.Contains(policy[0], "script-src 'self'") {
			t.Errorf("the playground lost its policy: %q", policy)
		}
		if got := h.Values("X-Content-Type-Options"); len(got) != 1 || got[0] != "nosniff" {
			t.Errorf("%s: X-Content-Type-Options %q", path, got)
		}
		if got := h.Values("Referrer-Policy"); len(got) != 1 || got[0] != "no-referrer" {
			t.Errorf("%s: Referrer-Policy %q", path, got)
		}
		if h.Get("X-Request-Id") == "" || h.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s: headers %v", path, h)
		}
	}
	if got := s.post(t, "{who}", nil).header.Get("Cache-Control"); got != "no-store" {
		t.Errorf("Cache-Control %q", got)
	}
}

func TestRequestID(t *testing.T) {
	t.Parallel()
	s := serve(t)
	for given, kept := range map[string]bool{
		"abc-DEF_1.2": true, strings.Repeat("a", 64): true,
		strings.Repeat("a", 65): false, "a b": false, "a\"b": false, "é": false, "": false,
	} {
		got := s.post(t, "{whom}", nil, "X-Request-Id", given)
		named := got.header.Get("X-Request-Id")
		if (named == given) != kept || named == "" || got.Errors[0].Extensions["requestId"] != named {
			t.Errorf("%q became %q: %s", given, named, got.text)
		}
		if !strings.Contains(s.log.String(), `"request_id":"`+named+`"`) {
			t.Errorf("%q is not in the log", named)
		}
	}
}

func TestTrace(t *testing.T) {
	t.Parallel()
	s := serve(t)
	const trace = "4bf92f3577b34da6a3ce929d0e0e4736"
	for header, want := range map[string]string{"00-" + trace + "-00f067aa0ba902b7-01": trace, "00-" + trace: "", "": ""} {
		got := s.post(t, "{trace}", nil, "X-API-Key", goodKey, "Traceparent", header)
		if !strings.Contains(got.text, `"trace":"`+want+`"`) {
			t.Errorf("%q: got %s, want %q", header, got.text, want)
		}
	}
}

func TestAccessLog(t *testing.T) {
	t.Parallel()
	s := serve(t)
	s.post(t, "query Greeting {hello(name:\"private\")}", map[string]any{"n": "private"}, "X-API-Key", goodKey, "X-Request-Id", "r1")
	s.ask(t, http.MethodGet, "/graphql?query={who%20private}", "", "X-Request-Id", "r2")
	s.ask(t, http.MethodGet, "/healthz", "", "X-Request-Id", "r3")
	lines := map[string]map[string]any{}
	for line := range strings.Lines(s.log.String()) {
		var record map[string]any
		if err := json.Unmarshal([]byte(line), &record); err != nil {
			t.Fatal(err)
		}
		if record["msg"] == "request" {
			lines[fmt.Sprint(record["request_id"])] = record
		}
	}
	first := lines["r1"]
	if first["operation"] != "query Greeting" || first["outcome"] != "ok" || first["status"] != 200.0 || first["path"] != "/graphql" ||
		first["client_ip"] != "127.0.0.1" || first["method"] != "POST" || first["level"] != "INFO" {
		t.Errorf("got %v", first)
	}
	if lines["r2"]["outcome"] != "refused" || lines["r3"]["level"] != "DEBUG" {
		t.Errorf("got %v and %v", lines["r2"], lines["r3"])
	}
	if log := s.log.String(); strings.Contains(log, "private") || strings.Contains(log, goodKey) {
		t.Errorf("the log tells too much: %s", log)
	}
}

// broken panics outside of any resolver.
type broken struct{}

func (broken) ExtensionName() string                   { return "Broken" }
func (broken) Validate(graphql.ExecutableSchema) error { return nil }
func (broken) InterceptOperation(context.Context, graphql.OperationHandler) graphql.ResponseHandler {
	panic("secret in a panic")
}

func TestPanicsAreMasked(t *testing.T) {
	t.Parallel()
	s := serve(t, func(o *server.Options) { o.Extensions = []graphql.HandlerExtension{broken{}} })
	got := s.post(t, "{who}", nil)
	if got.status != http.StatusInternalServerError || got.code() != "INTERNAL" || strings.Contains(got.text, "secret") {
		t.Errorf("got %d %s", got.status, got.text)
	}
	checkRefusal(t, got)
	if log := s.log.String(); strings.Count(log, "request panicked") != 1 || strings.Count(log, `"msg":"request"`) != 1 {
		t.Errorf("log: %s", log)
	}
}

func TestHalfAnAnswerIsNone(t *testing.T) {
	t.Parallel()
	s := serve(t, func(o *server.Options) {
		o.Playground = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, strings.Repeat("half ", 2000))
			panic("on the way")
		})
	})
	sent, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+"/playground/", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	response, err := s.Client().Do(sent)
	if err == nil {
		_, err = io.ReadAll(response.Body)
		err = errors.Join(err, response.Body.Close())
	}
	if err == nil {
		t.Error("half an answer passed for a whole one")
	}
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewRegistry()
	s := serve(t, func(o *server.Options) { o.Metrics = registry })
	s.post(t, "{who}", nil)
	s.post(t, "{who}", nil)
	s.post(t, "{fails}", nil)
	s.post(t, "{whom}", nil)
	s.post(t, "mutation{signOut}", nil)
	s.post(t, "{who}", nil, "X-API-Key", otherKey)
	s.ask(t, http.MethodGet, "/whatever/somebody/asks", "")
	text := s.ask(t, http.MethodGet, "/metrics", "").text
	for _, line := range []string{
		`boostress_http_requests_total{route="/graphql",status="200"} 5`,
		`boostress_http_requests_total{route="/graphql",status="401"} 1`,
		`boostress_http_requests_total{route="none",status="404"} 1`,
		`boostress_http_request_seconds_count{route="/graphql"} 6`,
		`boostress_http_in_flight 1`,
		`boostress_graphql_operations_total{outcome="ok",type="query"} 2`,
		`boostress_graphql_operations_total{outcome="failed",type="query"} 1`,
		`boostress_graphql_operations_total{outcome="refused",type="none"} 1`,
		`boostress_graphql_operations_total{outcome="ok",type="mutation"} 1`,
		`boostress_graphql_operation_seconds_count{type="query"} 3`,
		`boostress_graphql_documents_total{outcome="remembered"} 1`,
		`boostress_graphql_documents_total{outcome="refused"} 1`,
	} {
		if !strings.Contains(text, line+"\n") {
			t.Errorf("missing: %s", line)
		}
	}
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	if problems, err := promlint.NewWithMetricFamilies(families).Lint(); err != nil || len(problems) > 0 {
		t.Errorf("%v %v", problems, err)
	}
	if t.Failed() {
		t.Log(text)
	}
}

// nosy intercepts fields; picky is content with no schema.
type (
	nosy  struct{ broken }
	picky struct{ broken }
)

func (nosy) InterceptField(ctx context.Context, next graphql.Resolver) (any, error) { return next(ctx) }

var errPicky = errors.New("not this schema")

func (picky) Validate(graphql.ExecutableSchema) error { return errPicky }

func TestBadOptions(t *testing.T) {
	t.Parallel()
	good := server.Options{Schema: newStub(), Present: present, Recover: recovered, Authenticator: new(doorman)}
	for name, change := range map[string]func(*server.Options){
		"no schema":        func(o *server.Options) { o.Schema = nil },
		"no presenter":     func(o *server.Options) { o.Present = nil },
		"no recovery":      func(o *server.Options) { o.Recover = nil },
		"no authenticator": func(o *server.Options) { o.Authenticator = nil },
		"half of webhooks": func(o *server.Options) { o.Webhooks = &server.Webhooks{} },
		"fields":           func(o *server.Options) { o.Extensions = []graphql.HandlerExtension{nosy{}} },
		"extension":        func(o *server.Options) { o.Extensions = []graphql.HandlerExtension{picky{}} },
	} {
		options := good
		change(&options)
		if _, err := server.New(options); !errors.Is(err, server.ErrOptions) {
			t.Errorf("%s: got %v, want ErrOptions", name, err)
		}
	}
	if _, err := server.New(good); err != nil {
		t.Error(err)
	}
}

func TestProbesAlone(t *testing.T) {
	t.Parallel()
	probes := httptest.NewServer(server.NewProbes(server.Probes{}).Handler())
	t.Cleanup(probes.Close)
	s := &stand{Server: probes}
	for path, status := range map[string]int{
		"/healthz": 200, "/readyz": 200, "/metrics": 200, "/graphql": 404, "/": 404, "/playground/": 404,
	} {
		if got := s.ask(t, http.MethodGet, path, ""); got.status != status {
			t.Errorf("%s: got %d, want %d", path, got.status, status)
		}
	}
}
