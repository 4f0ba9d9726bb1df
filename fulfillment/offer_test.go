package fulfillment_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/boostress/boostress/fulfillment"
	"github.com/boostress/boostress/internal/id"
	"github.com/boostress/boostress/order"
)

func offerInput(change func(*fulfillment.OfferInput)) fulfillment.OfferInput {
	input := fulfillment.OfferInput{
		ExternalID: "poster", Name: new("Poster"), Category: new("prints"), ServiceType: new("poster-a3"), UnitPrice: money("5"),
	}
	if change != nil {
		change(&input)
	}
	return input
}

func TestOffers(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	p := s.providerWith(providerInput(nil))
	of := func(change func(*fulfillment.OfferInput)) fulfillment.OfferInput {
		return offerInput(func(in *fulfillment.OfferInput) {
			in.ProviderID = p.ID
			if change != nil {
				change(in)
			}
		})
	}
	made, err := s.CreateOffer(s.ctx(), s.who, of(nil))
	must(t, err)
	if !made.Enabled || made.MinQuantity != 1 || made.MaxQuantity != 0 || made.Currency != "EUR" || !made.UnitPrice.Equal(amount("5")) {
		t.Errorf("offer is %+v", made)
	}
	now := time.Now()
	for name, test := range map[string]struct {
		change func(*fulfillment.OfferInput)
		want   string
	}{
		"external id":  {func(in *fulfillment.OfferInput) { in.ExternalID = "" }, "externalId INVALID"},
		"taken":        {func(*fulfillment.OfferInput) {}, "externalId NAME_TAKEN"},
		"name":         {func(in *fulfillment.OfferInput) { in.Name = new("") }, "name INVALID"},
		"category":     {func(in *fulfillment.OfferInput) { in.Category = new("") }, "category INVALID"},
		"service":      {func(in *fulfillment.OfferInput) { in.ServiceType = new("") }, "serviceType INVALID"},
		"price":        {func(in *fulfillment.OfferInput) { in.UnitPrice = money("-1") }, "unitPrice.amount INVALID"},
		"currency":     {func(in *fulfillment.OfferInput) { in.UnitPrice.Currency = "USD" }, "unitPrice.currency INVALID"},
		"minimum":      {func(in *fulfillment.OfferInput) { in.MinQuantity = new(0) }, "minQuantity OUT_OF_RANGE"},
		"maximum":      {func(in *fulfillment.OfferInput) { in.MaxQuantity = new(-1) }, "maxQuantity OUT_OF_RANGE"},
		"bounds":       {func(in *fulfillment.OfferInput) { in.MinQuantity, in.MaxQuantity = new(5), new(4) }, "maxQuantity OUT_OF_RANGE"},
		"window":       {func(in *fulfillment.OfferInput) { in.AvailableFrom, in.AvailableUntil = &now, &now }, "availableUntil OUT_OF_RANGE"},
		"sla":          {func(in *fulfillment.OfferInput) { in.SLA = new(-time.Second) }, "sla OUT_OF_RANGE"},
		"region":       {func(in *fulfillment.OfferInput) { in.Regions = []string{"DE", "ZZ"} }, "regions.1 INVALID"},
		"lower case":   {func(in *fulfillment.OfferInput) { in.Regions = []string{"de"} }, "regions.0 INVALID"},
		"region twice": {func(in *fulfillment.OfferInput) { in.Regions = []string{"DE", "AT", "DE"} }, "regions.2 CONFLICT"},
		"priority":     {func(in *fulfillment.OfferInput) { in.Priority = new(10) }, "priority OUT_OF_RANGE"},
		"below zero":   {func(in *fulfillment.OfferInput) { in.Priority = new(-1) }, "priority OUT_OF_RANGE"},
		"weight":       {func(in *fulfillment.OfferInput) { in.Weight = new(0) }, "weight OUT_OF_RANGE"},
		"heavy":        {func(in *fulfillment.OfferInput) { in.Weight = new(1001) }, "weight OUT_OF_RANGE"},
		"cool-down":    {func(in *fulfillment.OfferInput) { in.CoolDown = new(-time.Second) }, "coolDown OUT_OF_RANGE"},
	} {
		_, err := s.CreateOffer(s.ctx(), s.who, of(test.change))
		if got := faultTexts(faultsOf(t, err)); !slices.Equal(got, []string{test.want}) {
			t.Errorf("%s: %v, want %s", name, got, test.want)
		}
	}
	changed, err := s.UpdateOffer(s.ctx(), s.who, made.ID, fulfillment.OfferInput{UnitPrice: money("6"), MaxQuantity: new(9)})
	must(t, err)
	if !changed.UnitPrice.Equal(amount("6")) || changed.MaxQuantity != 9 || changed.Name != "Poster" || changed.ExternalID != "poster" {
		t.Errorf("changed to %+v", changed)
	}
	later := now.Add(time.Hour)
	changed, err = s.UpdateOffer(s.ctx(), s.who, made.ID, fulfillment.OfferInput{AvailableFrom: &now, AvailableUntil: &later})
	if err != nil || changed.AvailableFrom == nil || changed.AvailableUntil == nil {
		t.Errorf("with a window: %+v, %v", changed, err)
	}
	changed, err = s.UpdateOffer(s.ctx(), s.who, made.ID, fulfillment.OfferInput{AvailableFrom: &time.Time{}})
	if err != nil || changed.AvailableFrom != nil || changed.AvailableUntil == nil {
		t.Errorf("without a beginning: %+v, %v", changed, err)
	}
	_, err = s.setOffers(s.who, false, made.ID, id.New(id.Offer))
	wantFaults(t, err, "ids.1 NOT_FOUND")
	if enabled := query[bool](s, "SELECT enabled FROM offers"); !slices.Equal(enabled, []bool{true}) {
		t.Errorf("enabled is %v after a refused change", enabled)
	}
	off, err := s.setOffers(s.who, false, made.ID)
	must(t, err)
	if off.State != order.BulkSucceeded || off.Done != 1 || off.FinishedAt == nil {
		t.Errorf("disabling is %+v", off)
	}
	if enabled := query[bool](s, "SELECT enabled FROM offers"); !slices.Equal(enabled, []bool{false}) {
		t.Errorf("enabled is %v", enabled)
	}
}

