package store

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/google/uuid"

	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/store/internal/db"
)

// Placement is a fresh order with its lines.
type Placement struct {
	Case  *order.Case
	Lines []order.Line
}

// InsertOrders writes the order rows of placements and reports whose reference was free. The rest of a placement is
// written by InsertLines and SaveFresh for those.
func (t *Tx) InsertOrders(ctx context.Context, placements []Placement) (map[uuid.UUID]bool, error) {
	type placement = Placement
	destinations := make([]string, len(placements))
	for i, p := range placements {
		text, err := json.Marshal(p.Case.Order.Destination)
		if err != nil {
			return nil, fmt.Errorf("write destination: %w", err)
		}
		destinations[i] = string(text)
	}
	ids, err := t.queries.OrderInsert(ctx, db.OrderInsertParams{
		Ids:              column(placements, func(p placement) uuid.UUID { return p.Case.Order.ID }),
		AccountIds:       column(placements, func(p placement) uuid.UUID { return p.Case.Order.AccountID }),
		Refs:             column(placements, func(p placement) string { return p.Case.Order.Reference }),
		Categories:       column(placements, func(p placement) string { return p.Case.Order.Category }),
		Destinations:     destinations,
		Statuses:         column(placements, func(p placement) string { return string(p.Case.Order.Status) }),
		Currencies:       column(placements, func(p placement) string { return string(p.Case.Order.Currency) }),
		Budgets:          column(placements, func(p placement) string { return textOfDecimal(p.Case.Order.Budget) }),
		Quantities:       column(placements, func(p placement) int32 { return small(p.Case.Order.Quantity) }),
		Deadlines:        column(placements, func(p placement) string { return textOfTime(p.Case.Order.Deadline) }),
		Priorities:       column(placements, func(p placement) int16 { return int16(p.Case.Order.Priority) }), //nolint:gosec // 0 to 9
		Metadatas:        column(placements, func(p placement) string { return textOfJSON(p.Case.Order.Metadata) }),
		TestModes:        column(placements, func(p placement) bool { return p.Case.Order.TestMode }),
		Sequences:        column(placements, func(p placement) int32 { return small(p.Case.Order.Sequence) }),
		CreatedBys:       column(placements, func(p placement) string { return p.Case.Order.CreatedBy }),
		DeadlineActions:  column(placements, func(p placement) string { return string(p.Case.Order.DeadlineAction) }),
		RoutingPolicyIds: column(placements, func(p placement) string { return textOfID(p.Case.Order.RoutingPolicyID) }),
		Pacings:          column(placements, func(p placement) string { return textOfJSON(p.Case.Order.Pacing) }),
		Now:              t.Now,
	})
	if err != nil {
		return nil, domainError("insert orders", err)
	}
	inserted := make(map[uuid.UUID]bool, len(ids))
	for _, id := range ids {
		inserted[id] = true
	}
	return inserted, nil
}

// InsertPlaced writes what belongs to freshly inserted orders: lines, fulfillments and events.
func (t *Tx) InsertPlaced(ctx context.Context, placements []Placement) error {
	var (
		lines        []order.Line
		fulfillments []*order.Fulfillment
		events       []order.Event
	)
	for _, p := range placements {
		lines = append(lines, p.Lines...)
		fulfillments, events = append(fulfillments, p.Case.New...), append(events, p.Case.Events...)
	}
	err := t.queries.LineInsert(ctx, db.LineInsertParams{
		Ids:          column(lines, func(l order.Line) uuid.UUID { return l.ID }),
		AccountIds:   column(lines, func(l order.Line) uuid.UUID { return l.AccountID }),
		OrderIds:     column(lines, func(l order.Line) uuid.UUID { return l.OrderID }),
		Positions:    column(lines, func(l order.Line) int32 { return small(l.Position) }),
		ServiceTypes: column(lines, func(l order.Line) string { return l.ServiceType }),
		Quantities:   column(lines, func(l order.Line) int32 { return small(l.Quantity) }),
		Attributes:   column(lines, func(l order.Line) string { return textOfJSON(l.Attributes) }),
	})
	if err != nil {
		return domainError("insert lines", err)
	}
	if err := t.insertFulfillments(ctx, fulfillments); err != nil {
		return err
	}
	return t.insertEvents(ctx, events)
}

// Lines reads lines by id.
func (t *Tx) Lines(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]*order.Line, error) {
	list, err := t.queries.LineGetMany(ctx, ids)
	if err != nil {
		return nil, fmt.Errorf("read lines: %w", err)
	}
	lines := make(map[uuid.UUID]*order.Line, len(list))
	for _, row := range list {
		lines[row.ID] = lineOf(row)
	}
	return lines, nil
}

// LinesOf reads the lines of an order.
func (t *Tx) LinesOf(ctx context.Context, orderID uuid.UUID) ([]order.Line, error) {
	list, err := t.queries.LineOfOrder(ctx, orderID)
	if err != nil {
		return nil, fmt.Errorf("read lines: %w", err)
	}
	return column(list, func(row db.OrderLine) order.Line { return *lineOf(row) }), nil
}

// Orders reads orders of one account by id; unknown ones are missing from the answer.
func (s *Store) Orders(ctx context.Context, accountID uuid.UUID, ids []uuid.UUID) (map[uuid.UUID]*order.Order, error) {
	list, err := s.queries.OrderGetMany(ctx, accountID, ids)
	if err != nil {
		return nil, fmt.Errorf("read orders: %w", err)
	}
	orders, err := ordersOf(list)
	if err != nil {
		return nil, err
	}
	byID := make(map[uuid.UUID]*order.Order, len(orders))
	for _, o := range orders {
		byID[o.ID] = o
	}
	return byID, nil
}
