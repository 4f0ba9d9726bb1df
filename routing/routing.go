// Package routing decides, without input or output, which offer a fulfillment is given to, and keeps the reasons.
package routing

import (
	"bytes"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/govalues/decimal"

	"github.com/boostress/boostress/order"
)

// Request is what has to be placed.
type Request struct {
	Quantity int
	Currency order.Currency
	Budget   *decimal.Decimal // what the order may still reserve; nil: unlimited
	Excluded []uuid.UUID      // providers that must not be asked again
	TestMode bool             // simulated providers only
	Now      time.Time
}

// Candidate is an offer of the wanted category and service type, with its provider as of now.
type Candidate struct {
	Offer    order.Offer
	Provider *order.Provider
}

// Reason says why a candidate was rejected.
type Reason string

// The reasons for which candidates are rejected.
const (
	ProviderDisabled       Reason = "PROVIDER_DISABLED"
	ProviderPaused         Reason = "PROVIDER_PAUSED"
	ProviderNeedsAttention Reason = "PROVIDER_NEEDS_ATTENTION"
	ProviderExcluded       Reason = "PROVIDER_EXCLUDED"
	ProviderNotTest        Reason = "PROVIDER_NOT_SIMULATED"
	OfferDisabled          Reason = "OFFER_DISABLED"
	OtherCurrency          Reason = "OTHER_CURRENCY"
	BelowMinQuantity       Reason = "BELOW_MIN_QUANTITY"
	AboveMaxQuantity       Reason = "ABOVE_MAX_QUANTITY"
	NotYetAvailable        Reason = "NOT_YET_AVAILABLE"
	NoLongerAvailable      Reason = "NO_LONGER_AVAILABLE"
	AboveOrderBudget       Reason = "ABOVE_ORDER_BUDGET"
	AboveProviderBudget    Reason = "ABOVE_PROVIDER_BUDGET"
	NotPriceable           Reason = "NOT_PRICEABLE"
)

// Verdict is what became of one candidate.
type Verdict struct {
	OfferID    uuid.UUID       `json:"offerId"`
	ProviderID uuid.UUID       `json:"providerId"`
	Cost       decimal.Decimal `json:"cost"`
	Rank       int             `json:"rank,omitempty"`   // 1 is the chosen one; 0 with a reason
	Reason     Reason          `json:"reason,omitempty"` // why it was rejected, or ""
}

// Decision is the outcome: the chosen candidate, nil where nothing matched, and a verdict on every candidate, the
// eligible ones first, by rank.
type Decision struct {
	Chosen   *Candidate
	Verdicts []Verdict
}

// Decide filters the candidates and chooses the cheapest, the lower offer id among equals.
func Decide(request Request, candidates []Candidate) Decision {
	verdicts := make([]Verdict, len(candidates))
	byOffer := make(map[uuid.UUID]*Candidate, len(candidates))
	for i := range candidates {
		verdicts[i] = judge(&request, &candidates[i])
		byOffer[candidates[i].Offer.ID] = &candidates[i]
	}
	slices.SortFunc(verdicts, compare)
	decision := Decision{Verdicts: verdicts}
	for i := range verdicts {
		if verdicts[i].Reason != "" {
			break
		}
		verdicts[i].Rank = i + 1
	}
	if len(verdicts) > 0 && verdicts[0].Reason == "" {
		decision.Chosen = byOffer[verdicts[0].OfferID]
	}
	return decision
}

func compare(a, b Verdict) int {
	if (a.Reason == "") != (b.Reason == "") {
		if a.Reason == "" {
			return -1
		}
		return 1
	}
	if byCost := a.Cost.Cmp(b.Cost); a.Reason == "" && byCost != 0 {
		return byCost
	}
	return bytes.Compare(a.OfferID[:], b.OfferID[:])
}

func judge(request *Request, candidate *Candidate) Verdict {
	offer, provider := &candidate.Offer, candidate.Provider
	verdict := Verdict{OfferID: offer.ID, ProviderID: offer.ProviderID, Reason: availability(request, candidate)}
	cost, err := order.Money{Amount: offer.UnitPrice, Currency: offer.Currency}.Times(request.Quantity)
	if err != nil {
		verdict.Reason = NotPriceable
		return verdict
	}
	verdict.Cost = cost.Amount.Trim(0)
	switch {
	case verdict.Reason != "":
	case request.Budget != nil && cost.Amount.Cmp(*request.Budget) > 0:
		verdict.Reason = AboveOrderBudget
	case !provider.Affords(cost.Amount):
		verdict.Reason = AboveProviderBudget
	}
	return verdict
}

func availability(request *Request, candidate *Candidate) Reason {
	offer, provider := &candidate.Offer, candidate.Provider
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
	case !offer.Enabled:
		return OfferDisabled
	case offer.Currency != request.Currency:
		return OtherCurrency
	case request.Quantity < offer.MinQuantity:
		return BelowMinQuantity
	case offer.MaxQuantity > 0 && request.Quantity > offer.MaxQuantity:
		return AboveMaxQuantity
	case offer.AvailableFrom != nil && request.Now.Before(*offer.AvailableFrom):
		return NotYetAvailable
	case offer.AvailableUntil != nil && !request.Now.Before(*offer.AvailableUntil):
		return NoLongerAvailable
	default:
		return ""
	}
}

// Summary says in one line why nothing was chosen.
func (d *Decision) Summary() string {
	if len(d.Verdicts) == 0 {
		return "no offer of this category and service type"
	}
	var reasons []string
	for _, verdict := range d.Verdicts {
		if !slices.Contains(reasons, string(verdict.Reason)) {
			reasons = append(reasons, string(verdict.Reason))
		}
	}
	slices.Sort(reasons)
	return "every offer was rejected: " + strings.Join(reasons, ", ")
}
