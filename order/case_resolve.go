package order

// Resolution is what a person found out about a call whose outcome was not known.
type Resolution string

// What a person can find out.
const (
	ResolvedAccepted Resolution = "ACCEPTED" // the provider has it
	ResolvedAbsent   Resolution = "ABSENT"   // the provider surely has not, and never will
)

// Resolve settles an UNKNOWN fulfillment by a person's word. ACCEPTED takes the provider's own id of it; ABSENT raises
// the generation, as the proof that no live order exists under the old key, and it is tried again, or canceled where
// the order is being ended. It reports whether the provider must now be asked to cancel, because that was wanted
// meanwhile. It fails with Faults where nothing is unknown.
func (c *Case) Resolve(f *Fulfillment, as Resolution, externalID, reason string) (askCancel bool, err error) {
	if f.Status != FulfillmentUnknown {
		return false, conflict("is %s: there is nothing to resolve", f.Status)
	}
	err = c.record(EventResolved, f, func() error {
		if as == ResolvedAccepted {
			return c.resolveAccepted(f, externalID)
		}
		f.Failure, f.Attention = reason, ""
		if c.ending(f) {
			return c.end(f, FulfillmentCanceled, reason, false)
		}
		f.Generation++
		return c.become(f, FulfillmentRetryWait)
	})
	return f.Status.AtProvider() && f.CancelAsked, err
}

func (c *Case) resolveAccepted(f *Fulfillment, externalID string) error {
	now := c.Now
	f.ChangedAt = &now
	seen := ExternalOrder{ExternalID: externalID, State: ExternalAccepted}
	if _, err := c.read(f, seen); err != nil {
		return err
	}
	return c.follow(f, seen, false)
}
