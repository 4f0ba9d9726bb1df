package sandbox

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"math/rand/v2"
	"time"

	"github.com/boostress/boostress/providerapi/protocol"
)

// ErrBehavior is returned for a behavior that makes no sense.
var ErrBehavior = errors.New("bad behavior")

const (
	maxPause = 60 * 60 * 1000 // milliseconds
	maxDrift = 100
)

// Span is a time between two bounds, in milliseconds, drawn anew each time.
type Span struct {
	Min int `json:"min"`
	Max int `json:"max"`
}

// Slow keeps some answers back for a while.
type Slow struct {
	Probability float64 `json:"probability"`
	MS          int     `json:"ms"`
}

// Behavior is how a simulated provider behaves. The zero value is a provider without a fault, which needs no time for
// anything. Probabilities are 0 to 1, times are in milliseconds and at most an hour.
type Behavior struct {
	// LatencyMS is how long an answer takes. Half of it passes before an order is recorded and half of it after.
	LatencyMS Span `json:"latencyMs"`
	// AcceptMS, ProgressMS and FulfillMS are how long an order stays accepted, in progress and partially fulfilled;
	// CancelMS is how long it stays canceling, where 0 cancels at once.
	AcceptMS   Span `json:"acceptMs"`
	ProgressMS Span `json:"progressMs"`
	FulfillMS  Span `json:"fulfillMs"`
	CancelMS   Span `json:"cancelMs"`
	// Instant makes the reply to a create final: the order is fulfilled and charged.
	Instant bool `json:"instant"`
	// LateStatus lets no order progress, not even an instant one, while it is set.
	LateStatus bool `json:"lateStatus"`
	// Partial is the probability that an order of several units is delivered in two parts.
	Partial float64 `json:"partial"`
	// Reject is the probability that an order is refused, which leaves nothing behind, RejectLate that it is rejected
	// after it was accepted, Fail that it fails in the end. RejectReroutable says that others may take it.
	Reject           float64 `json:"reject"`
	RejectLate       float64 `json:"rejectLate"`
	RejectReroutable bool    `json:"rejectReroutable"`
	Fail             float64 `json:"fail"`
	// DropBefore closes the connection of a create before anything was recorded, DropReply after.
	DropBefore float64 `json:"dropBefore"`
	DropReply  float64 `json:"dropReply"`
	// RateLimit answers any request with 429 and, where RetryAfterMS is not 0, a Retry-After in whole seconds.
	RateLimit    float64 `json:"rateLimit"`
	RetryAfterMS int     `json:"retryAfterMs"`
	// Forbid answers any request with 403, as some providers do instead of 429, and the same Retry-After.
	Forbid float64 `json:"forbid"`
	// ErrorBefore answers a create with 500 and records nothing, ErrorAfter after it was recorded.
	ErrorBefore float64 `json:"errorBefore"`
	ErrorAfter  float64 `json:"errorAfter"`
	// StoredErrors repeats the 500 that a key once got for as long as it is set.
	StoredErrors bool `json:"storedErrors"`
	// Slow keeps any answer back, after an order was recorded.
	Slow Slow `json:"slow"`
	// Drip sends any answer in small pieces, DripMS after each other, 0 being 50.
	Drip   float64 `json:"drip"`
	DripMS int     `json:"dripMs"`
	// Garbage answers a create with 200 and what is no answer, Truncate breaks off within the answer. The order stands.
	Garbage  float64 `json:"garbage"`
	Truncate float64 `json:"truncate"`
	// LookupDelayMS is how long a new order is missing from every way to look it up.
	LookupDelayMS int `json:"lookupDelayMs"`
	// RefuseCancel refuses every cancellation; RefuseCancelLate has every order that is canceling go on.
	RefuseCancel     bool `json:"refuseCancel"`
	RefuseCancelLate bool `json:"refuseCancelLate"`
	// DuplicateWebhooks sends each webhook twice, ReorderWebhooks each after the one that should follow it,
	// UnsignedWebhooks without a signature, NoWebhooks none.
	DuplicateWebhooks bool `json:"duplicateWebhooks"`
	ReorderWebhooks   bool `json:"reorderWebhooks"`
	UnsignedWebhooks  bool `json:"unsignedWebhooks"`
	NoWebhooks        bool `json:"noWebhooks"`
	// PriceDrift is what a charge is multiplied by and then rounded to a cent; 0 is 1.
	PriceDrift float64 `json:"priceDrift"`
	// ChargeLateMS is how long after its end an order's charge becomes known.
	ChargeLateMS int `json:"chargeLateMs"`
	// ForgetKeys makes a second order of a repeated key; RefuseDuplicates refuses one that has an order.
	ForgetKeys       bool `json:"forgetKeys"`
	RefuseDuplicates bool `json:"refuseDuplicates"`
	// StatusWord is what every order's status is called, in answers only; "" leaves the protocol's words.
	StatusWord string `json:"statusWord"`
	// Balance is what the buyer's account holds, in the currency of the offers; "" is not told.
	Balance string `json:"balance"`
	// Unavailable answers every request with 503.
	Unavailable bool `json:"unavailable"`
	// Next counts creates that meet a fault for sure, by the fault's name, e.g. {"dropReply": 3}; each that did is
	// taken off.
	Next map[string]int `json:"next,omitempty"`
}

