package playground_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/boostress/boostress/playground"
)

func TestHandlerServesTheBuiltPage(t *testing.T) {
	t.Parallel()

	handler := playground.NewHandler(fstest.MapFS{
		"index.html":            {Data: []byte("<p>page</p>")},
		"favicon.svg":           {Data: []byte("<svg/>")},
		"assets/app-1a2b.js":    {Data: []byte("run()")},
		"assets/app-1a2b.js.gz": {Data: []byte("compressed")},
		"assets/icons-3c.ttf":   {Data: []byte("glyphs")},
	})
	tests := map[string]struct {
		path, accept           string
		status                 int
		kind, caching, encoded string
		body                   string
	}{
		"page":       {"/playground/", "", 200, "text/html; charset=utf-8", "no-cache", "", "<p>page</p>"},
		"page again": {"/playground/index.html", "", 200, "text/html; charset=utf-8", "no-cache", "", "<p>page</p>"},
		"icon":       {"/playground/favicon.svg", "gzip", 200, "image/svg+xml", "no-cache", "", "<svg/>"},
		"script": {
			"/playground/assets/app-1a2b.js", "", 200, "text/javascript; charset=utf-8",
			"public, max-age=31536000, immutable", "", "run()",
		},
		"script, compressed": {
			"/playground/assets/app-1a2b.js", "br, gzip", 200, "text/javascript; charset=utf-8",
			"public, max-age=31536000, immutable", "gzip", "compressed",
		},
		"script, gzip refused": {
			"/playground/assets/app-1a2b.js", "gzip;q=0", 200, "text/javascript; charset=utf-8",
			"public, max-age=31536000, immutable", "", "run()",
		},
		"font": {
			"/playground/assets/icons-3c.ttf", "gzip", 200, "font/ttf",
			"public, max-age=31536000, immutable", "", "glyphs",
		},
		"unknown": {"/playground/nothing.js", "", 404, "text/plain; charset=utf-8", "", "", "404 page not found\n"},
		"folder":  {"/playground/assets", "", 404, "text/plain; charset=utf-8", "", "", "404 page not found\n"},
		"outside": {"/playground/%2e%2e/go.mod", "", 404, "text/plain; charset=utf-8", "", "", "404 page not found\n"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			res := get(t, handler, tt.path, tt.accept)
			h := res.Header()
			if res.Code != tt.status || h.Get("Content-Type") != tt.kind || h.Get("Cache-Control") != tt.caching ||
				h.Get("Content-Encoding") != tt.encoded {
				t.Errorf("got %d, headers %v", res.Code, h)
			}
			if got := res.Body.String(); got != tt.body {
				t.Errorf("body = %q, want %q", got, tt.body)
			}
			checkSecurity(t, h)
		})
	}
}

func TestHandlerSaysWhenThePageWasNotBuilt(t *testing.T) {
	t.Parallel()

	res := get(t, playground.NewHandler(fstest.MapFS{".gitkeep": {}}), "/playground/", "")
	if res.Code != http.StatusServiceUnavailable || res.Header().Get("Content-Type") != "text/html; charset=utf-8" {
		t.Errorf("got %d, headers %v", res.Code, res.Header())
	}
	if got := res.Body.String(); !strings.Contains(got, "Playground not built") || !strings.Contains(got, "make build") {
		t.Errorf("body = %q", got)
	}
	checkSecurity(t, res.Header())
}

func TestHandlerRedirectsToTheFolder(t *testing.T) {
	t.Parallel()

	res := get(t, playground.Handler(), "/playground", "")
	if res.Code != http.StatusMovedPermanently || res.Header().Get("Location") != playground.Path {
		t.Errorf("got %d to %q", res.Code, res.Header().Get("Location"))
	}
}

func TestHandlerRefusesOtherMethods(t *testing.T) {
	t.Parallel()

	rec := httptest.NewRecorder()
	playground.Handler().ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), http.MethodPost, playground.Path, http.NoBody))
	if rec.Code != http.StatusMethodNotAllowed {
		t.Errorf("got %d", rec.Code)
	}
}

// The page must load nothing from elsewhere: neither its policy nor its markup may name a host or hold a script.
func TestEmbeddedPageIsSelfContained(t *testing.T) {
	t.Parallel()

	res := get(t, playground.Handler(), playground.Path, "")
	body := res.Body.String()
	switch res.Code {
	case http.StatusOK:
		if strings.Contains(body, "http://") || strings.Contains(body, "https://") || strings.Contains(body, "<script>") {
			t.Errorf("the page loads from elsewhere or holds a script:\n%s", body)
		}
	case http.StatusServiceUnavailable:
		if !strings.Contains(body, "make build") {
			t.Errorf("body = %q", body)
		}
	default:
		t.Errorf("got %d", res.Code)
	}
}

func checkSecurity(t *testing.T, h http.Header) {
	t.Helper()

	policy := h.Get("Content-Security-Policy")
	for _, want := range []string{"default-src 'none'", "script-src 'self';", "worker-src 'self';", "frame-ancestors 'none'"} {
		if !strings.Contains(policy, want) {
			t.Errorf("Content-Security-Policy %q lacks %q", policy, want)
		}
	}
	if got := h.Get("X-Content-Type-Options"); got != "nosniff" {
		t.Errorf("X-Content-Type-Options = %q", got)
	}
}

func get(t *testing.T, handler http.Handler, path, accept string) *httptest.ResponseRecorder {
	t.Helper()

	req := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, http.NoBody)
	if accept != "" {
		req.Header.Set("Accept-Encoding", accept)
	}
	rec := httptest.NewRecorder()
	handler.ServeHTTP(rec, req)
	return rec
}
