package fulfillment

import (
	"fmt"
	"time"

	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/routing"
	"github.com/boostress/boostress/task"
)

// route finds an offer for an untouched fulfillment and writes the intent to call its provider. Where the offer takes
// only a part, the rest becomes a fulfillment of its own, which is routed by itself.
func (w *work) route(t *task.Task, c *order.Case, f *order.Fulfillment, step *Step) error {
	request, err := requestOf(c, f, w.tx.Now)
	if err != nil {
		return err
	}
	decision := routing.Choose(request, w.chain(c), w.candidates(c, f))
	if decision.Chosen != nil {
		if wait := w.mayCall(t, decision.Chosen.Provider); wait > 0 {
			w.later(t, wait, notNow) // nothing is decided yet
			return nil
		}
	}
	w.keep(f, &request, &decision)
	if decision.Chosen == nil {
		w.later(t, w.unroutableFor(&decision), decision.Summary())
		return c.Unroutable(f, decision.Summary())
	}
	if decision.Quantity < f.Quantity {
		if _, err := c.Split(f, decision.Quantity); err != nil {
			return fmt.Errorf("split: %w", err)
		}
	}
	if err := c.Submit(f, decision.Chosen.Offer); err != nil {
		return fmt.Errorf("submit: %w", err)
	}
	if err := w.count(c, f, decision.Chosen); err != nil {
		return err
	}
	w.call(t, c, f, decision.Chosen.Offer, step)
	return nil
}

// requestOf is what routing has to know of a fulfillment.
func requestOf(c *order.Case, f *order.Fulfillment, now time.Time) (routing.Request, error) {
	request := routing.Request{
		FulfillmentID: f.ID, Quantity: f.Quantity, Currency: c.Order.Currency, Country: c.Order.Destination.CountryCode,
		Excluded: f.Excluded, TestMode: c.Order.TestMode, Parts: partsOf(c, f), Now: now,
	}
	left, limited, err := c.Order.Remaining()
	if err != nil {
		return request, fmt.Errorf("read budget: %w", err)
	}
	if limited {
		request.Budget = &left
	}
	return request, nil
}

// partsOf counts into how many parts the line's quantity is split that is, or was, to be sent at the same time as f.
func partsOf(c *order.Case, f *order.Fulfillment) int {
	parts := 0
	for _, other := range c.Fulfillments {
		if other.LineID == f.LineID && other.Status.Live() && sameTime(other.ScheduledAt, f.ScheduledAt) {
			parts++
		}
	}
	return parts
}

func sameTime(a, b *time.Time) bool {
	return (a == nil) == (b == nil) && (a == nil || a.Equal(*b))
}

// chain lists the policies that an order is routed by.
func (w *work) chain(c *order.Case) []*routing.Policy {
	book := w.books[c.Order.AccountID]
	return book.Chain(book.For(c.Order.RoutingPolicyID, c.Order.Category))
}

func (w *work) candidates(c *order.Case, f *order.Fulfillment) []routing.Candidate {
	offers := w.offers[w.want(c, f)]
	candidates := make([]routing.Candidate, 0, len(offers))
	for i := range offers {
		if provider := w.providers[offers[i].ProviderID]; provider != nil && provider.DeletedAt == nil {
			candidates = append(candidates, routing.Candidate{Offer: &offers[i], Provider: provider})
		}
	}
	return candidates
}

// unroutableFor is how long a fulfillment that nothing matches waits: until something that passes by itself has passed, but no
// longer than usual.
func (w *work) unroutableFor(decision *routing.Decision) time.Duration {
	if decision.RetryAt == nil {
		return unroutableWait
	}
	return max(min(unroutableWait, decision.RetryAt.Sub(w.tx.Now)), 0)
}

// count has later fulfillments of this group see what this one took: of its provider's budgets, of its turn, and of its
// offer's rest.
func (w *work) count(c *order.Case, f *order.Fulfillment, chosen *routing.Candidate) error {
	provider, offer := chosen.Provider, chosen.Offer
	if err := provider.Count(f.Reserved); err != nil {
		return fmt.Errorf("count provider: %w", err)
	}
	// Each a moment after the one before: who is chosen in turn must be told apart within a transaction, too.
	turn := w.tx.Now.Add(time.Duration(w.turns) * time.Microsecond)
	w.turns++
	provider.Measured.Open++
	provider.Measured.LastChosenAt = &turn
	c.NoteChosen(provider.ID, turn)
	if offer.CoolDown > 0 {
		offer.GivenAt = new(w.tx.Now)
		w.given = append(w.given, offer.ID)
	}
	return nil
}

// keep has a decision kept, unless it says again what the last one said.
func (w *work) keep(f *order.Fulfillment, request *routing.Request, decision *routing.Decision) {
	if decision.Chosen == nil && f.Status == order.FulfillmentUnroutable && f.Failure == decision.Summary() {
		return
	}
	w.decisions, w.decidedFor = append(w.decisions, decision.Record(request)), append(w.decidedFor, f.AccountID)
}
