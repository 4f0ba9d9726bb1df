package order

import (
	"fmt"
	"slices"
	"time"
)

// Split leaves an untouched fulfillment with a part of its quantity and gives the rest to a new one, which is returned,
// with the same exclusions and the same time. It fails with ErrTransition where f may be at a provider, or where one
// part would be empty.
func (c *Case) Split(f *Fulfillment, quantity int) (*Fulfillment, error) {
	if !f.Status.Untouched() || quantity < 1 || quantity >= f.Quantity {
		return nil, fmt.Errorf("%w: fulfillment %s (%s) of %d can't keep %d", ErrTransition, f.ID, f.Status, f.Quantity, quantity)
	}
	var rest *Fulfillment
	err := c.record(EventSplit, f, func() error {
		rest = c.add(&Fulfillment{
			LineID: f.LineID, Quantity: f.Quantity - quantity, Excluded: slices.Clone(f.Excluded), ScheduledAt: f.ScheduledAt,
		})
		f.Quantity = quantity
		c.replan(f)
		return nil
	})
	return rest, err
}

// MaxParts is the most parts that a fulfillment is split into at a time.
const MaxParts = 100

// SplitInto is a person's wish to have f's quantity in parts: f keeps the first of them, and new fulfillments have the
// others. It fails with Faults where f may be at a provider or the quantities don't add up.
func (c *Case) SplitInto(f *Fulfillment, quantities []int) (parts []*Fulfillment, err error) {
	if err := checkParts(f, quantities); err != nil {
		return nil, err
	}
	switch {
	case f.Status == FulfillmentRetryWait:
		if err := c.Unassign(f, "it was split"); err != nil {
			return nil, err
		}
	case !f.Status.Untouched():
		return nil, conflict("is %s: only what no provider has can be split", f.Status)
	}
	parts = append(parts, f)
	for last := len(quantities) - 1; last > 0; last-- {
		part, err := c.Split(f, f.Quantity-quantities[last])
		if err != nil {
			return nil, err
		}
		parts = slices.Insert(parts, 1, part)
	}
	return parts, nil
}

func checkParts(f *Fulfillment, quantities []int) error {
	fault := func(format string, args ...any) error {
		return Faults{{Field: []string{"quantities"}, Code: CodeOutOfRange, Message: fmt.Sprintf(format, args...)}}
	}
	if len(quantities) < 2 || len(quantities) > MaxParts {
		return fault("must be 2 to %d, are %d", MaxParts, len(quantities))
	}
	total := 0
	for _, quantity := range quantities {
		if quantity < 1 || quantity > f.Quantity {
			return fault("must each be between 1 and %d", f.Quantity)
		}
		total += quantity
	}
	if total != f.Quantity {
		return fault("must add up to %d, are %d", f.Quantity, total)
	}
	return nil
}

// Reschedule is a person's wish to have f sent at a time, nil being now. It fails with Faults where f may be at a
// provider or the order's deadline is sooner.
func (c *Case) Reschedule(f *Fulfillment, at *time.Time) error {
	if at != nil && !at.After(c.Now) {
		at = nil
	}
	switch {
	case !f.Status.Untouched() && f.Status != FulfillmentRetryWait:
		return conflict("is %s: only what no provider has can be sent at another time", f.Status)
	case at != nil && c.Order.Deadline != nil && !at.Before(*c.Order.Deadline):
		return Faults{{Field: []string{"at"}, Code: CodeOutOfRange, Message: "must be before the order's deadline"}}
	case f.Status == FulfillmentRetryWait && at != nil:
		if err := c.Unassign(f, "it is sent later"); err != nil {
			return err
		}
	}
	return c.schedule(f, at)
}

// schedule sets when f is sent.
func (c *Case) schedule(f *Fulfillment, at *time.Time) error {
	return c.record(EventRescheduled, f, func() error {
		f.ScheduledAt = at
		c.replan(f)
		switch {
		case at != nil && f.Status != FulfillmentScheduled:
			f.Failure, f.Attention = "", ""
			return c.become(f, FulfillmentScheduled)
		case at == nil && f.Status == FulfillmentScheduled:
			return c.become(f, FulfillmentPending)
		}
		return nil
	})
}
