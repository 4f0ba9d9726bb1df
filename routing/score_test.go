package routing_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"github.com/boostress/boostress/internal/id"
	"github.com/boostress/boostress/routing"
)

func rules(kinds ...routing.Kind) *routing.Rules {
	made := &routing.Rules{}
	for _, kind := range kinds {
		made.Scorers = append(made.Scorers, routing.Scorer{Kind: kind})
	}
	return made
}

// TestEachScorer has, for each kind, candidates in the order in which it must rank them, made in the opposite order, so
// that their ids alone would rank them the other way round.
func TestEachScorer(t *testing.T) {
	t.Parallel()
	type change = func(*routing.Candidate)
	priority := func(provider, offer int) change {
		return func(c *routing.Candidate) { c.Provider.Priority, c.Offer.Priority = provider, offer }
	}
	price := func(text string) change { return func(c *routing.Candidate) { c.Offer.UnitPrice = amount(text) } }
	takes := func(long time.Duration) change {
		return func(c *routing.Candidate) { c.Provider.Measured.FulfillTime = &long }
	}
	offerTakes := func(long, provider time.Duration) change {
		return func(c *routing.Candidate) { c.Offer.FulfillTime, c.Provider.Measured.FulfillTime = &long, &provider }
	}
	succeeds := func(rate float64) change {
		return func(c *routing.Candidate) { c.Provider.Measured.SuccessRate = &rate }
	}
	open := func(count int) change { return func(c *routing.Candidate) { c.Provider.Measured.Open = count } }
	chosen := func(ago time.Duration) change {
		return func(c *routing.Candidate) { c.Provider.Measured.LastChosenAt = new(noon.Add(-ago)) }
	}
	for kind, want := range map[routing.Kind][]change{
		routing.Priority: {priority(9, 0), priority(2, 3), priority(2, 1), priority(0, 9), nil},
		routing.Cheapest: {price("0"), price("0.000001"), price("1.5"), price("1.500001")},
		routing.Fastest: {
			takes(0), takes(time.Second), takes(time.Second + time.Millisecond), offerTakes(time.Minute, 0), takes(time.Hour),
			offerTakes(2*time.Hour, time.Second), takes(240 * time.Hour), nil,
		},
		routing.MostReliable: {succeeds(1), succeeds(0.99), succeeds(0.5), succeeds(0), nil},
		routing.LeastLoaded:  {nil, open(1), open(2), open(100)},
		routing.RoundRobin:   {nil, chosen(time.Hour), chosen(time.Microsecond), chosen(0)},
	} {
		candidates := make([]routing.Candidate, len(want))
		for i, change := range slices.Backward(want) {
			candidates[i] = candidate(change)
		}
		got := routing.Decide(request(), rules(kind), shuffled(candidates)).Verdicts
		for i := range got {
			if got[i].OfferID != candidates[i].Offer.ID || got[i].Rank != i+1 {
				t.Errorf("%s: place %d has rank %d and is another one than wanted", kind, i, got[i].Rank)
			}
		}
		if measured := kind == routing.Fastest || kind == routing.MostReliable; measured != (got[len(got)-1].Scores[0] == nil) {
			t.Errorf("%s: the last one's score is %v", kind, got[len(got)-1].Scores[0])
		}
	}
}

// shuffled is another order, always the same one.
func shuffled(candidates []routing.Candidate) []routing.Candidate {
	mixed := slices.Clone(candidates)
	for i := range mixed {
		j := (i*7 + 3) % len(mixed)
		mixed[i], mixed[j] = mixed[j], mixed[i]
	}
	return mixed
}

func TestFixedRanksByOfferAndProvider(t *testing.T) {
	t.Parallel()
	unlisted, byProvider, byOffer := candidate(nil), candidate(nil), candidate(nil)
	fixed := &routing.Rules{Scorers: []routing.Scorer{
		{Kind: routing.Fixed, IDs: []uuid.UUID{byOffer.Offer.ID, byProvider.Provider.ID}},
	}}
	got := routing.Decide(request(), fixed, []routing.Candidate{unlisted, byProvider, byOffer}).Verdicts
	want := []uuid.UUID{byOffer.Offer.ID, byProvider.Offer.ID, unlisted.Offer.ID}
	for i, verdict := range got {
		if verdict.OfferID != want[i] {
			t.Errorf("place %d is another one than wanted", i)
		}
	}
	if *got[1].Scores[0] != 2 || got[2].Scores[0] != nil {
		t.Errorf("scores are %v and %v, want 2 and none", got[1].Scores[0], got[2].Scores[0])
	}
}

