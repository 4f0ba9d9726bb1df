// Package playground serves GraphiQL with a few ready-made operations, built from npm into the binary. It loads nothing
// from elsewhere and so works offline.
package playground

import (
	"embed"
	"io"
	"io/fs"
	"net/http"
	"path"
	"strings"
)

// Path is where the page is served; its assets lie below.
const Path = "/playground/"

const index = "index.html"

// policy is as strict as Monaco lets it be: the editor writes style elements and carries fonts and images in its style
// sheet as data. Scripts and workers come only from here, and 'self' covers the socket to this origin.
const policy = "default-src 'none'; script-src 'self'; worker-src 'self'; connect-src 'self'; style-src 'self' 'unsafe-inline'; " +
	"font-src 'self' data:; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

const notBuilt = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Playground not built</title>
<h1>Playground not built</h1>
<p>This binary was built without the playground's page. Run <code>make build</code> and start it again.</p>
</html>
`

//go:embed all:dist
var dist embed.FS

// Handler serves the embedded page below Path and redirects there from /playground. Where the binary was built without
// the page, it answers 503 with a page that says how to build it.
func Handler() http.Handler {
	built, err := fs.Sub(dist, "dist")
	if err != nil {
		panic(err) // "dist" is a valid path, and Sub fails for nothing else.
	}
	return NewHandler(built)
}

// NewHandler is Handler for another build of the page: built holds index.html and the folder assets, whose file names
// carry a hash of their content; a file that ends in .gz is the compressed twin of another.
func NewHandler(built fs.FS) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /playground", http.RedirectHandler(Path, http.StatusMovedPermanently))
	mux.Handle("GET "+Path, secured(http.StripPrefix(Path, page{built: built})))
	return mux
}

func secured(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("X-Content-Type-Options", "nosniff")
		next.ServeHTTP(w, r)
	})
}

type page struct{ built fs.FS }

func (p page) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name := r.URL.Path
	if name == "" {
		name = index
	}
	if !p.holds(index) {
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = io.WriteString(w, notBuilt)
		return
	}
	if !p.holds(name) {
		http.NotFound(w, r)
		return
	}

	h := w.Header()
	h.Set("Content-Type", contentType(name))
	h.Set("Cache-Control", "no-cache")
	if strings.HasPrefix(name, "assets/") {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	if twin := name + ".gz"; p.holds(twin) {
		h.Set("Vary", "Accept-Encoding")
		if acceptsGzip(r) {
			h.Set("Content-Encoding", "gzip")
			name = twin
		}
	}
	http.ServeFileFS(w, r, p.built, name) //nolint:gosec // an embedded folder holds nothing but the page
}

func (p page) holds(name string) bool {
	info, err := fs.Stat(p.built, name)
	return err == nil && info.Mode().IsRegular()
}

// contentType knows the kinds of files that the build makes; the machine's own table of types may lack some of them.
func contentType(name string) string {
	switch path.Ext(name) {
	case ".html":
		return "text/html; charset=utf-8"
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	case ".ttf":
		return "font/ttf"
	default:
		return "application/octet-stream"
	}
}

// acceptsGzip leaves a client that names gzip with a weight to the uncompressed file: browsers don't, and q=0 forbids it.
func acceptsGzip(r *http.Request) bool {
	for encoding := range strings.SplitSeq(r.Header.Get("Accept-Encoding"), ",") {
		if strings.TrimSpace(encoding) == "gzip" {
			return true
		}
	}
	return false
}
