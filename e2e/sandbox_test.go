package e2e_test

import (
	"errors"

	"github.com/gorilla/websocket"

	"github.com/boostress/boostress/internal/testkit"
)

// The one provider, and the one thing it sells, that the tests order.
const (
	slug     = "northwind-prints"
	category = "prints"
	service  = "poster-a3"
)

type span struct {
	Min int `json:"min"`
	Max int `json:"max"`
}

// behavior is how the simulated provider behaves; probabilities are 0–1.
type behavior struct {
	Instant     bool    `json:"instant"`
	LatencyMS   span    `json:"latencyMs"`
	AcceptMS    span    `json:"acceptMs"`
	ProgressMS  span    `json:"progressMs"`
	FulfillMS   span    `json:"fulfillMs"`
	DropReply   float64 `json:"dropReply"`
	ErrorBefore float64 `json:"errorBefore"`
	ErrorAfter  float64 `json:"errorAfter"`
	Garbage     float64 `json:"garbage"`
	RateLimit   float64 `json:"rateLimit"`
	RetryMS     int     `json:"retryAfterMs"`
	Reject      float64 `json:"reject"`
	Truncate    float64 `json:"truncate"`
	Drip        float64 `json:"drip"`
	Slow        slow    `json:"slow"`

	StoredErrors  bool `json:"storedErrors"`
	LookupDelayMS int  `json:"lookupDelayMs"`

	DuplicateWebhooks bool `json:"duplicateWebhooks"`
	ReorderWebhooks   bool `json:"reorderWebhooks"`
	UnsignedWebhooks  bool `json:"unsignedWebhooks"`
}

type slow struct {
	Probability float64 `json:"probability"`
	MS          int     `json:"ms"`
}

// sandboxes starts the simulated providers; the one that the tests use behaves as told.
func (c *cluster) sandboxes(b behavior) {
	c.t.Helper()
	c.sandbox = freeAddress(c.t)
	c.startSandbox()
	c.behave(b)
}

func (c *cluster) startSandbox() *process {
	c.t.Helper()
	return c.start("sandbox", c.sandbox, "/healthz", "sandbox", "--addr", c.sandbox, "--data-dir", c.folder)
}

func (c *cluster) behave(b behavior) {
	c.t.Helper()
	c.put(c.t.Context(), "/_sandbox/providers/"+slug+"/behavior", b)
}

// inFlight waits until at least count orders have reached the provider and some are still open.
func (c *cluster) inFlight(count int) {
	c.t.Helper()
	testkit.Eventually(c.t, patience, "orders are in flight", func() bool {
		var counted ledger
		c.get(c.t.Context(), "/_sandbox/stats", &counted)
		return counted.Orders >= count && c.open() > 0
	})
}

func isClosedWith(err error, code int) bool {
	var closing *websocket.CloseError
	return errors.As(err, &closing) && closing.Code == code
}
