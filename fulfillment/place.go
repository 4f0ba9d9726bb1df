package fulfillment

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/google/uuid"
	"github.com/govalues/decimal"

	"github.com/boostress/boostress/account"
	"github.com/boostress/boostress/internal/id"
	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/schedule"
	"github.com/boostress/boostress/store"
)

// PlaceOrder places a draft. Placing what is placed already changes nothing. It fails with order.Faults and
// order.ErrNotFound.
func (s *Service) PlaceOrder(ctx context.Context, who account.Principal, orderID uuid.UUID) (*order.Order, error) {
	return s.change(ctx, who, orderID, func(w *work, c *order.Case) error { return placeDraft(ctx, w, c) })
}

func placeDraft(ctx context.Context, w *work, c *order.Case) error {
	ready, err := c.CheckPlace()
	if err != nil || !ready {
		return err
	}
	lines, err := w.tx.LinesOf(ctx, c.Order.ID)
	if err != nil {
		return err
	}
	var bounds map[store.Want]schedule.Bounds
	if len(c.Order.Pacing) > 0 {
		if bounds, err = w.tx.QuantityBounds(ctx, wantsOf(c.Order, lines)); err != nil {
			return err
		}
	}
	return notReady(begin(c, lines, bounds))
}

// notReady tells what keeps a draft from being placed in words that fit an input that only names it.
func notReady(err error) error {
	var faults order.Faults
	if !errors.As(err, &faults) {
		return err
	}
	for i := range faults {
		faults[i].Message = strings.Join(faults[i].Field, ".") + " " + faults[i].Message
		faults[i].Field, faults[i].Code = []string{"id"}, order.CodeConflict
	}
	return faults
}

// place makes the order of a draft, its lines and its first event. It fails with order.Faults where its pacing can't be
// kept.
func place(
	tx *store.Tx, who account.Principal, draft *order.Draft, bounds map[store.Want]schedule.Bounds,
) (store.Placement, error) {
	o := &order.Order{
		ID: id.New(id.Order), AccountID: who.AccountID, Reference: draft.Reference, Category: draft.Category,
		Destination: draft.Destination, Currency: order.Currency(who.Currency), Quantity: draft.Quantity(),
		Deadline: draft.Deadline, Priority: draft.Priority, Metadata: draft.Metadata, TestMode: who.TestMode,
		CreatedBy: who.Actor, CreatedAt: tx.Now, DeadlineAction: cmp.Or(draft.DeadlineAction, order.DeadlineFinish),
		RoutingPolicyID: draft.RoutingPolicyID,
	}
	if draft.Budget != nil {
		amount := draft.Budget.Amount
		o.Budget, o.Currency = &amount, draft.Budget.Currency
	}
	if draft.Pacing != nil {
		text, err := json.Marshal(draft.Pacing)
		if err != nil {
			return store.Placement{}, fmt.Errorf("write pacing: %w", err)
		}
		o.Pacing = text
	}
	o.Reserved, o.Spent, o.Overcharge = decimal.Zero, decimal.Zero, decimal.Zero
	lines := make([]order.Line, len(draft.Lines))
	for i, line := range draft.Lines {
		lines[i] = order.Line{
			ID: id.New(id.Line), AccountID: o.AccountID, OrderID: o.ID, Position: i,
			ServiceType: line.ServiceType, Quantity: line.Quantity, Attributes: line.Attributes,
		}
	}
	opened := &order.Case{Order: o, Now: tx.Now, Actor: who.Actor}
	var err error
	if draft.IsDraft {
		err = opened.Draft()
	} else {
		err = begin(opened, lines, bounds)
	}
	if err != nil {
		return store.Placement{}, fmt.Errorf("place order %s: %w", draft.Reference, err)
	}
	return store.Placement{Case: opened, Lines: lines}, nil
}

// begin starts an order with all of its lines at once or, where it is paced, in slices.
func begin(c *order.Case, lines []order.Line, bounds map[store.Want]schedule.Bounds) error {
	plan, err := c.Order.PacingPlan()
	if err != nil {
		return err
	}
	if plan == nil {
		return c.Place(lines)
	}
	slices, err := slicesOf(c, plan, lines, bounds)
	if err != nil {
		return err
	}
	return c.PlaceInSlices(lines, slices)
}

// slicesOf lays out how the lines of a paced order are released. It fails with order.Faults.
func slicesOf(
	c *order.Case, plan *order.Pacing, lines []order.Line, bounds map[store.Want]schedule.Bounds,
) (map[uuid.UUID][]order.Slice, error) {
	if faults := plan.CheckPacing(c.Now, c.Order.Deadline); len(faults) > 0 {
		return nil, faults
	}
	pace, err := paceOf(plan)
	if err != nil {
		return nil, err
	}
	table, err := pace.Timetable(c.Now, c.Order.Deadline)
	if errors.Is(err, schedule.ErrClosed) {
		return nil, order.Faults{{
			Field: []string{"pacing", "window"}, Code: order.CodeOutOfRange, Message: "does not open before the deadline",
		}}
	}
	if err != nil {
		return nil, fmt.Errorf("pace: %w", err)
	}
	total, wants := 0, wantsOf(c.Order, lines)
	slices := make(map[uuid.UUID][]order.Slice, len(lines))
	for i := range lines {
		for _, slice := range table.Slices(lines[i].Quantity, bounds[wants[i]]) {
			slices[lines[i].ID] = append(slices[lines[i].ID], order.Slice{Quantity: slice.Quantity, At: slice.At})
			total++
		}
	}
	if total > order.MaxFulfillments {
		return nil, order.Faults{{
			Field: []string{"pacing"}, Code: order.CodeOutOfRange,
			Message: fmt.Sprintf("makes %d slices of all lines, at most %d: give fewer slices or fewer lines", total, order.MaxFulfillments),
		}}
	}
	return slices, nil
}

func paceOf(plan *order.Pacing) (schedule.Pace, error) {
	pace := schedule.Pace{Slices: plan.Slices, Weights: plan.Weights}
	if len(plan.Weights) > 0 {
		pace.Slices = 0
	}
	if plan.Window == nil {
		return pace, nil
	}
	zone, err := plan.Window.Zone()
	if err != nil {
		return pace, fmt.Errorf("pace: %w", err)
	}
	pace.Window = &schedule.Window{Zone: zone, Days: plan.Window.Weekdays(), From: plan.Window.From, To: plan.Window.To}
	return pace, nil
}

// wantsOf lists what the lines want, by place.
func wantsOf(o *order.Order, lines []order.Line) []store.Want {
	wants := make([]store.Want, len(lines))
	for i := range lines {
		wants[i] = store.Want{AccountID: o.AccountID, Category: o.Category, ServiceType: lines[i].ServiceType}
	}
	return wants
}
