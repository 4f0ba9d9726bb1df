package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/govalues/decimal"

	"github.com/boostress/boostress/routing"
	"github.com/boostress/boostress/store/internal/db"
)

// RoutingDecision is how a fulfillment's offer was chosen, or why none was, as it was kept.
type RoutingDecision struct {
	FulfillmentID uuid.UUID
	MadeAt        time.Time
	OfferID       *uuid.UUID // nil: nothing matched
	PolicyID      *uuid.UUID // nil: none
	PolicyVersion int
	Scorers       []routing.Kind
	Passed        []routing.Pass
	Quantity      int // that was to be placed
	Considered    int // candidates, of which the first were kept
	Cost          *decimal.Decimal
	ExpectedTime  *time.Duration
	Verdicts      []routing.Verdict
}

func decisionOf(row db.RoutingDecision) (RoutingDecision, error) {
	d := RoutingDecision{
		FulfillmentID: row.FulfillmentID, MadeAt: row.MadeAt.UTC(), OfferID: row.OfferID, PolicyID: row.PolicyID,
		PolicyVersion: int(row.PolicyVersion), Scorers: column(row.Scorers, func(s string) routing.Kind { return routing.Kind(s) }),
		Quantity: int(row.Quantity), Considered: int(row.Considered), Cost: row.Cost,
	}
	if row.ExpectedMs != nil {
		d.ExpectedTime = new(milliseconds(*row.ExpectedMs))
	}
	if err := json.Unmarshal(row.Candidates, &d.Verdicts); err != nil {
		return d, fmt.Errorf("read routing decision of fulfillment %s: %w", row.FulfillmentID, err)
	}
	if row.Passed != nil {
		if err := json.Unmarshal(row.Passed, &d.Passed); err != nil {
			return d, fmt.Errorf("read routing decision of fulfillment %s: %w", row.FulfillmentID, err)
		}
	}
	d.Considered = max(d.Considered, len(d.Verdicts))
	return d, nil
}

func decisions() table[db.RoutingDecision, RoutingDecision] {
	return table[db.RoutingDecision, RoutingDecision]{
		name: "routing decisions", from: "routing_decisions", one: decisionOf,
		id:   term[RoutingDecision]{sql: "t.made_at", kind: keyTime, of: func(d RoutingDecision) string { return keyOfTime(d.MadeAt) }},
		sort: map[SortField][]term[RoutingDecision]{"": {}},
	}
}

// DecisionsOf reads, for each of an account's fulfillments, a page of its routing decisions, the earliest first. It fails
// with ErrKey.
func (s *Store) DecisionsOf(
	ctx context.Context, accountID uuid.UUID, fulfillmentIDs []uuid.UUID, page Page,
) (map[uuid.UUID]Slice[RoutingDecision], error) {
	by := child[RoutingDecision]{"fulfillment_id", func(d RoutingDecision) uuid.UUID { return d.FulfillmentID }}
	return children(ctx, s, decisions(), by, fulfillmentIDs, of(accountID), Sort{}, page)
}
