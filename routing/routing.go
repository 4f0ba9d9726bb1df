// Package routing decides, without input or output, which offer a fulfillment is given to, by which policy, and keeps
// the reasons.
package routing

import (
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/govalues/decimal"

	"github.com/boostress/boostress/order"
)

// Request is what has to be placed.
type Request struct {
	FulfillmentID uuid.UUID // what WEIGHTED draws by
	Quantity      int
	Currency      order.Currency
	Country       string           // of the destination, ISO 3166-1 alpha-2; "": not told
	Budget        *decimal.Decimal // what the order may still reserve; nil: unlimited
	Excluded      []uuid.UUID      // providers that must not be asked again
	TestMode      bool             // simulated providers only
	Parts         int              // into which the quantity was split so far; 0 and 1: it was not
	Now           time.Time
}

// Candidate is an offer of the wanted category and service type, with its provider as of now.
type Candidate struct {
	Offer    *order.Offer
	Provider *order.Provider
}

// FulfillTime returns how long it is expected to take from submission to fulfillment: what was measured of the offer, or
// else of all that the provider does; nil where neither was.
func (c *Candidate) FulfillTime() *time.Duration {
	if c.Offer.FulfillTime != nil {
		return c.Offer.FulfillTime
	}
	return c.Provider.Measured.FulfillTime
}

// Verdict is what became of one candidate.
type Verdict struct {
	OfferID    uuid.UUID       `json:"offerId"`
	ProviderID uuid.UUID       `json:"providerId"`
	Cost       decimal.Decimal `json:"cost"`               // of all of the quantity, or of its part
	Rank       int             `json:"rank,omitempty"`     // 1 is the chosen one; 0 with a reason
	Quantity   int             `json:"quantity,omitempty"` // of its part, where the quantity is split
	Reason     Reason          `json:"reason,omitempty"`   // why it was rejected, or ""
	Scores     []*float64      `json:"scores,omitempty"`   // one for each scorer; nil: not measured
}

// Part is what one offer takes of a quantity.
type Part struct {
	Candidate *Candidate
	Quantity  int
}

// Decision is the outcome: the chosen candidate, nil where nothing matched, and a verdict on every candidate, the
// eligible ones first, by rank.
type Decision struct {
	Chosen   *Candidate
	Quantity int             // that the chosen one takes; less than was wanted where it is split
	Parts    []Part          // of a split quantity: a way to place all of it, which begins with the chosen one
	Cost     decimal.Decimal // of what the chosen one takes
	Verdicts []Verdict
	Scorers  []Kind     // what the verdicts' scores are of
	RetryAt  *time.Time // when a reason that passes by itself ends, the earliest; nil: there is none
	Policy   *Policy    // by which it was decided; nil: by none
	Passed   []Pass     // policies before it, which matched nothing
}

// Decide filters the candidates and ranks the rest by the rules' scorers, one after the other; the last tie-break is the
// offer's id. Where none can take all of the quantity, it is split if the rules allow that and a way to place all of it is
// found.
func Decide(request Request, rules *Rules, candidates []Candidate) Decision {
	trial := newTrial(&request, rules, candidates)
	decision := Decision{Scorers: rules.kinds(), RetryAt: trial.retryAt}
	slices.SortFunc(trial.entries, trial.compare)
	if len(trial.entries) > 0 && trial.entries[0].reason == "" {
		decision.Chosen, decision.Quantity = trial.entries[0].candidate, request.Quantity
		decision.Cost = trial.entries[0].cost
	} else {
		trial.split(&decision)
	}
	decision.Verdicts = trial.verdicts()
	return decision
}

// ExpectedTime is how long the chosen offer is expected to take, as far as that was measured.
func (d *Decision) ExpectedTime() *time.Duration {
	if d.Chosen == nil {
		return nil
	}
	return d.Chosen.FulfillTime()
}

// Summary says in one line why nothing was chosen.
func (d *Decision) Summary() string {
	if len(d.Verdicts) == 0 {
		return "no offer of this category and service type"
	}
	var reasons []string
	for _, verdict := range d.Verdicts {
		if !slices.Contains(reasons, string(verdict.Reason)) {
			reasons = append(reasons, string(verdict.Reason))
		}
	}
	slices.Sort(reasons)
	return "every offer was rejected: " + strings.Join(reasons, ", ")
}
