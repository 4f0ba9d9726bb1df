package order

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/govalues/decimal"
)

// finished begins what is said of changes that come too late.
const finished = "the order has ended: "

// Revision is a change of an order as asked for. What it does not name stays as it is.
type Revision struct {
	Budget         *Money
	NoBudget       bool // lift the budget
	Deadline       *time.Time
	NoDeadline     bool // lift the deadline
	DeadlineAction DeadlineAction
	Priority       *int
	Metadata       json.RawMessage
	NoMetadata     bool // drop it
}

// Revise changes the order's settings. It fails with Faults, paths as in the API's UpdateOrderInput: a budget must not
// fall below what is committed, a deadline must be in the future, and of an order that has ended only the metadata
// may change. A revision that changes nothing leaves no event.
func (c *Case) Revise(r Revision) error {
	if faults := append(r.Validate(c.Now), c.reviseFaults(r)...); len(faults) > 0 {
		return faults
	}
	_, err := c.recordIfChanged(nil, func() (EventKind, error) {
		o := c.Order
		if r.Budget != nil {
			amount := r.Budget.Amount
			o.Budget = &amount
		}
		if r.Deadline != nil {
			moved := r.Deadline.UTC().Truncate(time.Microsecond) // as it is stored
			o.Deadline = &moved
		}
		if r.NoBudget {
			o.Budget = nil
		}
		if r.NoDeadline {
			o.Deadline = nil
		}
		if r.DeadlineAction != "" {
			o.DeadlineAction = r.DeadlineAction
		}
		if r.Priority != nil {
			o.Priority = *r.Priority
		}
		if r.NoMetadata {
			o.Metadata = nil
		}
		if r.Metadata != nil && !sameJSON(r.Metadata, o.Metadata) {
			o.Metadata = r.Metadata
		}
		c.Settings = true
		return EventUpdated, nil
	})
	return err
}

// Validate lists what is wrong with the revision, whatever it is of.
func (r *Revision) Validate(now time.Time) Faults {
	var check checker
	draft := Draft{Budget: r.Budget, Deadline: r.Deadline}
	draft.validateBudget(&check)
	check.faults = append(check.faults, draft.CheckDeadline(now)...)
	check.action(r.DeadlineAction)
	if r.Priority != nil {
		check.within(*r.Priority, 0, MaxPriority, "priority")
	}
	check.object(r.Metadata, "metadata")
	return check.faults
}

// reviseFaults lists why the order does not allow the revision.
func (c *Case) reviseFaults(r Revision) Faults {
	var check checker
	o := c.Order
	for _, part := range []struct {
		field    string
		given    bool
		deadline bool
	}{
		{"budget", r.Budget != nil || r.NoBudget, false},
		{"deadline", r.Deadline != nil || r.NoDeadline, true},
		{"deadlineAction", r.DeadlineAction != "", true},
		{"priority", r.Priority != nil, false},
	} {
		switch {
		case part.given && o.FinishedAt != nil:
			check.fault(CodeConflict, finished+"only its metadata can change", part.field)
		case part.given && part.deadline && o.Expired:
			check.fault(CodeConflict, "the deadline has passed, and what was at no provider was given up: create a new order", part.field)
		}
	}
	if r.Budget != nil && r.Budget.Currency != o.Currency {
		check.fault(CodeInvalid, fmt.Sprintf("must be the order's, %s", o.Currency), "budget", "currency")
	} else if r.Budget != nil {
		if committed, err := o.Committed(); err != nil || r.Budget.Amount.Cmp(committed) < 0 {
			check.fault(CodeOutOfRange, fmt.Sprintf("is below what is reserved and spent: give at least %s", o.MoneyOf(committed)),
				"budget", "amount")
		}
	}
	return check.faults
}

// Committed returns what a budget must cover: what is reserved and spent, without what was charged above its reservation.
func (o *Order) Committed() (decimal.Decimal, error) {
	return Sum(o.Reserved, o.Spent, o.Overcharge.Neg())
}

// MoreBudget reports whether a budget allows more than it did before; nil is no limit.
func MoreBudget(before, after *decimal.Decimal) bool {
	return before != nil && (after == nil || after.Cmp(*before) > 0)
}

// Expedite gives the order the highest priority and has what is scheduled sent now. Doing so again changes nothing. It fails
// with Faults on an order that has ended, and on a draft.
func (c *Case) Expedite() error {
	switch {
	case c.Order.FinishedAt != nil:
		return conflict(finished + "nothing of it can be hurried")
	case c.Order.Status == Drafted:
		return conflict("is a %s: place it first", c.Order.Status)
	}
	_, err := c.recordIfChanged(nil, func() (EventKind, error) {
		c.Order.Priority, c.Settings = MaxPriority, true
		return EventExpedited, nil
	})
	if err != nil {
		return err
	}
	for _, f := range c.Fulfillments {
		if f.Status == FulfillmentScheduled {
			if err := c.schedule(f, nil); err != nil {
				return err
			}
		}
	}
	return nil
}

// CheckPlace says whether a draft is to be placed now; one that was placed already is not. It fails with Faults on a draft
// that was canceled or whose deadline has passed.
func (c *Case) CheckPlace() (bool, error) {
	switch {
	case c.Order.Status != Drafted && len(c.Fulfillments) > 0:
		return false, nil
	case c.Order.Status != Drafted:
		return false, conflict("is %s, and was never placed: create a new order", c.Order.Status)
	case c.Order.Deadline != nil && !c.Order.Deadline.After(c.Now):
		return false, conflict("its deadline has passed: give it a later one, or none, with updateOrder")
	}
	return true, nil
}
