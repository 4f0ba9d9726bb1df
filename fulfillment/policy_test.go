package fulfillment_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/boostress/boostress/fulfillment"
	"github.com/boostress/boostress/internal/id"
	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/routing"
)

func scorers(kinds ...routing.Kind) routing.Rules {
	var rules routing.Rules
	for _, kind := range kinds {
		rules.Scorers = append(rules.Scorers, routing.Scorer{Kind: kind})
	}
	return rules
}

// drafted makes a draft of a policy.
func (s *stand) drafted(name string, rules routing.Rules, change func(*fulfillment.PolicyInput)) *routing.Policy {
	s.t.Helper()
	input := fulfillment.PolicyInput{Name: name, Rules: rules}
	if change != nil {
		change(&input)
	}
	p, err := s.CreateRoutingPolicy(s.ctx(), s.who, input)
	must(s.t, err)
	return p
}

// policy makes a policy and publishes it.
func (s *stand) policy(name string, rules routing.Rules, change func(*fulfillment.PolicyInput)) *routing.Policy {
	s.t.Helper()
	p, err := s.PublishRoutingPolicy(s.ctx(), s.who, s.drafted(name, rules, change).ID)
	must(s.t, err)
	return p
}

// routed places an order and returns its provider.
func (s *stand) routed(change func(*order.Draft)) uuid.UUID {
	s.t.Helper()
	o := s.place(change)
	s.steps()
	f := s.fulfillment(o)
	if f.ProviderID == nil {
		s.t.Fatalf("it is routed nowhere: %s", f.Failure)
	}
	return *f.ProviderID
}

func (s *stand) decision(f *order.Fulfillment) routing.Record {
	s.t.Helper()
	found, err := s.store.LatestDecisions(s.ctx(), s.who.AccountID, []uuid.UUID{f.ID})
	must(s.t, err)
	kept, known := found[f.ID]
	if !known {
		s.t.Fatal("no decision is kept")
	}
	return kept
}

// TestWhichPolicyRoutes: an order's own policy, else its category's, else the default, else the built-in one.
func TestWhichPolicyRoutes(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	cheap, dear := s.provider("cheap", "1"), s.provider("dear", "9")
	to := func(p *order.Provider) routing.Rules {
		return routing.Rules{Scorers: []routing.Scorer{{Kind: routing.Fixed, IDs: []uuid.UUID{p.ID}}}}
	}
	want := func(what string, got uuid.UUID, wanted *order.Provider) {
		t.Helper()
		if got != wanted.ID {
			t.Errorf("%s: it went elsewhere", what)
		}
	}
	want("built in", s.routed(nil), cheap)
	s.policy("usual", to(dear), func(in *fulfillment.PolicyInput) { in.Default = true })
	want("the default", s.routed(nil), dear)
	s.policy("for prints", to(cheap), func(in *fulfillment.PolicyInput) { in.Category = "prints" })
	want("the category's", s.routed(nil), cheap)
	s.policy("for cards", to(dear), func(in *fulfillment.PolicyInput) { in.Category = "cards" })
	want("not another category's", s.routed(nil), cheap)
	named := s.policy("named", to(dear), nil)
	own := func(d *order.Draft) { d.RoutingPolicyID = &named.ID }
	want("the order's", s.routed(own), dear)
	later := s.drafted("named", to(cheap), nil)
	want("drafts don't count", s.routed(own), dear)
	_, err := s.PublishRoutingPolicy(s.ctx(), s.who, later.ID)
	must(t, err)
	o := s.place(own)
	s.steps()
	f := s.fulfillment(o)
	want("its published version", *f.ProviderID, cheap)
	if kept := s.decision(f); kept.PolicyID == nil || *kept.PolicyID != later.ID || kept.PolicyVersion != 2 || kept.Considered != 2 ||
		!slices.Equal(kept.Scorers, []routing.Kind{routing.Fixed}) || kept.Cost == nil || !kept.Cost.Equal(amount("2")) {
		t.Errorf("the decision is kept as %+v", kept)
	}
	if _, err = s.PublishRoutingPolicy(s.ctx(), s.who, named.ID); err != nil {
		t.Error(err)
	}
	want("the former version again", s.routed(own), dear)
	states := query[string](s, "SELECT state FROM routing_policies WHERE name = 'named' ORDER BY version")
	if !slices.Equal(states, []string{"PUBLISHED", "ARCHIVED"}) {
		t.Errorf("versions are %v", states)
	}
}

