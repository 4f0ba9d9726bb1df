package routing_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"
	"github.com/govalues/decimal"
	"pgregory.net/rapid"

	"github.com/boostress/boostress/internal/id"
	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/routing"
)

var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

func amount(text string) decimal.Decimal { return decimal.MustParse(text) }

// candidate is an offer that fits request, for change.
func candidate(change func(*routing.Candidate)) routing.Candidate {
	provider := &order.Provider{ID: id.New(id.Provider), Enabled: true, Simulated: true, Currency: "EUR", Weight: 1}
	c := routing.Candidate{Provider: provider, Offer: &order.Offer{
		ID: id.New(id.Offer), ProviderID: provider.ID, UnitPrice: amount("2.50"), Currency: "EUR",
		MinQuantity: 1, MaxQuantity: 10, Weight: 1, Enabled: true,
	}}
	if change != nil {
		change(&c)
	}
	return c
}

func request() routing.Request {
	return routing.Request{Quantity: 4, Currency: "EUR", Now: noon}
}

func TestEachReason(t *testing.T) {
	t.Parallel()
	excluding := func(own bool) func(*routing.Request, *routing.Candidate) {
		return func(r *routing.Request, c *routing.Candidate) {
			r.Excluded = []uuid.UUID{id.New(id.Provider)}
			if own {
				r.Excluded = append(r.Excluded, c.Provider.ID)
			}
		}
	}
	inTestMode := func(simulated bool) func(*routing.Request, *routing.Candidate) {
		return func(r *routing.Request, c *routing.Candidate) { r.TestMode, c.Provider.Simulated = true, simulated }
	}
	at := func(moved time.Duration) *time.Time { moment := noon.Add(moved); return &moment }
	limit := func(text string) *decimal.Decimal { value := amount(text); return &value }
	type fits = func(*routing.Candidate)
	inCountry := func(code string) func(*routing.Request, *routing.Candidate) {
		return func(r *routing.Request, _ *routing.Candidate) { r.Country = code }
	}
	given := func(moved, coolDown time.Duration) fits {
		return func(c *routing.Candidate) { c.Offer.GivenAt, c.Offer.CoolDown = at(moved), coolDown }
	}
	breaker := func(moved time.Duration) fits {
		return func(c *routing.Candidate) { c.Provider.Measured.BreakerOpenUntil = at(moved) }
	}
	type asks = func(*routing.Request, *routing.Candidate)
	capped := func(most string, change func(*order.Provider)) fits {
		return func(c *routing.Candidate) {
			c.Provider.Budget = limit(most)
			change(c.Provider)
		}
	}
	tests := map[string]struct {
		request   asks
		candidate fits
		want      routing.Reason
	}{
		"fits":              {nil, nil, ""},
		"provider disabled": {nil, func(c *routing.Candidate) { c.Provider.Enabled = false }, routing.ProviderDisabled},
		"provider paused":   {nil, func(c *routing.Candidate) { c.Provider.PausedAt = at(0) }, routing.ProviderPaused},
		"provider refuses":  {nil, func(c *routing.Candidate) { c.Provider.Attention = "bad key" }, routing.ProviderNeedsAttention},
		"provider excluded": {excluding(true), nil, routing.ProviderExcluded},
		"another excluded":  {excluding(false), nil, ""},
		"live in test mode": {inTestMode(false), nil, routing.ProviderNotTest},
		"simulated in test": {inTestMode(true), nil, ""},
		"offer disabled":    {nil, func(c *routing.Candidate) { c.Offer.Enabled = false }, routing.OfferDisabled},
		"other currency":    {nil, func(c *routing.Candidate) { c.Offer.Currency = "USD" }, routing.OtherCurrency},
		"too few":           {nil, func(c *routing.Candidate) { c.Offer.MinQuantity = 5 }, routing.BelowMinQuantity},
		"just enough":       {nil, func(c *routing.Candidate) { c.Offer.MinQuantity = 4 }, ""},
		"too many":          {nil, func(c *routing.Candidate) { c.Offer.MaxQuantity = 3 }, routing.AboveMaxQuantity},
		"just few enough":   {nil, func(c *routing.Candidate) { c.Offer.MaxQuantity = 4 }, ""},
		"any number":        {nil, func(c *routing.Candidate) { c.Offer.MaxQuantity = 0 }, ""},
		"not yet":           {nil, func(c *routing.Candidate) { c.Offer.AvailableFrom = at(time.Nanosecond) }, routing.NotYetAvailable},
		"from now":          {nil, func(c *routing.Candidate) { c.Offer.AvailableFrom = at(0) }, ""},
		"no longer":         {nil, func(c *routing.Candidate) { c.Offer.AvailableUntil = at(0) }, routing.NoLongerAvailable},
		"for a moment more": {nil, func(c *routing.Candidate) { c.Offer.AvailableUntil = at(time.Nanosecond) }, ""},
		"not delivered to":  {inCountry("FR"), func(c *routing.Candidate) { c.Offer.Regions = []string{"DE", "AT"} }, routing.OtherRegion},
		"to nowhere known":  {nil, func(c *routing.Candidate) { c.Offer.Regions = []string{"DE", "AT"} }, routing.OtherRegion},
		"delivered to":      {inCountry("AT"), func(c *routing.Candidate) { c.Offer.Regions = []string{"DE", "AT"} }, ""},
		"to everywhere":     {inCountry("FR"), nil, ""},
		"cooling down":      {nil, given(-time.Hour+time.Nanosecond, time.Hour), routing.CoolingDown},
		"cooled down":       {nil, given(-time.Hour, time.Hour), ""},
		"never given":       {nil, func(c *routing.Candidate) { c.Offer.CoolDown = time.Hour }, ""},
		"no cool-down":      {nil, given(-time.Nanosecond, 0), ""},
		"breaker open":      {nil, breaker(time.Nanosecond), routing.BreakerOpen},
		"breaker closed":    {nil, breaker(0), ""},
		"day's budget":      {nil, func(c *routing.Candidate) { c.Provider.DayBudget = limit("9.99") }, routing.AboveProviderDayBudget},
		"last of the day's": {nil, func(c *routing.Candidate) { c.Provider.DayBudget = limit("10") }, ""},
		"used today": {nil, func(c *routing.Candidate) {
			c.Provider.DayBudget, c.Provider.Today.Reserved = limit("12"), amount("2.01")
		}, routing.AboveProviderDayBudget},
		"above the budget":  {func(r *routing.Request, _ *routing.Candidate) { r.Budget = limit("9.999999") }, nil, routing.AboveOrderBudget},
		"all of the budget": {func(r *routing.Request, _ *routing.Candidate) { r.Budget = limit("10") }, nil, ""},
		"free, no budget": {func(r *routing.Request, c *routing.Candidate) {
			r.Budget = limit("0")
			c.Offer.UnitPrice = decimal.Zero
		}, nil, ""},
		"provider's budget":  {nil, capped("20", func(p *order.Provider) { p.Reserved = amount("10.01") }), routing.AboveProviderBudget},
		"spent counts":       {nil, capped("20", func(p *order.Provider) { p.Spent = amount("10.01") }), routing.AboveProviderBudget},
		"the last of it":     {nil, capped("20", func(p *order.Provider) { p.Spent = amount("10") }), ""},
		"overcharged before": {nil, capped("99", func(p *order.Provider) { p.Overcharge = amount("1") }), routing.AboveProviderBudget},
		"beyond all bounds":  {nil, func(c *routing.Candidate) { c.Offer.UnitPrice = amount("999999999999") }, routing.NotPriceable},
	}
	for name, test := range tests {
		c, r := candidate(test.candidate), request()
		if test.request != nil {
			test.request(&r, &c)
		}
		whole := routing.BuiltIn()
		whole.NoSplit = true
		decision := routing.Decide(r, whole, []routing.Candidate{c})
		got := decision.Verdicts[0]
		if got.Reason != test.want || got.OfferID != c.Offer.ID || got.ProviderID != c.Provider.ID {
			t.Errorf("%s: %+v, want %q", name, got, test.want)
		}
		if chosen := decision.Chosen != nil; chosen != (test.want == "") || chosen != (got.Rank == 1) {
			t.Errorf("%s: chosen is %t, rank %d", name, chosen, got.Rank)
		}
		if test.want != "" && !strings.Contains(decision.Summary(), string(test.want)) {
			t.Errorf("%s: the summary is %q", name, decision.Summary())
		}
	}
}

