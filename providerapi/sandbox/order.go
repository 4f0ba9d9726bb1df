package sandbox

import (
	"time"

	"github.com/boostress/boostress/providerapi/protocol"
)

// entry is an order in the ledger.
type entry struct {
	// These never change.
	provider *provider
	shard    *shard
	seq      int
	id, key  string
	offerID  string
	currency string
	price    micros // of one unit
	quantity int
	digest   digest // of the request
	created  time.Time
	visible  time.Time // to lookups, from then on

	// These are guarded by the shard.
	status     string
	delivered  int
	charge     micros
	message    string
	reroutable bool
	results    []protocol.Result // replaced, never changed
	updated    time.Time
	due        time.Time // of the next step; zero: none
	position   uint64    // in the journal, of its last change
	next       *entry    // with the same key, where the provider forgets keys
}

// wire is the order as lookups and replies tell it. The shard must be held.
func (e *entry) wire() protocol.Order {
	order := protocol.Order{
		ID: e.id, Key: e.key, Status: e.status, OfferID: e.offerID, Quantity: e.quantity, Delivered: e.delivered,
		Message: e.message, Reroutable: e.reroutable, CreatedAt: e.created, UpdatedAt: e.updated,
		Results: e.results,
	}
	if e.charge >= 0 {
		order.Charge = &protocol.Money{Amount: e.charge.String(), Currency: e.currency}
	}
	return order
}

// live reports whether the order stands: it was neither rejected nor canceled, and it did not fail.
func (e *entry) live() bool {
	return e.status != protocol.StatusRejected && e.status != protocol.StatusCanceled && e.status != protocol.StatusFailed
}

// begin sets what the order's first state is.
func (s *Server) begin(e *entry, b *Behavior) {
	e.updated, e.charge = e.created, unknown
	if b.Instant && !b.LateStatus {
		s.fulfill(e, b, e.created)
		return
	}
	e.status, e.due = protocol.StatusAccepted, e.created.Add(s.draw(b.AcceptMS))
}

// step takes the order to its next state, which is due. The shard must be held.
func (s *Server) step(e *entry, b *Behavior, now time.Time) {
	e.updated, e.due = now, time.Time{}
	switch e.status {
	case protocol.StatusAccepted:
		if s.hit(b.RejectLate) {
			e.status, e.message, e.reroutable = protocol.StatusRejected, "the provider gave the order back", b.RejectReroutable
			return
		}
		e.status, e.due = protocol.StatusInProgress, now.Add(s.draw(b.ProgressMS))
	case protocol.StatusInProgress:
		switch {
		case s.hit(b.Fail):
			e.status, e.message = protocol.StatusFailed, "the provider could not complete the order"
		case e.delivered == 0 && e.quantity > 1 && s.hit(b.Partial):
			e.status, e.delivered = protocol.StatusPartial, s.below(e.quantity)
			e.due = now.Add(s.draw(b.FulfillMS))
		default:
			s.fulfill(e, b, now)
		}
	case protocol.StatusPartial:
		s.fulfill(e, b, now)
	case protocol.StatusCanceling:
		if b.RefuseCancelLate {
			e.status, e.due = protocol.StatusInProgress, now.Add(s.draw(b.ProgressMS))
			return
		}
		e.cancel(b)
	default: // ended: only the charge was missing
		e.bill(b)
	}
}

func (s *Server) fulfill(e *entry, b *Behavior, now time.Time) {
	e.status, e.delivered = protocol.StatusFulfilled, e.quantity
	e.handOver()
	if b.ChargeLateMS > 0 {
		e.charge, e.due = unknown, now.Add(milliseconds(b.ChargeLateMS))
		return
	}
	e.bill(b)
}

// cancel ends the order; what was delivered before is charged.
func (e *entry) cancel(b *Behavior) {
	e.status, e.due = protocol.StatusCanceled, time.Time{}
	if e.delivered > 0 {
		e.bill(b)
	}
}

// bill charges what was delivered. The total was checked when the order was placed.
func (e *entry) bill(b *Behavior) {
	if total, ok := e.price.times(e.delivered); ok {
		e.charge = total.drift(b.PriceDrift)
	}
}
