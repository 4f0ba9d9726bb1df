package server

import (
	"context"
	"encoding/json"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

const (
	routeHealth  = "/healthz"
	routeReady   = "/readyz"
	routeMetrics = "/metrics"

	// checkPatience is how long a check may take.
	checkPatience = 2 * time.Second
	// checkEvery is how often checks run at most, however many ask: anybody may.
	checkEvery = time.Second
	// scrapesAtATime bounds those who read metrics together.
	scrapesAtATime = 4
)

// Check is one thing that a process needs, such as Postgres.
type Check struct {
	Name string
	// Required makes the process unready while the check fails; else its state is only reported.
	Required bool
	// Run fails while the thing isn't there. Its error is logged and not shown.
	Run func(ctx context.Context) error
}

func (s *Server) probeRoutes() *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+routeHealth, func(w http.ResponseWriter, _ *http.Request) {
		answerJSON(w, http.StatusOK, readiness{Status: "alive"})
	})
	mux.Handle("GET "+routeReady, &ready{server: s})
	mux.Handle("GET "+routeMetrics, promhttp.HandlerFor(s.probes.Metrics, promhttp.HandlerOpts{MaxRequestsInFlight: scrapesAtATime}))
	return mux
}

// readiness is what probes answer.
type readiness struct {
	Status string            `json:"status"` // alive, ready, unready or draining
	Checks map[string]string `json:"checks,omitempty"`
}

// ready answers whether the process can do its work.
type ready struct {
	server *Server

	mu     sync.Mutex
	at     time.Time
	latest readiness
}

func (h *ready) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	state := h.state(r.Context())
	if h.server.draining.Load() {
		state.Status = "draining"
	}
	status := http.StatusServiceUnavailable
	if state.Status == "ready" {
		status = http.StatusOK
	}
	answerJSON(w, status, state)
}

// state runs the checks, unless they ran just now. Who asks meanwhile waits for the answer.
func (h *ready) state(ctx context.Context) readiness {
	h.mu.Lock()
	defer h.mu.Unlock()
	probes := h.server.probes
	if now := probes.Clock(); h.latest.Status == "" || now.Sub(h.at) >= checkEvery {
		// Others want the answer even if this client is gone.
		h.latest = probes.run(context.WithoutCancel(ctx))
		h.at = now
	}
	return h.latest
}

func (p Probes) run(ctx context.Context) readiness {
	ctx, cancel := context.WithTimeout(ctx, checkPatience)
	defer cancel()
	failures := make([]error, len(p.Checks))
	var all sync.WaitGroup
	for i, check := range p.Checks {
		all.Go(func() { failures[i] = check.Run(ctx) })
	}
	all.Wait()
	state := readiness{Status: "ready", Checks: make(map[string]string, len(p.Checks))}
	for i, check := range p.Checks {
		state.Checks[check.Name] = "ok"
		if failures[i] == nil {
			continue
		}
		state.Checks[check.Name] = "failing"
		p.Log.WarnContext(ctx, "check failed", "check", check.Name, "error", failures[i])
		if check.Required {
			state.Status = "unready"
		}
	}
	return state
}

func answerJSON(w http.ResponseWriter, status int, value any) {
	body, err := json.Marshal(value)
	if err != nil {
		panic(err) // what we answer with can always be spelled
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n')) // a client that is gone misses nothing
}
