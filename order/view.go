package order

import (
	"strconv"
	"time"
)

// The places of a view.
const (
	viewOrder       = 12 // fields of the order
	viewFulfillment = 10 // fields of one of its fulfillments
)

// view is what events report changes of, each as text; "" means no value.
type view [viewOrder + viewFulfillment]string

// viewFields names the places of a view.
func viewFields() view {
	return view{
		"status", "reserved", "spent", "overcharge", "delivered", "attention",
		"budget", "deadline", "deadlineAction", "priority", "metadata", "held",
		"fulfillment.status", "fulfillment.provider", "fulfillment.externalId", "fulfillment.externalStatus",
		"fulfillment.delivered", "fulfillment.charged", "fulfillment.failure", "fulfillment.attention",
		"fulfillment.quantity", "fulfillment.scheduledAt",
	}
}

func (c *Case) look(f *Fulfillment) view {
	o := c.Order
	v := view{
		string(o.Status), o.Reserved.Trim(0).String(), o.Spent.Trim(0).String(), o.Overcharge.Trim(0).String(),
		strconv.Itoa(o.Delivered), o.Attention, "", textOfTime(o.Deadline), string(o.DeadlineAction), strconv.Itoa(o.Priority),
		string(o.Metadata), textOfFlag(o.Held),
	}
	if o.Budget != nil {
		const budget = 6
		v[budget] = o.Budget.Trim(0).String()
	}
	if f == nil {
		return v
	}
	v[viewOrder] = string(f.Status)
	if f.ProviderID != nil {
		v[viewOrder+1] = f.ProviderID.String()
	}
	copy(v[viewOrder+2:], []string{
		f.ExternalID, f.ExternalStatus, strconv.Itoa(f.Delivered), f.Charged.Trim(0).String(), f.Failure, f.Attention,
		strconv.Itoa(f.Quantity), textOfTime(f.ScheduledAt),
	})
	return v
}

func (v view) changes(after view) []Change {
	var changes []Change
	for i, field := range viewFields() {
		if v[i] != after[i] {
			changes = append(changes, Change{Field: field, Before: text(v[i]), After: text(after[i])})
		}
	}
	return changes
}

func text(value string) *string {
	if value == "" {
		return nil
	}
	return &value
}

func textOfTime(at *time.Time) string {
	if at == nil {
		return ""
	}
	return at.UTC().Format(time.RFC3339Nano)
}

func textOfFlag(set bool) string {
	if set {
		return "true"
	}
	return ""
}
