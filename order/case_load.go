package order

import (
	"time"

	"github.com/google/uuid"
)

// Load is what a change adds to a provider's load.
type Load struct {
	Open     int        // fulfillments that it holds, or may hold, and that have not ended; may be negative
	ChosenAt *time.Time // when routing gave it one; nil: it did not
}

// Occupies reports whether a fulfillment in this state is, or may be, a live order at its provider.
func (s FulfillmentStatus) Occupies() bool {
	return s == FulfillmentSubmitting || s == FulfillmentUnknown || s.AtProvider()
}

// NoteChosen notes that routing gave a fulfillment to a provider.
func (c *Case) NoteChosen(providerID uuid.UUID, at time.Time) {
	c.load(providerID).ChosenAt = &at
}

// load returns what the case adds to a provider's load, for change.
func (c *Case) load(providerID uuid.UUID) *Load {
	if c.Loads == nil {
		c.Loads = make(map[uuid.UUID]*Load, 1)
	}
	if c.Loads[providerID] == nil {
		c.Loads[providerID] = &Load{}
	}
	return c.Loads[providerID]
}

// occupy counts what a step of f adds to its provider's load.
func (c *Case) occupy(f *Fulfillment, next FulfillmentStatus) {
	if f.ProviderID == nil || f.Status.Occupies() == next.Occupies() {
		return
	}
	if next.Occupies() {
		c.load(*f.ProviderID).Open++
	} else {
		c.load(*f.ProviderID).Open--
	}
}
