package server_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/99designs/gqlgen/graphql/introspection"

	"github.com/boostress/boostress/graph"
	"github.com/boostress/boostress/server"
)

func withRealSchema(o *server.Options) { o.Schema = graph.NewExecutableSchema(graph.Config{}) }

// GraphiQL and code generators ask for the whole schema, more levels deep than operations may be.
func TestIntrospection(t *testing.T) {
	t.Parallel()
	s := serve(t, withRealSchema)
	got := s.post(t, introspection.Query, nil, "X-API-Key", goodKey)
	var data struct {
		Schema struct {
			Types []json.RawMessage `json:"types"`
		} `json:"__schema"`
	}
	if err := json.Unmarshal(got.Data, &data); err != nil || len(got.Errors) > 0 || len(data.Schema.Types) < 50 {
		t.Fatalf("%v: got %d, %d types, %.300s", err, got.status, len(data.Schema.Types), got.text)
	}
	if got := s.post(t, introspection.Query, nil); got.code() != "UNAUTHENTICATED" || got.Data != nil {
		t.Errorf("anonymous: got %d %.300s", got.status, got.text)
	}
	nested := "{__schema{types" + strings.Repeat("{fields{type", 8) + "{name}" + strings.Repeat("}}", 8) + "}}"
	if got := s.post(t, nested, nil, "X-API-Key", goodKey); got.code() != "GRAPHQL_VALIDATION_FAILED" {
		t.Errorf("nested lists: got %d %.300s", got.status, got.text)
	}
}

// What the checks of the nastiest documents cost. Each is within the limit of tokens.
func TestNastyDocumentsAreRefusedSoon(t *testing.T) {
	t.Parallel()
	s := serve(t, withRealSchema)
	fragments := func(n int, spreads string) string {
		var text strings.Builder
		text.WriteString("{...F0}")
		for i := range n {
			text.WriteString(strings.ReplaceAll(strings.ReplaceAll(
				" fragment F# on Query {"+spreads+"}", "#", string(rune('A'+i%26))+strings.Repeat("x", i/26)), "FAx", "F0"))
		}
		return text.String()
	}
	for name, query := range map[string]string{
		"the same field":      "{viewer{" + strings.Repeat("role ", 980) + "}}",
		"the same in parts":   "{viewer{" + strings.Repeat("...{role role role}", 160) + "}}",
		"the same by spread":  "{viewer{" + strings.Repeat("...A ", 40) + "}} fragment A on Viewer {" + strings.Repeat("role ", 200) + "}",
		"unknown fields":      "{viewer{" + strings.Repeat("roles ", 980) + "}}",
		"many arguments":      "{order(" + strings.Repeat("id:1 ", 320) + "){id}}",
		"many directives":     "{viewer" + strings.Repeat("@include(if:true)", 160) + "{role}}",
		"many unknown ones":   "{viewer" + strings.Repeat("@a", 480) + "{role}}",
		"many variables":      "query(" + strings.Repeat("$a:Int ", 240) + "){viewer{role}}",
		"fragments in each":   fragments(60, "viewer{role} ...FB ...FC ...FD"),
		"nested lists":        "{order(id:" + strings.Repeat("[", 450) + strings.Repeat("]", 450) + "){id}}",
		"nested inline":       "{" + strings.Repeat("...{", 320) + "viewer{role}" + strings.Repeat("}", 320) + "}",
		"many operations":     strings.Repeat("query A{viewer{role}} ", 110),
		"a long name":         "{" + strings.Repeat("x", 200_000) + "}",
		"a long comment":      "{viewer{whom}} #" + strings.Repeat("x", 200_000),
		"many short comments": "{viewer{whom}}" + strings.Repeat("\n#", 60_000),
		"a long string":       "{order(id:\"" + strings.Repeat("x", 200_000) + "\"){id}}",
	} {
		began := time.Now()
		got := s.post(t, query, nil)
		took := time.Since(began)
		t.Logf("%-20s %8v %.150s", name, took.Round(10*time.Microsecond), got.text)
		// Without the race detector and on a machine of its own it is 3 ms at most; what is quadratic or worse takes minutes.
		if took > 10*time.Second || got.status != http.StatusOK {
			t.Errorf("%s: took %v, got %d %.200s", name, took, got.status, got.text)
		}
	}
}