func TestNothingToDecide(t *testing.T) {
	t.Parallel()
	decision := routing.Decide(request(), routing.BuiltIn(), nil)
	if decision.Chosen != nil || len(decision.Verdicts) > 0 || !strings.Contains(decision.Summary(), "no offer") {
		t.Errorf("out of nothing: %+v, %q", decision, decision.Summary())
	}
}

func TestSummaryNamesEachReasonOnce(t *testing.T) {
	t.Parallel()
	off := candidate(func(c *routing.Candidate) { c.Offer.Enabled = false })
	foreign := candidate(func(c *routing.Candidate) { c.Offer.Currency = "USD" })
	decision := routing.Decide(request(), routing.BuiltIn(), []routing.Candidate{foreign, off, off, foreign})
	if want := "every offer was rejected: OFFER_DISABLED, OTHER_CURRENCY"; decision.Summary() != want {
		t.Errorf("got %q, want %q", decision.Summary(), want)
	}
}

func TestCheapestWinsAndTiesAreStable(t *testing.T) {
	t.Parallel()
	dear := candidate(func(c *routing.Candidate) { c.Offer.UnitPrice = amount("3") })
	older, newer := candidate(nil), candidate(func(c *routing.Candidate) { c.Offer.UnitPrice = amount("2.500000") })
	off := candidate(func(c *routing.Candidate) { c.Offer.Enabled, c.Offer.UnitPrice = false, amount("0.01") })
	decision := routing.Decide(request(), routing.BuiltIn(), []routing.Candidate{off, dear, newer, older})
	var ranked []uuid.UUID
	for _, verdict := range decision.Verdicts {
		ranked = append(ranked, verdict.OfferID)
	}
	want := []uuid.UUID{older.Offer.ID, newer.Offer.ID, dear.Offer.ID, off.Offer.ID}
	if diff := cmp.Diff(want, ranked); diff != "" {
		t.Errorf("ranking (-want +got):\n%s", diff)
	}
	if decision.Chosen.Offer.ID != older.Offer.ID || decision.Verdicts[2].Rank != 3 || decision.Verdicts[3].Rank != 0 {
		t.Errorf("decision is %+v", decision)
	}
}

