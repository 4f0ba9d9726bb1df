package order

import "strconv"

// EventCursor names the order's latest event: what comes after it is news.
func (o *Order) EventCursor() string { return strconv.Itoa(o.Sequence) }
