package order

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
)

// ExternalOffer is an offer as its provider lists it.
type ExternalOffer struct {
	ExternalID     string
	Name           string
	Category       string
	ServiceType    string
	UnitPrice      Money
	MinQuantity    int
	MaxQuantity    int // 0: unlimited
	AvailableFrom  *time.Time
	AvailableUntil *time.Time
	SLA            time.Duration // 0: not told
}

// SyncMode says whether what a provider lists takes effect at once.
type SyncMode string

// The modes of a synchronization.
const (
	SyncApply   SyncMode = "APPLY"
	SyncPropose SyncMode = "PROPOSE"
)

// SyncState is where a synchronization stands.
type SyncState string

// The states of a synchronization.
const (
	SyncRunning   SyncState = "RUNNING"   // the provider is being asked
	SyncProposed  SyncState = "PROPOSED"  // somebody has to approve it
	SyncApplied   SyncState = "APPLIED"   // the catalog is as the provider lists it
	SyncDiscarded SyncState = "DISCARDED" // nothing was changed
	SyncFailed    SyncState = "FAILED"    // the provider could not be asked, or said nothing usable
)

// OfferSync is one comparison of a provider's offers with what it lists.
type OfferSync struct {
	ID         uuid.UUID
	AccountID  uuid.UUID
	ProviderID uuid.UUID
	Mode       SyncMode
	State      SyncState
	Added      int // changes by kind
	Changed    int
	Disabled   int
	Skipped    int
	Error      string // of a failed one; or why one that was to be applied is proposed instead
	CreatedBy  string
	CreatedAt  time.Time
	ListedAt   *time.Time // when the provider's list was compared
	DecidedBy  string     // who approved or discarded it; "" where nobody had to
	DecidedAt  *time.Time
}

// OfferChangeKind is what a synchronization does to an offer.
type OfferChangeKind string

// The kinds of changes of a synchronization.
const (
	OfferAdd     OfferChangeKind = "ADD"
	OfferChanged OfferChangeKind = "CHANGE"
	OfferDisable OfferChangeKind = "DISABLE" // it is listed no more
	OfferSkip    OfferChangeKind = "SKIP"    // reported, not applied
)

// OfferChange is what a synchronization does to one offer.
type OfferChange struct {
	ID         uuid.UUID
	AccountID  uuid.UUID
	SyncID     uuid.UUID
	Kind       OfferChangeKind
	ExternalID string
	OfferID    *uuid.UUID // nil: it is not there yet
	Name       string
	Reason     string   // of SKIP and DISABLE
	Fields     []Change // before and after, of what differs
	Offer      *Offer   // as it becomes; nil of SKIP
}

// fields are what a synchronization compares, by name and in order.
func (o *Offer) fields() [][2]string {
	return [][2]string{
		{"name", o.Name},
		{"category", o.Category},
		{"serviceType", o.ServiceType},
		{"unitPrice", o.UnitPrice.Trim(0).String()},
		{"minQuantity", strconv.Itoa(o.MinQuantity)},
		{"maxQuantity", quantityText(o.MaxQuantity)},
		{"availableFrom", textOfTime(o.AvailableFrom)},
		{"availableUntil", textOfTime(o.AvailableUntil)},
		{"sla", durationText(o.SLA)},
		{"isEnabled", strconv.FormatBool(o.Enabled)},
	}
}

func quantityText(most int) string {
	if most == 0 {
		return ""
	}
	return strconv.Itoa(most)
}

func durationText(span time.Duration) string {
	if span == 0 {
		return ""
	}
	return span.String()
}

// Differences lists what differs between two states of an offer.
func (o *Offer) Differences(after *Offer) []Change {
	var changes []Change
	then := after.fields()
	for i, field := range o.fields() {
		if field[1] != then[i][1] {
			changes = append(changes, Change{Field: field[0], Before: text(field[1]), After: text(then[i][1])})
		}
	}
	return changes
}

// StillAsBefore reports whether an offer is as it was when the change was worked out; nil: it is not there.
func (c *OfferChange) StillAsBefore(now *Offer) bool {
	if c.Kind == OfferAdd || now == nil {
		return (c.Kind == OfferAdd) == (now == nil)
	}
	known := make(map[string]string, len(c.Fields))
	for _, field := range now.fields() {
		known[field[0]] = field[1]
	}
	for _, field := range c.Fields {
		before := ""
		if field.Before != nil {
			before = *field.Before
		}
		if known[field.Field] != before {
			return false
		}
	}
	return true
}

