package routing_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/boostress/boostress/internal/id"
	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/routing"
)

// policy is a published one, for change.
func policy(name string, version int, change func(*routing.Policy)) *routing.Policy {
	p := &routing.Policy{
		ID: id.New(id.RoutingPolicy), Name: name, Version: version, State: routing.Published, Rules: *routing.BuiltIn(),
		PublishedAt: new(noon),
	}
	if change != nil {
		change(p)
	}
	return p
}

func archived(p *routing.Policy) { p.State = routing.Archived }

func TestWhichPolicyIsInForce(t *testing.T) {
	t.Parallel()
	old := policy("named", 1, archived)
	named := policy("named", 2, nil)
	draft := policy("named", 3, func(p *routing.Policy) { p.State = routing.Draft })
	onlyDraft := policy("new", 1, func(p *routing.Policy) { p.State, p.Default, p.Category = routing.Draft, true, "prints" })
	prints := policy("prints", 1, func(p *routing.Policy) { p.Category = "prints" })
	formerly := policy("formerly", 1, func(p *routing.Policy) { p.Category, p.PublishedAt = "prints", new(noon.Add(-time.Hour)) })
	standard := policy("standard", 1, func(p *routing.Policy) { p.Default = true })
	all := []*routing.Policy{prints, formerly, old, draft, onlyDraft, standard, named}
	for name, test := range map[string]struct {
		versions []*routing.Policy
		named    *uuid.UUID
		category string
		want     *routing.Policy
	}{
		"none":                        {nil, nil, "prints", nil},
		"the order's":                 {all, &named.ID, "prints", named},
		"by an old version":           {all, &old.ID, "prints", named},
		"by a draft's version":        {all, &draft.ID, "prints", named},
		"never published":             {all, &onlyDraft.ID, "cards", standard},
		"the category's, latest":      {all, nil, "prints", prints},
		"the default":                 {all, nil, "cards", standard},
		"drafts are not in force":     {[]*routing.Policy{onlyDraft}, nil, "prints", nil},
		"a category's is no other's":  {[]*routing.Policy{prints}, nil, "cards", nil},
		"unknown, then the default's": {all, new(uuid.New()), "cards", standard},
	} {
		if got := routing.NewBook(test.versions).For(test.named, test.category); got != test.want {
			t.Errorf("%s: %+v", name, got)
		}
	}
	var empty *routing.Book
	if empty.For(&named.ID, "prints") != nil || empty.ByID(named.ID) != nil {
		t.Error("no book has a policy")
	}
}

func TestChainAsksEachOnce(t *testing.T) {
	t.Parallel()
	first, second, third := policy("1", 1, nil), policy("2", 1, archived), policy("3", 1, nil)
	secondNow := policy("2", 2, func(p *routing.Policy) { p.FallbackID = &third.ID })
	first.FallbackID, third.FallbackID = &second.ID, &first.ID
	book := routing.NewBook([]*routing.Policy{first, second, third, secondNow})
	if got := book.Chain(first); !slices.Equal(got, []*routing.Policy{first, secondNow, third}) {
		t.Errorf("chain has %d policies", len(got))
	}
	third.FallbackID = new(uuid.New())
	if got := book.Chain(third); !slices.Equal(got, []*routing.Policy{third}) {
		t.Errorf("chain beyond what is known has %d policies", len(got))
	}
	if got := book.Chain(nil); got != nil {
		t.Errorf("chain of nothing is %v", got)
	}
}

func TestChooseFallsBack(t *testing.T) {
	t.Parallel()
	c := candidate(nil)
	picky := policy("picky", 3, func(p *routing.Policy) { p.Rules.Only = []uuid.UUID{uuid.New()} })
	open := policy("open", 1, nil)
	got := routing.Choose(request(), []*routing.Policy{picky, open}, []routing.Candidate{c})
	if got.Chosen == nil || got.Policy != open || len(got.Passed) != 1 || got.Passed[0].PolicyID != picky.ID ||
		got.Passed[0].Version != 3 || !strings.Contains(got.Passed[0].Summary, string(routing.ExcludedByPolicy)) {
		t.Errorf("decision is %+v", got)
	}
	got = routing.Choose(request(), []*routing.Policy{picky, picky}, []routing.Candidate{c})
	if got.Chosen != nil || got.Policy != picky || len(got.Passed) != 1 {
		t.Errorf("decision is %+v", got)
	}
	got = routing.Choose(request(), nil, []routing.Candidate{c})
	if got.Chosen == nil || got.Policy != nil {
		t.Errorf("decision without a policy is %+v", got)
	}
}

