package server_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

func TestSecretsAreNeverEchoed(t *testing.T) {
	t.Parallel()
	s := serve(t)
	const secret = "hunter2-swordfish"
	for name, body := range map[string]string{
		"cut off":       `{"query":"{who}","variables":{"password":"` + secret,
		"bare word":     `{"query":"{who}","variables":{"password":` + secret + `}}`,
		"bad escape":    `{"query":"{who}","variables":{"password":"\q` + secret + `"}}`,
		"as member":     `{"` + secret + `":}`,
		"batch":         `[{"query":"` + secret + `"}]`,
		"string":        `"` + secret + `"`,
		"literal":       `{"query":"{hello(name \"` + secret + `\")}"}`,
		"bad literal":   `{"query":"{hello(name: \"\\u00` + secret + `\")}"}`,
		"stray literal": `{"query":"{who} \"` + secret + `\""}`,
		"stray block":   `{"query":"{who \"\"\"` + secret + `\"\"\"}"}`,
		"failing":       `{"query":"{fails boom}"}`,
	} {
		got := s.ask(t, http.MethodPost, "/graphql", body, "Content-Type", plainJSON, "X-API-Key", goodKey)
		if len(got.Errors) == 0 || strings.Contains(got.text, secret) || strings.Contains(got.text, "secret in") {
			t.Errorf("%s: got %d %s", name, got.status, got.text)
		}
	}
	if log := s.log.String(); strings.Contains(log, secret) || strings.Contains(log, goodKey) || strings.Contains(log, "hello") {
		t.Errorf("the log holds it: %s", log)
	}
}

func TestNoSuggestions(t *testing.T) {
	t.Parallel()
	s := serve(t)
	for _, query := range []string{
		"{whoo}", "{helo}", "{hello(nam:1)}", "query($c:Colour){color(is:$c)}", "{color(is:REDD)}", "{color(is:\"RED\")}",
		"{node}", "mutation{touch(input:{tex:\"a\",count:1})}", "{who ... on Nod {id}}", "{who @inclde(if:true)}",
	} {
		got := s.post(t, query, nil)
		if got.code() != "GRAPHQL_VALIDATION_FAILED" || strings.Contains(got.text, "Did you mean") {
			t.Errorf("%s: got %s", query, got.text)
		}
	}
}

func TestLongMessagesAreCut(t *testing.T) {
	t.Parallel()
	s := serve(t)
	got := s.post(t, "{"+strings.Repeat("x", 5000)+"}", nil)
	if len(got.Errors) != 1 || len(got.Errors[0].Message) > 310 {
		t.Errorf("got %d bytes", len(got.text))
	}
	got = s.post(t, "{node{"+strings.Repeat("nothing ", 100)+"}}", nil)
	if len(got.Errors) != 10 {
		t.Errorf("got %d errors, want 10", len(got.Errors))
	}
}

func FuzzPost(f *testing.F) {
	s := serve(f)
	for _, seed := range []string{
		`{"query":"{who}"}`, `[1]`, `{"query":"{...A} fragment A on Query {...A}"}`, "\xff", `{"query":"{who","variables":1e999}`,
		`{"query":"query($n:String){hello(name:$n)}","variables":{"n":"x"}}`,
		`{"query":"` + touching + `","variables":{"i":{"text":"a","count":1}}}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		if strings.Contains(body, "slow") {
			t.Skip("it would wait")
		}
		got := s.ask(t, http.MethodPost, "/graphql", body, "Content-Type", plainJSON)
		if got.status != http.StatusOK && got.status != http.StatusBadRequest || !json.Valid([]byte(got.text)) {
			t.Fatalf("got %d %s", got.status, got.text)
		}
	})
}