// drawn makes any candidate, fitting or not.
func drawn() *rapid.Generator[routing.Candidate] {
	return rapid.Custom(func(t *rapid.T) routing.Candidate {
		return candidate(func(c *routing.Candidate) {
			c.Provider.Enabled = rapid.IntRange(0, 5).Draw(t, "provider enabled") > 0
			c.Offer.Enabled = rapid.IntRange(0, 5).Draw(t, "offer enabled") > 0
			c.Offer.MinQuantity = rapid.IntRange(1, 5).Draw(t, "min")
			c.Offer.Currency = rapid.SampledFrom([]order.Currency{"EUR", "EUR", "EUR", "USD"}).Draw(t, "currency")
			price, err := decimal.New(rapid.Int64Range(0, 5).Draw(t, "price"), 0)
			if err != nil {
				t.Fatal(err)
			}
			c.Offer.UnitPrice = price
		})
	})
}

func TestDecideIsAFunctionOfTheSet(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		candidates := rapid.SliceOfN(drawn(), 0, 12).Draw(t, "candidates")
		shuffled := rapid.Permutation(candidates).Draw(t, "shuffled")
		r := request()
		budget := amount("12")
		r.Budget = &budget
		one, other := routing.Decide(r, routing.BuiltIn(), slices.Clone(candidates)), routing.Decide(r, routing.BuiltIn(), shuffled)
		if diff := cmp.Diff(one.Verdicts, other.Verdicts, cmpopts.EquateEmpty(), cmp.Comparer(decimal.Decimal.Equal)); diff != "" {
			t.Fatalf("the order of the candidates matters:\n%s", diff)
		}
		if len(one.Verdicts) != len(candidates) || (one.Chosen == nil) != (other.Chosen == nil) {
			t.Fatalf("%d verdicts on %d candidates, chosen %v and %v", len(one.Verdicts), len(candidates), one.Chosen, other.Chosen)
		}
		if one.Chosen == nil {
			return
		}
		if one.Chosen.Offer.ID != other.Chosen.Offer.ID {
			t.Fatalf("chosen %s and %s", one.Chosen.Offer.ID, other.Chosen.Offer.ID)
		}
		for _, c := range candidates { // nothing that fits by itself is cheaper
			alone := routing.Decide(r, routing.BuiltIn(), []routing.Candidate{c})
			if alone.Chosen != nil && c.Offer.UnitPrice.Cmp(one.Chosen.Offer.UnitPrice) < 0 {
				t.Fatalf("%+v was chosen, though there is %+v", one.Chosen.Offer, c.Offer)
			}
		}
	})
}