// TestRetryAtIsTheEarliest: it is known when what passes by itself has passed.
func TestRetryAtIsTheEarliest(t *testing.T) {
	t.Parallel()
	at := func(moved time.Duration) *time.Time { return new(noon.Add(moved)) }
	candidates := []routing.Candidate{
		candidate(func(c *routing.Candidate) { c.Offer.AvailableFrom = at(3 * time.Minute) }),
		candidate(func(c *routing.Candidate) { c.Provider.Measured.BreakerOpenUntil = at(2 * time.Minute) }),
		candidate(func(c *routing.Candidate) { c.Offer.GivenAt, c.Offer.CoolDown = at(-time.Minute), 5*time.Minute }),
		candidate(func(c *routing.Candidate) { c.Offer.Enabled = false }),
	}
	for _, test := range []struct {
		candidates []routing.Candidate
		want       *time.Time
	}{{candidates, at(2 * time.Minute)}, {candidates[2:], at(4 * time.Minute)}, {candidates[3:], nil}} {
		got := routing.Decide(request(), routing.BuiltIn(), test.candidates).RetryAt
		if (got == nil) != (test.want == nil) || got != nil && !got.Equal(*test.want) {
			t.Errorf("again at %v, want %v", got, test.want)
		}
	}
}

func TestRulesAreStored(t *testing.T) {
	t.Parallel()
	want := routing.Rules{
		Scorers:  []routing.Scorer{{Kind: routing.Fixed, IDs: []uuid.UUID{uuid.New()}}, {Kind: routing.Weighted}},
		Excluded: []uuid.UUID{uuid.New()}, Only: []uuid.UUID{uuid.New()}, NoSplit: true, PartLimit: 3,
	}
	text, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var got routing.Rules
	if err := json.Unmarshal(text, &got); err != nil || !cmp.Equal(got, want) {
		t.Errorf("%s is read as %+v: %v", text, got, err)
	}
	for _, bad := range []string{`{"format":2,"scorers":[]}`, `{}`, `[]`, `{"format":1,"scorers":[{"ids":["x"]}]}`} {
		if err := json.Unmarshal([]byte(bad), &got); !errors.Is(err, routing.ErrRules) {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

func TestRulesValidate(t *testing.T) {
	t.Parallel()
	many := make([]uuid.UUID, routing.MostIDs+1)
	for name, test := range map[string]struct {
		rules routing.Rules
		field string // of the only fault; "": there is none
		code  order.Code
	}{
		"built in":         {*routing.BuiltIn(), "", ""},
		"no scorer":        {routing.Rules{}, "scorers", order.CodeOutOfRange},
		"unknown":          {*rules("BEST"), "scorers 0 kind", order.CodeInvalid},
		"twice":            {*rules(routing.Cheapest, routing.Fastest, routing.Cheapest), "scorers 2 kind", order.CodeConflict},
		"fixed to nothing": {*rules(routing.Fixed), "scorers 0 ids", order.CodeRequired},
		"ids of others": {
			routing.Rules{Scorers: []routing.Scorer{{Kind: routing.Fastest, IDs: many[:1]}}},
			"scorers 0 ids", order.CodeInvalid,
		},
		"too many ids": {
			routing.Rules{Scorers: []routing.Scorer{{Kind: routing.Fixed, IDs: many}}},
			"scorers 0 ids", order.CodeOutOfRange,
		},
		"too many excluded": {routing.Rules{Scorers: routing.BuiltIn().Scorers, Excluded: many}, "excludedProviderIds", order.CodeOutOfRange},
		"too many only":     {routing.Rules{Scorers: routing.BuiltIn().Scorers, Only: many}, "onlyProviderIds", order.CodeOutOfRange},
		"one part":          {routing.Rules{Scorers: routing.BuiltIn().Scorers, PartLimit: 1}, "partLimit", order.CodeOutOfRange},
		"eleven parts":      {routing.Rules{Scorers: routing.BuiltIn().Scorers, PartLimit: 11}, "partLimit", order.CodeOutOfRange},
		"ten parts":         {routing.Rules{Scorers: routing.BuiltIn().Scorers, PartLimit: 10}, "", ""},
		"all":               {*allKinds(), "", ""},
	} {
		faults := test.rules.Validate()
		switch {
		case test.field == "" && len(faults) == 0:
		case len(faults) != 1 || strings.Join(faults[0].Field, " ") != test.field || faults[0].Code != test.code:
			t.Errorf("%s: %v", name, faults)
		}
	}
}

// allKinds has as many kinds of scorers as may be.
func allKinds() *routing.Rules {
	return rules(routing.Kinds()[1:]...)
}
