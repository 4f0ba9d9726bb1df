package routing

import (
	"slices"
	"time"

	"github.com/google/uuid"
)

// State is where a version of a policy stands.
type State string

// The states of a version of a policy.
const (
	Draft     State = "DRAFT"     // to be tried out
	Published State = "PUBLISHED" // in force
	Archived  State = "ARCHIVED"  // another version took its place
)

// LateAction says what happens to a fulfillment whose progress is late.
type LateAction string

// What late progress may cause.
const (
	LateAttention LateAction = "ATTENTION"          // a person is told
	LateReroute   LateAction = "CANCEL_AND_REROUTE" // its provider is asked to cancel it; once that is confirmed the rest goes elsewhere
)

// Policy is one version of a named way to route. Whoever names any version of it means the published one.
type Policy struct {
	ID          uuid.UUID
	AccountID   uuid.UUID
	Name        string
	Version     int // of this name, from 1
	State       State
	Category    string // of the orders that it is for; "": none in particular
	Default     bool   // it is for orders that no other policy is for
	Rules       Rules
	FallbackID  *uuid.UUID // the policy that is asked where this one matches nothing
	LateAction  LateAction
	CreatedBy   string
	CreatedAt   time.Time
	PublishedAt *time.Time
	ArchivedAt  *time.Time
}

// CategoryName returns the category of the orders that the policy is for; nil: none in particular.
func (p *Policy) CategoryName() *string {
	if p.Category == "" {
		return nil
	}
	return &p.Category
}

// Pass is a policy that was asked and matched nothing.
type Pass struct {
	PolicyID uuid.UUID `json:"policyId"`
	Version  int       `json:"version"`
	Summary  string    `json:"summary"` // why nothing matched
}

// Book holds an account's published policies.
type Book struct {
	byID       map[uuid.UUID]*Policy // the published version, by the id of any version
	byCategory map[string]*Policy
	standard   *Policy
}

// NewBook makes a book of all versions of an account's policies; the rules of the published ones only are needed. Where
// several are for a category, or the default, the one that was published last is.
func NewBook(versions []*Policy) *Book {
	b := &Book{byID: make(map[uuid.UUID]*Policy, len(versions)), byCategory: make(map[string]*Policy)}
	published := make(map[string]*Policy)
	for _, p := range versions {
		if p.State != Published {
			continue
		}
		published[p.Name] = p
		if p.Category != "" && later(p, b.byCategory[p.Category]) {
			b.byCategory[p.Category] = p
		}
		if p.Default && later(p, b.standard) {
			b.standard = p
		}
	}
	for _, p := range versions {
		if inForce := published[p.Name]; inForce != nil {
			b.byID[p.ID] = inForce
		}
	}
	return b
}

func later(p, other *Policy) bool {
	return other == nil || p.PublishedAt != nil && (other.PublishedAt == nil || p.PublishedAt.After(*other.PublishedAt))
}

// ByID returns the published version of the policy of which the id names any version, or nil.
func (b *Book) ByID(id uuid.UUID) *Policy {
	if b == nil {
		return nil
	}
	return b.byID[id]
}

// For returns the policy for an order: the one it names, or else its category's, or else the default; nil: none.
func (b *Book) For(policyID *uuid.UUID, category string) *Policy {
	if b == nil {
		return nil
	}
	if policyID != nil {
		if named := b.byID[*policyID]; named != nil {
			return named
		}
	}
	if forCategory := b.byCategory[category]; forCategory != nil {
		return forCategory
	}
	return b.standard
}

// mostPolicies bounds a chain of fallbacks.
const mostPolicies = 10

// Chain returns a policy and those that are asked after it where nothing matches, each once.
func (b *Book) Chain(first *Policy) []*Policy {
	var chain []*Policy
	for p := first; p != nil && len(chain) < mostPolicies; {
		chain = append(chain, p)
		if p.FallbackID == nil {
			break
		}
		next := b.ByID(*p.FallbackID)
		if next != nil && slices.ContainsFunc(chain, func(earlier *Policy) bool { return earlier.Name == next.Name }) {
			break
		}
		p = next
	}
	return chain
}

// Choose decides by the first policy of a chain by which anything matches, or, where that is none, by the last one. An
// empty chain means the built-in rules.
func Choose(request Request, chain []*Policy, candidates []Candidate) Decision {
	if len(chain) == 0 {
		return Decide(request, BuiltIn(), candidates)
	}
	var passed []Pass
	var retryAt *time.Time
	for i, policy := range chain {
		decision := Decide(request, &policy.Rules, candidates)
		decision.Policy, decision.Passed = policy, passed
		if retryAt == nil || decision.RetryAt != nil && decision.RetryAt.Before(*retryAt) {
			retryAt = decision.RetryAt
		}
		decision.RetryAt = retryAt
		if decision.Chosen != nil || i == len(chain)-1 {
			return decision
		}
		passed = append(passed, Pass{policy.ID, policy.Version, decision.Summary()})
	}
	return Decision{}
}
