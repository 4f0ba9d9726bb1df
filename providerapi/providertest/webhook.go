package providertest

import (
	"bytes"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/providerapi"
)

func webhooks() []scenario {
	return []scenario{
		{name: "webhook, signed", run: webhookSigned},
		{name: "webhook, sent twice", run: webhookTwice},
		{name: "webhook, refused", run: webhookRefused},
	}
}

// heard is an adapter that parses webhooks, and how its provider makes them.
func (s *stage) heard() (providerapi.WebhookParser, WebhookSender, order.ExternalOrder) {
	s.t.Helper()
	parser, parses := s.provider.(providerapi.WebhookParser)
	if !parses || !s.can.Webhooks {
		s.t.Skip("the adapter declares no Webhooks")
	}
	sender, sends := s.simulator.(WebhookSender)
	if !sends {
		s.t.Fatal("the adapter declares Webhooks: its simulator must be a WebhookSender")
	}
	_, made := s.placed()
	return parser, sender, made
}

func (s *stage) webhook(sender WebhookSender, deliveryID string, at time.Time, about order.ExternalOrder) (http.Header, []byte) {
	s.t.Helper()
	header, body, err := sender.Webhook(deliveryID, at, about)
	if err != nil {
		s.t.Fatalf("make webhook: %v", err)
	}
	return header, body
}

func webhookSigned(s *stage) {
	parser, sender, made := s.heard()
	now := time.Now()
	header, body := s.webhook(sender, "msg_1", now, made)
	got, err := parser.ParseWebhook(header, body, now)
	if err != nil || got.DeliveryID == "" || !slices.Contains(got.ExternalIDs, made.ExternalID) {
		s.t.Errorf("got %+v, %v, want it to tell of %q", got, err, made.ExternalID)
	}
}

// webhookTwice: the same delivery has the same id, another one has another.
func webhookTwice(s *stage) {
	parser, sender, made := s.heard()
	now := time.Now()
	ids := make([]string, 3)
	for i, deliveryID := range []string{"msg_1", "msg_1", "msg_2"} {
		header, body := s.webhook(sender, deliveryID, now, made)
		got, err := parser.ParseWebhook(header, body, now.Add(time.Duration(i)*time.Second))
		if err != nil {
			s.t.Errorf("webhook %d: %v", i+1, err)
		}
		ids[i] = got.DeliveryID
	}
	if ids[0] != ids[1] || ids[0] == ids[2] {
		s.t.Errorf("got delivery ids %q, want the second to be the first's and the third another", ids)
	}
}

// webhookRefused: nothing that anybody could have sent is believed.
func webhookRefused(s *stage) {
	parser, sender, made := s.heard()
	now := time.Now()
	const old = 6 * time.Minute
	for name, tt := range map[string]struct {
		at     time.Time
		header func(http.Header) http.Header
		body   func([]byte) []byte
	}{
		"unsigned":        {at: now, header: func(http.Header) http.Header { return http.Header{} }},
		"stale":           {at: now.Add(-old)},
		"from the future": {at: now.Add(old)},
		"tampered":        {at: now, body: func(body []byte) []byte { return append(bytes.Clone(body), ' ') }},
	} {
		header, body := s.webhook(sender, "msg_1", tt.at, made)
		if tt.header != nil {
			header = tt.header(header)
		}
		if tt.body != nil {
			body = tt.body(body)
		}
		if got, err := parser.ParseWebhook(header, body, now); !errors.Is(err, providerapi.ErrSignature) {
			s.t.Errorf("%s: got %+v, %v, want ErrSignature", name, got, err)
		}
	}
	header, body := s.webhook(sender, "msg_1", now, made)
	header.Set("Date", now.Format(http.TimeFormat)) // headers that mean nothing change nothing
	if _, err := parser.ParseWebhook(header, body, now); err != nil {
		s.t.Errorf("with another header: %v", err)
	}
}
