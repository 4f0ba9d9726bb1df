package order

// late is the attention of a fulfillment whose provider broke the offer's promise. Its next progress takes that back.
const late = "no progress within the time that its offer promises"

// expect sets by when progress is expected of f, from now on.
func (c *Case) expect(f *Fulfillment) {
	f.SLAAt = nil
	if f.SLA > 0 {
		at := c.Now.Add(f.SLA)
		f.SLAAt = &at
	}
	if f.Attention == late {
		f.Attention = ""
	}
}

// watch keeps by when progress is expected of f in step with where it stands: only of what a provider has, or may have,
// and anew when that has been called, or goes on although it was to be canceled.
func (c *Case) watch(f *Fulfillment, before FulfillmentStatus) {
	switch {
	case f.Status == FulfillmentSubmitting, before == FulfillmentCancelRequested && !f.Status.Final():
		c.expect(f)
	case f.Status.Final(), f.Status.Untouched(), f.Status == FulfillmentRetryWait:
		f.SLAAt = nil
	}
}

// Late notes, once, that the progress which was expected of f by now has not come. With reroute, and where its provider
// has it and nothing else was asked for, the provider is to be asked, with ask, to cancel it; the rest goes on once that
// is confirmed.
func (c *Case) Late(f *Fulfillment, reroute bool) (ask bool, err error) {
	if f.SLAAt == nil || f.SLAAt.After(c.Now) {
		return false, nil
	}
	err = c.record(EventSLAMissed, f, func() error {
		f.SLAAt = nil
		if f.Attention == "" {
			f.Attention = late
		}
		return nil
	})
	if err != nil || !reroute || c.ending(f) || !f.Status.AtProvider() || f.Status == FulfillmentCancelRequested {
		return false, err
	}
	return c.AskReroute(f, true)
}
