package server_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/boostress/boostress/server"
)

// discard is an answer that nobody reads.
type discard struct{ header http.Header }

func (d *discard) Header() http.Header               { return d.header }
func (d *discard) Write(text []byte) (int, error)    { return len(text), nil }
func (d *discard) WriteHeader(int)                   {}
func (d *discard) WriteString(s string) (int, error) { return len(s), nil }

// nowhere is like io.Discard, which a log wouldn't even write its records for.
type nowhere struct{}

func (*nowhere) Write(text []byte) (int, error) { return len(text), nil }

const orderMutation = `mutation Place($input: TouchInput!) { touch(input: $input) }`

// BenchmarkPost measures the whole way of a small mutation but for the network: with its log, or without.
func BenchmarkPost(b *testing.B) {
	for name, log := range map[string]*slog.Logger{
		"logged": slog.New(slog.NewJSONHandler(new(nowhere), nil)), "unlogged": slog.New(slog.DiscardHandler),
	} {
		b.Run(name, func(b *testing.B) {
			stub := newStub()
			stub.fields["touch"] = func(context.Context, map[string]any) (any, error) { return "x", nil }
			built, err := server.New(server.Options{
				Schema: stub, Present: present, Recover: recovered, Authenticator: new(doorman), Probes: server.Probes{Log: log},
			})
			if err != nil {
				b.Fatal(err)
			}
			handler := built.Handler()
			const body = `{"query":"` + orderMutation + `","variables":{"input":{"text":"a1","count":2}}}`
			b.ReportAllocs()
			for b.Loop() {
				r := httptest.NewRequestWithContext(b.Context(), http.MethodPost, "/graphql", strings.NewReader(body))
				r.Header["Content-Type"] = []string{"application/json"}
				r.Header["X-Api-Key"] = []string{goodKey}
				handler.ServeHTTP(&discard{header: http.Header{}}, r)
			}
		})
	}
}

// BenchmarkRequest is what making the request costs in BenchmarkPost.
func BenchmarkRequest(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		r := httptest.NewRequestWithContext(b.Context(), http.MethodPost, "/graphql", strings.NewReader(strings.Repeat("x", 100)))
		r.Header["Content-Type"] = []string{"application/json"}
		r.Header["X-Api-Key"] = []string{goodKey}
		_ = &discard{header: http.Header{}}
	}
}
