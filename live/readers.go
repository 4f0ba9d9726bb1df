package live

import "github.com/google/uuid"

// readers are a hub's subscriptions to the feed, found by what they follow.
type readers struct {
	open          map[*Subscription]struct{} // all, those that still catch up included
	byAccount     map[uuid.UUID]map[*Subscription]struct{}
	byOrder       map[uuid.UUID]map[*Subscription]struct{}
	byFulfillment map[uuid.UUID]map[*Subscription]struct{}
}

func newReaders() readers {
	type index = map[uuid.UUID]map[*Subscription]struct{}
	return readers{
		open: make(map[*Subscription]struct{}), byAccount: make(index), byOrder: make(index), byFulfillment: make(index),
	}
}

// place is where a subscription is found: the narrowest thing that it follows.
func (r *readers) place(f Filter) (map[uuid.UUID]map[*Subscription]struct{}, uuid.UUID) {
	switch {
	case f.FulfillmentID != nil:
		return r.byFulfillment, *f.FulfillmentID
	case f.OrderID != nil:
		return r.byOrder, *f.OrderID
	default:
		return r.byAccount, f.AccountID
	}
}

// join makes a subscription get what comes from now on.
func (r *readers) join(s *Subscription) {
	index, key := r.place(s.filter)
	if index[key] == nil {
		index[key] = make(map[*Subscription]struct{})
	}
	index[key][s] = struct{}{}
}

func (r *readers) remove(s *Subscription) {
	delete(r.open, s)
	r.part(s)
}

// part undoes join.
func (r *readers) part(s *Subscription) {
	index, key := r.place(s.filter)
	delete(index[key], s)
	if len(index[key]) == 0 {
		delete(index, key)
	}
}

// each calls do with every subscription that may want an event.
func (r *readers) each(e *entry, do func(*Subscription)) {
	found := []map[*Subscription]struct{}{r.byAccount[e.record.AccountID], r.byOrder[e.record.OrderID]}
	if e.record.FulfillmentID != nil {
		found = append(found, r.byFulfillment[*e.record.FulfillmentID])
	}
	for _, subscriptions := range found {
		for s := range subscriptions {
			do(s)
		}
	}
}
