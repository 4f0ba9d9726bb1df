package sandbox

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/boostress/boostress/providerapi/protocol"
)

const (
	maxPending     = 10_000 // changes that wait for a webhook; more are dropped, as polling finds them
	webhookTries   = 3
	webhookTimeout = 5 * time.Second
	webhookHeld    = 250 * time.Millisecond // at most, for another to overtake it
	firstBackoff   = 200 * time.Millisecond
)

// change is what a webhook tells of an order.
type change struct{ id, key string }

// hooks are the changes that a provider has yet to tell of.
type hooks struct {
	kick chan struct{} // there are some; a full channel says so already

	mu      sync.Mutex
	pending []change
	dropped int // since the last webhook
	sent    int
}

// changed notes that an order changed; wake then lets the sender know. Neither waits.
func (h *hooks) changed(e *entry) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.pending) < maxPending {
		h.pending = append(h.pending, change{e.id, e.key})
	} else {
		h.dropped++
	}
}

func (h *hooks) wake() {
	select {
	case h.kick <- struct{}{}:
	default:
	}
}

// take removes the changes for one webhook, each order once, and numbers it.
func (h *hooks) take() (batch []change, number, dropped int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	seen := make(map[string]struct{}, protocol.MaxBatch)
	taken := 0
	for _, one := range h.pending {
		if len(batch) == protocol.MaxBatch {
			break
		}
		taken++
		if _, again := seen[one.id]; !again {
			seen[one.id] = struct{}{}
			batch = append(batch, one)
		}
	}
	h.pending = slices.Delete(h.pending, 0, taken)
	if len(batch) > 0 {
		h.sent++
	}
	dropped, h.dropped = h.dropped, 0
	return batch, h.sent, dropped
}

// delivery is a webhook that is ready to be sent.
type delivery struct {
	id   string
	body []byte
}

// sendWebhooks sends a provider's webhooks, one after the other, until the context ends.
func (s *Server) sendWebhooks(ctx context.Context, p *provider) {
	var held *delivery
	overdue := time.NewTimer(forever)
	defer overdue.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-overdue.C:
			s.deliver(ctx, p, held)
			held = nil
			continue
		case <-p.hooks.kick:
		}
		for ctx.Err() == nil {
			next := s.nextDelivery(p)
			if next == nil {
				break
			}
			if p.behavior.Load().ReorderWebhooks && held == nil {
				held = next
				overdue.Reset(webhookHeld)
				continue
			}
			s.deliver(ctx, p, next)
			s.deliver(ctx, p, held)
			held = nil
			overdue.Reset(forever)
		}
	}
}

// nextDelivery returns the next webhook, or nil.
func (s *Server) nextDelivery(p *provider) *delivery {
	for {
		batch, number, dropped := p.hooks.take()
		if dropped > 0 {
			s.log.Warn("webhooks were dropped: the receiver is too slow", "provider", p.slug, "changes", dropped)
		}
		if len(batch) == 0 {
			return nil
		}
		if p.behavior.Load().NoWebhooks || *p.webhookURL.Load() == "" {
			continue
		}
		webhook := protocol.Webhook{Type: protocol.TypeOrdersChanged}
		for _, one := range batch {
			webhook.OrderIDs = append(webhook.OrderIDs, one.id)
			webhook.Keys = append(webhook.Keys, one.key)
		}
		return &delivery{id: "msg_" + s.run + "_" + p.initials + strconv.Itoa(number), body: webhook.Append(nil)}
	}
}

// deliver tries three times. Giving up is no fault of the ledger's: webhooks are hints.
func (s *Server) deliver(ctx context.Context, p *provider, d *delivery) {
	if d == nil {
		return
	}
	copies := 1
	if p.behavior.Load().DuplicateWebhooks {
		copies = 2
	}
	for range copies {
		backoff := firstBackoff
		for try := 1; ; try++ {
			err := s.post(ctx, p, d)
			if err == nil || ctx.Err() != nil {
				break
			}
			if try == webhookTries {
				s.log.Warn("a webhook could not be delivered", "provider", p.slug, "tries", try, "error", err)
				break
			}
			if !pause(ctx.Done(), nil, backoff) {
				return
			}
			backoff *= 5
		}
	}
}

func (s *Server) post(ctx context.Context, p *provider, d *delivery) error {
	ctx, cancel := context.WithTimeout(ctx, webhookTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, *p.webhookURL.Load(), bytes.NewReader(d.body))
	if err != nil {
		return fmt.Errorf("make request: %w", err)
	}
	request.Header.Set("Content-Type", "application/json")
	now := time.Now()
	if p.behavior.Load().UnsignedWebhooks || len(p.secrets) == 0 {
		request.Header.Set(protocol.HeaderWebhookID, d.id)
		request.Header.Set(protocol.HeaderWebhookTimestamp, strconv.FormatInt(now.Unix(), 10))
	} else {
		protocol.Sign(request.Header, p.secrets, d.id, now, d.body)
	}
	response, err := s.client.Do(request)
	if err != nil {
		return fmt.Errorf("send webhook: %w", err)
	}
	// Read so that the connection can be kept; what it says does not matter.
	_, err = io.Copy(io.Discard, io.LimitReader(response.Body, 64<<10))
	if closeErr := response.Body.Close(); err == nil {
		err = closeErr
	}
	switch {
	case response.StatusCode < http.StatusOK || response.StatusCode >= http.StatusMultipleChoices:
		return fmt.Errorf("send webhook: HTTP %d", response.StatusCode)
	case err != nil:
		return fmt.Errorf("read answer: %w", err)
	default:
		return nil
	}
}

func newWebhookClient(transport http.RoundTripper) *http.Client {
	if transport == nil {
		transport = &http.Transport{MaxIdleConnsPerHost: 8, IdleConnTimeout: time.Minute}
	}
	return &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// pause waits and reports whether it was let to; either channel ends it, and may be nil.
func pause(one, other <-chan struct{}, wait time.Duration) bool {
	if wait <= 0 {
		return true
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-one:
		return false
	case <-other:
		return false
	}
}
