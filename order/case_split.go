package order

import (
	"fmt"
	"slices"
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
