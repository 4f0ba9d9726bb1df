package boostress_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/boostress/boostress/providerapi"
	"github.com/boostress/boostress/providerapi/protocol"
)

func TestParseWebhook(t *testing.T) {
	t.Parallel()

	now := time.Now()
	secret := protocol.FormatSecret([]byte(strings.Repeat("s", 32)))
	secrets, err := protocol.ParseSecrets(secret)
	if err != nil {
		t.Fatal(err)
	}
	adapter := open(t, answer(200, ""), "webhookSecret", secret)
	if !adapter.Capabilities().Webhooks {
		t.Error("webhooks are not declared")
	}
	tests := map[string]struct {
		body string
		want providerapi.Webhook
		err  error
	}{
		"orders": {
			`{"type":"orders.changed","orderIds":["o1"],"keys":["k1"]}`,
			providerapi.Webhook{DeliveryID: "msg_1", ExternalIDs: []string{"o1"}, Keys: []string{"k1"}},
			nil,
		},
		"something new": {`{"type":"shop.closed","orderIds":["o1"]}`, providerapi.Webhook{DeliveryID: "msg_1"}, nil},
		"garbage":       {`garbage`, providerapi.Webhook{}, protocol.ErrMalformed},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			header := http.Header{}
			protocol.Sign(header, secrets, "msg_1", now, []byte(tt.body))
			got, err := adapter.ParseWebhook(header, []byte(tt.body), now)
			if diff := cmp.Diff(tt.want, got); diff != "" || !errors.Is(err, tt.err) {
				t.Error(diff, err)
			}
			if _, err := adapter.ParseWebhook(http.Header{}, []byte(tt.body), now); !errors.Is(err, providerapi.ErrSignature) {
				t.Errorf("unsigned: got %v", err)
			}
			if _, err := open(t, answer(200, "")).ParseWebhook(header, []byte(tt.body), now); !errors.Is(err, providerapi.ErrSignature) {
				t.Errorf("without a secret: got %v", err)
			}
		})
	}
}
