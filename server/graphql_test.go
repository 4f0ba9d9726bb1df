package server_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/boostress/boostress/server"
)

const (
	plainJSON    = "application/json"
	responseJSON = "application/graphql-response+json"

	invalid  = "GRAPHQL_VALIDATION_FAILED"
	touching = "mutation($i:TouchInput!){touch(input:$i)}"
)

func TestStatusAndCode(t *testing.T) {
	t.Parallel()
	s := serve(t)
	deep, lists := strings.Repeat("{next", 12)+strings.Repeat("}", 12), strings.Repeat("[", 100)+strings.Repeat("]", 100)
	for name, test := range map[string]struct {
		body            string
		code            string
		inJSON, inOther int // statuses under the two media types
	}{
		"good":               {`{"query":"{hello(name:\"Ada\")}"}`, "", 200, 200},
		"named":              {`{"query":"query A {hello} query B {who}","operationName":"B"}`, "", 200, 200},
		"nulls":              {`{"query":"{who}","variables":null,"operationName":null,"extensions":null}`, "", 200, 200},
		"unknown member":     {`{"query":"{who}","other":[{"a":1.5e3},true,null,"x"]}`, "", 200, 200},
		"failing field":      {`{"query":"{fails who}"}`, "INTERNAL", 200, 200},
		"panicking field":    {`{"query":"{boom who}"}`, "INTERNAL", 200, 200},
		"syntax":             {`{"query":"{who"}`, "GRAPHQL_PARSE_FAILED", 200, 400},
		"unknown field":      {`{"query":"{whom}"}`, "GRAPHQL_VALIDATION_FAILED", 200, 400},
		"no operation":       {`{"query":"fragment F on Query {who}"}`, "GRAPHQL_VALIDATION_FAILED", 200, 400},
		"which one":          {`{"query":"query A {hello} query B {who}"}`, "GRAPHQL_VALIDATION_FAILED", 200, 400},
		"no such operation":  {`{"query":"query A {hello}","operationName":"C"}`, "GRAPHQL_VALIDATION_FAILED", 200, 400},
		"fragment cycle":     {`{"query":"{...A} fragment A on Query {...B} fragment B on Query {...A}"}`, invalid, 200, 400},
		"defer":              {`{"query":"{... @defer {who}}"}`, "GRAPHQL_VALIDATION_FAILED", 200, 400},
		"missing variable":   {`{"query":"` + touching + `"}`, "BAD_USER_INPUT", 200, 400},
		"bad variable":       {`{"query":"` + touching + `","variables":{"i":{"text":"a","count":1.5}}}`, "BAD_USER_INPUT", 200, 400},
		"subscription":       {`{"query":"subscription {ticked}"}`, "BAD_USER_INPUT", 200, 400},
		"too deep":           {`{"query":"{node` + deep + `}"}`, "LIMIT_EXCEEDED", 200, 400},
		"too many tokens":    {`{"query":"{` + strings.Repeat("who ", 1000) + `}"}`, "LIMIT_EXCEEDED", 200, 400},
		"too many aliases":   {`{"query":"{` + aliases(16) + `}"}`, "LIMIT_EXCEEDED", 200, 400},
		"aliases by spread":  {`{"query":"{...A ...A ...A} fragment A on Query {` + aliases(6) + `}"}`, "LIMIT_EXCEEDED", 200, 400},
		"too many fields":    {`{"query":"{` + strings.Repeat("who ", 21) + `}"}`, "LIMIT_EXCEEDED", 200, 400},
		"too wide":           {`{"query":"{node{` + strings.Repeat("id ", 201) + `}}"}`, "LIMIT_EXCEEDED", 200, 400},
		"anonymous schema":   {`{"query":"{__schema{queryType{name}}}"}`, "UNAUTHENTICATED", 200, 401},
		"hidden in fragment": {`{"query":"{...A} fragment A on Query {who __type(name:\"Node\"){name}}"}`, "UNAUTHENTICATED", 200, 401},
		"not JSON":           {`{"query":`, "BAD_USER_INPUT", 400, 400},
		"trailing":           {`{"query":"{who}"} x`, "BAD_USER_INPUT", 400, 400},
		"two bodies":         {`{"query":"{who}"}{"query":"{who}"}`, "BAD_USER_INPUT", 400, 400},
		"not UTF-8":          {"{\"query\":\"{who}\",\"x\":\"\xff\"}", "BAD_USER_INPUT", 400, 400},
		"batch":              {`[{"query":"{who}"}]`, "BAD_USER_INPUT", 400, 400},
		"empty":              {``, "BAD_USER_INPUT", 400, 400},
		"a string":           {`"{who}"`, "BAD_USER_INPUT", 400, 400},
		"null":               {`null`, "BAD_USER_INPUT", 400, 400},
		"no query":           {`{"variables":{}}`, "BAD_USER_INPUT", 400, 400},
		"query a number":     {`{"query":1}`, "BAD_USER_INPUT", 400, 400},
		"query an object":    {`{"query":{}}`, "BAD_USER_INPUT", 400, 400},
		"variables a string": {`{"query":"{who}","variables":"{}"}`, "BAD_USER_INPUT", 400, 400},
		"variables a list":   {`{"query":"{who}","variables":[]}`, "BAD_USER_INPUT", 400, 400},
		"extensions a list":  {`{"query":"{who}","extensions":[]}`, "BAD_USER_INPUT", 400, 400},
		"nested":             {`{"query":"{who}","variables":{"a":` + lists + `}}`, "BAD_USER_INPUT", 400, 400},
		"quoted number":      {`{"query":"{who}","variables":{"a":01}}`, "BAD_USER_INPUT", 400, 400},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for accept, status := range map[string]int{plainJSON: test.inJSON, responseJSON: test.inOther} {
				got := s.ask(t, http.MethodPost, "/graphql", test.body, "Content-Type", plainJSON, "Accept", accept)
				if got.status != status || got.code() != test.code {
					t.Errorf("%s: status %d and code %q, want %d and %q: %s", accept, got.status, got.code(), status, test.code, got.text)
				}
				if want := accept + "; charset=utf-8"; got.header.Get("Content-Type") != want {
					t.Errorf("content type %q, want %q", got.header.Get("Content-Type"), want)
				}
				if test.code != "" && test.code != "INTERNAL" {
					checkRefusal(t, got)
				}
			}
		})
	}
}

