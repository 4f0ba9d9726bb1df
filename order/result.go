package order

import (
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
)

// ResultKind is what kind of thing a provider handed over.
type ResultKind string

// The kinds of results.
const (
	ResultTracking ResultKind = "TRACKING"
	ResultCode     ResultKind = "CODE"
	ResultFile     ResultKind = "FILE"
	ResultText     ResultKind = "TEXT"
)

// Bounds of results; what is beyond them is not taken.
const (
	MaxResults     = 20      // of a fulfillment
	MaxResultValue = 4 << 10 // bytes of a value, and of a URL
	MaxResultLabel = 200     // bytes of a label, a carrier, and a provider's id of a result
)

// ExternalResult is something that a provider hands over for one of its orders, as it tells of it.
type ExternalResult struct {
	ID      string // the provider's, unique within the order
	Kind    ResultKind
	Label   string // for people; it is shown wherever the result is spoken of, and must tell nothing of a secret value
	Value   string // the tracking number, the code, the text, or the file's name
	URL     string // http or https, or ""
	Carrier string // of TRACKING
	Secret  bool   // value and URL are shown to nobody who does not ask for them
}

// Result is something that a provider handed over for a fulfillment.
type Result struct {
	ID            uuid.UUID
	AccountID     uuid.UUID
	FulfillmentID uuid.UUID
	ExternalID    string // the provider's
	Kind          ResultKind
	Label         string
	Value         string // "" of a secret one
	URL           string // "" of a secret one
	Carrier       string
	Secret        bool
	Sealed        []byte // of a secret one: value and URL, sealed to ID
	CreatedAt     time.Time
	UpdatedAt     time.Time
}

// SameAs reports whether a result shows the same as another one, but for what may be sealed.
func (r *Result) SameAs(other *Result) bool {
	return r.Kind == other.Kind && r.Label == other.Label && r.Carrier == other.Carrier && r.Secret == other.Secret &&
		r.Value == other.Value && r.URL == other.URL
}

// Clean returns the result as it can be kept; ok is false where it can't be. A URL that is not of the web is dropped: people
// click on it.
func (r ExternalResult) Clean() (clean ExternalResult, ok bool) {
	for _, text := range []string{r.ID, r.Label, r.Value, r.URL, r.Carrier} {
		if !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
			return r, false
		}
	}
	switch r.Kind {
	case ResultTracking, ResultCode, ResultFile, ResultText:
	default:
		return r, false
	}
	if !webURL(r.URL) {
		r.URL = ""
	}
	if r.Kind != ResultTracking {
		r.Carrier = ""
	}
	fits := len(r.ID) <= MaxResultLabel && len(r.Label) <= MaxResultLabel && len(r.Carrier) <= MaxResultLabel
	return r, r.ID != "" && fits && len(r.Value) <= MaxResultValue && (r.Value != "" || r.URL != "")
}

// webURL reports whether a text is an address of the web that tells no password.
func webURL(text string) bool {
	if text == "" || len(text) > MaxResultValue {
		return false
	}
	address, err := url.Parse(text)
	if err != nil {
		return false
	}
	return (address.Scheme == "http" || address.Scheme == "https") && address.Host != "" && address.User == nil
}

// resultField is the field by which an event tells of a result.
const resultField = "fulfillment.result"

// TakesResults reports whether the results that seen tells of are f's, and news. It is asked before seen is taken in.
func (f *Fulfillment) TakesResults(seen ExternalOrder) bool {
	state, known := externalStatuses()[seen.State]
	return len(seen.Results) > 0 && f.called() && !f.outdates(seen) && (!f.Status.Final() || known && state.Final())
}

// AddResults tells of results that a provider handed over for f, or changed. The event names their kinds and labels, never
// their values: events are sent to whoever listens.
func (c *Case) AddResults(f *Fulfillment, results []*Result) {
	changes := make([]Change, len(results))
	for i, result := range results {
		name := strings.TrimSpace(string(result.Kind) + " " + result.Label)
		changes[i] = Change{Field: resultField, After: &name}
	}
	c.write(EventResultAdded, f, c.look(f), changes...)
}