func TestRunningFulfillmentsKeepTheirPrice(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	p := s.providerWith(providerInput(nil))
	offer := s.offer(p, "5")
	o := s.place(nil)
	s.record(s.step(fulfillment.StepCreate), outcome(order.ClassRetryable))
	_, err := s.UpdateOffer(s.ctx(), s.who, offer.ID, fulfillment.OfferInput{UnitPrice: money("50")})
	must(t, err)
	step := s.step(fulfillment.StepCreate)
	if !step.Request.UnitPrice.Amount.Equal(amount("5")) {
		t.Errorf("the price is now %s", step.Request.UnitPrice)
	}
	s.wantMoney(o, "10", "0", "0")
}

func TestOthersCatalogIsNotThere(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	p := s.providerWith(providerInput(nil))
	offer := s.offer(p, "5")
	other := s.account("other")
	for name, do := range map[string]func() error{
		"update": func() error {
			_, err := s.UpdateProvider(s.ctx(), other, p.ID, fulfillment.ProviderInput{Name: new("x")})
			return err
		},
		"pause":  func() error { _, err := s.PauseProvider(s.ctx(), other, p.ID, ""); return err },
		"resume": func() error { _, err := s.ResumeProvider(s.ctx(), other, p.ID); return err },
		"offer": func() error {
			_, err := s.CreateOffer(s.ctx(), other, offerInput(func(in *fulfillment.OfferInput) { in.ProviderID = p.ID }))
			return err
		},
		"update offer": func() error {
			_, err := s.UpdateOffer(s.ctx(), other, offer.ID, fulfillment.OfferInput{Name: new("x")})
			return err
		},
	} {
		if err := do(); !errors.Is(err, order.ErrNotFound) {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err := s.setOffers(other, false, offer.ID)
	wantFaults(t, err, "ids.0 NOT_FOUND")
	if enabled := query[bool](s, "SELECT enabled FROM offers"); !slices.Equal(enabled, []bool{true}) {
		t.Errorf("enabled is %v", enabled)
	}
}