// chances are the probabilities by the names that Next knows them by.
func (b *Behavior) chances() map[string]float64 {
	return map[string]float64{
		faultReject: b.Reject, faultDropBefore: b.DropBefore, faultDropReply: b.DropReply,
		faultRateLimit: b.RateLimit, faultForbid: b.Forbid, faultErrorBefore: b.ErrorBefore, faultErrorAfter: b.ErrorAfter,
		faultSlow: b.Slow.Probability, faultDrip: b.Drip, faultGarbage: b.Garbage, faultTruncate: b.Truncate,
	}
}

// The faults that Next can order, by their names in JSON.
const (
	faultReject      = "reject"
	faultDropBefore  = "dropBefore"
	faultDropReply   = "dropReply"
	faultRateLimit   = "rateLimit"
	faultForbid      = "forbid"
	faultErrorBefore = "errorBefore"
	faultErrorAfter  = "errorAfter"
	faultSlow        = "slow"
	faultDrip        = "drip"
	faultGarbage     = "garbage"
	faultTruncate    = "truncate"
)

// merge returns the behavior with what the JSON object names in place of its own. It fails with ErrBehavior.
func (b *Behavior) merge(patch []byte) (Behavior, error) {
	merged := *b
	merged.Next = maps.Clone(b.Next)
	decoder := json.NewDecoder(bytes.NewReader(patch))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&merged); err != nil {
		return Behavior{}, fmt.Errorf("%w: %w", ErrBehavior, err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return Behavior{}, fmt.Errorf("%w: data after the object", ErrBehavior)
	}
	if err := merged.validate(); err != nil {
		return Behavior{}, err
	}
	return merged, nil
}

// validate names every fault of a behavior at once, with ErrBehavior.
func (b *Behavior) validate() error {
	var faults []error
	fault := func(format string, arguments ...any) {
		faults = append(faults, fmt.Errorf(format, arguments...))
	}
	chances := b.chances()
	for name, count := range b.Next {
		if _, known := chances[name]; !known {
			fault("next: no fault is named %q", name)
		}
		if count < 0 {
			fault("next: %s must not be negative", name)
		}
	}
	chances["partial"], chances["rejectLate"], chances["fail"] = b.Partial, b.RejectLate, b.Fail
	for name, chance := range chances {
		if math.IsNaN(chance) || chance < 0 || chance > 1 {
			fault("%s must be from 0 to 1", name)
		}
	}
	for name, span := range map[string]Span{
		"latencyMs": b.LatencyMS, "acceptMs": b.AcceptMS, "progressMs": b.ProgressMS, "fulfillMs": b.FulfillMS,
		"cancelMs": b.CancelMS,
		"slow.ms":  {b.Slow.MS, b.Slow.MS}, "dripMs": {b.DripMS, b.DripMS}, "retryAfterMs": {b.RetryAfterMS, b.RetryAfterMS},
		"lookupDelayMs": {b.LookupDelayMS, b.LookupDelayMS}, "chargeLateMs": {b.ChargeLateMS, b.ChargeLateMS},
	} {
		if span.Min < 0 || span.Max < span.Min || span.Max > maxPause {
			fault("%s must be from 0 to %d, and min at most max", name, maxPause)
		}
	}
	if _, err := parseMicros(b.Balance); b.Balance != "" && err != nil {
		fault("balance must be an amount, e.g. \"1000.00\", or \"\"")
	}
	if len(b.StatusWord) > protocol.MaxWord {
		fault("statusWord must have at most %d characters", protocol.MaxWord)
	}
	if math.IsNaN(b.PriceDrift) || b.PriceDrift < 0 || b.PriceDrift > maxDrift {
		fault("priceDrift must be from 0 to %d", maxDrift)
	}
	if len(faults) > 0 {
		return fmt.Errorf("%w: %w", ErrBehavior, errors.Join(faults...))
	}
	return nil
}

func milliseconds(count int) time.Duration { return time.Duration(count) * time.Millisecond }

// hit reports whether a probability came true.
func (s *Server) hit(chance float64) bool {
	if chance <= 0 {
		return false
	}
	s.diceMu.Lock()
	defer s.diceMu.Unlock()
	return s.dice.Float64() < chance
}

func (s *Server) draw(span Span) time.Duration {
	low, high := milliseconds(span.Min), milliseconds(span.Max)
	if high <= low {
		return low
	}
	s.diceMu.Lock()
	defer s.diceMu.Unlock()
	return low + time.Duration(s.dice.Int64N(int64(high-low)+1))
}

// below draws a number from 1 to limit-1.
func (s *Server) below(limit int) int {
	s.diceMu.Lock()
	defer s.diceMu.Unlock()
	return 1 + s.dice.IntN(limit-1)
}

func newDice(seed uint64) *rand.Rand {
	//nolint:gosec // faults are to be repeatable, not unguessable
	return rand.New(rand.NewPCG(seed, 0x5bd1e995))
}
