package boostress

import (
	"fmt"
	"net/http"
	"time"

	"github.com/boostress/boostress/providerapi"
	"github.com/boostress/boostress/providerapi/protocol"
)

// ParseWebhook verifies a webhook and returns which orders to read again. Types that it does not know name none. It
// fails with ErrSignature, also where the provider has no webhook secret, and with protocol.ErrMalformed for a body
// that was signed but can't be read.
func (a *Adapter) ParseWebhook(header http.Header, body []byte, now time.Time) (providerapi.Webhook, error) {
	id, err := protocol.Verify(header, a.secrets, now, body)
	if err != nil {
		return providerapi.Webhook{}, fmt.Errorf("%w: %w", providerapi.ErrSignature, err)
	}
	webhook, err := protocol.ParseWebhook(body)
	if err != nil {
		return providerapi.Webhook{}, err
	}
	if webhook.Type != protocol.TypeOrdersChanged {
		return providerapi.Webhook{DeliveryID: id}, nil
	}
	return providerapi.Webhook{DeliveryID: id, ExternalIDs: webhook.OrderIDs, Keys: webhook.Keys}, nil
}
