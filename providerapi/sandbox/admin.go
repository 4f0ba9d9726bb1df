package sandbox

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/boostress/boostress/providerapi/protocol"
)

const (
	maxAdminRequest = 64 << 10 // bytes
	ledgerPage      = 1000     // lines by default
	maxLedgerPage   = 10_000
)

// Listing is what the admin's side tells of a provider.
type Listing struct {
	Slug       string   `json:"slug"`
	Name       string   `json:"name"`
	Path       string   `json:"path"` // the base of the protocol's paths
	Offers     int      `json:"offers"`
	WebhookURL string   `json:"webhookUrl"`
	Behavior   Behavior `json:"behavior"`
}

// Line is a line of the ledger.
type Line struct {
	Seq       int       `json:"seq"` // counts the orders of all providers; what to ask for the lines after
	Slug      string    `json:"slug"`
	ID        string    `json:"id"`
	Key       string    `json:"key"`
	Offer     string    `json:"offer"`
	Quantity  int       `json:"quantity"`
	Delivered int       `json:"delivered"`
	Status    string    `json:"status"`
	Charge    *Charge   `json:"charge"` // null: not known yet
	CreatedAt time.Time `json:"createdAt"`
	UpdatedAt time.Time `json:"updatedAt"`
}

// Charge is what an order cost.
type Charge struct {
	Amount   string `json:"amount"`
	Currency string `json:"currency"`
}

func (s *Server) adminRoutes(mux *http.ServeMux) {
	mux.Handle("GET /_sandbox/providers", s.admin(s.listProviders))
	mux.Handle("GET /_sandbox/providers/{slug}/behavior", s.admin(s.ofProvider(s.showBehavior)))
	mux.Handle("PUT /_sandbox/providers/{slug}/behavior", s.admin(s.ofProvider(s.putBehavior)))
	mux.Handle("DELETE /_sandbox/providers/{slug}/behavior", s.admin(s.ofProvider(s.resetBehavior)))
	mux.Handle("PUT /_sandbox/providers/{slug}/webhook", s.admin(s.ofProvider(s.putWebhook)))
	mux.Handle("GET /_sandbox/ledger", s.admin(s.showLedger))
	mux.Handle("GET /_sandbox/stats", s.admin(func(w http.ResponseWriter, _ *http.Request) { s.writeJSON(w, s.Stats()) }))
}

func (s *Server) admin(handle http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !authorized(r, s.adminToken) {
			refuse(w, http.StatusUnauthorized, protocol.Refusal{
				Code: codeUnauthorized, Message: "the admin's token is missing or wrong",
			})
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxAdminRequest)
		handle(w, r)
	})
}

func (s *Server) ofProvider(handle func(http.ResponseWriter, *http.Request, *provider)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		p := s.configured(r.PathValue("slug"))
		if p == nil {
			refuse(w, http.StatusNotFound, protocol.Refusal{Code: codeNoProvider, Message: ErrProvider.Error()})
			return
		}
		handle(w, r, p)
	}
}

func (s *Server) listProviders(w http.ResponseWriter, _ *http.Request) {
	listings := make([]Listing, len(s.slugs))
	for i, slug := range s.slugs {
		p := s.providers[slug]
		listings[i] = Listing{
			Slug: slug, Name: p.name, Path: "/" + slug, Offers: len(p.catalog), WebhookURL: *p.webhookURL.Load(),
			Behavior: p.now(),
		}
	}
	s.writeJSON(w, map[string]any{"providers": listings})
}

func (s *Server) showBehavior(w http.ResponseWriter, _ *http.Request, p *provider) {
	s.writeJSON(w, p.now())
}

// putBehavior changes what the request names and leaves the rest as it is.
func (s *Server) putBehavior(w http.ResponseWriter, r *http.Request, p *provider) {
	patch, err := io.ReadAll(r.Body)
	if err == nil {
		err = s.set(p, func(now *settings) error {
			current := p.now()
			merged, err := current.merge(patch)
			now.behavior = &merged
			return err
		})
	}
	s.answerSet(w, err, p)
}

func (s *Server) resetBehavior(w http.ResponseWriter, _ *http.Request, p *provider) {
	s.answerSet(w, s.set(p, func(now *settings) error {
		now.behavior = nil
		return nil
	}), p)
}

func (s *Server) putWebhook(w http.ResponseWriter, r *http.Request, p *provider) {
	var request struct {
		URL string `json:"url"`
	}
	decoder := json.NewDecoder(r.Body)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&request); err != nil {
		refuse(w, http.StatusBadRequest, protocol.Refusal{Code: codeMalformed, Message: err.Error()})
		return
	}
	s.answerSet(w, s.SetWebhookURL(p.slug, request.URL), p)
}

// answerSet answers a change of settings with the behavior that is now in force.
func (s *Server) answerSet(w http.ResponseWriter, err error, p *provider) {
	switch {
	case err == nil:
		s.writeJSON(w, p.now())
	case errors.Is(err, ErrBehavior), errors.Is(err, ErrConfig):
		refuse(w, http.StatusBadRequest, protocol.Refusal{Code: codeMalformed, Message: err.Error()})
	default:
		refuse(w, http.StatusInternalServerError, protocol.Refusal{Code: codeInternal, Message: err.Error()})
	}
}

// showLedger writes the orders after a sequence number, a line of JSON each.
func (s *Server) showLedger(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	after, err := number(query.Get("after"), 0)
	limit, limitErr := number(query.Get("limit"), ledgerPage)
	if err != nil || limitErr != nil || limit < 1 || limit > maxLedgerPage {
		refuse(w, http.StatusBadRequest, protocol.Refusal{
			Code: codeMalformed, Message: "after must be a number, and limit one from 1 to 10000",
		})
		return
	}
	w.Header().Set("Content-Type", "application/x-ndjson")
	lines := bufio.NewWriter(w)
	for _, e := range s.ledger.after(after) {
		if e == nil {
			continue
		}
		if limit == 0 {
			break
		}
		line, err := json.Marshal(e.line())
		if err != nil {
			// A page that breaks off must not pass for the last one.
			s.log.Error("a line of the ledger could not be written", "error", err)
			drop()
		}
		_, _ = lines.Write(append(line, '\n'))
		limit--
	}
	// Whoever is gone does not read it.
	_ = lines.Flush()
}

func (e *entry) line() Line {
	e.shard.mu.Lock()
	defer e.shard.mu.Unlock()
	line := Line{
		Seq: e.seq, Slug: e.provider.slug, ID: e.id, Key: e.key, Offer: e.offerID, Quantity: e.quantity,
		Delivered: e.delivered, Status: e.status, CreatedAt: e.created, UpdatedAt: e.updated,
	}
	if e.charge >= 0 {
		line.Charge = &Charge{e.charge.String(), e.currency}
	}
	return line
}

func number(text string, absent int) (int, error) {
	if text == "" {
		return absent, nil
	}
	value, err := strconv.Atoi(text)
	if err != nil {
		return 0, fmt.Errorf("read number: %w", err)
	}
	return value, nil
}

func (s *Server) writeJSON(w http.ResponseWriter, value any) {
	body, err := json.Marshal(value)
	if err != nil {
		s.log.Error("an answer could not be written", "error", err)
		refuse(w, http.StatusInternalServerError, protocol.Refusal{Code: codeInternal, Message: "no answer"})
		return
	}
	w.Header()["Content-Type"] = jsonType
	// Whoever is gone does not read it.
	_, _ = w.Write(append(body, '\n'))
}