func aliases(n int) string {
	var text strings.Builder
	for i := range n {
		text.WriteString(" a")
		text.WriteString(strings.Repeat("b", i))
		text.WriteString(":who")
	}
	return text.String()
}

// checkRefusal checks what every refusal has: a request id, whether to try again, and no data.
func checkRefusal(t *testing.T, got answer) {
	t.Helper()
	if got.Data != nil {
		t.Errorf("a refusal has data: %s", got.text)
	}
	for _, err := range got.Errors {
		if err.Extensions["requestId"] != got.header.Get("X-Request-Id") || err.Extensions["requestId"] == "" {
			t.Errorf("request id %v, in the header %q", err.Extensions["requestId"], got.header.Get("X-Request-Id"))
		}
		if err.Extensions["retryable"] != false {
			t.Errorf("retryable is %v: %s", err.Extensions["retryable"], got.text)
		}
	}
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	s := serve(t)
	for name, test := range map[string]struct {
		query     string
		variables map[string]any
		want      string
	}{
		"data":      {`{hello(name:"Ada") who}`, nil, `{"data":{"hello":"hello Ada","who":"nobody"}}`},
		"variables": {`query($n:String){hello(name:$n)}`, map[string]any{"n": "Bo"}, `{"data":{"hello":"hello Bo"}}`},
		"mutation": {
			touching,
			map[string]any{"i": map[string]any{"text": "é\u2028", "count": 3}},
			`{"data":{"touch":"é\u2028"}}`,
		},
		"partial": {
			`{fails who}`, nil,
			`{"errors":[{"message":"internal error","extensions":{"code":"INTERNAL"}}],"data":{"fails":null,"who":"nobody"}}`,
		},
	} {
		if got := s.post(t, test.query, test.variables); got.status != http.StatusOK || got.text != test.want {
			t.Errorf("%s: got %d %s, want %s", name, got.status, got.text, test.want)
		}
	}
}

func TestRefusalsRunNothing(t *testing.T) {
	t.Parallel()
	s := serve(t)
	for _, query := range []string{
		"{" + aliases(16) + "}", "{who whom}", "{who __schema{queryType{name}}}", "{" + strings.Repeat("who ", 990) + "}",
	} {
		began := time.Now()
		if got := s.post(t, query, nil); got.code() == "" {
			t.Errorf("not refused: %.40s", query)
		}
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("took %v: %.40s", took, query)
		}
	}
	if ran := s.stub.ran.Load(); ran != 0 {
		t.Errorf("%d fields ran", ran)
	}
}

func TestLimitsAreInclusive(t *testing.T) {
	t.Parallel()
	s := serve(t)
	for name, query := range map[string]string{
		"aliases": "{" + aliases(15) + "}",
		"tokens":  "{who " + strings.Repeat(" @include(if:true)", 0) + "#" + strings.Repeat("comment ", 1000) + "\n}",
		"fields":  "{" + strings.Repeat("who ", 20) + "}",
		"depth":   strings.Repeat("{node", 1) + strings.Repeat("{next", 10) + "{id}" + strings.Repeat("}", 11),
	} {
		if got := s.post(t, query, nil); got.code() != "" {
			t.Errorf("%s: %s", name, got.text)
		}
	}
}

func TestDeadline(t *testing.T) {
	t.Parallel()
	s := serve(t, func(o *server.Options) { o.Limits.Operation = 20 * time.Millisecond })
	got := s.post(t, "{who slow}", nil)
	if got.status != http.StatusOK || got.code() != "TIMEOUT" || string(got.Data) != "null" {
		t.Fatalf("got %d %s", got.status, got.text)
	}
	if got.Errors[0].Extensions["retryable"] != true {
		t.Errorf("got %d %s", got.status, got.text)
	}
}

