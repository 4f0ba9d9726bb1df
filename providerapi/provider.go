// Package providerapi is the one integration interface behind which every provider hides: what an adapter must do,
// what it may do besides, and how its errors say what happens next.
package providerapi

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/boostress/boostress/order"
)

// Provider speaks to one account at an external system. Implementations are safe for concurrent use, honor the
// context's deadline, and return an *Error (see its Class) for every answer that is not a success. An error that is
// none counts as UNKNOWN: the engine then reconciles before it does anything else.
type Provider interface {
	// Capabilities tells what the provider can do; it must not call the network.
	Capabilities() order.Capabilities
	// Create places an order under the request's key. It is called again with the same key only where
	// Capabilities allow it.
	Create(ctx context.Context, request CreateRequest) (order.ExternalOrder, error)
	// Get reads one order.
	Get(ctx context.Context, externalID string) (order.ExternalOrder, error)
	// Cancel asks for an order's cancellation; the answer may be CANCELING, the end comes by status.
	Cancel(ctx context.Context, externalID, key string) (order.ExternalOrder, error)
}

// ReferenceFinder finds an order by the key it was created with; it fails with ErrAbsent where there is none.
type ReferenceFinder interface {
	FindByKey(ctx context.Context, key string) (order.ExternalOrder, error)
}

// BulkStatuser reads many orders in one call, at most Capabilities().BulkStatusSize. Orders the provider does not
// know are missing from the answer.
type BulkStatuser interface {
	GetMany(ctx context.Context, externalIDs []string) ([]order.ExternalOrder, error)
}

// OfferLister reads what the provider sells.
type OfferLister interface {
	Offers(ctx context.Context) ([]ExternalOffer, error)
}

// Quoter asks for a price without ordering.
type Quoter interface {
	Quote(ctx context.Context, request CreateRequest) (order.Money, error)
}

// Pinger checks address and credentials.
type Pinger interface {
	Ping(ctx context.Context) error
}

// Balancer reads what our account at the provider holds.
type Balancer interface {
	Balance(ctx context.Context) (order.Money, error)
}

// WebhookParser verifies and reads a webhook that the provider sent. It fails with ErrSignature where the
// signature is missing, wrong or older than five minutes.
type WebhookParser interface {
	ParseWebhook(header http.Header, body []byte, now time.Time) (Webhook, error)
}

// Webhook is a verified notification: a hint that these orders should be read again.
type Webhook struct {
	DeliveryID  string // the provider's id of this notification, for deduplication
	ExternalIDs []string
	Keys        []string // the keys those orders were created with, where the provider tells
}

// CreateRequest is what is ordered.
type CreateRequest struct {
	Key            string // idempotency key and our reference at the provider
	OrderReference string
	OfferID        string // the provider's own id of the offer
	ServiceType    string
	Quantity       int
	UnitPrice      order.Money // what we expect to pay per unit
	Destination    order.Destination
	Attributes     json.RawMessage
	Deadline       *time.Time
}

// ExternalOffer is an offer as the provider lists it.
type ExternalOffer = order.ExternalOffer
