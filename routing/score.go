package routing

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"math"
	"slices"

	"github.com/google/uuid"
)

// Kind is what a scorer ranks by.
type Kind string

// The kinds of scorers.
const (
	Fixed        Kind = "FIXED"         // by place in a list of offers and providers; what is not in it comes last
	Priority     Kind = "PRIORITY"      // the provider's, then the offer's, the higher first
	Cheapest     Kind = "CHEAPEST"      // the lower cost first
	Fastest      Kind = "FASTEST"       // the shorter measured time from submission to fulfillment first, the offer's or else the provider's
	MostReliable Kind = "MOST_RELIABLE" // the higher measured part that was fulfilled first
	Weighted     Kind = "WEIGHTED"      // a draw by the fulfillment's id, in proportion to the weights
	LeastLoaded  Kind = "LEAST_LOADED"  // the fewer open fulfillments at the provider first
	RoundRobin   Kind = "ROUND_ROBIN"   // the provider that was chosen longest ago, or never, first
	FewestSplits Kind = "FEWEST_SPLITS" // who can take more of the quantity first, as far as that saves parts
)

// Kinds lists every kind of scorer.
func Kinds() []Kind {
	return []Kind{Fixed, Priority, Cheapest, Fastest, MostReliable, Weighted, LeastLoaded, RoundRobin, FewestSplits}
}

// score gives each entry a score by each scorer.
func (t *trial) score() {
	width := len(t.rules.Scorers)
	numbers, scores := make([]float64, len(t.entries)*width), make([]*float64, len(t.entries)*width)
	for i := range t.entries {
		e := &t.entries[i]
		e.scores = scores[i*width : (i+1)*width : (i+1)*width]
		for s := range t.rules.Scorers {
			if number, known := t.scoreOf(&t.rules.Scorers[s], e); known {
				numbers[i*width+s] = number
				e.scores[s] = &numbers[i*width+s]
			}
		}
	}
}

// scoreOf returns a candidate's score by one scorer, and whether it has any.
func (t *trial) scoreOf(scorer *Scorer, e *entry) (score float64, known bool) {
	offer, provider := e.candidate.Offer, e.candidate.Provider
	switch scorer.Kind {
	case Fixed:
		place := scorer.place(offer.ID, provider.ID)
		return float64(place), place > 0
	case Priority:
		const levels = 10
		return float64(provider.Priority*levels + offer.Priority), true
	case Cheapest:
		score, known = e.cost.Float64()
		return score, known && e.reason != NotPriceable
	case Fastest:
		long := e.candidate.FulfillTime()
		if long == nil {
			return 0, false
		}
		return long.Seconds(), true
	case MostReliable:
		if provider.Measured.SuccessRate == nil {
			return 0, false
		}
		return *provider.Measured.SuccessRate, true
	case Weighted:
		return draw(t.request.FulfillmentID, offer.ID, provider.Weight*offer.Weight), true
	case LeastLoaded:
		return float64(provider.Measured.Open), true
	case RoundRobin:
		if provider.Measured.LastChosenAt == nil {
			return 0, false
		}
		return float64(provider.Measured.LastChosenAt.UnixMicro()), true
	case FewestSplits:
		most := t.most(e)
		if most == 0 {
			return 0, false
		}
		return float64((t.request.Quantity + most - 1) / most), true
	default:
		return 0, false
	}
}

// draw is a candidate's number in a weighted rendezvous: the highest one wins, each candidate as often as its weight
// says, and without one of them only what it would have won goes to others.
func draw(fulfillmentID, offerID uuid.UUID, weight int) float64 {
	const size, mantissa = 16, 53
	var text [2 * size]byte
	copy(text[:], fulfillmentID[:])
	copy(text[size:], offerID[:])
	sum := sha256.Sum256(text[:])
	even := (float64(binary.BigEndian.Uint64(sum[:])>>(64-mantissa)) + 0.5) / (1 << mantissa) // within 0 and 1, never one of them
	return -float64(max(weight, 1)) / math.Log(even)
}

// compare puts the eligible ones first, by their scores and then by id, and the rejected ones after them by id.
func (t *trial) compare(a, b entry) int {
	if (a.reason == "") != (b.reason == "") {
		if a.reason == "" {
			return -1
		}
		return 1
	}
	if a.reason == "" {
		return t.rank(&a, &b)
	}
	return bytes.Compare(a.candidate.Offer.ID[:], b.candidate.Offer.ID[:])
}

// rank compares two candidates by their scores, and then by id.
func (t *trial) rank(a, b *entry) int {
	for s := range t.rules.Scorers {
		if order := t.rules.Scorers[s].Kind.compare(a, b, s); order != 0 {
			return order
		}
	}
	return bytes.Compare(a.candidate.Offer.ID[:], b.candidate.Offer.ID[:])
}

// compare compares two candidates by the scorer at place. What is not measured comes after what is; only who was never
// chosen comes before those who were.
func (k Kind) compare(a, b *entry, place int) int {
	one, other := a.scores[place], b.scores[place]
	switch {
	case one == nil && other == nil:
		return 0
	case (one == nil) != (other == nil):
		if (one == nil) == (k == RoundRobin) {
			return -1
		}
		return 1
	case k == Cheapest: // exactly
		return a.cost.Cmp(b.cost)
	case slices.Contains(descending, k):
		return cmp.Compare(*other, *one)
	default:
		return cmp.Compare(*one, *other)
	}
}

// descending lists the kinds of which the higher score comes first.
var descending = []Kind{Priority, MostReliable, Weighted}
