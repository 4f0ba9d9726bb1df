package fulfillment

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/govalues/decimal"

	"github.com/boostress/boostress/account"
	"github.com/boostress/boostress/internal/id"
	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/routing"
)

// SimulationInput is what is routed for a trial: a draft or past orders, by a version of a policy or by rules.
type SimulationInput struct {
	Draft    *order.Draft
	OrderIDs []uuid.UUID
	PolicyID *uuid.UUID
	Rules    *routing.Rules
}

// SimulatedOrder is what routing would decide for an order.
type SimulatedOrder struct {
	Order *order.Order // of a draft, as it would be
	Past  bool
	Lines []SimulatedLine
}

// SimulatedLine is what routing would decide for a line, and what happened to it.
type SimulatedLine struct {
	Line     order.Line
	Decision routing.Record
	Parts    []SimulatedPart // empty: nothing matches
	Happened []*order.Fulfillment
}

// SimulatedPart is what one offer would take.
type SimulatedPart struct {
	OfferID, ProviderID uuid.UUID
	Quantity            int
	Cost                decimal.Decimal
	ExpectedTime        *time.Duration // nil: not measured
}

// The most that is simulated at once.
const (
	mostSimulatedOrders = 100
	mostSimulatedLines  = 1000
)

// Simulate tells what routing would decide, and changes nothing. Past orders are taken as if they were placed now instead:
// what they took of budgets is there again. The orders go one after the other, so that none has what another one before it
// took. It fails with order.Faults.
func (s *Service) Simulate(ctx context.Context, who account.Principal, input SimulationInput) ([]SimulatedOrder, error) {
	if err := checkSimulation(&input, s.options.Clock()).Err(); err != nil {
		return nil, err
	}
	trial := &simulation{service: s, who: who, now: s.options.Clock()}
	if err := trial.readRules(ctx, &input); err != nil {
		return nil, err
	}
	if err := trial.readOrders(ctx, &input); err != nil {
		return nil, err
	}
	if err := trial.readCatalog(ctx); err != nil {
		return nil, err
	}
	for i := range trial.orders {
		if err := trial.route(&trial.orders[i]); err != nil {
			return nil, fmt.Errorf("simulate order %s: %w", trial.orders[i].Order.Reference, err)
		}
	}
	return trial.orders, nil
}

func checkSimulation(input *SimulationInput, now time.Time) order.Faults {
	var faults order.Faults
	fault := func(wrong bool, code order.Code, message string, field ...string) {
		if wrong {
			faults = append(faults, order.Fault{Field: field, Code: code, Message: message})
		}
	}
	fault((input.Draft == nil) == (input.OrderIDs == nil), order.CodeInvalid, "give order or orderIds, one of them")
	fault((input.PolicyID == nil) == (input.Rules == nil), order.CodeInvalid, "give policyId or rules, one of them")
	fault(input.OrderIDs != nil && (len(input.OrderIDs) == 0 || len(input.OrderIDs) > mostSimulatedOrders), order.CodeOutOfRange,
		fmt.Sprintf("must be 1 to %d", mostSimulatedOrders), "orderIds")
	if input.Draft != nil {
		faults = append(faults, input.Draft.Validate(now).Under("order")...)
	}
	if input.Rules != nil {
		faults = append(faults, input.Rules.Validate().Under("rules")...)
	}
	return faults
}

// simulation is a trial in the making.
type simulation struct {
	service *Service
	who     account.Principal
	now     time.Time

	chain     []*routing.Policy
	rules     *routing.Rules // in the place of a chain
	orders    []SimulatedOrder
	offers    map[want][]order.Offer
	providers map[uuid.UUID]*order.Provider
	turns     int
}

// want is a category and a service type.
type want struct{ category, serviceType string }

// readRules finds the policy, and those that it falls back to as they are published.
func (s *simulation) readRules(ctx context.Context, input *SimulationInput) error {
	if s.rules = input.Rules; s.rules != nil {
		return nil
	}
	st, accountID := s.service.store, s.who.AccountID
	found, err := st.Policies(ctx, accountID, []uuid.UUID{*input.PolicyID})
	if err != nil {
		return err
	}
	policy := found[*input.PolicyID]
	if policy == nil {
		return order.Faults{{Field: []string{"policyId"}, Code: order.CodeNotFound, Message: "there is no such policy"}}
	}
	books, err := st.Books(ctx, []uuid.UUID{accountID})
	if err != nil {
		return err
	}
	s.chain = books[accountID].Chain(policy)
	return nil
}

// readOrders reads past orders, or makes one of a draft.
func (s *simulation) readOrders(ctx context.Context, input *SimulationInput) error {
	if input.Draft != nil {
		s.orders = []SimulatedOrder{s.drafted(input.Draft)}
		return nil
	}
	st := s.service.store
	found, err := st.Orders(ctx, s.who.AccountID, input.OrderIDs)
	if err != nil {
		return err
	}
	var faults order.Faults
	for i, orderID := range input.OrderIDs {
		if found[orderID] == nil {
			faults = append(faults, order.Fault{
				Field: []string{"orderIds", strconv.Itoa(i)}, Code: order.CodeNotFound, Message: "there is no such order",
			})
		}
	}
	if len(faults) > 0 {
		return faults
	}
	lines, err := st.LinesOfOrders(ctx, s.who.AccountID, input.OrderIDs, mostSimulatedLines+1)
	if err != nil {
		return err
	}
	happened, err := st.FulfillmentsOfOrders(ctx, input.OrderIDs)
	if err != nil {
		return err
	}
	count := 0
	for _, orderID := range input.OrderIDs {
		count += len(lines[orderID])
		s.orders = append(s.orders, past(found[orderID], lines[orderID], happened))
	}
	if count > mostSimulatedLines {
		return order.Faults{{
			Field: []string{"orderIds"}, Code: order.CodeOutOfRange,
			Message: fmt.Sprintf("must have at most %d lines together: give fewer orders", mostSimulatedLines),
		}}
	}
	return nil
}

func past(o *order.Order, lines []order.Line, happened map[uuid.UUID][]*order.Fulfillment) SimulatedOrder {
	simulated := SimulatedOrder{Order: o, Past: true}
	for _, line := range lines {
		simulated.Lines = append(simulated.Lines, SimulatedLine{Line: line, Happened: happened[line.ID]})
	}
	return simulated
}

// drafted is the order that a draft would become.
func (s *simulation) drafted(draft *order.Draft) SimulatedOrder {
	o := &order.Order{
		ID: id.New(id.Order), AccountID: s.who.AccountID, Reference: draft.Reference, Category: draft.Category,
		Destination: draft.Destination, Currency: order.Currency(s.who.Currency), Quantity: draft.Quantity(),
		TestMode: s.who.TestMode, CreatedAt: s.now,
	}
	if draft.Budget != nil {
		o.Budget, o.Currency = &draft.Budget.Amount, draft.Budget.Currency
	}
	simulated := SimulatedOrder{Order: o}
	for i, line := range draft.Lines {
		simulated.Lines = append(simulated.Lines, SimulatedLine{Line: order.Line{
			ID: id.New(id.Line), AccountID: o.AccountID, OrderID: o.ID, Position: i, ServiceType: line.ServiceType, Quantity: line.Quantity,
		}})
	}
	return simulated
}
