package routing_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/govalues/decimal"
	"pgregory.net/rapid"

	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/routing"
)

func sized(least, most int, price string) routing.Candidate {
	return candidate(func(c *routing.Candidate) {
		c.Offer.MinQuantity, c.Offer.MaxQuantity, c.Offer.UnitPrice = least, most, amount(price)
	})
}

func parts(decision routing.Decision) string {
	var text strings.Builder
	for _, part := range decision.Parts {
		fmt.Fprintf(&text, "%d at %s ", part.Quantity, part.Candidate.Offer.UnitPrice)
	}
	return text.String()
}

func TestSplits(t *testing.T) {
	t.Parallel()
	budget := func(text string) func(*routing.Request) {
		return func(r *routing.Request) { r.Budget = new(amount(text)) }
	}
	tests := map[string]struct {
		quantity   int
		ask        func(*routing.Request)
		candidates []routing.Candidate
		want       string // "": nothing is split
	}{
		"the cheaper one takes most":   {15, nil, []routing.Candidate{sized(1, 10, "1"), sized(1, 10, "2")}, "10 at 1 5 at 1 "},
		"one leaves enough for others": {12, nil, []routing.Candidate{sized(10, 10, "1"), sized(5, 9, "2")}, "7 at 2 5 at 2 "},
		"no rest that nobody takes":    {11, nil, []routing.Candidate{sized(3, 10, "1")}, "8 at 1 3 at 1 "},
		"none can be placed":           {11, nil, []routing.Candidate{sized(6, 10, "1")}, ""},
		"packs":                        {17, nil, []routing.Candidate{sized(10, 10, "1"), sized(7, 7, "3")}, "10 at 1 7 at 3 "},
		"packs that don't fit":         {18, nil, []routing.Candidate{sized(10, 10, "1"), sized(7, 7, "3")}, ""},
		"too many parts":               {21, nil, []routing.Candidate{sized(1, 2, "1")}, ""},
		"as many parts as may be":      {20, nil, []routing.Candidate{sized(1, 2, "1")}, strings.Repeat("2 at 1 ", 10)},
		"in parts already":             {4, func(r *routing.Request) { r.Parts = 9 }, []routing.Candidate{sized(1, 2, "1")}, "2 at 1 2 at 1 "},
		"all parts used":               {4, func(r *routing.Request) { r.Parts = 10 }, []routing.Candidate{sized(1, 2, "1")}, ""},
		"within the budget": {10, budget("20"), []routing.Candidate{
			sized(1, 5, "1"), sized(1, 5, "3"),
		}, "5 at 1 5 at 1 "},
		"the dear one last": {10, budget("16"), []routing.Candidate{
			candidate(func(c *routing.Candidate) {
				c.Offer.MaxQuantity, c.Offer.UnitPrice, c.Offer.CoolDown = 7, amount("1"), 1
			}), sized(1, 5, "3"),
		}, "7 at 1 3 at 3 "},
		"above the budget":   {10, budget("9.99"), []routing.Candidate{sized(1, 5, "1")}, ""},
		"one takes all":      {10, nil, []routing.Candidate{sized(1, 9, "1"), sized(1, 10, "5")}, ""},
		"a minimum too high": {10, nil, []routing.Candidate{sized(11, 20, "1")}, ""},
	}
	for name, test := range tests {
		r := request()
		r.Quantity = test.quantity
		if test.ask != nil {
			test.ask(&r)
		}
		got := routing.Decide(r, routing.BuiltIn(), test.candidates)
		if text := parts(got); text != test.want {
			t.Errorf("%s: %q, want %q", name, text, test.want)
		}
	}
}

