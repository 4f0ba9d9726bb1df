package routing

import (
	"cmp"
	"math"
	"slices"

	"github.com/google/uuid"
	"github.com/govalues/decimal"

	"github.com/boostress/boostress/order"
)

// most returns how many of the quantity a candidate can take by itself; 0: none.
func (t *trial) most(e *entry) int {
	offer, provider := e.candidate.Offer, e.candidate.Provider
	switch {
	case e.reason == "":
		return t.request.Quantity
	case !e.reason.divisible():
		return 0
	}
	most := min(t.request.Quantity, limitOf(offer.MaxQuantity))
	for _, purse := range append(pursesOf(provider), purse{t.request.Budget}) {
		most = min(most, purse.buys(offer.UnitPrice))
	}
	if most < offer.MinQuantity {
		return 0
	}
	return most
}

func limitOf(maxQuantity int) int {
	if maxQuantity == 0 {
		return math.MaxInt
	}
	return maxQuantity
}

// purse is what may still be reserved of a budget; nil: any amount.
type purse struct{ left *decimal.Decimal }

// pursesOf returns what a provider's budgets, for all time and for today, have left.
func pursesOf(p *order.Provider) []purse {
	return []purse{purseOf(p.Budget, p.Sums()), purseOf(p.DayBudget, p.Today)}
}

func purseOf(budget *decimal.Decimal, sums order.Sums) purse {
	if budget == nil {
		return purse{}
	}
	left, err := order.Sum(*budget, sums.Reserved.Neg(), sums.Spent.Neg())
	if err != nil || sums.Overcharge.IsPos() {
		left = decimal.NegOne // it takes nothing, however cheap
	}
	return purse{&left}
}

// buys returns how many units at a price the purse has room for.
func (p purse) buys(price decimal.Decimal) int {
	switch {
	case p.left == nil:
		return math.MaxInt
	case p.left.IsNeg():
		return 0
	case price.IsZero():
		return math.MaxInt
	}
	units, _, err := p.left.QuoRem(price)
	if err != nil {
		return 0
	}
	whole, _, fits := units.Int64(0)
	if !fits {
		return math.MaxInt
	}
	return int(whole)
}

// take takes an amount out of the purse, or, where it is negative, gives it back.
func (p purse) take(amount decimal.Decimal) {
	if p.left == nil {
		return
	}
	left, err := order.Sum(*p.left, amount.Neg())
	if err != nil {
		left = decimal.NegOne
	}
	*p.left = left
}

// split looks for a way to give the quantity to several offers, each taking a part that it allows, all within the
// budgets. It is found as a whole: the rest of a split never is a quantity that nobody can take. One offer may take several
// parts, unless it has a cool-down.
func (t *trial) split(decision *Decision) {
	parts := t.rules.MostParts() - max(t.request.Parts-1, 0)
	if parts <= 1 {
		return
	}
	s := &splitter{trial: t}
	for i := range t.entries {
		if most := t.most(&t.entries[i]); most > 0 {
			s.takers = append(s.takers, taker{entry: &t.entries[i], least: t.entries[i].candidate.Offer.MinQuantity, most: most})
		}
	}
	if len(s.takers) == 0 {
		return
	}
	s.prepare(parts)
	if !s.reach[parts].holds(t.request.Quantity) || !s.place(t.request.Quantity, parts) {
		return
	}
	s.tell(decision)
}

// splitter searches for a split.
type splitter struct {
	*trial

	takers  []taker // by rank
	purses  []purse // the order's first
	lowest  decimal.Decimal
	reach   []spans // by a number of parts: the quantities that so many parts, or fewer, may add up to
	visited int
	parts   []Part
	used    []*taker // of parts
}

// taker is a candidate for a part.
type taker struct {
	entry       *entry
	least, most int
	purses      []purse // its provider's, shared with the provider's other offers, and the order's
	taken       int     // parts
}

// mostVisits bounds the search. What is not found by then is not split, and stays whole.
const mostVisits = 50_000