func TestClientsLeaveCancels(t *testing.T) {
	t.Parallel()
	s := serve(t)
	started, canceled := make(chan struct{}), make(chan struct{})
	s.stub.fields["slow"] = func(ctx context.Context, _ map[string]any) (any, error) {
		close(started)
		<-ctx.Done()
		close(canceled)
		return nil, ctx.Err()
	}
	ctx, leave := context.WithCancel(t.Context())
	sent, err := http.NewRequestWithContext(ctx, http.MethodPost, s.URL+"/graphql", strings.NewReader(`{"query":"{slow}"}`))
	if err != nil {
		t.Fatal(err)
	}
	sent.Header.Set("Content-Type", plainJSON)
	go func() { <-started; leave() }()
	if response, err := s.Client().Do(sent); err == nil {
		t.Fatal("the request was answered", response.Body.Close())
	}
	<-canceled
}

func TestGet(t *testing.T) {
	t.Parallel()
	s := serve(t)
	for name, test := range map[string]struct {
		query  url.Values
		status int
		code   string
	}{
		"query":         {url.Values{"query": {"{who}"}}, 200, ""},
		"variables":     {url.Values{"query": {"query($n:String){hello(name:$n)}"}, "variables": {`{"n":"x"}`}}, 200, ""},
		"named":         {url.Values{"query": {"query A{who} mutation B{signOut}"}, "operationName": {"A"}}, 200, ""},
		"mutation":      {url.Values{"query": {"mutation{signOut}"}}, 405, "BAD_USER_INPUT"},
		"named one":     {url.Values{"query": {"query A{who} mutation B{signOut}"}, "operationName": {"B"}}, 405, "BAD_USER_INPUT"},
		"subscription":  {url.Values{"query": {"subscription{ticked}"}}, 405, "BAD_USER_INPUT"},
		"nothing":       {nil, 400, "BAD_USER_INPUT"},
		"bad variables": {url.Values{"query": {"{who}"}, "variables": {`{"n":`}}, 400, "BAD_USER_INPUT"},
		"list":          {url.Values{"query": {"{who}"}, "variables": {`[]`}}, 400, "BAD_USER_INPUT"},
		"syntax":        {url.Values{"query": {"{"}}, 200, "GRAPHQL_PARSE_FAILED"},
	} {
		got := s.ask(t, http.MethodGet, "/graphql?"+test.query.Encode(), "")
		if got.status != test.status || got.code() != test.code {
			t.Errorf("%s: got %d %s, want %d", name, got.status, got.text, test.status)
		}
		if allow := got.header.Get("Allow"); (got.status == http.StatusMethodNotAllowed) != (allow == http.MethodPost) {
			t.Errorf("%s: Allow is %q", name, allow)
		}
	}
	if got := s.ask(t, http.MethodGet, "/graphql?query=%zz", ""); got.status != http.StatusBadRequest {
		t.Errorf("got %d %s", got.status, got.text)
	}
}

func TestMethodsAndContentTypes(t *testing.T) {
	t.Parallel()
	s := serve(t)
	const body = `{"query":"{who}"}`
	for kind, status := range map[string]int{
		"application/json": 200, "application/json; charset=utf-8": 200, "Application/JSON;charset=UTF-8": 200,
		"application/graphql+json": 200, "application/json; charset=utf-16": 415,
		"text/plain": 415, "text/plain; application/json": 415, "application/x-www-form-urlencoded": 415,
		"multipart/form-data; boundary=x": 415, "application/graphql": 415, "text/json": 415, "": 415, "/": 415,
	} {
		headers := []string{"Content-Type", kind}
		if kind == "" {
			headers = nil
		}
		if got := s.ask(t, http.MethodPost, "/graphql", body, headers...); got.status != status {
			t.Errorf("%q: got %d %s, want %d", kind, got.status, got.text, status)
		}
	}
	for _, method := range []string{"PUT", "DELETE", "PATCH", "OPTIONS", "HEAD"} {
		got := s.ask(t, method, "/graphql", body, "Content-Type", plainJSON)
		if got.status != http.StatusMethodNotAllowed || got.header.Get("Allow") != "GET, POST" {
			t.Errorf("%s: got %d, Allow %q", method, got.status, got.header.Get("Allow"))
		}
	}
}

func TestAccept(t *testing.T) {
	t.Parallel()
	s := serve(t)
	for accept, want := range map[string]string{
		"": plainJSON, "*/*": plainJSON, "application/*": plainJSON, "text/html": plainJSON, plainJSON: plainJSON,
		responseJSON: responseJSON, "application/graphql-response+json; charset=utf-8, application/json": responseJSON,
		"application/json, application/graphql-response+json":                  plainJSON,
		"application/graphql-response+json;q=0.5, application/json;q=0.9":      plainJSON,
		"application/json; q=0.2, Application/GraphQL-Response+JSON ; q = 0.3": responseJSON,
		"application/graphql-response+json;q=0":                                plainJSON,
		"application/graphql-response+json;q=x":                                plainJSON,
	} {
		got := s.post(t, "{who}", nil, "Accept", accept)
		if kind, _, _ := strings.Cut(got.header.Get("Content-Type"), ";"); kind != want {
			t.Errorf("%q: got %q, want %q", accept, kind, want)
		}
	}
}