// CompareOffers works out what makes a provider's offers what it lists. Offers in another currency than the provider's,
// impossible ones and repeated ones are skipped, and what they are called here stays as it is. What is listed no more is
// disabled; it is enabled again when it is listed again, unless a person disabled it.
func CompareOffers(provider *Provider, current []*Offer, listed []ExternalOffer) []OfferChange {
	known := make(map[string]*Offer, len(current))
	for _, o := range current {
		known[o.ExternalID] = o
	}
	var changes []OfferChange
	seen := make(map[string]bool, len(listed))
	for i := range listed {
		one := listed[i]
		if strings.TrimSpace(one.Name) == "" {
			one.Name = one.ExternalID
		}
		change := OfferChange{Kind: OfferSkip, ExternalID: one.ExternalID, Name: one.Name}
		if now := known[one.ExternalID]; now != nil {
			change.OfferID = &now.ID
		}
		switch reason := unusable(provider, &one); {
		case seen[one.ExternalID]:
			change.Reason = "it is listed twice"
			changes = append(changes, change)
		case reason != "":
			change.Reason = reason
			changes = append(changes, change)
		default:
			if compared := compareOffer(provider, known[one.ExternalID], &one); compared != nil {
				changes = append(changes, *compared)
			}
		}
		seen[one.ExternalID] = true
	}
	for _, o := range current {
		if !seen[o.ExternalID] && o.Enabled {
			gone := *o
			gone.Enabled, gone.Vanished = false, true
			changes = append(changes, OfferChange{
				Kind: OfferDisable, ExternalID: o.ExternalID, OfferID: &gone.ID, Name: o.Name, Reason: "it is listed no more",
				Fields: o.Differences(&gone), Offer: &gone,
			})
		}
	}
	return changes
}

func compareOffer(provider *Provider, now *Offer, listed *ExternalOffer) *OfferChange {
	next := Offer{
		AccountID: provider.AccountID, ProviderID: provider.ID, ExternalID: listed.ExternalID, Currency: provider.Currency,
		MinQuantity: 1, Weight: 1, Enabled: true,
	}
	kind := OfferAdd
	if now != nil {
		kind, next = OfferChanged, *now
		if now.Vanished {
			next.Enabled, next.Vanished = true, false
		}
	}
	next.Name, next.Category, next.ServiceType = listed.Name, listed.Category, listed.ServiceType
	next.UnitPrice, next.MinQuantity, next.MaxQuantity = listed.UnitPrice.Amount, listed.MinQuantity, listed.MaxQuantity
	next.AvailableFrom, next.AvailableUntil = listed.AvailableFrom, listed.AvailableUntil
	if listed.SLA > 0 {
		next.SLA = listed.SLA
	}
	change := &OfferChange{Kind: kind, ExternalID: listed.ExternalID, Name: listed.Name, Offer: &next}
	if now == nil {
		for _, field := range next.fields() {
			if field[1] != "" {
				change.Fields = append(change.Fields, Change{Field: field[0], After: text(field[1])})
			}
		}
		return change
	}
	change.OfferID, change.Fields = &now.ID, now.Differences(&next)
	if len(change.Fields) == 0 {
		return nil
	}
	return change
}

// unusable says why a listed offer can't be taken over, or "".
func unusable(provider *Provider, listed *ExternalOffer) string {
	price, err := NewMoney(listed.UnitPrice.Amount, listed.UnitPrice.Currency)
	switch {
	case err != nil:
		return "its price is impossible: " + err.Error()
	case price.Currency != provider.Currency:
		return fmt.Sprintf("it is in %s, the provider in %s", price.Currency, provider.Currency)
	}
	for _, field := range []string{listed.ExternalID, listed.Name, listed.Category, listed.ServiceType} {
		if strings.TrimSpace(field) == "" || len(field) > MaxName {
			return fmt.Sprintf("its id, name, category and service type must be 1 to %d bytes", MaxName)
		}
	}
	switch {
	case listed.MinQuantity < 1 || listed.MinQuantity > MaxQuantity || listed.MaxQuantity < 0 || listed.MaxQuantity > MaxQuantity,
		listed.MaxQuantity > 0 && listed.MaxQuantity < listed.MinQuantity:
		return "its quantities are impossible"
	case listed.AvailableFrom != nil && listed.AvailableUntil != nil && !listed.AvailableFrom.Before(*listed.AvailableUntil):
		return "it ends before it begins"
	case listed.SLA < 0:
		return "its time is impossible"
	}
	return ""
}