func (s *splitter) prepare(parts int) {
	slices.SortFunc(s.takers, func(a, b taker) int { return s.rank(a.entry, b.entry) })
	own := purse{}
	if s.request.Budget != nil {
		own.left = new(*s.request.Budget)
	}
	s.purses = []purse{own}
	shared := make(map[uuid.UUID][]purse)
	one := make(spans, len(s.takers))
	for i := range s.takers {
		taker := &s.takers[i]
		provider := taker.entry.candidate.Provider
		if shared[provider.ID] == nil {
			shared[provider.ID] = append(pursesOf(provider), own)
		}
		taker.purses = shared[provider.ID]
		one[i] = span{taker.least, taker.most}
		if price := taker.entry.candidate.Offer.UnitPrice; i == 0 || price.Cmp(s.lowest) < 0 {
			s.lowest = price
		}
	}
	one = one.merged(s.request.Quantity)
	s.reach = []spans{{{0, 0}}}
	for range parts {
		s.reach = append(s.reach, s.reach[len(s.reach)-1].plus(one, s.request.Quantity))
	}
}

// place gives a rest to offers, in so many parts at most, and reports whether it found a way.
func (s *splitter) place(rest, parts int) bool {
	if rest == 0 {
		return true
	}
	if parts == 0 {
		return false
	}
	for i := range s.takers {
		taker := &s.takers[i]
		offer := taker.entry.candidate.Offer
		s.visited++
		if s.visited > mostVisits {
			return false
		}
		if taker.taken > 0 && offer.CoolDown > 0 {
			continue
		}
		most := min(rest, taker.most, s.affordable(rest, offer.UnitPrice))
		for _, purse := range taker.purses {
			most = min(most, purse.buys(offer.UnitPrice))
		}
		for _, quantity := range s.reach[parts-1].sizes(rest, taker.least, most) {
			if s.give(taker, quantity, rest, parts) {
				return true
			}
		}
	}
	return false
}

// affordable returns how many of a rest may be bought at a price so that the order's budget has room for the others at
// the lowest one.
func (s *splitter) affordable(rest int, price decimal.Decimal) int {
	left := s.purses[0].left
	if left == nil {
		return rest
	}
	least, err := order.Money{Amount: s.lowest, Currency: s.request.Currency}.Times(rest)
	if err != nil {
		return 0
	}
	spare, err := order.Sum(*left, least.Amount.Neg())
	if err != nil {
		return 0
	}
	more, err := order.Sum(price, s.lowest.Neg())
	if err != nil {
		return 0
	}
	return min(rest, purse{&spare}.buys(more))
}

// give has a taker take a part, and the rest placed; where that can't be, it is taken back.
func (s *splitter) give(taker *taker, quantity, rest, parts int) bool {
	offer := taker.entry.candidate.Offer
	price, err := order.Money{Amount: offer.UnitPrice, Currency: offer.Currency}.Times(quantity)
	if err != nil {
		return false
	}
	for _, purse := range taker.purses {
		purse.take(price.Amount)
	}
	taker.taken++
	s.parts = append(s.parts, Part{taker.entry.candidate, quantity})
	s.used = append(s.used, taker)
	if s.place(rest-quantity, parts-1) {
		return true
	}
	for _, purse := range taker.purses {
		purse.take(price.Amount.Neg())
	}
	taker.taken--
	s.parts, s.used = s.parts[:len(s.parts)-1], s.used[:len(s.used)-1]
	return false
}

// tell notes the split that was found: the offers of its parts are eligible, in the order of the parts.
func (s *splitter) tell(decision *Decision) {
	for i, taker := range s.used {
		e := taker.entry
		if e.part == 0 {
			e.reason, e.rank = "", i+1
		}
		e.part += s.parts[i].Quantity
		if price, err := (order.Money{Amount: e.candidate.Offer.UnitPrice, Currency: e.candidate.Offer.Currency}).Times(e.part); err == nil {
			e.partCost = price.Amount.Trim(0)
		}
	}
	first := s.parts[0]
	decision.Chosen, decision.Quantity, decision.Parts = first.Candidate, first.Quantity, s.parts
	if price, err := (order.Money{Amount: first.Candidate.Offer.UnitPrice, Currency: first.Candidate.Offer.Currency}).
		Times(first.Quantity); err == nil {
		decision.Cost = price.Amount.Trim(0)
	}
	slices.SortStableFunc(s.entries, func(a, b entry) int {
		if (a.rank == 0) != (b.rank == 0) {
			return cmp.Compare(b.rank, a.rank)
		}
		return cmp.Compare(a.rank, b.rank)
	})
}
