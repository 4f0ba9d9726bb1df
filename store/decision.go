package store

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/google/uuid"

	"github.com/boostress/boostress/routing"
	"github.com/boostress/boostress/store/internal/db"
)

func decisionOf(row db.RoutingDecision) (routing.Record, error) {
	d := routing.Record{
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

func decisions() table[db.RoutingDecision, routing.Record] {
	return table[db.RoutingDecision, routing.Record]{
		name: "routing decisions", from: "routing_decisions", one: decisionOf,
		id:   term[routing.Record]{sql: "t.made_at", kind: keyTime, of: func(d routing.Record) string { return keyOfTime(d.MadeAt) }},
		sort: map[SortField][]term[routing.Record]{"": {}},
	}
}

// DecisionsOf reads, for each of an account's fulfillments, a page of its routing decisions, the earliest first. It fails
// with ErrKey.
func (s *Store) DecisionsOf(
	ctx context.Context, accountID uuid.UUID, fulfillmentIDs []uuid.UUID, page Page,
) (map[uuid.UUID]Slice[routing.Record], error) {
	by := child[routing.Record]{"fulfillment_id", func(d routing.Record) uuid.UUID { return d.FulfillmentID }}
	return children(ctx, s, decisions(), by, fulfillmentIDs, of(accountID), Sort{}, page)
}

// InsertDecisions keeps routing decisions, of the transaction's time, by the account of each.
func (t *Tx) InsertDecisions(ctx context.Context, accountIDs []uuid.UUID, list []routing.Record) error {
	if len(list) == 0 {
		return nil
	}
	candidates, passed := make([]string, len(list)), make([]string, len(list))
	for i := range list {
		text, err := json.Marshal(list[i].Verdicts)
		if err != nil {
			return fmt.Errorf("write routing decision: %w", err)
		}
		candidates[i] = string(text)
		if len(list[i].Passed) > 0 {
			if text, err = json.Marshal(list[i].Passed); err != nil {
				return fmt.Errorf("write routing decision: %w", err)
			}
			passed[i] = string(text)
		}
	}
	type record = routing.Record
	err := t.queries.DecisionInsert(ctx, db.DecisionInsertParams{
		FulfillmentIds: column(list, func(d record) uuid.UUID { return d.FulfillmentID }),
		Now:            t.Now,
		AccountIds:     accountIDs,
		OfferIds:       column(list, func(d record) string { return textOfID(d.OfferID) }),
		Candidates:     candidates,
		PolicyIds:      column(list, func(d record) string { return textOfID(d.PolicyID) }),
		PolicyVersions: column(list, func(d record) int32 { return small(d.PolicyVersion) }),
		Scorers:        column(list, func(d record) string { return textOfKinds(d.Scorers) }),
		Passed:         passed,
		Quantities:     column(list, func(d record) int32 { return small(d.Quantity) }),
		Considered:     column(list, func(d record) int32 { return small(d.Considered) }),
		Costs:          column(list, func(d record) string { return textOfDecimal(d.Cost) }),
		ExpectedMs:     column(list, func(d record) string { return textOfDuration(d.ExpectedTime) }),
	})
	return domainError("insert routing decisions", err)
}
