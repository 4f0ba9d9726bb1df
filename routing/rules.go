package routing

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/google/uuid"

	"github.com/boostress/boostress/order"
)

// ErrRules is returned for stored rules that can't be read.
var ErrRules = errors.New("bad routing rules")

// Bounds of what rules may hold.
const (
	MostScorers = 8
	MostIDs     = 1000 // of one list
	MostParts   = 10   // into which a quantity may be split
)

// rulesFormat is the version of the rules' JSON.
const rulesFormat = 1

// Rules say which offers may be chosen, besides what always holds, and which of them is.
type Rules struct { //nolint:recvcheck // MarshalJSON is for rules within other things, too
	Scorers   []Scorer    // the second decides where the first finds no difference, and so on
	Excluded  []uuid.UUID // providers that are never chosen
	Only      []uuid.UUID // providers of which one is chosen; empty: any
	NoSplit   bool        // a quantity that no offer can take stays whole
	PartLimit int         // into how many parts it may be split, 2 to MostParts; 0: MostParts
}

// Scorer is one criterion of a ranking.
type Scorer struct {
	Kind Kind        `json:"kind"`
	IDs  []uuid.UUID `json:"ids,omitempty"` // of FIXED: offers and providers, the first choice first
}

// BuiltIn are the rules where there is no policy: the cheapest offer.
func BuiltIn() *Rules { return &Rules{Scorers: []Scorer{{Kind: Cheapest}}} }

type rulesJSON struct {
	Format    int         `json:"format"`
	Scorers   []Scorer    `json:"scorers"`
	Excluded  []uuid.UUID `json:"excludedProviderIds,omitempty"`
	Only      []uuid.UUID `json:"onlyProviderIds,omitempty"`
	NoSplit   bool        `json:"noSplit,omitempty"`
	PartLimit int         `json:"partLimit,omitempty"`
}

// MarshalJSON writes the rules as they are stored.
func (r Rules) MarshalJSON() ([]byte, error) {
	return json.Marshal(rulesJSON{rulesFormat, r.Scorers, r.Excluded, r.Only, r.NoSplit, r.PartLimit}) //nolint:wrapcheck // it can't fail
}

// UnmarshalJSON reads stored rules. It fails with ErrRules for what a later version wrote.
func (r *Rules) UnmarshalJSON(text []byte) error {
	var stored rulesJSON
	if err := json.Unmarshal(text, &stored); err != nil {
		return fmt.Errorf("%w: %w", ErrRules, err)
	}
	if stored.Format != rulesFormat {
		return fmt.Errorf("%w: format %d, want %d", ErrRules, stored.Format, rulesFormat)
	}
	*r = Rules{stored.Scorers, stored.Excluded, stored.Only, stored.NoSplit, stored.PartLimit}
	return nil
}

// Validate lists all that is wrong with the rules, with paths as in the API's RoutingRulesInput.
func (r *Rules) Validate() order.Faults {
	var faults order.Faults
	fault := func(wrong bool, code order.Code, message string, field ...string) {
		if wrong {
			faults = append(faults, order.Fault{Field: field, Code: code, Message: message})
		}
	}
	fault(len(r.Scorers) == 0 || len(r.Scorers) > MostScorers, order.CodeOutOfRange,
		fmt.Sprintf("must hold 1 to %d scorers", MostScorers), "scorers")
	for i, scorer := range r.Scorers {
		place := strconv.Itoa(i)
		fault(!slices.Contains(Kinds(), scorer.Kind), order.CodeInvalid, "is no kind of scorer", "scorers", place, "kind")
		same := func(other Scorer) bool { return other.Kind == scorer.Kind }
		fault(slices.IndexFunc(r.Scorers, same) < i, order.CodeConflict, "is there already: name each kind once", "scorers", place, "kind")
		fault(scorer.Kind == Fixed && len(scorer.IDs) == 0, order.CodeRequired, "must name offers or providers", "scorers", place, "ids")
		fault(scorer.Kind != Fixed && len(scorer.IDs) > 0, order.CodeInvalid, "is for FIXED only: leave it out", "scorers", place, "ids")
		fault(len(scorer.IDs) > MostIDs, order.CodeOutOfRange, fmt.Sprintf("must be at most %d", MostIDs), "scorers", place, "ids")
	}
	fault(len(r.Excluded) > MostIDs, order.CodeOutOfRange, fmt.Sprintf("must be at most %d", MostIDs), "excludedProviderIds")
	fault(len(r.Only) > MostIDs, order.CodeOutOfRange, fmt.Sprintf("must be at most %d", MostIDs), "onlyProviderIds")
	fault(r.PartLimit != 0 && (r.PartLimit < 2 || r.PartLimit > MostParts), order.CodeOutOfRange,
		fmt.Sprintf("must be 2 to %d", MostParts), "partLimit")
	return faults
}

// kinds lists what the scorers rank by.
func (r *Rules) kinds() []Kind {
	kinds := make([]Kind, len(r.Scorers))
	for i := range r.Scorers {
		kinds[i] = r.Scorers[i].Kind
	}
	return kinds
}

// allows reports whether the rules let a provider be chosen.
func (r *Rules) allows(providerID uuid.UUID) bool {
	return !slices.Contains(r.Excluded, providerID) && (len(r.Only) == 0 || slices.Contains(r.Only, providerID))
}

// SplitAllowed reports whether a quantity that no offer can take as a whole may be split.
func (r *Rules) SplitAllowed() bool { return !r.NoSplit }

// MostParts returns into how many parts the rules let a quantity be split.
func (r *Rules) MostParts() int {
	switch {
	case r.NoSplit:
		return 1
	case r.PartLimit == 0:
		return MostParts
	default:
		return r.PartLimit
	}
}

// place returns the place, from 1, of an offer or its provider in the list, whichever comes first; 0: neither is there.
func (s *Scorer) place(offerID, providerID uuid.UUID) int {
	return 1 + slices.IndexFunc(s.IDs, func(id uuid.UUID) bool { return id == offerID || id == providerID })
}
