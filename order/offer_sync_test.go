package order_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/boostress/boostress/internal/id"
	"github.com/boostress/boostress/order"
)

func listing(change func(*order.ExternalOffer)) order.ExternalOffer {
	one := order.ExternalOffer{
		ExternalID: "a3", Name: "Poster", Category: "prints", ServiceType: "poster-a3", UnitPrice: money("5"), MinQuantity: 1, MaxQuantity: 9,
	}
	if change != nil {
		change(&one)
	}
	return one
}

func TestCompareOffers(t *testing.T) {
	t.Parallel()
	provider := &order.Provider{ID: id.New(id.Provider), Currency: "EUR"}
	offer := func(change func(*order.Offer)) *order.Offer {
		o := &order.Offer{
			ID: id.New(id.Offer), ExternalID: "a3", Name: "Poster", Category: "prints", ServiceType: "poster-a3", UnitPrice: amount("5.00"),
			Currency: "EUR", MinQuantity: 1, MaxQuantity: 9, SLA: time.Hour, CoolDown: time.Minute, Enabled: true,
		}
		if change != nil {
			change(o)
		}
		return o
	}
	noon := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	tests := map[string]struct {
		current []*order.Offer
		listed  []order.ExternalOffer
		want    []string // kind and what differs
	}{
		"the same": {[]*order.Offer{offer(nil)}, []order.ExternalOffer{listing(nil)}, nil},
		"new": {nil, []order.ExternalOffer{listing(nil)}, []string{
			"ADD name category serviceType unitPrice minQuantity maxQuantity isEnabled",
		}},
		"dearer": {[]*order.Offer{offer(nil)}, []order.ExternalOffer{listing(func(l *order.ExternalOffer) { l.UnitPrice = money("6") })}, []string{
			"CHANGE unitPrice",
		}},
		"everything": {[]*order.Offer{offer(nil)}, []order.ExternalOffer{listing(func(l *order.ExternalOffer) {
			l.Name, l.Category, l.ServiceType, l.MinQuantity, l.MaxQuantity, l.SLA = "P", "c", "s", 2, 0, time.Minute
			l.AvailableFrom, l.AvailableUntil = &noon, new(noon.Add(time.Hour))
		})}, []string{"CHANGE name category serviceType minQuantity maxQuantity availableFrom availableUntil sla"}},
		"gone":        {[]*order.Offer{offer(nil)}, nil, []string{"DISABLE isEnabled"}},
		"gone before": {[]*order.Offer{offer(func(o *order.Offer) { o.Enabled = false })}, nil, nil},
		"back": {
			[]*order.Offer{offer(func(o *order.Offer) { o.Enabled, o.Vanished = false, true })},
			[]order.ExternalOffer{listing(nil)},
			[]string{"CHANGE isEnabled"},
		},
		"a person disabled it": {[]*order.Offer{offer(func(o *order.Offer) { o.Enabled = false })}, []order.ExternalOffer{listing(nil)}, nil},
		"other currency": {[]*order.Offer{offer(nil)}, []order.ExternalOffer{listing(func(l *order.ExternalOffer) {
			l.UnitPrice = order.Money{Amount: amount("1"), Currency: "USD"}
		})}, []string{"SKIP"}},
		"twice": {[]*order.Offer{offer(nil)}, []order.ExternalOffer{listing(nil), listing(nil)}, []string{"SKIP"}},
		"no name": {[]*order.Offer{offer(nil)}, []order.ExternalOffer{listing(func(l *order.ExternalOffer) { l.Name = " " })}, []string{
			"CHANGE name", // it is called by its id
		}},
		"no service": {nil, []order.ExternalOffer{listing(func(l *order.ExternalOffer) { l.ServiceType = "" })}, []string{"SKIP"}},
		"quantities": {nil, []order.ExternalOffer{listing(func(l *order.ExternalOffer) { l.MinQuantity = 10 })}, []string{"SKIP"}},
		"window": {
			nil,
			[]order.ExternalOffer{listing(func(l *order.ExternalOffer) { l.AvailableFrom, l.AvailableUntil = &noon, &noon })},
			[]string{"SKIP"},
		},
		"too fine": {
			nil,
			[]order.ExternalOffer{listing(func(l *order.ExternalOffer) { l.UnitPrice.Amount = amount("0.0000001") })},
			[]string{"SKIP"},
		},
	}
	for name, test := range tests {
		var got []string
		for _, c := range order.CompareOffers(provider, test.current, test.listed) {
			words := []string{string(c.Kind)}
			for _, field := range c.Fields {
				words = append(words, field.Field)
			}
			got = append(got, strings.Join(words, " "))
			if (c.Kind == order.OfferSkip || c.Kind == order.OfferDisable) != (c.Reason != "") || (c.Kind == order.OfferSkip) != (c.Offer == nil) {
				t.Errorf("%s: %+v", name, c)
			}
			if o := c.Offer; o != nil && c.OfferID != nil && (o.CoolDown != time.Minute || o.ID != *c.OfferID) {
				t.Errorf("%s: what is no part of the list changed: %+v", name, o)
			}
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}

func TestChangesHoldForWhatTheyWereWorkedOutFrom(t *testing.T) {
	t.Parallel()
	provider := &order.Provider{ID: id.New(id.Provider), Currency: "EUR"}
	now := &order.Offer{
		ID: id.New(id.Offer), ExternalID: "a3", Name: "Poster", Category: "prints", ServiceType: "poster-a3", UnitPrice: amount("4"), MinQuantity: 1,
		MaxQuantity: 9, Enabled: true,
	}
	changed := order.CompareOffers(provider, []*order.Offer{now}, []order.ExternalOffer{listing(nil)})[0]
	added := order.CompareOffers(provider, nil, []order.ExternalOffer{listing(nil)})[0]
	gone := order.CompareOffers(provider, []*order.Offer{now}, nil)[0]
	dearer, renamed, disabled := *now, *now, *now
	dearer.UnitPrice, renamed.Name, disabled.Enabled = amount("4.5"), "Other", false
	for name, test := range map[string]struct {
		change *order.OfferChange
		now    *order.Offer
		want   bool
	}{
		"as before":       {&changed, now, true},
		"another field":   {&changed, &renamed, true},
		"the same field":  {&changed, &dearer, false},
		"not there":       {&changed, nil, false},
		"add":             {&added, nil, true},
		"added meanwhile": {&added, now, false},
		"gone":            {&gone, now, true},
		"disabled":        {&gone, &disabled, false},
	} {
		if got := test.change.StillAsBefore(test.now); got != test.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}