func TestFewestSplitsPrefersWhoTakesMore(t *testing.T) {
	t.Parallel()
	half := candidate(func(c *routing.Candidate) { c.Offer.MaxQuantity = 2 })
	most := candidate(func(c *routing.Candidate) { c.Offer.MaxQuantity = 3; c.Offer.UnitPrice = amount("9") })
	got := routing.Decide(request(), rules(routing.FewestSplits, routing.Cheapest), []routing.Candidate{most, half})
	if got.Chosen.Offer.ID != half.Offer.ID || got.Quantity != 2 {
		t.Errorf("both take two parts, and %d go to the dearer one", got.Quantity)
	}
	r := request()
	r.Quantity = 5
	got = routing.Decide(r, rules(routing.FewestSplits, routing.Cheapest), []routing.Candidate{half, most})
	if got.Chosen.Offer.ID != most.Offer.ID || got.Quantity != 3 || len(got.Parts) != 2 {
		t.Errorf("%d go to %+v in %d parts, want 3 to who takes more, in two", got.Quantity, got.Chosen.Offer, len(got.Parts))
	}
}

// TestLaterScorersBreakTies has two that differ only in what the second scorer looks at, and then only in their ids.
func TestLaterScorersBreakTies(t *testing.T) {
	t.Parallel()
	older := candidate(nil)
	loaded := candidate(func(c *routing.Candidate) { c.Provider.Measured.Open = 3 })
	newer := candidate(nil)
	for range 3 {
		got := routing.Decide(request(), rules(routing.Cheapest, routing.LeastLoaded), []routing.Candidate{newer, loaded, older})
		order := []uuid.UUID{got.Verdicts[0].OfferID, got.Verdicts[1].OfferID, got.Verdicts[2].OfferID}
		if !slices.Equal(order, []uuid.UUID{older.Offer.ID, newer.Offer.ID, loaded.Offer.ID}) {
			t.Errorf("ranking is %v", order)
		}
	}
}

// TestWeightedIsFair draws for many fulfillments: each candidate is chosen about as often as its weights say.
func TestWeightedIsFair(t *testing.T) {
	t.Parallel()
	weights := [][2]int{{1, 1}, {3, 1}, {2, 3}}
	var candidates []routing.Candidate
	for _, weight := range weights {
		candidates = append(candidates, candidate(func(c *routing.Candidate) { c.Provider.Weight, c.Offer.Weight = weight[0], weight[1] }))
	}
	const draws = 20_000
	chosen := map[uuid.UUID]int{}
	for range draws {
		r := request()
		r.FulfillmentID = id.New(id.Fulfillment)
		chosen[routing.Decide(r, rules(routing.Weighted), candidates).Chosen.Offer.ID]++
	}
	for i, weight := range weights {
		want, got := draws*weight[0]*weight[1]/10, chosen[candidates[i].Offer.ID]
		if got < want*9/10 || got > want*11/10 {
			t.Errorf("weight %v was chosen %d times, want about %d", weight, got, want)
		}
	}
}

// TestWeightedMovesOnlyWhatItMust: without one candidate only what it would have got goes elsewhere.
func TestWeightedMovesOnlyWhatItMust(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		candidates := rapid.SliceOfN(drawn(), 2, 8).Draw(t, "candidates")
		r := request()
		r.FulfillmentID = id.New(id.Fulfillment)
		before := routing.Decide(r, rules(routing.Weighted), candidates)
		gone := rapid.IntRange(0, len(candidates)-1).Draw(t, "gone")
		if before.Chosen == nil || before.Chosen.Offer.ID == candidates[gone].Offer.ID {
			return
		}
		after := routing.Decide(r, rules(routing.Weighted), slices.Delete(slices.Clone(candidates), gone, gone+1))
		if after.Chosen == nil || after.Chosen.Offer.ID != before.Chosen.Offer.ID {
			t.Fatalf("it went elsewhere though its candidate stayed")
		}
	})
}
