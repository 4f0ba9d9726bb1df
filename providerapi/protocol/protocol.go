// Package protocol is the wire format of the Boostress provider protocol, as docs/provider-protocol.md and openapi.yaml
// describe it: its messages, how they are written and strictly read, and how webhooks are signed. Both sides use it,
// the adapter and the simulated provider; it knows nothing of either.
package protocol

import (
	"encoding/json"
	"errors"
	"time"
)

// Headers of the protocol, in the canonical form of net/http.
const (
	HeaderKey              = "Idempotency-Key"
	HeaderWebhookID        = "Webhook-Id"
	HeaderWebhookTimestamp = "Webhook-Timestamp"
	HeaderWebhookSignature = "Webhook-Signature"
)

// Bounds of what may travel. A message beyond one of them is refused as a whole.
const (
	MaxReply     = 1 << 20  // bytes of any reply
	MaxRequest   = 64 << 10 // bytes of any request
	MaxWebhook   = 64 << 10 // bytes of a webhook
	MaxID        = 128      // characters of an order's id
	MaxKey       = 200      // characters of an idempotency key
	MaxText      = 500      // characters of names and messages; longer messages are cut
	MaxWord      = 64       // characters of status words and codes
	MaxBatch     = 100      // orders of a list, ids of a status request, orders of a webhook
	MaxOffers    = 1000     // offers of a page
	MaxResults   = 20       // results of an order
	MaxValue     = 4 << 10  // bytes of a result's value, and of its URL
	MaxLabel     = 200      // bytes of a result's label, carrier and id
	MaxQuantity  = 1_000_000_000
	maxDepth     = 32
	maxMembers   = 64 // of one object of the protocol; attributes are not counted
	maxSLA       = 365 * 24 * time.Hour
	moneyDigits  = 12
	moneyDecimal = 6
)

// The status words of an order. Others are allowed and mean nothing to who does not know them.
const (
	StatusAccepted   = "accepted"
	StatusInProgress = "in_progress"
	StatusPartial    = "partially_fulfilled"
	StatusFulfilled  = "fulfilled"
	StatusRejected   = "rejected"
	StatusFailed     = "failed"
	StatusCanceling  = "canceling"
	StatusCanceled   = "canceled"
)

// The codes of refusals that mean something to the buyer's side; providers add their own.
const (
	CodeKeyReused     = "key_reused"     // the key was used with another order: the first one stands
	CodeDuplicate     = "duplicate"      // an order with this key exists and can be looked up
	CodeKeyBusy       = "key_busy"       // the first request with this key is still being worked on
	CodeNotFound      = "not_found"      // no such order
	CodeCanceled      = "canceled"       // the order is canceled already
	CodeNotCancelable = "not_cancelable" // too late to cancel
	CodeUnsupported   = "unsupported"    // the provider never does this
	CodeNoPath        = "no_such_path"   // nothing is served here: the base URL is wrong
)

// Errors of the parsers.
var (
	ErrTooLarge  = errors.New("message is too large")
	ErrMalformed = errors.New("malformed message")
)

// Money is an amount of one currency.
type Money struct {
	Amount   string `json:"amount"`   // decimal: 1–12 digits, then a point and 1–6 digits or nothing
	Currency string `json:"currency"` // ISO 4217
}

// Destination is where the result of an order goes.
type Destination struct {
	Name        string
	CountryCode string          // ISO 3166-1 alpha-2, or ""
	Attributes  json.RawMessage // a JSON object, or nil
}

// OrderRequest asks for an order or, without a key, for a quote.
type OrderRequest struct {
	Reference   string // the buyer's order, for people; not unique
	OfferID     string
	ServiceType string
	Quantity    int    // 1 or more
	UnitPrice   *Money // what the buyer expects to pay per unit
	Destination Destination
	Attributes  json.RawMessage // a JSON object, or nil
	Deadline    *time.Time
}

// Order is what a provider says of one of its orders at one moment.
type Order struct {
	ID         string
	Key        string // the idempotency key it was created with
	Status     string
	OfferID    string
	Quantity   int
	Delivered  int    // units delivered so far, at most Quantity
	Charge     *Money // nil: not known yet
	Message    string
	Reroutable bool // of a rejected one: another provider may take it
	CreatedAt  time.Time
	UpdatedAt  time.Time
	Results    []Result
}

// The kinds of results. Others are allowed, and are texts to who does not know them.
const (
	ResultTracking = "tracking"
	ResultCode     = "code"
	ResultFile     = "file"
	ResultText     = "text"
)

// Result is something that the provider hands over for an order.
type Result struct {
	ID      string // unique within the order
	Kind    string
	Label   string // for people; never secret
	Value   string // the tracking number, the code, the text, or the file's name
	URL     string
	Carrier string // of tracking
	Secret  bool   // value and URL are for nobody but who receives the goods
}

// Offer is something a provider sells.
type Offer struct {
	ID             string
	Name           string
	Category       string
	ServiceType    string
	UnitPrice      Money
	MinQuantity    int // 1 or more
	MaxQuantity    int // 0: unlimited
	AvailableFrom  *time.Time
	AvailableUntil *time.Time
	SLA            time.Duration // whole seconds; 0: no promise
}

// Refusal is the body of every answer with a status of 400 or more.
type Refusal struct {
	Code       string
	Message    string
	Retryable  bool // surely nothing was done, and the same request may succeed later
	Reroutable bool // another provider may take the order
}

// Webhook says that orders changed; what they became is read from the provider.
type Webhook struct {
	Type     string // e.g. "orders.changed"; unknown types are no error
	OrderIDs []string
	Keys     []string
}

// TypeOrdersChanged is the type of the webhooks about orders.
const TypeOrdersChanged = "orders.changed"

// ValidID reports whether an order's id can travel in a path and in a list: 1 to 128 letters, digits and "-._~:", the
// first a letter or a digit.
func ValidID(id string) bool {
	if id == "" || len(id) > MaxID {
		return false
	}
	for i := range len(id) {
		switch c := id[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case i > 0 && (c == '-' || c == '.' || c == '_' || c == '~' || c == ':'):
		default:
			return false
		}
	}
	return true
}

// ValidKey reports whether a key can travel in a header: 1 to 200 visible ASCII characters.
func ValidKey(key string) bool {
	if key == "" || len(key) > MaxKey {
		return false
	}
	for i := range len(key) {
		if key[i] <= ' ' || key[i] > '~' {
			return false
		}
	}
	return true
}

// ValidAmount reports whether an amount is spelled as the protocol wants it.
func ValidAmount(amount string) bool {
	whole, fraction := amount, ""
	for i := range len(amount) {
		if amount[i] == '.' {
			whole, fraction = amount[:i], amount[i+1:]
			if fraction == "" {
				return false
			}
			break
		}
	}
	return whole != "" && len(whole) <= moneyDigits && len(fraction) <= moneyDecimal && digits(whole) && digits(fraction)
}

func digits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

func upper(s string, length int) bool {
	if len(s) != length {
		return false
	}
	for i := range len(s) {
		if s[i] < 'A' || s[i] > 'Z' {
			return false
		}
	}
	return true
}
