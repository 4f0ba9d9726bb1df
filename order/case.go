package order

import (
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/boostress/boostress/internal/id"
)

// Case is one order with all of its fulfillments, opened for change under the order's lock. Every change goes
// through its methods, which keep the state tables, the money and the event numbers right and collect what is to be
// written: Events, Entries, and which fulfillments changed or are new. A change that fails may be half made: the case
// must then be dropped.
type Case struct {
	Order        *Order
	Fulfillments []*Fulfillment
	Now          time.Time
	Actor        string // who causes the changes, as in Event.Actor

	Events  []Event
	Entries []LedgerEntry
	Changed map[uuid.UUID]bool // fulfillments to update, after the new ones were inserted
	New     []*Fulfillment     // fulfillments to insert as they were made; also in Fulfillments
	// Settings: the order's budget, deadline, priority, metadata, holds, policy or pacing are to be written, too.
	Settings     bool
	Holds        []*Hold // the open ones; read only where they are to change
	ChangedHolds []*Hold // to be written
	// Dropped: fulfillments that were canceled here. Whatever task would have brought them to a provider has nothing to do.
	Dropped []uuid.UUID
	// Replanned: fulfillments whose quantity, exclusions, time or wish to be rerouted are to be written, too.
	Replanned map[uuid.UUID]bool
	Loads     map[uuid.UUID]*Load // what is added to the providers' loads
}

// Touched reports whether anything is to be written.
func (c *Case) Touched() bool { return len(c.Events) > 0 || len(c.Changed) > 0 }

// Find returns one of the order's fulfillments, or nil.
func (c *Case) Find(fulfillmentID uuid.UUID) *Fulfillment {
	for _, f := range c.Fulfillments {
		if f.ID == fulfillmentID {
			return f
		}
	}
	return nil
}

// Draft begins a fresh order that is to be placed later: its first event, and no fulfillments.
func (c *Case) Draft() error {
	return c.record(EventDrafted, nil, func() error {
		c.Order.Status = Drafted
		return nil
	})
}

// Place starts an order, a fresh one or a draft: one fulfillment for each line.
func (c *Case) Place(lines []Line) error {
	return c.PlaceInSlices(lines, nil)
}

// add makes a new fulfillment of the order, pending or to be sent later, out of what is special about it.
func (c *Case) add(f *Fulfillment) *Fulfillment {
	f.ID = id.New(id.Fulfillment)
	f.AccountID, f.OrderID, f.Currency = c.Order.AccountID, c.Order.ID, c.Order.Currency
	f.Status, f.Generation = FulfillmentPending, 1
	if f.ScheduledAt != nil && f.ScheduledAt.After(c.Now) {
		f.Status = FulfillmentScheduled
	}
	f.CreatedAt, f.UpdatedAt = c.Now, c.Now
	c.Fulfillments = append(c.Fulfillments, f)
	c.New = append(c.New, f)
	return f
}

// touch notes that f is to be written.
func (c *Case) touch(f *Fulfillment) {
	f.UpdatedAt = c.Now
	if c.Changed == nil {
		c.Changed = make(map[uuid.UUID]bool, 1)
	}
	c.Changed[f.ID] = true
}

// replan notes that f's plan is to be written, too: its quantity, exclusions, time or wish to be rerouted.
func (c *Case) replan(f *Fulfillment) {
	c.touch(f)
	if c.Replanned == nil {
		c.Replanned = make(map[uuid.UUID]bool, 1)
	}
	c.Replanned[f.ID] = true
}

// become moves f to a state that may follow its own.
func (c *Case) become(f *Fulfillment, next FulfillmentStatus) error {
	if !f.Status.CanBecome(next) {
		return fmt.Errorf("%w: fulfillment %s: %s after %s", ErrTransition, f.ID, next, f.Status)
	}
	c.occupy(f, next)
	before := f.Status
	f.Status = next
	c.watch(f, before)
	if next.Final() {
		now := c.Now
		f.FinishedAt, f.CancelAsked = &now, false
		if next != FulfillmentFailed {
			f.Attention = ""
		}
		c.hop(f)
	}
	return nil
}

// record runs one change and writes its event: what differs before and after, and the order as it is then.
func (c *Case) record(kind EventKind, f *Fulfillment, change func() error) error {
	before := c.look(f)
	if err := change(); err != nil {
		return err
	}
	c.write(kind, f, before)
	return nil
}

// write derives the order anew and writes the event of a change that began at before; besides what the views show, more
// may have changed.
func (c *Case) write(kind EventKind, f *Fulfillment, before view, more ...Change) {
	c.refresh()
	c.Order.Sequence++
	c.Order.UpdatedAt = c.Now
	event := Event{
		AccountID: c.Order.AccountID, OrderID: c.Order.ID, Sequence: c.Order.Sequence, Kind: kind,
		Actor: c.Actor, OccurredAt: c.Now, Changes: append(before.changes(c.look(f)), more...), Snapshot: SnapshotOf(c.Order),
	}
	if f != nil {
		c.touch(f)
		event.FulfillmentID = &f.ID
	}
	c.Events = append(c.Events, event)
}

// refresh derives the order's status, delivered quantity and attention from its fulfillments.
func (c *Case) refresh() {
	tally := c.tally()
	draft := c.Order.Status == Drafted
	status := Derive(tally, Flags{Draft: draft, CancelAsked: c.Order.CancelAsked, Expired: c.Order.Expired})
	c.Order.Status, c.Order.Delivered = status, tally.Delivered
	switch {
	case tally.Open > 0 || status == Drafted:
		c.Order.FinishedAt = nil
	case c.Order.FinishedAt == nil:
		now := c.Now
		c.Order.FinishedAt = &now
	}
	c.Order.Attention = c.attention()
}

func (c *Case) tally() Tally {
	tally, replaced := Tally{Quantity: c.Order.Quantity}, c.replaced()
	for _, f := range c.Fulfillments {
		tally.Delivered += f.Delivered
		switch {
		case f.Status == FulfillmentFulfilled || replaced[f.ID]:
		case f.Status == FulfillmentFailed:
			tally.Failed++
		case f.Status == FulfillmentCanceled:
			tally.Canceled++
		case f.Status.Final():
		default:
			tally.Open++
			if f.Status.Untouched() {
				tally.Untouched++
			}
			if f.CancelAsked || f.Status == FulfillmentCancelRequested {
				tally.Canceling++
			}
		}
	}
	return tally
}

func (c *Case) attention() string {
	for _, f := range c.Fulfillments {
		if f.Attention != "" {
			return f.Attention
		}
	}
	if c.Order.Overcharge.IsPos() {
		return "a provider charged more than was reserved"
	}
	return ""
}