// TestSplitOfProviderBudgets: what one offer takes of its provider's budget, its other offer can't take, too.
func TestSplitOfProviderBudgets(t *testing.T) {
	t.Parallel()
	one := sized(1, 0, "1")
	one.Provider.Budget, one.Provider.Spent = new(amount("8")), amount("2")
	other := sized(1, 0, "2")
	other.Provider, other.Offer.ProviderID = one.Provider, one.Provider.ID
	third := sized(1, 0, "3")
	third.Provider.DayBudget, third.Provider.Today.Spent = new(amount("13")), amount("1")
	r := request()
	r.Quantity = 10
	if got := parts(routing.Decide(r, routing.BuiltIn(), []routing.Candidate{third, other, one})); got != "6 at 1 4 at 3 " {
		t.Errorf("parts are %q", got)
	}
	r.Quantity = 11
	if got := routing.Decide(r, routing.BuiltIn(), []routing.Candidate{third, other, one}); got.Chosen != nil {
		t.Errorf("parts are %q, though the budgets have room for ten", parts(got))
	}
	one.Provider.Overcharge = amount("1")
	r.Quantity = 5
	if got := routing.Decide(r, routing.BuiltIn(), []routing.Candidate{third, other, one}); got.Chosen != nil {
		t.Errorf("parts are %q, though one provider takes nothing and the other four", parts(got))
	}
}

func TestRulesForbidSplits(t *testing.T) {
	t.Parallel()
	r := request()
	r.Quantity = 25
	candidates := []routing.Candidate{sized(1, 10, "1")}
	for name, test := range map[string]struct {
		change func(*routing.Rules)
		want   bool
	}{
		"by default":      {func(*routing.Rules) {}, true},
		"not at all":      {func(r *routing.Rules) { r.NoSplit = true }, false},
		"in two":          {func(r *routing.Rules) { r.PartLimit = 2 }, false},
		"in three":        {func(r *routing.Rules) { r.PartLimit = 3 }, true},
		"from its maker":  {func(r *routing.Rules) { r.Only = []uuid.UUID{candidates[0].Provider.ID} }, true},
		"from somebody":   {func(r *routing.Rules) { r.Only = []uuid.UUID{candidates[0].Offer.ID} }, false},
		"not from it":     {func(r *routing.Rules) { r.Excluded = []uuid.UUID{candidates[0].Provider.ID} }, false},
		"not from others": {func(r *routing.Rules) { r.Excluded = []uuid.UUID{candidates[0].Offer.ID} }, true},
	} {
		with := routing.BuiltIn()
		test.change(with)
		if got := routing.Decide(r, with, candidates); (got.Chosen != nil) != test.want {
			t.Errorf("%s: chosen is %v", name, got.Chosen)
		}
	}
}

// splittable draws small candidates of up to three providers, some with budgets, and a request for them.
func splittable(t *rapid.T) (routing.Request, []routing.Candidate) {
	r := request()
	r.Quantity = rapid.IntRange(1, 14).Draw(t, "quantity")
	r.Parts = rapid.IntRange(1, 9).Draw(t, "parts")
	if rapid.Bool().Draw(t, "has a budget") {
		r.Budget = new(decimal.MustNew(rapid.Int64Range(0, 40).Draw(t, "budget"), 0))
	}
	var providers []*order.Provider
	for range rapid.IntRange(1, 3).Draw(t, "providers") {
		p := candidate(nil).Provider
		if rapid.IntRange(0, 2).Draw(t, "provider has a budget") == 0 {
			p.Budget = new(decimal.MustNew(rapid.Int64Range(0, 20).Draw(t, "provider's budget"), 0))
		}
		providers = append(providers, p)
	}
	candidates := make([]routing.Candidate, rapid.IntRange(1, 4).Draw(t, "candidates"))
	for i := range candidates {
		least := rapid.IntRange(1, 5).Draw(t, "least")
		candidates[i] = sized(least, least+rapid.IntRange(0, 4).Draw(t, "more"), strconv.Itoa(rapid.IntRange(0, 4).Draw(t, "price")))
		candidates[i].Provider = rapid.SampledFrom(providers).Draw(t, "provider")
		candidates[i].Offer.ProviderID = candidates[i].Provider.ID
		if rapid.IntRange(0, 4).Draw(t, "has a cool-down") == 0 {
			candidates[i].Offer.CoolDown = 1
		}
	}
	return r, candidates
}

