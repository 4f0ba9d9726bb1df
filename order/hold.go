package order

import (
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/boostress/boostress/internal/id"
)

// MaxHolds is how many holds of one order may be open.
const MaxHolds = 20

// Hold is a named reason that keeps an order from being dispatched.
type Hold struct {
	ID         uuid.UUID
	AccountID  uuid.UUID
	OrderID    uuid.UUID
	Name       string // unique among the open ones of an order
	Reason     string
	PlacedBy   string // as in Event.Actor
	PlacedAt   time.Time
	ReleasedBy string
	ReleasedAt *time.Time // nil: it is open
}

// CheckHold lists what is wrong with the name and the reason of a hold.
func CheckHold(name, reason string) Faults {
	var check checker
	check.text(name, MaxReference, true, "name")
	check.text(reason, MaxNote, true, "reason")
	return check.faults
}

// CheckRelease lists what is wrong with the name of a hold that is to end; nil is every one.
func CheckRelease(name *string) Faults {
	if name != nil && *name == "" {
		return Faults{{Field: []string{"name"}, Code: CodeRequired, Message: "must not be empty; leave it out to release every hold"}}
	}
	return nil
}

// Hold keeps the order from being dispatched until each of its holds is released; c.Holds must be read. A hold that is
// open under this name gets the new reason, no more. It fails with Faults on an order that has ended, on a bad name or
// reason, and where too many are open.
func (c *Case) Hold(name, reason string) error {
	check := checker{faults: CheckHold(name, reason)}
	open := c.openHold(name)
	switch {
	case c.Order.FinishedAt != nil:
		check.fault(CodeConflict, finished+"nothing of it can be held", "id")
	case open == nil && len(c.Holds) >= MaxHolds:
		check.fault(CodeOutOfRange, fmt.Sprintf("%d holds are open, the most there may be: release one", MaxHolds), "name")
	}
	if len(check.faults) > 0 {
		return check.faults
	}
	if open != nil && open.Reason == reason {
		return nil
	}
	before := c.look(nil)
	change := Change{Field: holdField + name, After: &reason}
	if open == nil {
		open = &Hold{
			ID: id.New(id.Hold), AccountID: c.Order.AccountID, OrderID: c.Order.ID, Name: name, PlacedBy: c.Actor, PlacedAt: c.Now,
		}
		c.Holds = append(c.Holds, open)
	} else {
		was := open.Reason
		change.Before = &was
	}
	open.Reason = reason
	c.ChangedHolds = append(c.ChangedHolds, open)
	c.Order.Held, c.Settings = true, true
	c.write(EventHeld, nil, before, change)
	return nil
}

// Release ends the hold of this name, or with nil every one; c.Holds must be read. Where none is open under that name
// nothing changes. It fails with Faults on an empty name, which can't be meant.
func (c *Case) Release(name *string) error {
	if faults := CheckRelease(name); len(faults) > 0 {
		return faults
	}
	open := c.Holds
	c.Holds = nil
	before := c.look(nil)
	var changes []Change
	for _, hold := range open {
		if name != nil && hold.Name != *name {
			c.Holds = append(c.Holds, hold)
			continue
		}
		now := c.Now
		hold.ReleasedBy, hold.ReleasedAt = c.Actor, &now
		c.ChangedHolds = append(c.ChangedHolds, hold)
		changes = append(changes, Change{Field: holdField + hold.Name, Before: &hold.Reason})
	}
	c.Order.Held = len(c.Holds) > 0
	if len(changes) > 0 {
		c.Settings = true
		c.write(EventReleased, nil, before, changes...)
	}
	return nil
}

// holdField begins the name of the field by which events tell of a hold; its value is the reason.
const holdField = "hold."

func (c *Case) openHold(name string) *Hold {
	for _, hold := range c.Holds {
		if hold.Name == name {
			return hold
		}
	}
	return nil
}
