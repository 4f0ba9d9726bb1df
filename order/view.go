package order

import "strconv"

// view is what events report changes of, each as text; "" means no value.
type view [14]string

// viewFields names the places of a view.
func viewFields() [14]string {
	return [14]string{
		"status", "reserved", "spent", "overcharge", "delivered", "attention",
		"fulfillment.status", "fulfillment.provider", "fulfillment.externalId", "fulfillment.externalStatus",
		"fulfillment.delivered", "fulfillment.charged", "fulfillment.failure", "fulfillment.attention",
	}
}

func (c *Case) look(f *Fulfillment) view {
	o := c.Order
	v := view{
		string(o.Status), o.Reserved.Trim(0).String(), o.Spent.Trim(0).String(), o.Overcharge.Trim(0).String(),
		strconv.Itoa(o.Delivered), o.Attention,
	}
	if f == nil {
		return v
	}
	const fulfillmentStatus, provider = 6, 7
	v[fulfillmentStatus] = string(f.Status)
	if f.ProviderID != nil {
		v[provider] = f.ProviderID.String()
	}
	copy(v[provider+1:], []string{
		f.ExternalID, f.ExternalStatus, strconv.Itoa(f.Delivered), f.Charged.Trim(0).String(), f.Failure, f.Attention,
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
