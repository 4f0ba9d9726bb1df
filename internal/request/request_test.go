package request_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/boostress/boostress/internal/request"
)

// jar notes what it is asked for.
type jar struct{ calls []string }

func (j *jar) Keep(token string, expires time.Time) {
	j.calls = append(j.calls, token+" "+expires.Format(time.DateOnly))
}

func (j *jar) Drop() { j.calls = append(j.calls, "drop") }

func TestContext(t *testing.T) {
	t.Parallel()
	kept := new(jar)
	ctx := request.NewContext(t.Context(), &request.Info{ID: "r1", ClientIP: "192.0.2.1", Jar: kept})
	if request.ID(ctx) != "r1" || request.ClientIP(ctx) != "192.0.2.1" || !request.TakesCookies(ctx) {
		t.Errorf("got %+v", request.FromContext(ctx))
	}
	request.Cookies{}.SetSession(ctx, "token", time.Date(2030, 1, 2, 0, 0, 0, 0, time.UTC))
	request.Cookies{}.ClearSession(ctx)
	if diff := cmp.Diff([]string{"token 2030-01-02", "drop"}, kept.calls); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestOutsideOfARequest(t *testing.T) {
	t.Parallel()
	for _, ctx := range []context.Context{t.Context(), request.NewContext(t.Context(), &request.Info{})} {
		if request.ID(ctx) != "" || request.ClientIP(ctx) != "" || request.TakesCookies(ctx) {
			t.Errorf("got %+v", request.FromContext(ctx))
		}
		request.Cookies{}.SetSession(ctx, "token", time.Now())
		request.Cookies{}.ClearSession(ctx)
	}
}

func TestLog(t *testing.T) {
	t.Parallel()
	var text bytes.Buffer
	log := slog.New(request.Log(slog.NewJSONHandler(&text, nil))).With("a", 1)
	ctx := request.NewContext(t.Context(), &request.Info{ID: "r1"})
	log.InfoContext(ctx, "within")
	log.InfoContext(t.Context(), "outside")
	log.InfoContext(ctx, "told already", "request_id", "r1")
	log.WithGroup("g").InfoContext(ctx, "grouped", "b", 2)
	var got []map[string]any
	for decoder := json.NewDecoder(&text); decoder.More(); {
		var record map[string]any
		if err := decoder.Decode(&record); err != nil {
			t.Fatal(err)
		}
		delete(record, slog.TimeKey)
		delete(record, slog.LevelKey)
		got = append(got, record)
	}
	want := []map[string]any{
		{"msg": "within", "a": 1.0, "request_id": "r1"},
		{"msg": "outside", "a": 1.0},
		{"msg": "told already", "a": 1.0, "request_id": "r1"},
		{"msg": "grouped", "a": 1.0, "g": map[string]any{"b": 2.0, "request_id": "r1"}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if text.Len() > 0 {
		t.Errorf("left over: %s", &text)
	}
}

func TestOrigins(t *testing.T) {
	t.Parallel()
	origins := request.NewOrigins([]string{" https://Shop.example/ ", "http://localhost:3000"})
	for _, test := range []struct {
		host   string
		origin []string
		want   bool
	}{
		{"api.example", nil, true},
		{"api.example", []string{"https://api.example"}, true},
		{"API.example", []string{"https://api.EXAMPLE"}, true},
		{"api.example:443", []string{"https://api.example"}, true},
		{"api.example", []string{"https://api.example:443"}, true},
		{"api.example:80", []string{"http://api.example"}, true},
		{"api.example:8080", []string{"http://api.example:8080"}, true},
		{"[::1]:8080", []string{"http://[::1]:8080"}, true},
		{"api.example", []string{"https://shop.example"}, true},
		{"api.example", []string{"http://localhost:3000"}, true},
		{"api.example", []string{"http://shop.example"}, false},
		{"api.example:8080", []string{"http://api.example"}, false},
		{"api.example:443", []string{"http://api.example"}, false},
		{"api.example", []string{"https://api.example.evil.example"}, false},
		{"api.example", []string{"https://evil.example/api.example"}, false},
		{"api.example", []string{"https://x@api.example.evil"}, false},
		{"api.example", []string{"null"}, false},
		{"api.example", []string{""}, false},
		{"api.example", []string{"api.example"}, false},
		{"api.example", []string{"ftp://api.example"}, false},
		{"", []string{"https://"}, false},
		{"api.example", []string{"https://api.example", "https://evil.example"}, false},
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/graphql", http.NoBody)
		r.Host = test.host
		if test.origin != nil {
			r.Header["Origin"] = test.origin
		}
		if got := origins.Trusts(r); got != test.want {
			t.Errorf("%q at %q: %v, want %v", test.origin, test.host, got, test.want)
		}
	}
}

func TestSessionToken(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]string{
		"": "", "a=b": "", "boostress_session=": "", "boostress_session=x": "x", "a=b; boostress_session=y; c=d": "y",
		"boostress_session=; boostress_session=z": "z", "Boostress_Session=x": "",
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody)
		if header != "" {
			r.Header.Set("Cookie", header)
		}
		if got := request.SessionToken(r); got != want {
			t.Errorf("%q: got %q, want %q", header, got, want)
		}
	}
}