// possible tries everything: whether a rest can be placed in so many parts.
func possible(r *routing.Request, rest, left int, candidates []routing.Candidate, taken []int) bool {
	if rest == 0 {
		return within(r, candidates, taken)
	}
	if left == 0 {
		return false
	}
	for i, c := range candidates {
		if taken[i] > 0 && c.Offer.CoolDown > 0 {
			continue
		}
		for q := c.Offer.MinQuantity; q <= min(rest, c.Offer.MaxQuantity); q++ {
			taken[i] += q
			if possible(r, rest-q, left-1, candidates, taken) {
				return true
			}
			taken[i] -= q
		}
	}
	return false
}

func within(r *routing.Request, candidates []routing.Candidate, taken []int) bool {
	total, byProvider := decimal.Zero, map[*order.Provider]decimal.Decimal{}
	for i, c := range candidates {
		cost := must(c.Offer.UnitPrice.Mul(decimal.MustNew(int64(taken[i]), 0)))
		total = must(total.Add(cost))
		byProvider[c.Provider] = must(byProvider[c.Provider].Add(cost))
	}
	for p, sum := range byProvider {
		if p.Budget != nil && sum.Cmp(*p.Budget) > 0 {
			return false
		}
	}
	return r.Budget == nil || total.Cmp(*r.Budget) <= 0
}

func must(value decimal.Decimal, err error) decimal.Decimal {
	if err != nil {
		panic(err)
	}
	return value
}

// TestSplitIsFoundWhereThereIsOne compares with trying everything: a split is found exactly where there is one; it adds
// up, keeps to every limit, and what the chosen one leaves over can be placed.
func TestSplitIsFoundWhereThereIsOne(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		r, candidates := splittable(t)
		left := routing.MostParts - r.Parts + 1
		got := routing.Decide(r, routing.BuiltIn(), candidates)
		want := possible(&r, r.Quantity, min(left, 4), candidates, make([]int, len(candidates)))
		if got.Chosen == nil {
			if want {
				t.Fatalf("nothing is chosen of what can be placed: %s", got.Summary())
			}
			return
		}
		if len(got.Parts) == 0 { // one takes all
			if got.Quantity != r.Quantity {
				t.Fatalf("%d of %d", got.Quantity, r.Quantity)
			}
			return
		}
		if len(got.Parts) < 2 || len(got.Parts) > left || got.Parts[0].Candidate != got.Chosen || got.Parts[0].Quantity != got.Quantity {
			t.Fatalf("parts are %s, of %d allowed", parts(got), left)
		}
		sum, taken := 0, make([]int, len(candidates))
		for _, part := range got.Parts {
			place := slices.IndexFunc(candidates, func(c routing.Candidate) bool { return c.Offer == part.Candidate.Offer })
			offer := part.Candidate.Offer
			if part.Quantity < offer.MinQuantity || part.Quantity > offer.MaxQuantity || offer.CoolDown > 0 && taken[place] > 0 {
				t.Fatalf("%d is no part for %+v", part.Quantity, offer)
			}
			taken[place] += part.Quantity
			sum += part.Quantity
		}
		if sum != r.Quantity || !within(&r, candidates, taken) {
			t.Fatalf("parts are %s: not %d, or above a budget", parts(got), r.Quantity)
		}
		for _, verdict := range got.Verdicts {
			if verdict.OfferID == got.Chosen.Offer.ID && (verdict.Reason != "" || verdict.Rank != 1) {
				t.Fatalf("the chosen one's verdict is %+v", verdict)
			}
		}
	})
}

// TestSplitOfManyIsQuick: what can't be found soon is not split, and nothing takes for ever.
func TestSplitOfManyIsQuick(t *testing.T) {
	t.Parallel()
	var candidates []routing.Candidate
	for i := range 1000 {
		candidates = append(candidates, sized(1000+i*2, 1000+i*2, strconv.Itoa(1+i%7)))
	}
	r := request()
	r.Quantity, r.Budget = 9001, new(amount("9001")) // every pack is even
	if got := routing.Decide(r, routing.BuiltIn(), candidates); got.Chosen != nil {
		t.Errorf("parts are %s", parts(got))
	}
	r.Quantity = 9000
	if got := routing.Decide(r, routing.BuiltIn(), candidates); len(got.Parts) < 2 {
		t.Errorf("nothing is found for nine packs of the cheapest")
	}
}
