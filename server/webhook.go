package server

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/boostress/boostress/internal/id"
	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/providerapi"
)

// webhooks takes what providers tell. Nothing that it answers says more than the status does.
type webhooks struct {
	Webhooks

	log      *slog.Logger
	clock    func() time.Time
	limits   Limits
	outcomes *prometheus.CounterVec
}

func (h *webhooks) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), h.limits.Operation)
	defer cancel()
	body, err := readBody(w, r, h.limits, nil)
	if err != nil {
		h.answer(w, bodyStatus(err), "malformed")
		return
	}
	provider, parser, err := h.find(ctx, r.PathValue("providerId"))
	switch {
	case errors.Is(err, order.ErrNotFound):
		h.answer(w, http.StatusNotFound, "unknown")
	case err != nil:
		h.fail(ctx, w, "find provider of webhook", err)
	default:
		h.take(ctx, w, r, body, provider, parser)
	}
}

// find returns a provider and what verifies its webhooks. It fails with order.ErrNotFound where there is no such
// provider, or one that sends none.
func (h *webhooks) find(ctx context.Context, text string) (order.Provider, providerapi.WebhookParser, error) {
	providerID, err := id.Parse(text, id.Provider)
	if err != nil {
		return order.Provider{}, nil, order.ErrNotFound
	}
	provider, err := h.Provider(ctx, providerID)
	if err != nil {
		return order.Provider{}, nil, err
	}
	adapter, err := h.Adapter(ctx, provider)
	if err != nil {
		return order.Provider{}, nil, err
	}
	parser, takes := adapter.(providerapi.WebhookParser)
	if !takes {
		return order.Provider{}, nil, order.ErrNotFound
	}
	return provider, parser, nil
}

func (h *webhooks) take(
	ctx context.Context, w http.ResponseWriter, r *http.Request, body []byte, provider order.Provider,
	parser providerapi.WebhookParser,
) {
	webhook, err := parser.ParseWebhook(r.Header, body, h.clock())
	switch {
	case errors.Is(err, providerapi.ErrSignature):
		h.answer(w, http.StatusUnauthorized, "refused")
		return
	case err != nil:
		h.log.WarnContext(ctx, "webhook can't be read", "provider", provider.ID, "error", err)
		h.answer(w, http.StatusBadRequest, "malformed")
		return
	}
	if err := h.Hint(ctx, provider, webhook.DeliveryID, webhook.ExternalIDs, webhook.Keys); err != nil {
		h.fail(ctx, w, "take webhook", err)
		return
	}
	h.answer(w, http.StatusOK, "taken")
}

// fail has the provider send the webhook again.
func (h *webhooks) fail(ctx context.Context, w http.ResponseWriter, what string, err error) {
	h.log.ErrorContext(ctx, "webhook failed", "doing", what, "error", err)
	w.Header().Set("Retry-After", "5")
	h.answer(w, http.StatusServiceUnavailable, "failed")
}

func (h *webhooks) answer(w http.ResponseWriter, status int, outcome string) {
	h.outcomes.WithLabelValues(outcome).Inc()
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, http.StatusText(status)+"\n") // a client that is gone misses nothing
}