// TestPoliciesAreReadOnce: a group asks for the policies only once they have changed.
func TestPoliciesAreReadOnce(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	s.provider("one", "1")
	s.policy("usual", scorers(routing.Cheapest), func(in *fulfillment.PolicyInput) { in.Default = true })
	s.routed(nil)
	s.exec("UPDATE routing_policies SET rules = '{}'") // which can't be read
	s.routed(nil)
	s.exec("UPDATE accounts SET policies_version = policies_version + 1")
	s.place(nil)
	s.hurry()
	if _, err := s.Intend(s.ctx(), s.claim()); !errors.Is(err, routing.ErrRules) {
		t.Errorf("the changed policies are read with %v", err)
	}
	s.exec(`UPDATE routing_policies SET rules = '{"format": 1, "scorers": []}'`)
}

// TestFallbackAndRetryAfterPublish: a policy that matches nothing is followed by its fallback; where nobody matches, what
// waits is routed as soon as a policy is published that does.
func TestFallbackAndRetryAfterPublish(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	one, other := s.provider("one", "1"), s.provider("other", "2")
	only := func(p *order.Provider) routing.Rules {
		rules := scorers(routing.Cheapest)
		rules.Only = []uuid.UUID{p.ID}
		return rules
	}
	second := s.policy("second", only(other), nil)
	first := s.policy("first", only(one), func(in *fulfillment.PolicyInput) { in.Default, in.FallbackID = true, &second.ID })
	for _, p := range []*order.Provider{one, other} {
		_, err := s.PauseProvider(s.ctx(), s.who, p.ID, "")
		must(t, err)
	}
	o := s.place(nil)
	s.idle()
	s.want(o, order.Pending, order.FulfillmentUnroutable)
	kept := s.decision(s.fulfillment(o))
	if kept.OfferID != nil || *kept.PolicyID != second.ID || len(kept.Passed) != 1 || kept.Passed[0].PolicyID != first.ID ||
		!strings.Contains(kept.Passed[0].Summary, string(routing.ProviderPaused)) {
		t.Errorf("the decision is kept as %+v", kept)
	}
	if s.order(o).Attention == "" {
		t.Error("nobody is told")
	}
	_, err := s.ResumeProvider(s.ctx(), s.who, one.ID)
	must(t, err)
	s.steps()
	s.want(o, order.Processing, order.FulfillmentSubmitting)

	// By policy alone: neither the catalog nor the order changes.
	s.policy("second", only(one), nil)
	s.policy("first", func() routing.Rules { r := scorers(routing.Cheapest); r.Excluded = []uuid.UUID{one.ID}; return r }(),
		func(in *fulfillment.PolicyInput) { in.Default = true })
	o = s.place(nil)
	s.idle()
	s.want(o, order.Pending, order.FulfillmentUnroutable)
	waiting := "SELECT count(*)::int FROM tasks WHERE claim_token IS NULL AND due_at > now()"
	if count := query[int](s, waiting); count[0] != 1 {
		t.Fatalf("%d tasks wait", count[0])
	}
	s.policy("first", scorers(routing.Cheapest), func(in *fulfillment.PolicyInput) { in.Default = true })
	if count := query[int](s, waiting); count[0] != 0 {
		t.Errorf("%d tasks still wait after the policy was published", count[0])
	}
	s.steps()
	s.want(o, order.Processing, order.FulfillmentSubmitting)
}

