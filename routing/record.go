package routing

import (
	"time"

	"github.com/google/uuid"
	"github.com/govalues/decimal"
)

// Record is a decision as it is kept.
type Record struct {
	FulfillmentID uuid.UUID
	MadeAt        time.Time
	OfferID       *uuid.UUID // nil: nothing matched
	PolicyID      *uuid.UUID // nil: none
	PolicyVersion int
	Scorers       []Kind
	Passed        []Pass
	Quantity      int              // that was to be placed
	Cost          *decimal.Decimal // of what the chosen offer takes
	ExpectedTime  *time.Duration
	Considered    int       // candidates
	Verdicts      []Verdict // on the first of them
}

// mostVerdicts bounds what is kept of one decision.
const mostVerdicts = 1000

// Record returns what is kept of a decision for a fulfillment.
func (d *Decision) Record(request *Request) Record {
	kept := Record{
		FulfillmentID: request.FulfillmentID, MadeAt: request.Now, Scorers: d.Scorers, Passed: d.Passed, Quantity: request.Quantity,
		ExpectedTime: d.ExpectedTime(), Considered: len(d.Verdicts), Verdicts: d.Verdicts[:min(len(d.Verdicts), mostVerdicts)],
	}
	if d.Policy != nil {
		kept.PolicyID, kept.PolicyVersion = &d.Policy.ID, d.Policy.Version
	}
	if d.Chosen != nil {
		kept.OfferID, kept.Cost = &d.Chosen.Offer.ID, &d.Cost
	}
	return kept
}

// LeftOut returns how many candidates were not kept.
func (r *Record) LeftOut() int { return r.Considered - len(r.Verdicts) }
