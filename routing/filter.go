package routing

import (
	"slices"
	"time"

	"github.com/govalues/decimal"

	"github.com/boostress/boostress/order"
)

// Reason says why a candidate was rejected.
type Reason string

// The reasons for which candidates are rejected.
const (
	ProviderDisabled       Reason = "PROVIDER_DISABLED"
	ProviderPaused         Reason = "PROVIDER_PAUSED"
	ProviderNeedsAttention Reason = "PROVIDER_NEEDS_ATTENTION"
	ProviderExcluded       Reason = "PROVIDER_EXCLUDED"
	ProviderNotTest        Reason = "PROVIDER_NOT_SIMULATED"
	ExcludedByPolicy       Reason = "EXCLUDED_BY_POLICY"
	OfferDisabled          Reason = "OFFER_DISABLED"
	OtherCurrency          Reason = "OTHER_CURRENCY"
	OtherRegion            Reason = "OTHER_REGION"
	NotYetAvailable        Reason = "NOT_YET_AVAILABLE"
	NoLongerAvailable      Reason = "NO_LONGER_AVAILABLE"
	BelowMinQuantity       Reason = "BELOW_MIN_QUANTITY"
	BreakerOpen            Reason = "PROVIDER_BREAKER_OPEN"
	CoolingDown            Reason = "COOLING_DOWN"
	NotPriceable           Reason = "NOT_PRICEABLE"
	AboveMaxQuantity       Reason = "ABOVE_MAX_QUANTITY"
	AboveOrderBudget       Reason = "ABOVE_ORDER_BUDGET"
	AboveProviderBudget    Reason = "ABOVE_PROVIDER_BUDGET"
	AboveProviderDayBudget Reason = "ABOVE_PROVIDER_DAY_BUDGET"
)

// divisible reports whether an offer that was rejected for the reason may take a part of the quantity.
func (r Reason) divisible() bool {
	switch r {
	case AboveMaxQuantity, AboveOrderBudget, AboveProviderBudget, AboveProviderDayBudget:
		return true
	default:
		return false
	}
}

// trial is one decision in the making.
type trial struct {
	request *Request
	rules   *Rules
	entries []entry
	retryAt *time.Time
}

// entry is a candidate that is being judged.
type entry struct {
	candidate *Candidate
	reason    Reason
	cost      decimal.Decimal // of all of the quantity
	scores    []*float64
	rank      int
	part      int // of a split quantity; 0: none
	partCost  decimal.Decimal
}

func newTrial(request *Request, rules *Rules, candidates []Candidate) *trial {
	t := &trial{request: request, rules: rules, entries: make([]entry, len(candidates))}
	for i := range candidates {
		e := &t.entries[i]
		e.candidate = &candidates[i]
		t.judge(e)
	}
	t.score()
	return t
}

// judge notes the first reason, if any, why a candidate can't take all of the quantity. Those for which it can't take any
// come first, so that what is left over is how much it can take.
func (t *trial) judge(e *entry) {
	offer, provider := e.candidate.Offer, e.candidate.Provider
	e.reason = t.unfit(offer, provider)
	cost, err := order.Money{Amount: offer.UnitPrice, Currency: offer.Currency}.Times(t.request.Quantity)
	if err != nil {
		if e.reason == "" {
			e.reason = NotPriceable
		}
		return
	}
	e.cost = cost.Amount.Trim(0)
	switch {
	case e.reason != "":
	case offer.MaxQuantity > 0 && t.request.Quantity > offer.MaxQuantity:
		e.reason = AboveMaxQuantity
	case t.request.Budget != nil && cost.Amount.Cmp(*t.request.Budget) > 0:
		e.reason = AboveOrderBudget
	case !provider.AffordsInAll(cost.Amount):
		e.reason = AboveProviderBudget
	case !provider.AffordsToday(cost.Amount):
		e.reason = AboveProviderDayBudget
	}
}

// unfit says why an offer can't take even a part, or "".
func (t *trial) unfit(offer *order.Offer, provider *order.Provider) Reason {
	request := t.request
	switch {
	case !provider.Enabled:
		return ProviderDisabled
	case provider.PausedAt != nil:
		return ProviderPaused
	case provider.Attention != "":
		return ProviderNeedsAttention
	case slices.Contains(request.Excluded, provider.ID):
		return ProviderExcluded
	case request.TestMode && !provider.Simulated:
		return ProviderNotTest
	case !t.rules.allows(provider.ID):
		return ExcludedByPolicy
	case !offer.Enabled:
		return OfferDisabled
	case offer.Currency != request.Currency:
		return OtherCurrency
	case len(offer.Regions) > 0 && !slices.Contains(offer.Regions, request.Country):
		return OtherRegion
	case offer.AvailableUntil != nil && !request.Now.Before(*offer.AvailableUntil):
		return NoLongerAvailable
	case request.Quantity < offer.MinQuantity:
		return BelowMinQuantity
	default:
		return t.waits(offer, provider)
	}
}

// waits says why an offer can't take anything yet, or "", and remembers when that ends.
func (t *trial) waits(offer *order.Offer, provider *order.Provider) Reason {
	now := t.request.Now
	if offer.AvailableFrom != nil && now.Before(*offer.AvailableFrom) {
		t.retry(*offer.AvailableFrom)
		return NotYetAvailable
	}
	if provider.BreakerOpen(now) {
		t.retry(*provider.Measured.BreakerOpenUntil)
		return BreakerOpen
	}
	if offer.GivenAt != nil && now.Before(offer.GivenAt.Add(offer.CoolDown)) {
		t.retry(offer.GivenAt.Add(offer.CoolDown))
		return CoolingDown
	}
	return ""
}

func (t *trial) retry(at time.Time) {
	if t.retryAt == nil || at.Before(*t.retryAt) {
		t.retryAt = &at
	}
}

// verdicts tells what became of the entries, in their order, and ranks the eligible ones.
func (t *trial) verdicts() []Verdict {
	verdicts := make([]Verdict, len(t.entries))
	for i := range t.entries {
		e := &t.entries[i]
		verdicts[i] = Verdict{
			OfferID: e.candidate.Offer.ID, ProviderID: e.candidate.Offer.ProviderID, Cost: e.cost, Reason: e.reason,
			Scores: e.scores,
		}
		if e.part > 0 {
			verdicts[i].Quantity, verdicts[i].Cost = e.part, e.partCost
		}
		if e.reason == "" {
			verdicts[i].Rank = i + 1
		}
	}
	return verdicts
}
