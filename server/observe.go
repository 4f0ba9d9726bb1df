package server

import (
	"crypto/rand"
	"encoding/hex"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"github.com/boostress/boostress/internal/request"
)

const (
	headerRequestID = "X-Request-Id"
	mostRequestID   = 64 // characters of a request id that a client made
	mostPath        = 256
)

// Headers of every answer. The page of the playground has a policy of its own, which takes this one's place.
var (
	nosniff    = []string{"nosniff"}
	noReferrer = []string{"no-referrer"}
	noContent  = []string{"default-src 'none'; frame-ancestors 'none'"}
)

// observer stands in front of all routes: it names each request, notes it in log and metrics, and masks panics.
type observer struct {
	routes  *http.ServeMux
	metrics *metrics
	log     *slog.Logger
	clock   func() time.Time
	proxies proxies
}

func newObserver(routes *http.ServeMux, figures *metrics, probes Probes, trusted proxies) *observer {
	return &observer{routes: routes, metrics: figures, log: probes.Log, clock: probes.Clock, proxies: trusted}
}

func (o *observer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	began := o.clock()
	o.metrics.inFlight.Inc()
	e := &exchange{ResponseWriter: w, info: request.Info{ID: requestID(r), ClientIP: o.proxies.client(r)}}
	if !upgrades(r) {
		e.info.Jar = e
	}
	ctx := request.NewContext(r.Context(), &e.info)
	if given := r.Header["Traceparent"]; len(given) == 1 {
		ctx = request.WithTrace(ctx, request.ParseTraceparent(given[0]))
	}
	r = r.WithContext(ctx)
	e.request = r
	header := w.Header()
	header[headerRequestID] = []string{e.info.ID}
	header["X-Content-Type-Options"] = nosniff
	header["Referrer-Policy"] = noReferrer
	header["Content-Security-Policy"] = noContent

	defer func() {
		panicked := recover()
		begun := e.status != 0
		if panicked != nil {
			o.mask(e, r, panicked)
		}
		o.note(e, r, o.clock().Sub(began))
		if panicked != nil && begun {
			// Half an answer must not pass for a whole one.
			panic(http.ErrAbortHandler)
		}
	}()
	o.routes.ServeHTTP(e, r)
}

// mask answers for a handler that panicked, as far as it hasn't answered itself, and logs it once.
func (o *observer) mask(e *exchange, r *http.Request, panicked any) {
	o.log.ErrorContext(r.Context(), "request panicked", slog.Any("panic", panicked),
		slog.String("request_id", e.info.ID), slog.String("stack", string(debug.Stack())))
	if e.status == 0 {
		answerErrors(e, http.StatusInternalServerError, mediaJSON, refuse(r.Context(), codeInternal, messageInternal))
	}
	e.status = http.StatusInternalServerError
}

// note counts and logs a request. Neither its query nor its headers are logged, and of its path only what names what.
func (o *observer) note(e *exchange, r *http.Request, took time.Duration) {
	o.metrics.inFlight.Dec()
	if e.status == 0 {
		e.status = http.StatusOK // what net/http answers for us
	}
	route := r.Pattern
	if route == "" {
		route = "none"
	} else if _, path, found := strings.Cut(route, " "); found {
		route = path
	}
	o.metrics.requests.WithLabelValues(route, statusLabel(e.status)).Inc()
	if !e.taken {
		o.metrics.durations.WithLabelValues(route).Observe(took.Seconds())
	}
	level := levelOf(route, e.status)
	if !o.log.Enabled(r.Context(), level) {
		return
	}
	var room [9]slog.Attr
	attrs := append(room[:0],
		slog.String("method", r.Method), slog.String("path", shorten(r.URL.Path, mostPath)), slog.Int("status", e.status),
		slog.Int64("bytes", e.written), slog.Float64("duration_ms", float64(took.Microseconds())/1000), //nolint:mnd // ms
		slog.String("client_ip", e.info.ClientIP), slog.String("request_id", e.info.ID),
	)
	if e.outcome != "" {
		attrs = append(attrs, slog.String("operation", e.operation), slog.String("outcome", e.outcome))
	}
	o.log.LogAttrs(r.Context(), level, "request", attrs...)
}

// levelOf keeps what asks every few seconds whether we live out of the log.
func levelOf(route string, status int) slog.Level {
	switch {
	case status >= http.StatusInternalServerError && route != routeReady:
		return slog.LevelWarn
	case route == routeHealth, route == routeReady, route == routeMetrics:
		return slog.LevelDebug
	default:
		return slog.LevelInfo
	}
}

// requestID returns the id that a proxy or client gave the request, where it is a harmless one, or a fresh one.
func requestID(r *http.Request) string {
	if given := r.Header[headerRequestID]; len(given) == 1 && harmless(given[0]) {
		return given[0]
	}
	var random [12]byte
	rand.Read(random[:]) // ends the process rather than fail
	return hex.EncodeToString(random[:])
}

func harmless(id string) bool {
	if id == "" || len(id) > mostRequestID {
		return false
	}
	for i := range len(id) {
		c := id[i]
		if (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && c != '-' && c != '_' && c != '.' {
			return false
		}
	}
	return true
}

func shorten(text string, most int) string {
	if len(text) > most {
		return text[:most] + "…"
	}
	return text
}