func TestBadPolicies(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	provider := s.provider("one", "1")
	stranger := s.account("stranger")
	theirs, err := s.CreateRoutingPolicy(s.ctx(), stranger, fulfillment.PolicyInput{Name: "theirs", Rules: scorers(routing.Cheapest)})
	must(t, err)
	_, err = s.PublishRoutingPolicy(s.ctx(), stranger, theirs.ID)
	must(t, err)
	draftOnly := s.drafted("draft", scorers(routing.Cheapest), nil)
	for name, test := range map[string]struct {
		change func(*fulfillment.PolicyInput)
		field  string
		code   order.Code
	}{
		"no name":          {func(in *fulfillment.PolicyInput) { in.Name = " " }, "name", order.CodeInvalid},
		"long name":        {func(in *fulfillment.PolicyInput) { in.Name = strings.Repeat("x", 201) }, "name", order.CodeInvalid},
		"blank category":   {func(in *fulfillment.PolicyInput) { in.Category = " " }, "category", order.CodeInvalid},
		"unknown action":   {func(in *fulfillment.PolicyInput) { in.LateAction = "PRAY" }, "lateAction", order.CodeInvalid},
		"bad rules":        {func(in *fulfillment.PolicyInput) { in.Rules.Scorers = nil }, "rules scorers", order.CodeOutOfRange},
		"bad key":          {func(in *fulfillment.PolicyInput) { in.IdempotencyKey = strings.Repeat("x", 201) }, "idempotencyKey", order.CodeTooLong},
		"unknown fallback": {func(in *fulfillment.PolicyInput) { in.FallbackID = new(id.New(id.RoutingPolicy)) }, "fallbackId", order.CodeNotFound},
		"their fallback":   {func(in *fulfillment.PolicyInput) { in.FallbackID = &theirs.ID }, "fallbackId", order.CodeNotFound},
		"itself":           {func(in *fulfillment.PolicyInput) { in.Name, in.FallbackID = "draft", &draftOnly.ID }, "fallbackId", order.CodeConflict},
		"unknown offer": {func(in *fulfillment.PolicyInput) {
			in.Rules.Scorers = []routing.Scorer{{Kind: routing.Fixed, IDs: []uuid.UUID{provider.ID, id.New(id.Offer)}}}
		}, "rules scorers 0 ids 1", order.CodeNotFound},
		"unknown excluded": {
			func(in *fulfillment.PolicyInput) { in.Rules.Excluded = []uuid.UUID{uuid.New()} },
			"rules excludedProviderIds 0", order.CodeNotFound,
		},
		"unknown only": {
			func(in *fulfillment.PolicyInput) { in.Rules.Only = []uuid.UUID{uuid.New()} },
			"rules onlyProviderIds 0", order.CodeNotFound,
		},
	} {
		input := fulfillment.PolicyInput{Name: "policy", Rules: scorers(routing.Cheapest)}
		test.change(&input)
		_, err := s.CreateRoutingPolicy(s.ctx(), s.who, input)
		wantFault(t, name, err, test.field, test.code)
	}
	if _, err := s.PublishRoutingPolicy(s.ctx(), s.who, theirs.ID); !errors.Is(err, order.ErrNotFound) {
		t.Errorf("another account's policy is published: %v", err)
	}
	onDraft := s.drafted("on draft", scorers(routing.Cheapest), func(in *fulfillment.PolicyInput) { in.FallbackID = &draftOnly.ID })
	_, err = s.PublishRoutingPolicy(s.ctx(), s.who, onDraft.ID)
	wantFault(t, "fallback not published", err, "id", order.CodeConflict)
	for name, policyID := range map[string]uuid.UUID{"draft": draftOnly.ID, "theirs": theirs.ID, "unknown": id.New(id.RoutingPolicy)} {
		_, err := s.CreateOrder(s.ctx(), s.who, draft(func(d *order.Draft) { d.RoutingPolicyID = &policyID }))
		wantFault(t, "order by "+name, err, "routingPolicyId", order.CodeNotFound)
	}
	if left := query[int](s, "SELECT count(*)::int FROM routing_policies WHERE account_id = $1", s.who.AccountID); left[0] != 2 {
		t.Errorf("there are %d versions, want the two drafts", left[0])
	}
}

func wantFault(t *testing.T, what string, err error, field string, code order.Code) {
	t.Helper()
	var faults order.Faults
	if !errors.As(err, &faults) || len(faults) != 1 || strings.Join(faults[0].Field, " ") != field || faults[0].Code != code {
		t.Errorf("%s: %v, want %s of %s", what, err, code, field)
	}
}

// TestPolicyVersionsUnderConcurrency: versions of a name are numbered without a gap, and one of them is in force.
func TestPolicyVersionsUnderConcurrency(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	made := together(12, func(int) error {
		p, err := s.CreateRoutingPolicy(s.ctx(), s.who, fulfillment.PolicyInput{Name: "one", Rules: scorers(routing.Cheapest)})
		if err == nil {
			_, err = s.PublishRoutingPolicy(s.ctx(), s.who, p.ID)
		}
		return err
	})
	must(t, made)
	versions := query[int](s, "SELECT version FROM routing_policies ORDER BY version")
	published := query[int](s, "SELECT count(*)::int FROM routing_policies WHERE state = 'PUBLISHED'")
	if len(versions) != 12 || versions[0] != 1 || versions[11] != 12 || published[0] != 1 {
		t.Errorf("versions are %v, %d of them published", versions, published[0])
	}
	audits := query[int](s, "SELECT count(*)::int FROM audit_entries WHERE action LIKE 'routingPolicy.%'")
	if audits[0] != 24 {
		t.Errorf("%d audit entries, want one for each change", audits[0])
	}
}

// TestPolicyOnce: the same request again answers with the first one's draft.
func TestPolicyOnce(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	keyed := func(in *fulfillment.PolicyInput) { in.IdempotencyKey = "k" }
	first := s.drafted("one", scorers(routing.Cheapest), keyed)
	if again := s.drafted("one", scorers(routing.Cheapest), keyed); again.ID != first.ID {
		t.Errorf("it made version %d", again.Version)
	}
	_, err := s.CreateRoutingPolicy(s.ctx(), s.who, fulfillment.PolicyInput{
		Name: "one", Rules: scorers(routing.Fastest), IdempotencyKey: "k",
	})
	wantFault(t, "other input", err, "idempotencyKey", order.CodeIdempotencyKeyReused)
}
